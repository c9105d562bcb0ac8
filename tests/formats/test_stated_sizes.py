"""What the user states of pixel size, z spacing and time interval is what is written for plates of instruments."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fractal_omezarr_converters.convert import convert, plan
from fractal_omezarr_converters.ngff.stores import open_store
from fractal_omezarr_converters.ngff.zarr_arrays import open_array
from fractal_omezarr_converters.testing import (
    PlaneKey,
    SyntheticPlate,
    convert_and_compare,
    write_cellvoyager,
    write_incell,
    write_metaxpress,
    write_named_images,
    write_operetta,
    write_scanr,
    write_squid,
)
from fractal_omezarr_converters.testing.round_trip import INPLACE

Writer = Callable[..., SyntheticPlate]

WRITERS: dict[str, Writer] = {
    "operetta": write_operetta,
    "scanr": write_scanr,
    "cellvoyager": write_cellvoyager,
    "incell": write_incell,
    "squid": write_squid,
}


def scale_and_shape(zarr_url: str) -> tuple[list[float], list[int]]:
    """Scale and shape of level 0 as the documents of the image state them."""
    [image] = json.loads((Path(zarr_url) / ".zattrs").read_text("utf-8"))["multiscales"]
    [scale] = [each["scale"] for each in image["datasets"][0]["coordinateTransformations"] if each["type"] == "scale"]
    return scale, json.loads((Path(zarr_url) / "0" / ".zarray").read_text("utf-8"))["shape"]


def written(truth: SyntheticPlate, out: Path, format_name: str, **pixel_info: Any) -> tuple[list[float], list[int]]:
    """Convert with what is stated, compare every pixel, and give scale and shape of the first image."""
    options = {"pixel_info": pixel_info}
    updates = convert_and_compare(truth, out, format_name=format_name, acquisition_options=options)
    return scale_and_shape(updates[0]["zarr_url"])


@pytest.mark.parametrize("spacing", [3.0, 0.5])
@pytest.mark.parametrize("format_name", list(WRITERS))
def test_planes_are_as_far_apart_as_stated(tmp_path: Path, format_name: str, spacing: float) -> None:
    """3 µm wrote the 1.5 µm of the metadata, 0.5 µm two empty planes between any two."""
    truth = WRITERS[format_name](tmp_path / "in", planes=3, wells=("B03",))
    scale, shape = written(truth, tmp_path / "out", format_name, z_spacing=spacing)
    assert scale[1] == pytest.approx(spacing) and shape[1] == 3


@pytest.mark.parametrize("interval", [10.0, 3600.0])
@pytest.mark.parametrize("format_name", ["operetta", "scanr", "cellvoyager"])
def test_frames_are_as_far_apart_as_stated(tmp_path: Path, format_name: str, interval: float) -> None:
    truth = WRITERS[format_name](tmp_path / "in", planes=2, times=3, wells=("B03",))
    scale, shape = written(truth, tmp_path / "out", format_name, t_spacing=interval, z_spacing=4.0)
    assert scale[0] == pytest.approx(interval) and scale[2] == pytest.approx(4.0)
    assert (shape[0], shape[2]) == (3, 2)


def test_stated_steps_need_no_warning_of_unknown_ones(tmp_path: Path) -> None:
    """Older ScanR data do not record the z spacing; whoever states it was told that 1 µm is used, and it was."""
    truth = write_scanr(tmp_path / "in", generation="old", planes=3, wells=("B03",))
    silent = plan(truth.folders, format="scanr")
    [told] = [text for text in silent.warnings if "distance of the planes" in text]
    assert "(pixel_info.z_spacing)" in told
    stated = {"pixel_info": {"z_spacing": 2.5}}
    assert not [text for text in plan(truth.folders, acquisition_options=stated).warnings if "distance" in text]
    scale, shape = written(truth, tmp_path / "out", "scanr", z_spacing=2.5)
    assert scale[1] == 2.5 and shape[1] == 3


def test_the_interval_that_names_do_not_tell(tmp_path: Path) -> None:
    truth = write_named_images(tmp_path / "in", planes=2, times=3, wells=("B03",), layout=(1, 1))
    pattern = NAMES
    asked: dict[str, Any] = {"format": "named_images", "format_options": {"pattern": pattern, "pixel_size": 0.65}}
    silent = plan(truth.folders, **asked).warnings
    assert any("(pixel_info.z_spacing)" in text for text in silent)
    assert any("(pixel_info.t_spacing)" in text for text in silent)
    asked["acquisition_options"] = {"pixel_info": {"z_spacing": 2.0, "t_spacing": 20.0}}
    assert not [text for text in plan(truth.folders, **asked).warnings if "unknown" in text]
    [update] = convert(truth.folders, tmp_path / "out", **asked).updates
    scale, shape = scale_and_shape(update["zarr_url"])
    assert (scale[0], scale[2]) == (20.0, 2.0) and (shape[0], shape[2]) == (3, 2)


@pytest.mark.parametrize("axis", ["z", "t"])
def test_a_plane_without_file_moves_no_other_one(tmp_path: Path, axis: str) -> None:
    keys = [PlaneKey("B03", field, 0, **{axis: 1}) for field in range(1, 5)]
    truth = write_operetta(tmp_path / "in", planes=3, times=3, wells=("B03",), missing=keys)
    scale, shape = written(truth, tmp_path / "out", "operetta", z_spacing=4.0, t_spacing=10.0)
    assert (scale[0], scale[2]) == (10.0, 4.0) and (shape[0], shape[2]) == (3, 3)


def test_a_range_filter_means_the_stated_heights(tmp_path: Path) -> None:
    """Heights begin at the focus of the first channel, at -5 µm."""
    truth = write_operetta(tmp_path / "in", planes=3, wells=("B03",))
    options = {
        "pixel_info": {"z_spacing": 3.0},
        "filters": [{"name": "Z Range Filter", "min_z": -2.5, "max_z": 1.5}],
    }
    made = convert(truth.folders, tmp_path / "out", acquisition_options=options, converter_options=INPLACE)
    scale, shape = scale_and_shape(made.updates[0]["zarr_url"])
    assert scale[1] == 3.0 and shape[1] == 2


def test_fields_stay_where_the_stage_was_with_another_pixel_size(tmp_path: Path) -> None:
    """Centres are what the instrument states: a field of half the size begins a quarter of it further on."""
    truth = write_operetta(tmp_path / "in", planes=1, wells=("B03",))
    options = {"pixel_info": {"xy_pixel_size": 0.325}}
    [update] = convert(truth.folders, tmp_path / "out", acquisition_options=options, converter_options=INPLACE).updates
    scale, shape = scale_and_shape(update["zarr_url"])
    assert scale[-2:] == [0.325, 0.325]
    height, width = truth.field_shape
    pitch_y, pitch_x = 2 * (height - truth.overlap), 2 * (width - truth.overlap)
    assert shape[-2:] == [pitch_y + height, pitch_x + width]
    [table] = list((Path(update["zarr_url"]) / "tables" / "FOV_ROI_table").glob("table.csv"))
    head, *rows = (line.split(",") for line in table.read_text().splitlines())
    at = head.index("x_micrometer_original")
    centres = sorted(float(row[at]) + width * 0.325 / 2 for row in rows)
    expected = sorted(truth.centre_um(number)[0] for number in truth.fields)
    assert np.diff(centres) == pytest.approx(np.diff(expected))
    assert centres == pytest.approx(expected)


def test_a_pixel_size_is_that_of_y_too_unless_y_has_its_own(tmp_path: Path) -> None:
    """Metadata with an own size along y kept it beside the stated one of x."""
    truth = write_scanr(tmp_path / "in", planes=1, pixel_size_y=0.7, wells=("B03",), layout=(1, 1))
    for number, (stated, expected) in enumerate(
        [
            ({"xy_pixel_size": 0.5}, [0.5, 0.5]),
            ({"y_pixel_size": 0.5}, [0.5, 0.65]),
            ({"xy_pixel_size": 0.5, "y_pixel_size": 0.6}, [0.6, 0.5]),
        ]
    ):
        options = {"pixel_info": stated}
        [update] = convert(truth.folders, tmp_path / str(number), acquisition_options=options).updates
        assert scale_and_shape(update["zarr_url"])[0][-2:] == expected


def test_fields_on_a_grid_touch_with_another_pixel_size(tmp_path: Path) -> None:
    """The grid kept the pitch of the other pixel size, and fields of half the size lay apart."""
    truth = write_named_images(tmp_path / "in", planes=1, wells=("B03",))
    pattern = NAMES
    asked: dict[str, Any] = {
        "format_options": {"pattern": pattern, "pixel_size": 0.65, "field_grid": {"columns": 2}},
        "acquisition_options": {"pixel_info": {"xy_pixel_size": 0.325}},
    }
    [update] = convert(truth.folders, tmp_path / "out", format="named_images", **asked).updates
    assert scale_and_shape(update["zarr_url"])[1][-2:] == [2 * truth.field_shape[0], 2 * truth.field_shape[1]]


def test_several_acquisitions_have_steps_of_their_own(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path / "in", planes=2, times=2, wells=("B03",), acquisitions=2)
    configuration = {
        "acquisitions": [
            {
                "path": str(folder),
                "plate_name": "P",
                "acquisition": number,
                "advanced": {"pixel_info": {"z_spacing": 2.0 + number, "t_spacing": 10.0 + number}},
            }
            for number, folder in enumerate(truth.folders)
        ]
    }
    made = convert([], tmp_path / "out", configuration=configuration, format="operetta")
    found = [scale_and_shape(update["zarr_url"]) for update in made.updates]
    assert [(scale[0], scale[2], shape[0], shape[2]) for scale, shape in found] == [(10, 2, 2, 2), (11, 3, 2, 2)]


def test_single_planes_that_are_repeated_take_the_stated_steps(tmp_path: Path) -> None:
    absent = [PlaneKey("B03", field, 1, z) for field in range(1, 5) for z in (1, 2)]
    truth = write_cellvoyager(tmp_path / "in", planes=3, wells=("B03",), absent=absent)
    asked: dict[str, Any] = {
        "acquisition_options": {"pixel_info": {"z_spacing": 3.0}},
        "format_options": {"single_planes": "repeat"},
        "converter_options": INPLACE,
    }
    [update] = convert(truth.folders, tmp_path / "out", **asked).updates
    scale, shape = scale_and_shape(update["zarr_url"])
    assert scale[1] == 3.0 and shape[:2] == [2, 3]
    [first, second, third] = np.asarray(open_array(open_store(update["zarr_url"]), "0")[...])[1]
    assert first.any() and np.array_equal(first, second) and np.array_equal(first, third)


NAMES = r"(?P<well>[A-Z]+\d+)_s(?P<field>\d+)_(?P<channel>[^/]+)_z(?P<z>\d+)_t(?P<t>\d+)\.tif$"
LACKING: dict[str, tuple[Writer, dict[str, Any], dict[str, Any]]] = {
    "named_images": (write_named_images, {}, {"pattern": NAMES, "field_grid": {"columns": 2}}),
    "scanr": (write_scanr, {"generation": "old", "descriptor": False}, {"field_grid": {"columns": 2}}),
    "metaxpress": (write_metaxpress, {"with_tags": False}, {"field_grid": {"columns": 2}}),
}


@pytest.mark.parametrize("format_name", list(LACKING))
def test_a_pixel_size_that_the_metadata_lack(tmp_path: Path, format_name: str) -> None:
    """It was refused, with the request to set another option of the same name."""
    write, settings, format_options = LACKING[format_name]
    truth = write(tmp_path / "in", planes=1, wells=("B03",), **settings)
    asked = {"format": format_name, "format_options": format_options}
    options = {"pixel_info": {"xy_pixel_size": 0.3}}
    [update] = convert(truth.folders, tmp_path / "out", acquisition_options=options, **asked).updates
    scale, shape = scale_and_shape(update["zarr_url"])
    assert scale[-2:] == [0.3, 0.3] and shape[-2:] == [2 * length for length in truth.field_shape]


def test_acquisitions_without_the_name_of_a_plate_may_lack_a_pixel_size(tmp_path: Path) -> None:
    """Their numbers are counted by the plate of the metadata, which was looked up without the stated size."""
    settings = {"generation": "old", "descriptor": False, "layout": (1, 1), "planes": 1, "wells": ("B03",)}
    truth = write_scanr(tmp_path / "in", acquisitions=2, **settings)
    options = {"pixel_info": {"xy_pixel_size": 0.3}}
    made = plan(truth.folders, format="scanr", acquisition_options=options)
    assert len(made.images) == 2


def test_sites_of_metaxpress_on_a_grid_touch_with_another_pixel_size(tmp_path: Path) -> None:
    """The grid kept the pitch of the pixel size of the files; the format's own option did nothing where files state one."""
    truth = write_metaxpress(tmp_path / "in", planes=1, wells=("B03",))
    grid: dict[str, Any] = {"field_grid": {"columns": 2}}
    corrected = {"acquisition_options": {"pixel_info": {"xy_pixel_size": 0.325}}, "format_options": grid}
    own = {"format_options": {**grid, "pixel_size": 0.325}}
    for number, asked in enumerate((corrected, own)):
        [update] = convert(truth.folders, tmp_path / str(number), format="metaxpress", **asked).updates
        scale, shape = scale_and_shape(update["zarr_url"])
        assert scale[-2:] == [0.325, 0.325] and shape[-2:] == [2 * length for length in truth.field_shape]
