"""ScanR: both generations, wells, positions, offset and states, from artificial acquisitions of known truth."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from fractal_omezarr_converters.convert import convert
from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.formats.contract import Scan
from fractal_omezarr_converters.testing import PlaneKey, SyntheticScanr, check_format, convert_and_compare, write_scanr

OFFSET = 0x8000
UGLY: dict[str, Any] = {
    "times": 2,
    "planes": 3,
    "layout": (2, 3),
    "acquisitions": 2,
    "missing": [PlaneKey("B03", 2, 0, 1, 1)],
    "absent": [PlaneKey("C05", 4, 1, 1, 0)],
}


def _scan(truth: SyntheticScanr, acquisition: int = 0, **options: Any) -> Scan:
    return registry.get("scanr").scan(str(truth.folders[acquisition]), options=options)


def _edited(truth: SyntheticScanr, name: str, old: str, new: str) -> SyntheticScanr:
    path = truth.folders[0] / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    return truth


@pytest.mark.parametrize("generation", ["new", "old"])
def test_conformance(tmp_path: Path, generation: str) -> None:
    check_format("scanr", write_scanr(tmp_path, generation=generation, **UGLY).folders[1])


@pytest.mark.parametrize(
    "settings",
    [
        {"pixel_size_y": 0.8},
        {"labels": False},
        {"descriptor": False},
        {"generation": "old"},
        {"generation": "old", "labels": False, "plate_size": (16, 24)},
    ],
)
def test_every_plane_and_field_is_where_it_belongs(tmp_path: Path, settings: dict[str, Any]) -> None:
    truth = write_scanr(tmp_path / "in", **UGLY, **settings)
    convert_and_compare(truth, tmp_path / "out", format_name="scanr", plate_name="Plate")


def test_the_data_folder_may_be_given(tmp_path: Path) -> None:
    truth = write_scanr(tmp_path, planes=1)
    scan = registry.get("scanr").scan(str(truth.folders[0] / "data"))
    assert len(scan.tiles) == 16 and scan.plate is not None and scan.plate.rows == 8


def test_numbers_are_those_of_the_metadata(tmp_path: Path) -> None:
    scan = _scan(write_scanr(tmp_path, times=3, planes=3, seconds=47.5, pixel_size_y=0.7))
    details = scan.tiles.acquisitions[0]
    assert (details.xy_pixel_size, details.y_pixel_size) == (0.65, 0.7)
    assert details.z_spacing == pytest.approx(1.5) and details.t_spacing == pytest.approx(47.5)
    assert np.diff(scan.facts["frame_times_s"]) == pytest.approx([47.5, 47.5])
    assert [each.channel_label for each in details.channels or ()] == ["DAPI", "Alexa 647"]
    assert scan.plate is not None and (scan.plate.name, scan.plate.rows, scan.plate.columns) == (
        "Synthetic Plate",
        8,
        12,
    )


def test_the_interval_of_the_older_generation_is_that_of_the_descriptor(tmp_path: Path) -> None:
    scan = _scan(write_scanr(tmp_path, generation="old", times=2, seconds=47.5))
    assert scan.tiles.acquisitions[0].t_spacing == 47.5
    assert sorted(set(scan.tiles.start[:, 0])) == [0.0, 47.5]


def test_the_offset_is_subtracted_never_masked(tmp_path: Path) -> None:
    truth = write_scanr(tmp_path, generation="old", planes=1, wells=("B03",))
    path = truth.folders[0] / "data" / truth.file(PlaneKey("B03", 1))
    bright = np.array([[OFFSET, OFFSET + 4095, OFFSET + 16383, 65535]], np.uint16).repeat(48, 0).repeat(16, 1)
    tifffile.imwrite(path, bright, metadata=None, software="National Instruments IMAQ")
    scan = _scan(truth)
    loader = next(t for t in scan.tiles if t.fov_name == "FOV_1" and t.start_c == 0).image_loader
    assert np.unique(loader.load_data()).tolist() == [0, 4095, 16383, 32767]
    assert scan.corrections == [{"name": "subtract_offset", "params": {"offset": 32768}}]
    assert any("lowered by 32768" in each for each in scan.warnings)
    kept = _scan(truth, offset="keep")
    assert max(int(tile.image_loader.load_data().max()) for tile in kept.tiles) == 65535 and not kept.corrections


def test_the_offset_is_found_where_headers_were_lost(tmp_path: Path) -> None:
    """Images that another program saved again: no pixel is below 32768. One darker image, or a newer ScanR, decides otherwise."""
    truth = write_scanr(tmp_path, generation="old", planes=1, wells=("B03",))
    files = sorted((truth.folders[0] / "data").glob("*.tif"))
    for path in files:
        tifffile.imwrite(path, tifffile.imread(path), metadata=None)
    scan = _scan(truth)
    assert scan.facts["offset_subtracted"] == OFFSET
    assert max(int(tile.image_loader.load_data().max()) for tile in scan.tiles) < OFFSET
    tifffile.imwrite(files[-1], tifffile.imread(files[-1]) - np.uint16(OFFSET), metadata=None)
    assert _scan(truth).facts["offset_subtracted"] == 0
    newer = write_scanr(tmp_path / "newer", planes=1, wells=("B03",))
    for path in (newer.folders[0] / "data").glob("*.tif"):
        tifffile.imwrite(path, np.full(truth.field_shape, 40000, np.uint16), metadata=None)
    assert _scan(newer).facts["offset_subtracted"] == 0


def test_newer_files_are_left_alone(tmp_path: Path) -> None:
    scan = _scan(write_scanr(tmp_path, planes=1))
    assert not scan.corrections and scan.facts["offset_subtracted"] == 0


def test_wells_without_names_need_the_size_of_the_plate(tmp_path: Path) -> None:
    truth = write_scanr(tmp_path, planes=1, labels=False, descriptor=False)
    with pytest.raises(ConvertersToolsUserError, match=r"numbers wells \(W00015\) without naming them"):
        _scan(truth)
    scan = _scan(truth, plate_type="96")
    assert {(each.row, each.column) for each in scan.tiles.collections} == {("B", 3), ("C", 5)}
    other = _scan(truth, plate_type=384)
    assert {(each.row, each.column) for each in other.tiles.collections} == {("A", 15), ("B", 5)}


@pytest.mark.parametrize("label", ["over there", "TP53", "siRNA-17--ex2005_11_16"])
@pytest.mark.parametrize("generation", ["new", "old"])
def test_labels_that_are_no_names_of_wells_leave_the_place_to_the_number(
    tmp_path: Path, generation: str, label: str
) -> None:
    """Labels are what the user calls the well; the number says where it lies."""
    truth = write_scanr(tmp_path, planes=1, wells=("B03",), generation=generation)
    data = truth.folders[0] / "data"
    for path in data.glob("B3--*"):
        path.rename(data / path.name.replace("B3--", f"{label}--", 1))
    if generation == "new":
        _edited(truth, "data/metadata.ome.xml", "(B3)", f"({label})")
        _edited(truth, "data/metadata.ome.xml", '"B3--', f'"{label}--')
    scan = _scan(truth)
    assert {(each.row, each.column) for each in scan.tiles.collections} == {("B", 3)}
    assert scan.states.missing_file == 0
    (truth.folders[0] / "experiment_descriptor.xml").unlink()
    options = {"pixel_size": 0.65, "field_grid": {"columns": 2}}
    with pytest.raises(
        ConvertersToolsUserError, match=f"numbers wells \\(W00015\\) and calls them '{label}'.*set plate_type"
    ):
        _scan(truth, **options)
    scan = _scan(truth, plate_type="96", **options)
    assert {(each.row, each.column) for each in scan.tiles.collections} == {("B", 3)}


def _relabelled(truth: SyntheticScanr, labels: dict[str, str]) -> SyntheticScanr:
    """Call wells by other labels, in the names of files and in the OME-XML."""
    data = truth.folders[0] / "data"
    for old, new in labels.items():
        for path in list(data.glob(f"{old}--*")):
            path.rename(data / path.name.replace(f"{old}--", f"{new}--", 1))
        if truth.generation == "new":
            _edited(truth, "data/metadata.ome.xml", f"({old})", f"({new})")
            _edited(truth, "data/metadata.ome.xml", f'"{old}--', f'"{new}--')
    return truth


@pytest.mark.parametrize("generation", ["new", "old"])
@pytest.mark.parametrize("labels", [{"B3": "C1", "C5": "C1"}, {"C5": "control", "B3": "C5"}])
def test_labels_that_several_wells_have_leave_the_place_to_the_number(
    tmp_path: Path, generation: str, labels: dict[str, str]
) -> None:
    """All controls are called C1, which is a well, too."""
    scan = _scan(_relabelled(write_scanr(tmp_path, planes=1, generation=generation), labels))
    assert {(each.row, each.column) for each in scan.tiles.collections} == {("B", 3), ("C", 5)}
    assert scan.states.missing_file == 0
    assert any("calls several wells by the same place" in each for each in scan.warnings)


@pytest.mark.parametrize("generation", ["new", "old"])
def test_labels_that_name_no_well_of_this_plate_leave_the_place_to_the_number(tmp_path: Path, generation: str) -> None:
    """P21 is a protein, and a well of 384."""
    scan = _scan(_relabelled(write_scanr(tmp_path, planes=1, generation=generation), {"C5": "P21"}))
    assert {(each.row, each.column) for each in scan.tiles.collections} == {("B", 3), ("C", 5)}
    assert scan.plate is not None and (scan.plate.rows, scan.plate.columns) == (8, 12)
    assert any("Labels of 1 wells in" in each and "(for example 'P21')" in each for each in scan.warnings)


@pytest.mark.parametrize("generation", ["new", "old"])
def test_wells_of_a_larger_plate_than_stated_are_not_moved_without_a_word(tmp_path: Path, generation: str) -> None:
    truth = write_scanr(tmp_path, planes=1, generation=generation, plate_size=(16, 24), wells=("A13", "A14"))
    scan = _scan(truth, plate_type="96")
    assert any(
        "(for example 'A13') name no well of a plate of 8 rows and 12 columns" in each and "plate_type" in each
        for each in scan.warnings
    )
    assert not any("labels" in each.lower() for each in _scan(truth).warnings)


@pytest.mark.parametrize("generation", ["new", "old"])
def test_labels_that_contradict_the_numbers_are_said(tmp_path: Path, generation: str) -> None:
    scan = _scan(_relabelled(write_scanr(tmp_path, planes=1, generation=generation), {"C5": "D7"}))
    assert {(each.row, each.column) for each in scan.tiles.collections} == {("B", 3), ("D", 7)}
    assert any("well number 29 is labelled 'D7'" in each for each in scan.warnings)


@pytest.mark.parametrize("number", ["00000", "00097", "99999"])
@pytest.mark.parametrize("generation", ["new", "old"])
def test_numbers_of_wells_that_the_plate_does_not_have(tmp_path: Path, generation: str, number: str) -> None:
    truth = write_scanr(tmp_path, planes=1, wells=("B03",), labels=False, generation=generation)
    data = truth.folders[0] / "data"
    for path in data.glob("--W00015--*"):
        path.rename(data / path.name.replace("W00015", f"W{number}"))
    if generation == "new":
        _edited(truth, "data/metadata.ome.xml", 'Name="Well 15,', f'Name="Well {number},')
    with pytest.raises(
        ConvertersToolsUserError, match=rf"well number {int(number)}, which a plate of 8 rows and 12 columns"
    ):
        _scan(truth)


def _strip(truth: SyntheticScanr, name: str, pattern: str, by: str = "") -> SyntheticScanr:
    path = truth.folders[0] / name
    text = path.read_text("latin-1")
    stripped = re.sub(pattern, by, text)
    assert stripped != text
    path.write_text(stripped, "latin-1")
    return truth


def _corners(truth: SyntheticScanr, scan: Scan) -> dict[str, tuple[float, float]]:
    """Corner (y, x) of every field in pixels from the first one; that of all its planes."""
    corners: dict[str, set[tuple[float, float]]] = {}
    first = next(tile for tile in scan.tiles if tile.fov_name == "FOV_1")
    for tile in scan.tiles:
        y, x = ((tile.start_y - first.start_y), (tile.start_x - first.start_x))
        corners.setdefault(tile.fov_name, set()).add((round(y / truth.pixel_size, 3), round(x / truth.pixel_size, 3)))
    assert all(len(each) == 1 for each in corners.values())
    return {name: each.pop() for name, each in corners.items()}


def test_positions_that_the_metadata_lack_come_from_the_descriptor(tmp_path: Path) -> None:
    truth = write_scanr(tmp_path, planes=1, wells=("B03",))
    scan = _scan(_strip(truth, "data/metadata.ome.xml", r' Position[XY]="[^"]*"'))
    assert _corners(truth, scan) == {f"FOV_{n}": truth.corner(n) for n in truth.fields}


def test_one_image_without_a_position_takes_all_from_the_descriptor(tmp_path: Path) -> None:
    """Places on the stage and in the well cannot be mixed."""
    truth = write_scanr(tmp_path, planes=1, wells=("B03",))
    path = truth.folders[0] / "data/metadata.ome.xml"
    images = path.read_text("utf-8").split("</Image>")
    images[2] = re.sub(r' Position[XY]="[^"]*"', "", images[2])
    path.write_text("</Image>".join(images), "utf-8")
    scan = _scan(truth)
    assert _corners(truth, scan) == {f"FOV_{n}": truth.corner(n) for n in truth.fields}


def test_a_plane_without_a_position_lies_where_its_image_does(tmp_path: Path) -> None:
    truth = write_scanr(tmp_path, planes=1, wells=("B03",))
    _strip(truth, "data/metadata.ome.xml", r' PositionX="[^"]*" PositionY="[^"]*"( PositionZ="[^"]*" TheC="1")', r"\1")
    assert _corners(truth, _scan(truth)) == {f"FOV_{n}": truth.corner(n) for n in truth.fields}


def test_fields_that_lie_as_planned_because_one_states_no_position_are_said(tmp_path: Path) -> None:
    """The places that the stage reached of all others were dropped without a word."""
    truth = write_scanr(tmp_path, planes=1, wells=("B03",))
    assert not any("position on the stage" in each for each in _scan(truth).warnings)
    path = truth.folders[0] / "data" / "metadata.ome.xml"
    first, *others = path.read_text("utf-8").split("</Image>")
    path.write_text("</Image>".join([re.sub('PositionX="[^"]*"', 'PositionX="NaN"', first), *others]), "utf-8")
    assert any("1 of 4 images in" in each and "as planned and not as reached" in each for each in _scan(truth).warnings)


def test_newer_data_without_any_position_need_a_grid(tmp_path: Path) -> None:
    truth = write_scanr(tmp_path, planes=1, wells=("B03",), positions=False)
    _strip(truth, "data/metadata.ome.xml", r' Position[XY]="[^"]*"')
    with pytest.raises(ConvertersToolsUserError, match=r"states no positions of its fields; set field_grid"):
        _scan(truth)
    grid = {"columns": 2, "order": "snake", "overlap": 0.125}
    assert _corners(truth, _scan(truth, field_grid=grid))["FOV_3"] == (42, 56)


def test_fields_that_the_descriptor_does_not_place_need_a_grid(tmp_path: Path) -> None:
    truth = write_scanr(tmp_path, planes=1, wells=("B03",), generation="old")
    _strip(truth, "experiment_descriptor.xml", r"(?:<DBL><Name>p</Name>.*\n){2}</Array>", "</Array>")
    with pytest.raises(
        ConvertersToolsUserError, match=r"holds fields \[4\], whose places .* \(it has 3 fields\); set field_grid"
    ):
        _scan(truth)
    assert len(_corners(truth, _scan(truth, field_grid={"columns": 2}))) == 4


def test_a_pixel_size_that_the_metadata_lack_can_be_given(tmp_path: Path) -> None:
    truth = write_scanr(tmp_path, planes=1, wells=("B03",))
    _strip(truth, "data/metadata.ome.xml", r' PhysicalSize[XY]="[^"]*"')
    with pytest.raises(ConvertersToolsUserError, match=r"states no pixel size .* set it in the options"):
        _scan(truth)
    assert _scan(truth, pixel_size=0.65).tiles.acquisitions[0].xy_pixel_size == 0.65


def test_older_data_without_a_descriptor_need_pixel_size_and_grid(tmp_path: Path) -> None:
    truth = write_scanr(tmp_path / "in", generation="old", planes=1, descriptor=False)
    with pytest.raises(ConvertersToolsUserError, match="set pixel_size"):
        _scan(truth)
    with pytest.raises(ConvertersToolsUserError, match="set field_grid"):
        _scan(truth, pixel_size=0.65)
    grid = {"columns": 2, "order": "snake", "overlap": 0.125}
    scan = _scan(truth, pixel_size=0.65, field_grid=grid)
    places = {t.fov_name: (t.start_y, t.start_x) for t in scan.tiles}
    origin = places["FOV_1"]
    assert places["FOV_3"][0] - origin[0] == pytest.approx(48 * 0.65 * 0.875)
    assert places["FOV_3"][1] - origin[1] == pytest.approx(64 * 0.65 * 0.875)


def test_a_missing_plane_of_a_newer_acquisition_is_counted(tmp_path: Path) -> None:
    scan = _scan(write_scanr(tmp_path, **UGLY))
    assert (scan.states.missing_file, scan.states.never_acquired) == (1, 1)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('PhysicalSizeX="0.65"', "", r"states no pixel size \(PhysicalSizeX\)"),
        ('SizeZ="1"', 'SizeZ="none"', r"'SizeZ' of <Pixels> is 'none'"),
        ('FirstC="1"', 'FirstC="5"', r"<TiffData> begins at c 5, z 0, t 0, outside of image"),
        ('PositionX="', 'PositionX="inf" Old="', r"'PositionX' of <Plane> is 'inf'"),
        ("</OME>", "", "ends too early"),
        ("OME", "EMO", "does not begin with <OME>"),
    ],
)
def test_metadata_that_lie(tmp_path: Path, old: str, new: str, message: str) -> None:
    truth = write_scanr(tmp_path, planes=1)
    with pytest.raises(ConvertersToolsUserError, match=message):
        _scan(_edited(truth, "data/metadata.ome.xml", old, new))


def test_folders_that_lack_something(tmp_path: Path) -> None:
    truth = write_scanr(tmp_path, generation="old", planes=1)
    for path in truth.folders[0].rglob("*.tif"):
        path.unlink()
    with pytest.raises(ConvertersToolsFileNotFoundError, match="holds no image of ScanR"):
        _scan(truth)


def test_the_real_image_of_an_older_scanr(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "scanr" / "cellprofiler-scanr-singlefile"
    options = {"pixel_size": 0.65, "plate_type": "96"}
    check_format("scanr", source, options=options)
    scan = registry.get("scanr").scan(str(source), options=options)
    pixels = next(iter(scan.tiles)).image_loader.load_data()
    assert (pixels.min(), pixels.max()) == (225, 4095)
    made = convert(source, tmp_path, format_options=options, workers=1, verify=True)
    assert made.verification is not None and made.verification.ok


def test_the_real_metadata_of_scanr_3_3(shared_data: Path) -> None:
    source = shared_data / "scanr" / "uzh-1w1p1c1z1t"
    check_format("scanr", source)
    scan = registry.get("scanr").scan(str(source))
    (tile,) = scan.tiles
    assert (tile.collection.row, tile.collection.column, tile.fov_name) == ("B", 2, "FOV_1")
    assert tile.start_x + 1024 * 0.325 == pytest.approx(100090) and tile.start_y + 1024 * 0.325 == pytest.approx(-61827)
    details = scan.tiles.acquisitions[0]
    assert details.xy_pixel_size == 0.325 and [each.channel_label for each in details.channels or ()] == ["405 nm #1"]
