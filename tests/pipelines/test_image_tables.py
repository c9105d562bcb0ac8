"""Tables beside an image: regions, conditions, true times and heights."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from written_images import attributes, convert

from fractal_omezarr_converters.errors import ConvertersToolsWarning
from fractal_omezarr_converters.models import BackendType, ConverterOptions, OmeZarrOptions
from fractal_omezarr_converters.ngff import open_store, read_table
from fractal_omezarr_converters.ngff.zarr_arrays import open_array


def test_f03_tables_hold_the_raw_stage_position_whatever_moves_the_fields(make_tile, details, tmp_path):
    turned = details.model_copy(update={"stage_orientation": {"flip_x": True, "swap_xy": True}})
    stage = {"A": (100.13, -8.2), "B": (100.1, 6.1), "C": (110.9, -8.1), "D": (110.7, 5.8)}
    tiles = [make_tile(f, start_x=x, start_y=y, acquisition_details=turned) for f, (x, y) in stage.items()]
    convert(tiles, tmp_path)
    table = read_table(open_store(tmp_path), "Plate.zarr/B/03/0", "FOV_ROI_table")
    found = dict(zip(table["FieldIndex"], zip(table["x_micrometer_original"], table["y_micrometer_original"])))
    assert found == stage
    corners = set(zip(table["x_micrometer"], table["y_micrometer"]))
    assert corners == {(0, 0), (16, 0), (0, 12), (16, 12)}


def test_tables_of_regions_have_columns_that_others_know(make_tile, details, tmp_path):
    """ngio accepts no other columns without a line in the log; t only where the image has it; z also where it has none."""
    places = [f"{axis}_micrometer" for axis in "xyz"] + [f"len_{axis}_micrometer" for axis in "xyz"]
    known = {"FieldIndex", *places, *(f"{axis}_micrometer_original" for axis in "xyz")}
    for axes, times in (("tczyx", {"t_second", "len_t_second"}), ("yx", set())):
        flat = details.model_copy(update={"axes": list(axes), "channels": None})
        convert([make_tile("A", acquisition_details=flat)], tmp_path / axes)
        for name in ("FOV_ROI_table", "well_ROI_table"):
            table = read_table(open_store(tmp_path / axes), "Plate.zarr/B/03/0", name)
            assert set(table) - {f"translation_{axis}" for axis in "xyz"} == known | times
            assert (table["z_micrometer"], table["len_z_micrometer"]) == ([0], [2.0])


def test_f38_roi_tables_also_for_one_field(make_tile, tmp_path):
    convert([make_tile("Only", start_x=100.0, start_y=-8.0, start_z=6.0)], tmp_path)
    store = open_store(tmp_path)
    table = read_table(store, "Plate.zarr/B/03/0", "FOV_ROI_table")
    row = {key: column[0] for key, column in table.items()}
    assert row["FieldIndex"] == "Only"
    assert (row["x_micrometer"], row["len_x_micrometer"], row["len_y_micrometer"], row["len_z_micrometer"]) == (
        0,
        16,
        12,
        2,
    )
    assert (row["x_micrometer_original"], row["y_micrometer_original"], row["z_micrometer_original"]) == (100, -8, 6)
    assert (row["t_second"], row["len_t_second"]) == (0, 10)
    well = read_table(store, "Plate.zarr/B/03/0", "well_ROI_table")
    assert well["FieldIndex"] == ["image"]


def test_f17_true_times_lie_in_a_table(make_tile, tmp_path):
    tiles = [make_tile("A", start_t=5.0 + t) for t in (0.0, 25.0, 79.0)]
    with pytest.warns(ConvertersToolsWarning, match="not equidistant"):
        convert(tiles, tmp_path)
    table = read_table(open_store(tmp_path), "Plate.zarr/B/03/0", "time_points")
    assert table == {"t_index": [0, 1, 2], "t_second": [0, 25, 79]}


def test_time_points_that_no_image_has_are_named_and_keep_their_time(make_tile, tmp_path):
    with pytest.warns(
        ConvertersToolsWarning, match=r"Of 6 time points 2 have no image and no frame: missing 2, 4, counted"
    ):
        convert([make_tile("A", start_t=10.0 * t) for t in (0, 1, 3, 5)], tmp_path / "gaps")
    table = read_table(open_store(tmp_path / "gaps"), "Plate.zarr/B/03/0", "time_points")
    assert table == {"t_index": [0, 1, 2, 3], "t_second": [0, 10, 30, 50]}
    with pytest.warns(ConvertersToolsWarning, match=r"lie 50 s apart, where an interval of 10 s is stated.* missing"):
        convert([make_tile("A", start_t=10.0 * t) for t in (0, 5)], tmp_path / "two")
    (scales,) = attributes(tmp_path / "two/Plate.zarr/B/03/0")["multiscales"]
    assert scales["datasets"][0]["coordinateTransformations"][0]["scale"][0] == 50


def test_numbers_of_frames_are_kept_where_no_image_is(make_tile, details, tmp_path):
    """Frame 5 of frames 0 and 5 is the sixth; the same times stated in seconds make two frames."""
    numbered = details.model_copy(update={"start_t_space": "pixel"})
    tiles = [make_tile("A", start_t=t, acquisition_details=numbered) for t in (0, 5)]
    with pytest.warns(ConvertersToolsWarning) as told:
        convert(tiles, tmp_path / "gap")
    said = [str(one.message) for one in told]
    assert any(
        "Of 6 time points 4 have no image, and their frames stay empty: missing 1, 2, 3, 4, counted" in text
        for text in said
    )
    assert any("were not acquired or have no file; the image is incomplete" in text for text in said)
    image = tmp_path / "gap/Plate.zarr/B/03/0"
    written = np.asarray(open_array(open_store(image), "0")[...])
    assert written.shape[0] == 6
    assert [bool(frame.any()) for frame in written] == [True, False, False, False, False, True]
    (scales,) = attributes(image)["multiscales"]
    assert scales["datasets"][0]["coordinateTransformations"][0]["scale"][0] == 10
    assert not (image / "tables/time_points").exists()


def test_a_number_of_a_frame_that_is_a_mistake_makes_no_frames(make_tile, details, tmp_path):
    numbered = details.model_copy(update={"start_t_space": "pixel"})
    with pytest.warns(ConvertersToolsWarning, match="All frames lie 200 s apart, where an interval of 10 s is stated"):
        convert([make_tile("A", start_t=t, acquisition_details=numbered) for t in (0, 20)], tmp_path / "few")
    assert open_array(open_store(tmp_path / "few/Plate.zarr/B/03/0"), "0").shape[0] == 2
    convert([make_tile("A", start_t=t, acquisition_details=numbered) for t in (0.5, 1.25)], tmp_path / "parts")
    assert open_array(open_store(tmp_path / "parts/Plate.zarr/B/03/0"), "0").shape[0] == 2


def test_moments_of_numbered_frames_leave_out_those_without_an_image(make_tile, details, tmp_path):
    numbered = details.model_copy(update={"start_t_space": "pixel"})
    began = datetime(2024, 5, 31, 14, 5, tzinfo=UTC)
    tiles = [
        make_tile("A", start_t=t, acquisition_details=numbered).model_copy(
            update={"acquired_at": began + timedelta(seconds=11 * t)}
        )
        for t in (0, 1, 3)
    ]
    convert(tiles, tmp_path)
    table = read_table(open_store(tmp_path), "Plate.zarr/B/03/0", "time_points")
    assert (table["t_index"], table["t_second"]) == ([0, 1, 3], [0, 11, 33])


def test_stamps_of_fields_lie_in_the_table_by_field(make_tile, tmp_path):
    tiles = [
        make_tile(f, start_x=x, start_t=60.0 * k + late)
        for f, x, late in (("A", 0.0, 0.0), ("B", 16.0, 7.0))
        for k in range(2)
    ]
    convert(tiles, tmp_path)
    table = read_table(open_store(tmp_path), "Plate.zarr/B/03/0", "time_points")
    assert table == {"FieldIndex": ["A", "A", "B", "B"], "t_index": [0, 1, 0, 1], "t_second": [0, 60, 7, 67]}


def test_true_heights_of_uneven_planes_lie_in_a_table(make_tile, tmp_path):
    heights = {"A": (7.0, 9.0, 12.5), "B": (7.5, 9.5, 13.0)}
    tiles = [make_tile("A", start_z=z) for z in heights["A"]]
    with pytest.warns(ConvertersToolsWarning, match="not multiples of the stated spacing"):
        convert(tiles, tmp_path / "one")
    table = read_table(open_store(tmp_path / "one"), "Plate.zarr/B/03/0", "z_positions")
    assert table == {"z_index": [0, 1, 2], "z_micrometer": [0, 2, 5.5]}
    both = [make_tile(f, start_x=x, start_z=z) for f, x in (("A", 0.0), ("B", 16.0)) for z in heights[f]]
    with pytest.warns(ConvertersToolsWarning):
        convert(both, tmp_path / "two")
    table = read_table(open_store(tmp_path / "two"), "Plate.zarr/B/03/0", "z_positions")
    assert table["FieldIndex"] == ["A"] * 3 + ["B"] * 3
    assert table["z_micrometer"] == [0, 2, 5.5, 0.5, 2.5, 6]
    convert([make_tile("A", start_z=2.0 * z) for z in (0, 1, 3)], tmp_path / "even")
    assert not (tmp_path / "even/Plate.zarr/B/03/0/tables/z_positions").exists()


def test_f36_conditions_of_an_image_in_the_chosen_backend(make_tile, tmp_path):
    options = ConverterOptions(omezarr_options=OmeZarrOptions(table_backend=BackendType.JSON))
    convert([make_tile("A", attributes={"drug": ["DMSO"], "dose": [0.5]})], tmp_path, options)
    assert read_table(open_store(tmp_path), "Plate.zarr/B/03/0", "condition_table") == {"drug": ["DMSO"], "dose": [0.5]}
    assert attributes(tmp_path / "Plate.zarr/B/03/0/tables/condition_table")["backend"] == "json"
