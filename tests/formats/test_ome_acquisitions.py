"""Several acquisitions of one OME-TIFF plate (``PlateAcquisition``): whose fields they are, how they count, what is refused."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from fractal_omezarr_converters.convert import convert, plan
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.formats.contract import Scan
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.ngff.plate_reader import open_plate
from fractal_omezarr_converters.ngff.reader import open_image
from fractal_omezarr_converters.testing import (
    PlaneKey,
    SyntheticOmePlate,
    check_format,
    convert_and_compare,
    write_ome_plate,
)

PLATE = "Synthetic Plate"
FULL: dict[str, Any] = {
    "one_plate": True,
    "acquisitions": 2,
    "times": 2,
    "planes": 3,
    "layout": (2, 3),
    "pixel_size_y": 0.8,
    "companion": True,
}
SMALL: dict[str, Any] = FULL | {"times": 1, "planes": 1, "layout": (1, 2), "files": "plane"}
START = 1714557600  # 2024-05-01, 10 h UTC


def _cycles(folder: Path, **settings: Any) -> SyntheticOmePlate:
    """Two acquisitions; the second has four of the six fields, two of the three planes, one of the two frames."""
    chosen = FULL | settings
    every = SyntheticOmePlate(folder, **chosen).listed(1)
    absent = [key for key in every if key.field > 4 or key.z > 1 or key.t > 0]
    return write_ome_plate(folder, absent=absent, **chosen)


def _edited(truth: SyntheticOmePlate, *changes: tuple[str, str]) -> SyntheticOmePlate:
    path = truth.folders[0] / "plate.companion.ome"
    text = path.read_text("utf-8")
    for old, new in changes:
        text, count = re.subn(old, new, text)
        assert count, old
    path.write_text(text, "utf-8")
    return truth


def _scan(truth: SyntheticOmePlate, **keywords: Any) -> Scan:
    return registry.get("ome_plate").scan(str(truth.folders[0]), **keywords)


def _fields(scan: Scan) -> dict[tuple[str, int], list[str]]:
    """Names of the fields by well and acquisition."""
    found: dict[tuple[str, int], dict[str, None]] = defaultdict(dict)
    for tile in scan.tiles:
        assert isinstance(tile.collection, ImageInPlate)
        found[tile.collection.well, tile.collection.acquisition][tile.fov_name] = None
    return {key: sorted(names) for key, names in found.items()}


@pytest.mark.parametrize(
    "settings", [{"companion": True}, {"companion": False, "files": "plate"}, {"files": "plane", "positions": "sample"}]
)
def test_each_acquisition_becomes_an_acquisition_of_the_plate(tmp_path: Path, settings: dict[str, Any]) -> None:
    truth = _cycles(tmp_path / "in", **settings)
    images = convert_and_compare(truth, tmp_path / "out", format_name="ome_plate")
    well = Path(images[0]["zarr_url"]).parent
    assert sorted(Path(each["zarr_url"]).name for each in images) == ["0", "0", "1", "1"]
    shapes = {number: dict(zip(*_axes_and_shape(well / str(number)), strict=True)) for number in (0, 1)}
    assert shapes[0] == {"t": 2, "c": 2, "z": 3, "y": 88, "x": 176} and shapes[1] == {"c": 2, "z": 2, "y": 88, "x": 176}
    assert _labels(well / "0") == ["DAPI cycle 1", "Alexa 647 cycle 1"]
    assert _labels(well / "1") == ["DAPI cycle 2", "Alexa 647 cycle 2"]
    assert [dict(each) for each in open_plate(tmp_path / "out" / f"{PLATE}.zarr").acquisitions] == [
        {
            "id": number,
            "name": f"Cycle {number + 1}",
            "description": f"Staining {number + 1}",
            "starttime": START + 3600 * number,
            "endtime": START + 3600 * number + 1800,
            "maximumfieldcount": 1,
        }
        for number in (0, 1)
    ]


def _axes_and_shape(place: Path) -> tuple[str, tuple[int, ...]]:
    image = open_image(place)
    return "".join(image.axes.names), tuple(image.levels[0].shape)


def _labels(place: Path) -> list[str]:
    return [each["label"] for each in open_image(place).attributes["omero"]["channels"]]


def test_fields_on_their_own_are_counted_per_acquisition(tmp_path: Path) -> None:
    truth = _cycles(tmp_path / "in", planes=1, times=1)
    convert(truth.folders, tmp_path / "out", converter_options={"grouping": {"mode": "Per-FOV"}}, workers=1)
    found = open_plate(tmp_path / "out" / f"{PLATE}.zarr").acquisitions
    assert [(each["name"], each["maximumfieldcount"]) for each in found] == [("Cycle 1", 6), ("Cycle 2", 4)]


def test_conformance(tmp_path: Path) -> None:
    check_format("ome_plate", _cycles(tmp_path).folders[0])


def test_fields_count_from_one_in_each_acquisition(tmp_path: Path) -> None:
    """The second acquisition took the last field alone: it is its field 1, at its own place."""
    every = SyntheticOmePlate(tmp_path, **SMALL).listed(1)
    scan = _scan(write_ome_plate(tmp_path, absent=[key for key in every if key.field == 1], **SMALL))
    assert _fields(scan) == {
        (well, number): ["FOV_1", "FOV_2"][: 2 - number] for well in ("B03", "C05") for number in (0, 1)
    }
    starts = {tile.start_x for tile in scan.tiles if tile.collection.path().endswith("/1")}
    assert starts == {tile.start_x for tile in scan.tiles if tile.fov_name == "FOV_2"}
    assert scan.states.never_acquired == 0


def test_a_field_that_an_acquisition_did_not_image_keeps_its_number_free(tmp_path: Path) -> None:
    truth = _edited(write_ome_plate(tmp_path, **SMALL), ('<ImageRef ID="Image:B03-1-1"/>', ""))
    assert _fields(_scan(truth)) == {
        (well, number): ["FOV_2"] if (well, number) == ("B03", 1) else ["FOV_1", "FOV_2"]
        for well in ("B03", "C05")
        for number in (0, 1)
    }


def test_numbers_count_on_from_the_one_that_is_given(tmp_path: Path) -> None:
    scan = _scan(write_ome_plate(tmp_path, **SMALL), acquisition=4, plate_name="Mine")
    assert {each.acquisition for each in scan.tiles.collections if isinstance(each, ImageInPlate)} == {4, 5}
    assert {number: (each.name, each.acquisition_name) for number, each in scan.acquisitions.items()} == {
        4: ("Mine", "Cycle 1"),
        5: ("Mine", "Cycle 2"),
    }


def test_fields_that_no_acquisition_lists_belong_to_the_first(tmp_path: Path) -> None:
    truth = write_ome_plate(tmp_path, **SMALL)
    _edited(truth, ('<WellSampleRef ID="S:B03-2-1"/>', ""), ('<WellSampleRef ID="S:C05-1-0"/>', ""))
    scan = _scan(truth)
    assert {key: len(names) for key, names in _fields(scan).items()} == {
        ("B03", 0): 3,
        ("B03", 1): 1,
        ("C05", 0): 2,
        ("C05", 1): 2,
    }
    assert [each for each in scan.warnings if "no acquisition" in each] == [
        "Fields that no acquisition (PlateAcquisition) of plate 'Synthetic Plate' lists belong to the first one: 2 (for"
        " example 'S:B03-2-1', 'S:C05-1-0')."
    ]


def test_fields_listed_twice_or_of_no_well_are_said(tmp_path: Path) -> None:
    refs = '<WellSampleRef ID="S:B03-1-0"/><WellSampleRef ID="S:X"/></PlateAcquisition></Plate>'
    scan = _scan(_edited(write_ome_plate(tmp_path, **SMALL), ("</PlateAcquisition></Plate>", refs)))
    assert {len(names) for names in _fields(scan).values()} == {2}
    said = "\n".join(scan.warnings)
    assert (
        "several acquisitions of plate 'Synthetic Plate' list belong to the first that does: 1 (for example 'S:B03"
        in said
    )
    assert "list, and no well has, are left out: 1 (for example 'S:X')" in said


def test_an_acquisition_without_fields_keeps_its_number(tmp_path: Path) -> None:
    empty = '<PlateAcquisition ID="E" Name="Aborted"/><PlateAcquisition ID="PlateAcquisition:0:1"'
    scan = _scan(_edited(write_ome_plate(tmp_path, **SMALL), ('<PlateAcquisition ID="PlateAcquisition:0:1"', empty)))
    assert list(scan.acquisitions) == [0, 2]
    assert any(
        "without a field that has an image are left out" in each and "'Aborted'" in each for each in scan.warnings
    )


def test_an_acquisition_without_planes_is_left_out(tmp_path: Path) -> None:
    truth = _edited(
        write_ome_plate(tmp_path, **SMALL), (r'PlaneCount="1"([^>]*><UUID FileName="[^"]*_a1)', r'PlaneCount="0"\1')
    )
    scan = _scan(truth)
    assert list(scan.acquisitions) == [0]
    assert [each for each in scan.warnings if "have no plane" in each] == [
        f"The images of acquisition 'Cycle 2' in '{truth.folders[0]}/plate.companion.ome' have no plane; it is left out."
    ]


def test_one_acquisition_is_what_it_was(tmp_path: Path) -> None:
    """Also where it lists no field: there is nothing to tell apart."""
    truth = write_ome_plate(tmp_path, **SMALL | {"acquisitions": 1})
    _edited(truth, ('<WellSampleRef ID="S:B03-1-0"/>', ""))
    scan = _scan(truth)
    assert _fields(scan) == {("B03", 0): ["FOV_1", "FOV_2"], ("C05", 0): ["FOV_1", "FOV_2"]}
    assert scan.plate is not None and (scan.plate.acquisition_name, scan.plate.end_time) == (PLATE, None)
    assert not scan.warnings and "by_acquisition" not in scan.facts


def test_times_that_are_none_are_left_out_and_said(tmp_path: Path) -> None:
    truth = write_ome_plate(tmp_path, **SMALL)
    _edited(
        truth,
        ('StartTime="2024-05-01T11:00:00Z"', 'StartTime="at noon"'),
        ('EndTime="2024-05-01T10:30:00Z"', 'EndTime="2024-05-01T09:30:00Z"'),
    )
    scan = _scan(truth)
    assert {n: (each.start_time, each.end_time) for n, each in scan.acquisitions.items()} == {
        0: (START, None),
        1: (START + 3600, START + 5400),  # the start is that of the first image
    }
    said = "\n".join(scan.warnings)
    assert "'StartTime' of <PlateAcquisition> is 'at noon', which is no time" in said
    assert (
        "that acquisition 'Cycle 1' ended at 2024-05-01 09:30:00 UTC, before it started at 2024-05-01 10:00:00 UTC"
        in said
    )


def test_warnings_and_counts_say_which_acquisition_is_meant(tmp_path: Path) -> None:
    lost, never = PlaneKey("B03", 1, 0, acquisition=0), PlaneKey("C05", 2, 1, acquisition=1)
    absent = [PlaneKey("C05", 1, channel, acquisition=0) for channel in (0, 1)]
    scan = _scan(write_ome_plate(tmp_path, missing=[lost], absent=[never, *absent], **SMALL))
    assert (scan.states.present, scan.states.missing_file, scan.states.never_acquired) == (12, 1, 1)
    assert scan.states.examples["never_acquired"] == [
        "well C05 field 2 channel Alexa 647 cycle 2 plane 0 time 0 (acquisition 1)"
    ]
    assert [each for each in scan.warnings if "fewer fields" in each] == [
        "Acquisition 0 ('Cycle 1'): 1 wells have fewer fields than others: C05 lacks [2]."
    ]


def test_an_acquisition_without_files_is_left_out(tmp_path: Path) -> None:
    truth = write_ome_plate(tmp_path / "in", **SMALL)
    for path in truth.folders[0].glob("*_a1_*.tif"):
        path.unlink()
    scan = _scan(truth)
    assert {number for _, number in _fields(scan)} == {0} and scan.states.missing_file == 8
    assert "No image file is there for acquisition 1 ('Cycle 2'); nothing of it is converted." in scan.warnings
    for path in truth.folders[0].glob("*.tif"):
        path.unlink()
    assert {number for _, number in _fields(_scan(truth))} == {0, 1}  # a plan of all


def test_numbers_of_other_sources_may_not_be_counted_over(tmp_path: Path) -> None:
    """Also where the wells differ: what would be one acquisition is two."""
    cycles = write_ome_plate(tmp_path / "a", **SMALL).folders[0]
    other = write_ome_plate(tmp_path / "b", planes=1, layout=(1, 2), wells=("D07",)).folders[0]
    assert plan([cycles, other]).plates[f"{PLATE}.zarr"]["acquisitions"] == [0, 1, 2]
    assert plan([cycles, other], acquisition=4).plates[f"{PLATE}.zarr"]["acquisitions"] == [4, 5, 6]
    with pytest.raises(ConvertersToolsUserError) as raised:
        plan([cycles, other], configuration={"acquisitions": [{"acquisition": 0}, {"acquisition": 1}]})
    assert str(raised.value) == (
        f"'{cycles}' holds 2 acquisitions of plate '{PLATE}.zarr', which become numbers 0, 1, but '{other}' makes number 1 of"
        " it, too; give the latter the acquisition number 2 or a higher one."
    )


@pytest.mark.parametrize("name", ["one-screen-one-plate-four-wells", "two-screens-two-plates-four-wells"])
def test_acquisitions_of_published_documents(shared_data: Path, name: str) -> None:
    """Four wells with one field in each of two acquisitions; three more fields of one well are listed by none."""
    source = shared_data / "ome-tiff-spw" / "ome-types-xml" / f"{name}.ome.xml"
    options = {"pixel_size": 1.0, "field_grid": {"columns": 2}, "plate": "Plate:1"}
    scan = registry.get("ome_plate").scan(str(source), options=options)
    counts = {key: len(names) for key, names in _fields(scan).items()}
    assert {number for _, number in counts} == {0, 1} and len(counts) == 8
    unlisted = next((each for each in scan.warnings if "no acquisition" in each), "")
    assert sorted(counts.values()) == ([1] * 7 + [4] if "first one: 3 " in unlisted else [1] * 8)
    assert [each.end_time - each.start_time for each in scan.acquisitions.values()] == [60, 59]
