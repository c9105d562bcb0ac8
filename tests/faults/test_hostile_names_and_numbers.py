"""Names and numbers from metadata: they never leave the output folder, and no number takes all memory or all time."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from small_plates import OVER, details, files_below, init, is_exact, options, tiles

from fractal_omezarr_converters.core.tile_table_builder import TileTableBuilder
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.fractal.compute import generic_compute_task
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.pipelines.aggregation import tiles_aggregation_pipeline

PLATES = [
    "../evil",
    "/evil",
    "a/b",
    "..",
    "a\0b",
    "a\x07b",
    "100%25",
    "CON",
    "Plätte",
    "板一",
    "P" * 200,
    "x.zarr",
    "plate.",
]


@pytest.mark.parametrize("name", PLATES)
def test_a_plate_name_stays_below_the_output_folder(tmp_path: Path, name: str) -> None:
    out = tmp_path / "some" / "deep" / "out"
    out.mkdir(parents=True)
    some = tiles(tmp_path / "in", plate=name)
    before = set(files_below(tmp_path))
    (job,) = init(some, out)
    generic_compute_task(**job)
    made = set(files_below(tmp_path)) - before
    assert made and all(path.startswith("some/deep/out/") for path in made)
    (plate,) = [path for path in out.iterdir() if path.suffix == ".zarr"]
    assert is_exact(out, plate=plate.stem)


@pytest.mark.parametrize("name", ["P" * 300, "", " "])
def test_a_plate_name_that_cannot_be_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        init(tiles(tmp_path / "in", plate=name), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("row", ["../../../evil", "A/B", "/evil", "", "A B", "Ä", ".", "%2e%2e", "0", "-1"])
def test_a_well_row_that_is_none_is_refused(row: str) -> None:
    with pytest.raises(ValueError, match="row"):
        ImageInPlate(plate_name="Plate", row=row, column=1, acquisition=0)


@pytest.mark.parametrize("column", [0, -1])
def test_a_well_column_that_is_none_is_refused(column: int) -> None:
    with pytest.raises(ValueError, match="column"):
        ImageInPlate(plate_name="Plate", row="A", column=column, acquisition=0)


@pytest.mark.parametrize("name", ["x/../../../../victim", "../victim", "..", "a\0b"])
def test_a_name_of_a_field_wipes_and_writes_nothing_elsewhere(tmp_path: Path, name: str) -> None:
    out = tmp_path / "some" / "deep" / "out"
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious.txt").write_text("years of work")
    some = tiles(tmp_path / "in", fov_name=name)
    before = files_below(tmp_path)
    for job in init(some, out, OVER, grouping={"mode": "Per-FOV"}):
        generic_compute_task(**job)
    after = files_below(tmp_path)
    assert {path: after.get(path) for path in before} == before
    assert all(path.startswith("some/deep/out/") for path in set(after) - set(before))


@pytest.mark.parametrize(
    "fields",
    [{"start_x": 1e12}, {"start_y": -1e12}, {"start_x": 1e5, "start_y": 1e5}, {"start_z": 1e9}, {"start_x": 1e300}],
    ids=str,
)
def test_a_tile_far_away_is_named_before_anything_is_written(tmp_path: Path, fields: dict[str, float]) -> None:
    with pytest.raises(ConvertersToolsUserError, match=r"(?s)A_0_1\.tif.*F1"):
        init(tiles(tmp_path / "in", **fields), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("field", ["start_x", "start_y", "start_z", "start_t", "length_x"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_that_are_none_are_refused(tmp_path: Path, field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        tiles(tmp_path / "in", **{field: value})


def test_numbers_that_are_none_are_refused_in_columns_too(tmp_path: Path) -> None:
    tiles(tmp_path / "in")
    builder = TileTableBuilder()
    for field, x in enumerate((0.0, math.nan)):
        builder.add(
            fov=f"F{field}",
            collection=ImageInPlate(plate_name="P", row="A", column=1),
            acquisition=details(),
            start=(0, 0, 0, 0, x),
            length=(1, 1, 1, 40, 56),
            file=str(tmp_path / "in" / f"A_0_{field}.tif"),
        )
    with pytest.raises(ConvertersToolsUserError, match="F1"):
        tiles_aggregation_pipeline(builder.build(), converter_options=options())


def test_a_time_no_experiment_lasts_is_refused(tmp_path: Path) -> None:
    timed = details(axes=list("tczyx"))
    with pytest.raises(ConvertersToolsUserError, match=r"(?s)1e\+09 s.*A_0_1\.tif.*start_t"):
        init(tiles(tmp_path / "in", about=timed, start_t=1e9), tmp_path / "out")


def test_numbers_of_frames_of_different_fields_are_different_frames(tmp_path: Path) -> None:
    timed = details(axes=list("tczyx"))
    (image,) = tiles_aggregation_pipeline(tiles(tmp_path / "in", about=timed, start_t=5), converter_options=options())
    from fractal_omezarr_converters.pipelines.plan import plan_image

    plan = plan_image(image, converter_options=options())
    assert plan.shape[0] == 6  # frames 1 to 4 have no image, and keep their numbers


@pytest.mark.parametrize("field", ["xy_pixel_size", "y_pixel_size", "z_spacing", "t_spacing"])
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, 1e-300, 1e300])
def test_a_pixel_size_that_cannot_be_is_refused(field: str, value: float) -> None:
    with pytest.raises(ValueError, match=field):
        details(**{field: value})


def test_a_declared_size_is_compared_with_the_file(tmp_path: Path) -> None:
    for wrong in (1e9, 55.4, 1):
        with pytest.raises(ConvertersToolsUserError, match=r"A_0_1\.tif"):
            init(tiles(tmp_path / "in", length_x=wrong), tmp_path / "out")
