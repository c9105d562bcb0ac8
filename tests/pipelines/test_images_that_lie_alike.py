"""Images that lie alike are planned once, and are told the same as if each were planned by itself."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import tifffile

from fractal_omezarr_converters.core import source_survey
from fractal_omezarr_converters.errors import ConvertersToolsUserError, ConvertersToolsWarning
from fractal_omezarr_converters.models import ConverterOptions
from fractal_omezarr_converters.pipelines import AcquisitionRequest, read_acquisitions
from fractal_omezarr_converters.pipelines import alike as module
from fractal_omezarr_converters.pipelines.alike import Planner

SIDE, PIXEL = 20, 0.5
WELLS = [(row, column) for row in "ABC" for column in (1, 2)]


def write_plate(
    folder: Path,
    moved: dict[tuple[str, int, int], float],
    left_out: set[tuple[str, int, int, int]],
    names: str = "F{2}",
) -> None:
    """Six wells of four fields, three planes each; the stage strays by less than a pixel, some fields by more."""
    stray = np.random.default_rng(3).uniform(-0.2, 0.2, (len(WELLS), 4, 2)) * PIXEL
    tifffile.imwrite(folder / "a.tif", np.ones((SIDE, SIDE), "u2"))
    lines = ["file_path,row,column,fov_name,start_x,start_y,start_z,start_c,length_x,length_y,length_z,length_c"]
    for number, (row, column) in enumerate(WELLS):
        for field in range(4):
            y, x = np.array(divmod(field, 2)) * SIDE * PIXEL + stray[number, field] + 100 * number + 1
            x += moved.get((row, column, field), 0) * PIXEL
            for z in range(3):
                if (row, column, field, z) not in left_out:
                    name = f"{row}{column}_{field}_{z}.tif"
                    (folder / name).hardlink_to(folder / "a.tif")
                    called = names.format(row, column, field)
                    lines.append(f"{name},{row},{column},{called},{x:.4f},{y:.4f},{z},0,{SIDE},{SIDE},1,1")
    (folder / "tiles.csv").write_text("\n".join(lines) + "\n")
    (folder / "acquisition_details.toml").write_text(
        f'channel_names = ["a"]\nxy_pixel_size = {PIXEL}\nz_spacing = 1.0\n'
    )


@pytest.mark.parametrize(
    "corrections", [{}, {"remove_xy_offset": "Keep", "largest_padding": 1e6}, {"remove_z_offset": "Per-FOV"}]
)
@pytest.mark.parametrize("tiling", ["Auto", "Inplace"])
@pytest.mark.parametrize("names", ["F{2}", "{0}{1}_{2}"])
def test_findings_are_those_of_every_image_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, corrections: dict[str, object], tiling: str, names: str
) -> None:
    write_plate(tmp_path, {("B", 1, 3): 7.0, ("C", 2, 1): 7.0}, {("A", 2, 1, 2), ("B", 2, 1, 2), ("C", 1, 0, 1)}, names)
    options = ConverterOptions.model_validate(
        {"stage_position_corrections": corrections, "grouping": {"tiling_strategy": {"mode": tiling}}}
    )
    made: list[str] = []
    plan_image = module.plan_image
    monkeypatch.setattr(
        module, "plan_image", lambda image, **rest: made.append(image.path) or plan_image(image, **rest)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvertersToolsWarning)
        images, report = read_acquisitions([AcquisitionRequest(str(tmp_path), plate_name="P")], options)
    planned = list(made)
    planner = Planner(options)
    for image, plan in zip(images, report.plans, strict=True):
        found = planner.findings(image, plan.sources)
        assert (found.warnings, found.remarks) == (plan.warnings, plan.remarks)
        assert not any(other.path in text for other in images if other is not image for text in found.warnings)
    assert set(planned) <= {image.path for image in images}
    if not corrections and names == "F{2}":
        assert len(planned) < len(images)
    assert sum(plan.missing_planes.count for plan in report.plans) == 3


def test_numbers_of_frames_and_equal_times_in_seconds_are_told_apart(tmp_path: Path) -> None:
    """The second acquisition, whose frames 0, 1 and 3 s make three frames, was said to lack a plane."""
    for number, space in enumerate(("pixel", "world")):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        tifffile.imwrite(folder / "a.tif", np.ones((SIDE, SIDE), "u2"))
        lines = ["file_path,well,fov_name,start_x,start_y,start_t"]
        for time in (0, 1, 3):
            (folder / f"{time}.tif").hardlink_to(folder / "a.tif")
            lines.append(f"{time}.tif,A01,F,0,0,{time}")
        (folder / "tiles.csv").write_text("\n".join(lines) + "\n")
        (folder / "acquisition_details.toml").write_text(
            f'channel_names = ["a"]\nxy_pixel_size = 1.0\nt_spacing = 1.0\nstart_t_space = "{space}"\n'
        )
    requests = [AcquisitionRequest(str(tmp_path / f"{n}"), plate_name="P", acquisition=n) for n in (0, 1)]
    with pytest.warns(ConvertersToolsWarning) as caught:
        _, report = read_acquisitions(requests, ConverterOptions())
    told = [str(one.message) for one in caught]
    planned = [text for plan in report.plans for text in plan.warnings]
    assert sorted(told) == sorted(planned)
    assert "P.zarr/A/01/0" in "".join(planned)
    assert "P.zarr/A/01/1" not in "".join(planned)


def test_what_is_wrong_with_every_image_is_said_of_every_image(tmp_path: Path) -> None:
    write_plate(tmp_path, {}, set())
    with pytest.raises(ConvertersToolsUserError) as caught:
        read_acquisitions(
            [AcquisitionRequest(str(tmp_path), plate_name="P")],
            ConverterOptions.model_validate({"runtime_settings": {"memory_limit_mb": 16}}),
        )
    assert all(f"P.zarr/{row}/{column:02d}/0" in str(caught.value) for row, column in WELLS)


@pytest.mark.parametrize("different", [0, 1])
def test_headers_that_differ_make_more_of_them_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, different: int
) -> None:
    monkeypatch.setattr(source_survey, "ALL_HEADERS_UP_TO", 60)
    monkeypatch.setattr(source_survey, "_FEWEST_CHOSEN", 12)
    lines = ["file_path,row,column,fov_name,start_x,start_y,start_c,length_x,length_y,length_z,length_c"]
    for number in range(120):
        kind = "u2" if different and number % 2 else "u1"
        tifffile.imwrite(tmp_path / f"{number}.tif", np.full((8, 8), number, kind), compression="zlib")
        lines.append(
            f"{number}.tif,A,{1 + number // 20},F{number // 2},{8 * (number // 2 % 10)},0,{number % 2},8,8,1,1"
        )
    (tmp_path / "tiles.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "acquisition_details.toml").write_text('channel_names = ["a", "b"]\nxy_pixel_size = 1.0\n')
    read: set[str] = set()
    ask = source_survey.header_of_loader
    monkeypatch.setattr(
        source_survey,
        "header_of_loader",
        lambda loader, resource=None: read.add(loader.file_path) or ask(loader, resource),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvertersToolsWarning)
        images, _ = read_acquisitions([AcquisitionRequest(str(tmp_path), plate_name="P")], ConverterOptions())
    assert {image.data_type for image in images} == ({"uint16"} if different else {"uint8"})
    assert len(read) <= 12 if not different else len(read) > 40
