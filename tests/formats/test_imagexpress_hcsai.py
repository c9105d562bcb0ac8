"""ImageXpress HCS.ai: tables, positions, folders, times and states, from artificial acquisitions of known truth."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fractal_omezarr_converters.convert import convert
from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.formats.contract import Scan
from fractal_omezarr_converters.testing import (
    PlaneKey,
    SyntheticChannel,
    SyntheticHcsai,
    check_format,
    convert_and_compare,
    write_hcsai,
)

UGLY: dict[str, Any] = {
    "times": 2,
    "planes": 3,
    "layout": (2, 3),
    "wells": ("B03", "AC05"),
    "acquisitions": 2,
    "pixel_size_y": 0.8,
    "tables": 3,
    "missing": [PlaneKey("B03", 2, 0, 1, 1)],
    "empty": [PlaneKey("B03", 3, 1, 0, 0)],
    "absent": [
        PlaneKey("AC05", 4, 1, 1, 0),
        *(PlaneKey("AC05", 6, c, z, t) for c in (0, 1) for z in (0, 1, 2) for t in (0, 1)),
    ],
}
TABLE = "experiment/image_metadata_1.csv"
JDCE = "experiment/Synthetic Plate.jdce"


def _scan(source: SyntheticHcsai | Path, **options: Any) -> Scan:
    folder = source if isinstance(source, Path) else source.folders[0]
    return registry.get("imagexpress_hcsai").scan(str(folder), options=options)


def _edited(truth: SyntheticHcsai, file: str, old: str, new: str, times: int = -1) -> SyntheticHcsai:
    path = truth.folders[0] / file
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, times), "utf-8")
    return truth


@pytest.mark.parametrize("acquisition", [0, 1])
def test_conformance(tmp_path: Path, acquisition: int) -> None:
    folder = write_hcsai(tmp_path, **UGLY).folders[acquisition]
    check_format("imagexpress_hcsai", folder)
    assert registry.detect(folder).name == "imagexpress_hcsai"


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"reverse_columns": True},
        {"with_positions": False},
        {"with_heights": False},
        {"folder_of_planes": "experiment_z_stack"},
    ],
)
def test_every_plane_and_field_is_where_it_belongs(tmp_path: Path, settings: dict[str, Any]) -> None:
    """Columns are found by name, in any order, in one table or three."""
    truth = write_hcsai(tmp_path / "in", **UGLY, **settings)
    convert_and_compare(truth, tmp_path / "out", format_name="imagexpress_hcsai")


def test_states(tmp_path: Path) -> None:
    states = _scan(write_hcsai(tmp_path, **UGLY)).states
    assert (states.present, states.missing_file, states.named_empty, states.never_acquired) == (129, 1, 1, 1)


def test_numbers_are_those_of_description_and_table(tmp_path: Path) -> None:
    scan = _scan(write_hcsai(tmp_path, times=3, seconds=47.5, planes=2, pixel_size_y=0.7, wells=("C05",)))
    details = scan.tiles.acquisitions[0]
    assert (details.xy_pixel_size, details.y_pixel_size, details.z_spacing) == (0.65, 0.7, pytest.approx(1.5))
    assert [each.channel_label for each in details.channels or ()] == ["DAPI", "Alexa 647"]
    assert [each.wavelength_id for each in details.channels or ()] == ["456", "706"]
    assert [each["excitation_nm"] for each in scan.facts["channels"]] == [406, 656]
    assert [each["exposure_ms"] for each in scan.facts["channels"]] == [10, 10]
    assert [each["z_offset_um"] for each in scan.facts["channels"]] == pytest.approx([18440.72, 18443.72])
    plate = scan.plate
    assert plate is not None and (plate.name, plate.rows, plate.columns) == ("Synthetic Plate", 32, 48)
    assert (plate.start_time, plate.end_time, plate.barcode) == (1772456272, 1772456368, "B-17")


def test_time_stamps_become_the_time_axis(tmp_path: Path) -> None:
    """Wells are imaged 500 s apart; the interval is that between images of one well."""
    scan = _scan(write_hcsai(tmp_path, times=3, seconds=47.5, planes=1))
    assert scan.facts["frame_times_s"] == pytest.approx([0, 47.5, 95])
    assert scan.tiles.acquisitions[0].t_spacing == pytest.approx(47.5)


def _changed(truth: SyntheticHcsai, column: str, change: Callable[[int, str], str]) -> SyntheticHcsai:
    """Change the cells of one column of the table, by the number of their row."""
    path = truth.folders[0] / TABLE
    header, *rows = [line.split(",") for line in path.read_text("utf-8").splitlines()]
    at = header.index(column)
    for number, row in enumerate(rows):
        row[at] = change(number, row[at])
    path.write_text("\n".join(map(",".join, [header, *rows])), "utf-8")
    return truth


def test_the_schedule_of_the_protocol_is_no_time(tmp_path: Path) -> None:
    """Its milliseconds are the numbers of the time points: 0, 1, 2 for frames six hours apart."""
    truth = write_hcsai(tmp_path, times=3, seconds=21600.0, planes=1, wells=("B03",))
    assert _scan(truth).tiles.acquisitions[0].t_spacing == 21600
    scan = _scan(_changed(truth, "TimeStampSec", lambda *_: ""))
    assert scan.tiles.acquisitions[0].t_spacing == 1.0
    assert any("time between frames is unknown" in each for each in scan.warnings)


def test_millimetres_labelled_as_micrometres(tmp_path: Path) -> None:
    """The plate's geometry says µm: position = (offset + pitch) * 1000 + offset of the field, y downwards."""
    truth = write_hcsai(tmp_path, planes=1, wells=("C05",))
    scan = _scan(truth)
    assert scan.facts["well_pitch_um"] == [9000, 9000]
    for tile in scan.tiles:
        x, y = truth.centre_um(int(tile.fov_name[4:]))
        found = tile.start_x + 64 * 0.65 / 2, tile.start_y + 48 * 0.65 / 2
        assert found == pytest.approx((14400 + 4 * 9000 + x, 11300 + 2 * 9000 + y))


def test_planes_of_a_field_lie_on_top_of_each_other(tmp_path: Path) -> None:
    truth = write_hcsai(tmp_path, planes=2, layout=(1, 1), wells=("C05",), reverse_columns=True)
    path = truth.folders[0] / TABLE
    lines = path.read_text().splitlines()
    at = lines[0].split(",").index("PositionXUm")
    cells = [line.split(",") for line in lines]
    for number, line in enumerate(cells[2:]):
        line[at] = str(float(line[at]) + 0.3 * number)
    path.write_text("\n".join(map(",".join, cells)))
    assert len({tuple(each) for each in _scan(truth).tiles.start[:, 3:].tolist()}) == 1


def test_the_step_of_the_protocol(tmp_path: Path) -> None:
    """Heights are those that the drive reached: as on a real instrument, 2.94 to 3.06 µm apart for a step of 3 µm."""
    scan = _scan(write_hcsai(tmp_path / "none", planes=3, z_step=2.5, with_heights=False))
    assert scan.tiles.acquisitions[0].z_spacing == 2.5
    truth = write_hcsai(tmp_path / "reached", planes=3, z_step=0.5, wells=("B03",))
    reached = (0.0, -0.06, 0.04, 0.02, 0.05)
    scan = _scan(_changed(truth, "PositionZUm", lambda n, cell: str(float(cell) + reached[n % len(reached)])))
    assert scan.tiles.acquisitions[0].z_spacing == 0.5 and scan.warnings == []
    scan = _scan(_edited(truth, JDCE, '"Step": 0.5', '"Step": 5.0'))
    assert scan.tiles.acquisitions[0].z_spacing == pytest.approx(0.5, abs=0.05)
    assert any("states a z step of 5 µm, but the heights" in each for each in scan.warnings)


def test_channel_labels_are_unique(tmp_path: Path) -> None:
    channels = [SyntheticChannel(n, "Quad", 440) for n in (1, 2, 3)]
    scan = _scan(write_hcsai(tmp_path, planes=1, channels=tuple(channels)))
    assert [each.channel_label for each in scan.tiles.acquisitions[0].channels or ()] == ["Quad", "Quad_2", "Quad_3"]
    assert "Channel 1 is named 'Quad' in the metadata; it is called 'Quad_2' here." in scan.warnings


def test_an_aborted_run_gives_a_warning(tmp_path: Path) -> None:
    truth = write_hcsai(tmp_path, planes=1, is_complete=False)
    assert any("CollectionComplete false" in each for each in _scan(truth).warnings)
    assert not any("CollectionComplete" in each for each in _scan(write_hcsai(tmp_path / "whole", planes=1)).warnings)


def test_tables_that_are_lost_or_not_listed(tmp_path: Path) -> None:
    truth = write_hcsai(tmp_path, planes=1, tables=3)
    whole = len(_scan(truth).tiles)
    document = json.loads((truth.folders[0] / JDCE).read_text("utf-8"))
    document["ImageStack"]["ImageMetadataFiles"] = ["image_metadata_1.csv", "image_metadata_9.csv"]
    (truth.folders[0] / JDCE).write_text(json.dumps(document), "utf-8")
    scan = _scan(truth)
    assert len(scan.tiles) == whole
    assert any("lists image_metadata_9.csv, which is not there" in each for each in scan.warnings)
    assert any("does not list image_metadata_2.csv, image_metadata_3.csv" in each for each in scan.warnings)
    for path in truth.folders[0].rglob("*.csv"):
        path.unlink()
    with pytest.raises(ConvertersToolsUserError, match="holds no table of images"):
        _scan(truth)


def _with_stacks(tmp_path: Path) -> tuple[SyntheticHcsai, SyntheticHcsai]:
    """One acquisition with stacks, their projections, and montages."""
    planes = write_hcsai(tmp_path, planes=1, wells=("B03",))
    stacks = write_hcsai(tmp_path, planes=3, wells=("B03",), folder_of_planes="experiment_z_stack")
    shutil.copytree(planes.folders[0] / "experiment", planes.folders[0] / "experiment_montage")
    return planes, stacks


def test_stacks_projections_and_montages(tmp_path: Path) -> None:
    planes, stacks = _with_stacks(tmp_path / "in")
    home = stacks.folders[0]
    scan = _scan(home)
    assert scan.facts["folder"] == "experiment_z_stack" and scan.facts["z_planes"] == 3
    assert "'experiment_z_stack' is converted; experiment, experiment_montage is not." in scan.warnings
    scan = _scan(home, planes="projections")
    assert scan.facts["folder"] == "experiment" and scan.facts["z_planes"] == 1
    assert scan.plate is not None and scan.plate.name == "Synthetic Plate_projections"
    scan = _scan(home / "experiment")
    assert scan.plate is not None and scan.plate.name == "Synthetic Plate_projections"
    assert _scan(home / "experiment_montage").facts["folder"] == "experiment_montage"
    convert_and_compare(stacks, tmp_path / "out", format_name="imagexpress_hcsai")
    wanted = {"format_options": {"planes": "projections"}}
    convert_and_compare(planes, tmp_path / "projections", format_name="imagexpress_hcsai", **wanted)


@pytest.mark.parametrize("wanted", ["stacks", "projections"])
def test_channels_that_only_the_other_folder_holds_are_named(tmp_path: Path, wanted: str) -> None:
    """One channel taken in a stack, one in a single plane."""
    channels = (SyntheticChannel(1, "DAPI", 456), SyntheticChannel(2, "FITC", 520))
    few, folders = channels[:1], ("experiment_z_stack", "experiment")
    part, whole = folders if wanted == "stacks" else reversed(folders)
    write_hcsai(tmp_path, planes=3, wells=("B03",), channels=few, folder_of_planes=part)
    truth = write_hcsai(tmp_path, planes=1, wells=("B03",), channels=channels, folder_of_planes=whole)
    scan = _scan(truth, planes=wanted)
    assert scan.facts["folder"] == part
    assert any(f"only '{whole}' holds images are left out: 'FITC'; give that folder" in each for each in scan.warnings)
    (truth.folders[0] / whole / "image_metadata_1.csv").write_text("damaged")
    assert not any("left out" in each for each in _scan(truth, planes=wanted).warnings)


def test_projections_where_there_are_none(tmp_path: Path) -> None:
    with pytest.raises(ConvertersToolsUserError, match="holds no projections"):
        _scan(write_hcsai(tmp_path, planes=1), planes="projections")


def test_folders_that_lack_something(tmp_path: Path) -> None:
    truth = write_hcsai(tmp_path, planes=1)
    with pytest.raises(ConvertersToolsFileNotFoundError, match=r"holds no \.jdce"):
        _scan(tmp_path)
    for source in (truth.folders[0] / "experiment", truth.folders[0] / JDCE):
        assert registry.detect(source).name == "imagexpress_hcsai" and len(_scan(source).tiles) == 16
    shutil.copy(truth.folders[0] / JDCE, truth.folders[0] / "experiment" / "other.jdce")
    with pytest.raises(ConvertersToolsUserError, match="holds 2 descriptions"):
        _scan(truth)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        (JDCE, '"ImageStack"', '"ImageStuck"', "has no ImageStack"),
        (JDCE, '"Version": "1.1",', '"Version": "1.1"', "is not valid JSON"),
        (JDCE, '"PixelWidth": 0.65', '"PixelWidth": -1', r"PixelWidth is -1, not a number from 1e-06"),
        (JDCE, '"PixelWidth": 0.65', '"PixelBreadth": 0.65', "the pixel size is not known"),
        (JDCE, '"Rows": 32', '"Rows": 320', r"Plate\.Rows is 320, not a number from 1 to 32"),
        (TABLE, "ImageFileName", "Image", "has no column ImageFileName"),
        (TABLE, "proto_t0_B03_s0_w0_z0.tif", "/etc/passwd", "leads out of the acquisition's folder"),
    ],
)
def test_metadata_that_lie(tmp_path: Path, file: str, old: str, new: str, message: str) -> None:
    truth = write_hcsai(tmp_path, planes=1, wells=("B03",))
    if new == "/etc/passwd":
        old = f"timepoint0,{old}"
        new = "../../..,passwd"
    with pytest.raises(ConvertersToolsUserError, match=message):
        _scan(_edited(truth, file, old, new))


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("Row", "33", "Row is '33', not a number from 1 to 32"),
        ("Wavelength", "0.5", "Wavelength is '0.5', not a whole number"),
        ("Field", "", "Field is '', not a whole number"),
        ("PositionXUm", "nan", "PositionXUm is 'nan', not a number"),
        ("ImageSizeXPx", "0", "ImageSizeXPx is '0', not a number from 1"),
    ],
)
def test_all_wrong_rows_are_reported_together(tmp_path: Path, column: str, value: str, message: str) -> None:
    truth = write_hcsai(tmp_path, planes=1, wells=("B03",), tables=2)
    for path in truth.folders[0].rglob("*.csv"):
        cells = [line.split(",") for line in path.read_text().splitlines()]
        at = cells[0].index(column)
        for line in cells[1:]:
            line[at] = value
        path.write_text("\n".join(map(",".join, cells)))
    with pytest.raises(ConvertersToolsUserError, match=message) as caught:
        _scan(truth)
    assert "image_metadata_1.csv, line 2" in str(caught.value) and "image_metadata_2.csv, line 2" in str(caught.value)


def test_a_label_that_contradicts_the_row_wins_and_is_said(tmp_path: Path) -> None:
    """Files are named after the label."""
    truth = write_hcsai(tmp_path, planes=1, wells=("B03", "C05"))
    scan = _scan(_edited(truth, TABLE, "B - 3", "D - 3"))
    assert {each.row for each in scan.tiles.collections} == {"C", "D"}
    assert any("contradicts its row and column in 8 images" in each for each in scan.warnings)
    scan = _scan(_edited(truth, TABLE, "D - 3", "control"))
    assert {each.row for each in scan.tiles.collections} == {"B", "C"}
    assert not any("label" in each for each in scan.warnings)


def _emptied(truth: SyntheticHcsai, field: int, *columns: str) -> None:
    """Empty cells of all images of a field."""
    path = truth.folders[0] / TABLE
    cells = [line.split(",") for line in path.read_text("utf-8").splitlines()]
    for line in cells[1:]:
        if line[cells[0].index("Field")] == str(field - 1):
            for column in columns:
                line[cells[0].index(column)] = ""
    path.write_text("\n".join(map(",".join, cells)), "utf-8")


def test_a_field_without_a_position_lies_beside_the_others(tmp_path: Path) -> None:
    """Its offset is from the centre of the well, the positions of the others are from the corner of the plate."""
    truth = write_hcsai(tmp_path / "in", planes=1, wells=("B03",))
    _emptied(truth, 3, "PositionXUm", "PositionYUm")
    convert_and_compare(truth, tmp_path / "out", format_name="imagexpress_hcsai")
    _emptied(truth, 2, "FieldOffsetPointX", "FieldOffsetPointY")
    with pytest.raises(ConvertersToolsUserError, match=r"csv, line 6: PositionXUm, .* places cannot be compared"):
        _scan(truth)


def test_no_positions_at_all(tmp_path: Path) -> None:
    truth = write_hcsai(tmp_path, planes=1, wells=("B03",), with_positions=False)
    _edited(truth, TABLE, "FieldOffsetPointX", "Nothing")
    with pytest.raises(ConvertersToolsUserError, match="the place of the field is not known"):
        _scan(truth)


def test_sizes_from_the_files_where_the_table_has_none(tmp_path: Path) -> None:
    truth = _edited(write_hcsai(tmp_path, planes=1, wells=("B03",)), TABLE, ",64,48,", ",,,")
    assert set(_scan(truth).tiles.length[:, 3:].ravel()) == {48, 64}


def test_the_real_acquisition(shared_data: Path, tmp_path: Path) -> None:
    """Position = (offset + n * pitch of the plate, in mm) + offset of the field, by the numbers of the files."""
    source = shared_data / "imagexpress-hcsai" / "uzh-1w1s1t1c1z_binning4x4"
    check_format("imagexpress_hcsai", source)
    assert registry.detect(source).name == "imagexpress_hcsai"
    scan = _scan(source)
    (tile,) = scan.tiles
    half = 576 * 1.294 / 2
    centre = tile.start_x + half, tile.start_y + half
    assert centre == pytest.approx((50027.34, 30045.34))
    assert centre == pytest.approx((14400 + 4 * 9000 - 372.67, 11300 + 2 * 9000 + 745.34), abs=0.02)
    assert (tile.collection.row, tile.collection.column, tile.fov_name) == ("C", 5, "FOV_1")
    assert scan.facts["well_pitch_um"] == [9000, 9000] and scan.facts["channels"][0]["emission_nm"] == 440
    plate = scan.plate
    assert plate is not None and (plate.name, plate.rows, plate.columns) == ("1w1s1t1c1z_binning4x4", 8, 12)
    assert plate.start_time == 1772456272
    made = convert(source, tmp_path / "out", workers=1, verify=True)
    assert made.verification is not None and made.verification.ok
    pixels = tile.image_loader.load_data()
    assert (int(pixels.min()), int(pixels.max())) == (1250, 54260)  # as the table states them
    assert float(pixels.mean()) == pytest.approx(5102.588255328897) and pixels.dtype == np.uint16
