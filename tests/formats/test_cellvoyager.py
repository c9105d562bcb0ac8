"""CellVoyager: records, positions, channels, projections, times and states, from artificial measurements of known truth."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta
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
    SyntheticCellvoyager,
    check_format,
    convert_and_compare,
    write_cellvoyager,
)
from fractal_omezarr_converters.testing.round_trip import INPLACE

UGLY: dict[str, Any] = {
    "wells": ("B03", "AB12"),
    "times": 2,
    "planes": 3,
    "layout": (2, 3),
    "acquisitions": 2,
    "pixel_size_y": 0.8,
    "missing": [PlaneKey("B03", 2, 0, 1, 1)],
    "absent": [PlaneKey("AB12", 4, 1, 1, 0), *(PlaneKey("B03", 3, 1, z, t) for z in range(1, 3) for t in range(2))],
    "failed": [PlaneKey("B03", 6, 0, 0, 0)],
}


def _scan(truth: SyntheticCellvoyager, acquisition: int = 0, **options: Any) -> Scan:
    return registry.get("cellvoyager").scan(str(truth.folders[acquisition]), options=options)


def _edited(truth: SyntheticCellvoyager, name: str, *changes: tuple[str, str]) -> SyntheticCellvoyager:
    path = truth.folders[0] / name
    text = path.read_text("utf-8-sig")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path.write_text(text, "utf-8-sig")
    return truth


@pytest.mark.parametrize("acquisition", [0, 1])
def test_conformance(tmp_path: Path, acquisition: int) -> None:
    check_format("cellvoyager", write_cellvoyager(tmp_path, **UGLY).folders[acquisition])


@pytest.mark.parametrize("settings", [{}, {"projections": True}, {"protocol": False}, {"ending": ".png"}])
def test_every_plane_and_field_is_where_it_belongs(tmp_path: Path, settings: dict[str, Any]) -> None:
    truth = write_cellvoyager(tmp_path / "in", **UGLY, **settings)
    updates = convert_and_compare(truth, tmp_path / "out", format_name="cellvoyager")
    assert {each["attributes"]["well"] for each in updates} == {"B03", "AB12"}


def test_positions_come_from_the_protocol_with_all_digits(tmp_path: Path) -> None:
    truth = write_cellvoyager(tmp_path, layout=(2, 3), wells=("B03",), planes=1)
    size = np.array(truth.field_shape) * truth.pixel_size / 2
    for tile in _scan(truth).tiles:
        x, y = truth.centre_um(int(tile.fov_name[4:]))
        assert (tile.start_x + size[1], tile.start_y + size[0]) == pytest.approx((x, y), abs=1e-9)
    without = write_cellvoyager(tmp_path / "2", layout=(2, 3), wells=("B03",), planes=1, protocol=False)
    tile = next(tile for tile in _scan(without).tiles if tile.fov_name == "FOV_1")
    assert tile.start_x + size[1] == pytest.approx(-36.4) and truth.centre_um(1)[0] == pytest.approx(-36.4)


def test_points_of_another_protocol_are_not_used(tmp_path: Path) -> None:
    truth = write_cellvoyager(tmp_path, wells=("B03",), planes=1)
    scan = _scan(_edited(truth, "protocol.mes", ('<bts:Point bts:X="', '<bts:Point bts:X="99" bts:Old="')))
    assert any("not those of the images" in each for each in scan.warnings)


def test_a_well_whose_fields_lie_elsewhere_keeps_its_positions(tmp_path: Path) -> None:
    """The points of the protocol are those of the other well, which the records list last."""
    truth = write_cellvoyager(tmp_path, wells=("B03", "C05"), planes=1)
    path = truth.folders[0] / "MeasurementData.mlf"
    lines = path.read_text("utf-8-sig").splitlines()
    moved = [line.replace('bts:X="', 'bts:X="5') if 'Row="2"' in line else line for line in lines]
    path.write_text("\n".join(moved).replace('bts:X="5-', 'bts:X="-5'), "utf-8-sig")
    scan = _scan(truth)
    assert any("not those of the images" in each for each in scan.warnings)
    left = {well: min(t.start_x for t in scan.tiles if t.collection.row == well) for well in "BC"}
    half = truth.field_shape[1] * truth.pixel_size / 2
    # centres at -18.2 µm in the other well, cut to -18.1, and -518.2 in this one
    assert left["C"] + half == pytest.approx(-18.2, abs=0.11)
    assert left["B"] + half == pytest.approx(-518.2, abs=0.11)


def test_png_files_are_found_though_records_say_tif(tmp_path: Path) -> None:
    truth = write_cellvoyager(tmp_path / "in", ending=".png", wells=("B03",))
    _edited(truth, "MeasurementData.mlf", (".png", ".tif"))
    assert _scan(truth).states.missing_file == 0
    convert_and_compare(truth, tmp_path / "out", format_name="cellvoyager")


def test_images_whose_names_a_copy_changed(tmp_path: Path) -> None:
    """Other capitals, and accents taken apart as a Mac does."""
    truth = write_cellvoyager(tmp_path / "in", plate_name="Plätte µ", planes=1)
    for path in truth.folders[0].glob("*.tif"):
        path.rename(path.with_name(unicodedata.normalize("NFD", path.stem) + ".TIF"))
    assert _scan(truth).states.missing_file == 0
    convert_and_compare(truth, tmp_path / "out", format_name="cellvoyager")


def test_channels_declared_and_acquired(tmp_path: Path) -> None:
    scan = _scan(write_cellvoyager(tmp_path))
    infos = scan.tiles.acquisitions[0].channels
    assert infos is not None
    assert [each.channel_label for each in infos] == ["DAPI", "Alexa 647"]
    assert [each.wavelength_id for each in infos] == ["A01_C01", "A02_C03"]
    assert [each.color for each in infos] == ["#002FF0", "#012FF1"]
    assert [each["excitation_nm"] for each in scan.facts["channels"]] == [406, 656]
    assert [each["emission_nm"] for each in scan.facts["channels"]] == [456, 706]
    assert [each.z_offset for each in infos] == [-5.0, -2.0]


def test_without_a_protocol_channels_are_named_by_action(tmp_path: Path) -> None:
    scan = _scan(write_cellvoyager(tmp_path, protocol=False))
    infos = scan.tiles.acquisitions[0].channels
    assert infos is not None
    assert [(each.channel_label, each.wavelength_id) for each in infos] == [
        ("A01_C01", "A01_C01"),
        ("A02_C03", "A02_C03"),
    ]
    assert any("holds no protocol" in each for each in scan.warnings)


def test_metadata_files_are_named_as_the_folder_was_given(tmp_path: Path) -> None:
    (tmp_path / "given").symlink_to(write_cellvoyager(tmp_path, planes=1).folders[0], target_is_directory=True)
    files = registry.get("cellvoyager").scan(str(tmp_path / "given")).metadata_files
    assert files == [
        str(tmp_path / "given" / name) for name in ("MeasurementData.mlf", "MeasurementDetail.mrf", "protocol.mes")
    ]


@pytest.mark.parametrize(
    ("file", "stated", "is_used"),
    [
        ("protocol.mes", "protocol.mes", True),
        ("Protocol.MES", "protocol.mes", True),
        ("protocol.mes", "D:\\settings\\protocol.mes", True),
        ("protocol.mes", "", True),
        ("other.mes", "protocol.mes", False),
    ],
)
def test_the_protocol_is_the_one_that_is_named(tmp_path: Path, file: str, stated: str, is_used: bool) -> None:
    """Another one has other names for the same numbers of channels."""
    truth = write_cellvoyager(tmp_path, planes=1)
    (truth.folders[0] / "protocol.mes").rename(truth.folders[0] / file)
    scan = _scan(_edited(truth, "MeasurementDetail.mrf", ('"protocol.mes"', f'"{stated}"')))
    labels = [each.channel_label for each in scan.tiles.acquisitions[0].channels or ()]
    assert labels == (["DAPI", "Alexa 647"] if is_used else ["A01_C01", "A02_C03"])
    assert any("'other.mes' may be of another measurement" in each for each in scan.warnings) is not is_used


@pytest.mark.parametrize(
    ("projection", "said"),
    [
        ("none", "Wells of which there are only Maximum projections are left out: C05; set projection to 'Maximum'"),
        ("Maximum", "Wells of which there are only slices are left out: B03; set projection to 'none'"),
    ],
)
def test_wells_of_a_timeline_with_other_images_are_named(tmp_path: Path, projection: str, said: str) -> None:
    """One timeline takes stacks, the other one projects them; the channels of both have the same numbers."""
    truth = write_cellvoyager(tmp_path, planes=1, wells=("B03", "C05"))
    path = truth.folders[0] / "MeasurementData.mlf"
    lines = path.read_text("utf-8-sig").splitlines()
    projected = [
        line.replace("bts:Ch=", 'bts:ZImageProcessing="Maximum" bts:Ch=') if 'Row="3"' in line else line
        for line in lines
    ]
    path.write_text("\n".join(projected), "utf-8-sig")
    scan = _scan(truth, projection=projection)
    assert {each.row for each in scan.tiles.collections} == {"B" if projection == "none" else "C"}
    assert any(each.startswith(said) for each in scan.warnings)


def test_one_channel_in_two_actions_is_two_channels(tmp_path: Path) -> None:
    truth = write_cellvoyager(tmp_path, planes=1)
    scan = _scan(_edited(truth, "MeasurementData.mlf", ('bts:Ch="3"', 'bts:Ch="1"')))
    infos = scan.tiles.acquisitions[0].channels
    assert infos is not None
    assert [each.channel_label for each in infos] == ["DAPI_A01_C01", "DAPI_A02_C01"]
    assert set(scan.tiles.start[:, 1]) == {0, 1}


def test_projections_are_kept_apart(tmp_path: Path) -> None:
    truth = write_cellvoyager(tmp_path / "in", wells=("B03",), projections=True, planes=3)
    scan = _scan(truth)
    assert scan.facts["z_planes"] == 3 and any(
        "Projections made by the instrument are left out" in w for w in scan.warnings
    )
    scan = _scan(truth, projection="Maximum")
    assert scan.facts["z_planes"] == 1 and len(scan.tiles) == 8
    assert scan.plate is not None and scan.plate.name == "Synthetic Plate_MIP"
    tile = next(tile for tile in scan.tiles if tile.fov_name == "FOV_2" and tile.start_c == 1)
    expected = np.max([truth.pixels(PlaneKey("B03", 2, 1, z)) for z in range(3)], axis=0)
    np.testing.assert_array_equal(tile.image_loader.load_data(), expected)
    with pytest.raises(ConvertersToolsUserError, match=r"no Sum projection; it has: Maximum"):
        _scan(truth, projection="Sum")


def test_only_projections_are_taken_and_said(tmp_path: Path) -> None:
    truth = write_cellvoyager(tmp_path, wells=("B03",), planes=1)
    _edited(truth, "MeasurementData.mlf", ('bts:Ch="', 'bts:ZImageProcessing="Maximum" bts:Ch="'))
    scan = _scan(truth)
    assert len(scan.tiles) == 8 and scan.plate is not None and scan.plate.name == "Synthetic Plate"
    assert any("are projections made by the instrument (Maximum)" in each for each in scan.warnings)


@pytest.mark.parametrize(
    ("projection", "kept", "said"),
    [
        (
            "none",
            "Alexa 647",
            r"only Maximum projections are left out: 'DAPI' \(A01_C01\); set projection to 'Maximum'",
        ),
        ("Maximum", "DAPI", r"only slices are left out: 'Alexa 647' \(A02_C03\); set projection to 'none'"),
    ],
)
def test_channels_of_the_other_kind_alone_are_named(tmp_path: Path, projection: str, kept: str, said: str) -> None:
    """Fluorescence is projected by the instrument, another channel is taken as a single plane."""
    truth = write_cellvoyager(tmp_path, wells=("B03",), planes=1)
    _edited(truth, "MeasurementData.mlf", ('bts:Ch="1"', 'bts:ZImageProcessing="Maximum" bts:Ch="1"'))
    scan = _scan(truth, projection=projection)
    assert [each.channel_label for each in scan.tiles.acquisitions[0].channels or ()] == [kept]
    assert sum(re.search(said, each) is not None for each in scan.warnings) == 1


def test_projections_of_two_kinds_are_two_plates(tmp_path: Path) -> None:
    truth = write_cellvoyager(tmp_path, wells=("B03",), planes=1)
    kinds = {"1": "Maximum", "3": "Minimum"}
    changes = [(f'bts:Ch="{n}"', f'bts:ZImageProcessing="{kind}" bts:Ch="{n}"') for n, kind in kinds.items()]
    _edited(truth, "MeasurementData.mlf", *changes)
    with pytest.raises(ConvertersToolsUserError, match=r"of several kinds \(Maximum, Minimum\); choose one"):
        _scan(truth)
    scans = [_scan(truth, projection=kind) for kind in kinds.values()]
    assert [each.plate and each.plate.name for each in scans] == ["Synthetic Plate_MIP", "Synthetic Plate_MinIP"]


def test_failed_images_are_counted_and_said_once(tmp_path: Path) -> None:
    scan = _scan(write_cellvoyager(tmp_path, failed=[PlaneKey("B03", 2, c, z) for c in range(2) for z in range(2)]))
    said = [each for each in scan.warnings if "could not take" in each]
    assert len(said) == 1 and "4 images" in said[0] and "Row 2 Column 3 FieldIndex 2: autofocus failed" in said[0]
    assert scan.facts["failures"] == 4


def test_an_error_record_without_a_field_is_no_problem(tmp_path: Path) -> None:
    truth = write_cellvoyager(tmp_path)
    record = '<bts:MeasurementRecord bts:Type="ERR" bts:Time="x">stage</bts:MeasurementRecord></bts:MeasurementData>'
    scan = _scan(_edited(truth, "MeasurementData.mlf", ("</bts:MeasurementData>", record)))
    assert any("could not take 1 images: stage" in each for each in scan.warnings)


def test_time_points_count_through_timelines(tmp_path: Path) -> None:
    truth = write_cellvoyager(tmp_path, planes=1, wells=("B03", "C05"))
    path = truth.folders[0] / "MeasurementData.mlf"
    lines = path.read_text("utf-8-sig").splitlines()
    moved = [
        line.replace('TimePoint="2"', 'TimePoint="3"').replace('TimelineIndex="1"', 'TimelineIndex="2"')
        if 'Row="3"' in line
        else line
        for line in lines
    ]
    path.write_text("\n".join(moved), "utf-8-sig")
    scan = _scan(truth)
    assert scan.facts["frames"] == 1 and set(scan.tiles.start[:, 0]) == {0.0}


def test_a_series_keeps_its_times_and_wells_stay_comparable(tmp_path: Path) -> None:
    absent = [PlaneKey("C05", f, c, 0, 1) for f in range(1, 5) for c in range(2)]
    truth = write_cellvoyager(tmp_path, planes=1, times=3, seconds=47.5, absent=absent)
    scan = _scan(truth)
    assert scan.facts["frames"] == 3
    assert np.diff(scan.facts["frame_times_s"]) == pytest.approx([47.5, 47.5])
    assert scan.tiles.acquisitions[0].t_spacing == pytest.approx(47.5)
    second = [t.start_t for t in scan.tiles if t.collection.row == "C"]
    assert sorted(set(second)) == pytest.approx([scan.facts["frame_times_s"][0], scan.facts["frame_times_s"][2]])


def test_frames_that_are_not_in_the_order_of_their_times_are_said(tmp_path: Path) -> None:
    """Two timelines take turns in one well, each with its own channel, and are numbered one after the other."""
    truth = write_cellvoyager(tmp_path, planes=1, times=2, seconds=600.0, wells=("B03",))
    assert not any("earlier than" in each for each in _scan(truth).warnings)
    path = truth.folders[0] / "MeasurementData.mlf"

    def second(line: str) -> str:
        time = re.search('bts:Time="([^"]*)"', line)
        if time is None or 'bts:Ch="3"' not in line:
            return line
        later = (datetime.fromisoformat(time[1]) + timedelta(seconds=60)).isoformat()
        line = line.replace(time[1], later).replace('TimelineIndex="1"', 'TimelineIndex="2"')
        return re.sub('TimePoint="(.)"', lambda found: f'TimePoint="{int(found[1]) + 2}"', line)

    path.write_text("\n".join(map(second, path.read_text("utf-8-sig").splitlines())), "utf-8-sig")
    scan = _scan(truth)
    assert scan.facts["frames"] == 4 and scan.facts["frame_times_s"] == pytest.approx([0, 600, 60, 660])
    assert any("frame 2 was taken at 60 s, the one before it at 600 s" in each for each in scan.warnings)


@pytest.mark.parametrize("slower", [0.0, 5.0, 3600.0])
def test_wells_of_another_rhythm_are_said(tmp_path: Path, slower: float) -> None:
    truth = write_cellvoyager(tmp_path, planes=1, times=3, seconds=47.5, wells=("B03", "B04", "C05"))
    path = truth.folders[0] / "MeasurementData.mlf"

    def later(found: re.Match[str]) -> str:
        time = datetime.fromisoformat(found["time"]) + timedelta(seconds=slower * (int(found["point"]) - 1))
        return found[0].replace(found["time"], time.isoformat())

    record = re.compile(
        r'<bts:MeasurementRecord(?=[^>]*Row="3")(?=[^>]*TimePoint="(?P<point>\d+)")[^>]*bts:Time="(?P<time>[^"]*)"'
    )
    path.write_text(record.sub(later, path.read_text("utf-8-sig")), "utf-8-sig")
    scan = _scan(truth)
    said = [each for each in scan.warnings if "another rhythm" in each]
    assert len(said) == (slower > 47.5 / 2)
    assert np.diff(scan.facts["frame_times_s"]) == pytest.approx([47.5, 47.5], abs=1)
    if said:
        assert re.search(r"\(1 of 3, for example C05: frame 1 is \+3600 s from 4\d\.\d+ s\)", said[0])
    assert scan.tiles.moments is not None


@pytest.mark.parametrize("step", [0.25, 3.0])
def test_the_z_step_of_the_protocol_is_exact(tmp_path: Path, step: float) -> None:
    scan = _scan(write_cellvoyager(tmp_path, z_step=step, planes=3))
    assert scan.tiles.acquisitions[0].z_spacing == step
    heights = sorted(set(scan.tiles.start[:, 2]))
    assert np.diff(heights) == pytest.approx([step, step])


@pytest.mark.parametrize(("stated", "used"), [("0.5", 3.0), ("30", 3.0), ("3.04", 3.04)])
def test_a_z_step_that_is_not_that_of_the_heights_is_not_used(tmp_path: Path, stated: str, used: float) -> None:
    """A protocol of another measurement; heights are cut after one decimal, so that small differences say nothing."""
    truth = write_cellvoyager(tmp_path, z_step=3.0, planes=3)
    scan = _scan(_edited(truth, "protocol.mes", ('SliceLength="3.0"', f'SliceLength="{stated}"')))
    assert scan.tiles.acquisitions[0].z_spacing == used
    assert any("but the heights of the images are 3 µm apart" in each for each in scan.warnings) == (used == 3.0)


def test_heights_that_are_all_alike_leave_the_z_step_of_the_protocol(tmp_path: Path) -> None:
    truth = write_cellvoyager(tmp_path, z_step=3.0, planes=3)
    scan = _scan(_edited(truth, "MeasurementData.mlf", ('bts:Z="', 'bts:Z="0" bts:Zold="')))
    assert scan.tiles.acquisitions[0].z_spacing == 3.0


def test_without_a_protocol_the_z_step_is_taken_inside_a_stack(tmp_path: Path) -> None:
    scan = _scan(write_cellvoyager(tmp_path, z_step=1.5, planes=3, protocol=False))
    assert scan.tiles.acquisitions[0].z_spacing == pytest.approx(1.5)


def test_states_are_counted(tmp_path: Path) -> None:
    scan = _scan(write_cellvoyager(tmp_path, **UGLY))
    assert (scan.states.missing_file, scan.states.never_acquired) == (1, 6)
    assert any("field 3 channel Alexa 647 plane 2" in each for each in scan.states.examples["never_acquired"])


def test_plate_facts(tmp_path: Path) -> None:
    plate = _scan(write_cellvoyager(tmp_path, plate_size=(16, 24))).plate
    assert plate is not None and (plate.name, plate.rows, plate.columns) == ("Synthetic Plate", 16, 24)
    assert (plate.start_time, plate.end_time) == (1714550400, 1714554000)
    assert plate.acquisition_description == "CV8000 R2.06.03" and plate.acquisition_name == "Run 0"


def test_sizes_of_the_files_win_over_the_declared_ones(tmp_path: Path) -> None:
    truth = write_cellvoyager(tmp_path / "in", wells=("B03",), planes=1)
    _edited(truth, "MeasurementDetail.mrf", ('bts:HorizontalPixels="64"', 'bts:HorizontalPixels="2000"'))
    scan = _scan(truth)
    assert any("has 64 x 48 pixels, but the metadata state 2000 x 48" in each for each in scan.warnings)
    convert_and_compare(truth, tmp_path / "out", format_name="cellvoyager")


def test_shading_is_off_by_default_and_right_when_asked_for(tmp_path: Path) -> None:
    truth = write_cellvoyager(tmp_path / "in", wells=("B03",), planes=1, shading=True)
    tile = next(iter(_scan(truth).tiles))
    np.testing.assert_array_equal(tile.image_loader.load_data(), truth.stored(PlaneKey("B03", 1, 0)))
    scan = _scan(truth, shading="divide")
    assert scan.corrections == [
        {
            "name": "shading",
            "params": {"mode": "divide", "channels": {"1": "SC_x.tif", "2": "SC_x.tif", "3": "SC_x.tif"}},
        }
    ]
    for tile in scan.tiles:
        key = PlaneKey("B03", int(tile.fov_name[4:]), int(tile.start_c))
        corrected = tile.image_loader.load_data().astype(int)
        assert np.abs(corrected - truth.pixels(key).astype(int)).max() <= 1
        part = tile.image_loader.load_region({"y": slice(5, 9), "x": slice(3, 40)})
        assert part is None or np.array_equal(part, corrected[5:9, 3:40])
    made = convert(
        truth.folders[0],
        tmp_path / "out",
        converter_options=INPLACE,
        workers=1,
        verify=True,
        format_options={"shading": "divide"},
    )
    assert made.verification is not None and made.verification.ok


def test_shading_that_is_not_there_or_empty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConvertersToolsFileNotFoundError, match=r"lacks the shading images SC_x.tif"):
        _scan(write_cellvoyager(tmp_path / "1", planes=1), shading="divide")
    truth = write_cellvoyager(tmp_path / "2", planes=1, shading=True)
    import tifffile

    tifffile.imwrite(truth.folders[0] / "SC_x.tif", np.zeros(truth.field_shape, np.uint16))
    tile = next(iter(_scan(truth, shading="divide").tiles))
    with pytest.raises(ConvertersToolsUserError, match=r"SC_x.tif' is empty or falls to zero"):
        tile.image_loader.load_data()


@pytest.mark.parametrize("higher", [6.0, 30.0])
def test_autofocus_heights_shift_fields(tmp_path: Path, higher: float) -> None:
    """Where no plane lay between two fields, their stacks were put on top of each other."""
    truth = write_cellvoyager(tmp_path, wells=("B03",), planes=2, z_step=3.0, layout=(1, 2))
    lines = []
    for key in truth.listed():
        height = 3.0 * key.z + (higher if key.field == 2 else 0.0)
        lines += [f"x,ReaderControl,--->,AF_MANU,34,0,OK,{height},0", f"x,_init_frame_save,{truth.file(key)},None"]
    log = truth.folders[0] / "TRACE2024-05-01.log"
    log.write_text("\n".join(lines))
    scan = _scan(truth, autofocus_heights=True)
    lowest = {name: min(t.start_z for t in scan.tiles if t.fov_name == name) for name in ("FOV_1", "FOV_2")}
    assert lowest["FOV_2"] - lowest["FOV_1"] == pytest.approx(higher)
    assert scan.facts["z_planes"] == higher / 3.0 + 2
    log.write_text("\n".join(lines[2:]))
    with pytest.raises(ConvertersToolsUserError, match=r"no height for 1 of 8 images"):
        _scan(truth, autofocus_heights=True)
    log.unlink()
    with pytest.raises(ConvertersToolsFileNotFoundError, match="no TRACE log"):
        _scan(truth, autofocus_heights=True)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        (
            "MeasurementData.mlf",
            ('bts:Row="2"', 'bts:Row="33"'),
            r"'Row' of <MeasurementRecord> is 33; expected 1 to 32",
        ),
        (
            "MeasurementData.mlf",
            ('bts:X="', 'bts:X="NaN" bts:Xold="'),
            r"'X' .* is 'NaN', which is not a finite number",
        ),
        ("MeasurementData.mlf", ('bts:ZIndex="1"', ""), r"'ZIndex' .* is missing or empty"),
        ("MeasurementData.mlf", ('bts:Ch="3"', 'bts:Ch="9"'), r"declares no channel 9"),
        ("MeasurementDetail.mrf", ('bts:RowCount="32"', 'bts:RowCount="many"'), r"'RowCount' .* is 'many'"),
        (
            "MeasurementDetail.mrf",
            ('bts:HorizontalPixelDimension="0.65"', 'bts:HorizontalPixelDimension="0"'),
            "is 0; expected",
        ),
        ("MeasurementDetail.mrf", ("MeasurementDetail", "Other"), "does not begin with <MeasurementDetail>"),
        ("MeasurementData.mlf", ("</bts:MeasurementData>", ""), "ends too early"),
    ],
)
def test_metadata_that_lie(tmp_path: Path, name: str, change: tuple[str, str], message: str) -> None:
    truth = write_cellvoyager(tmp_path, wells=("B03",), planes=1)
    with pytest.raises(ConvertersToolsUserError, match=message):
        _scan(_edited(truth, name, change))


def test_all_faults_of_the_records_are_reported_together(tmp_path: Path) -> None:
    truth = write_cellvoyager(tmp_path, wells=("B03",), planes=1, layout=(1, 1))
    with pytest.raises(ConvertersToolsUserError, match="2 problems"):
        _scan(_edited(truth, "MeasurementData.mlf", ('bts:FieldIndex="1"', 'bts:FieldIndex="one"')))


def test_folders_that_lack_something(tmp_path: Path) -> None:
    truth = write_cellvoyager(tmp_path, acquisitions=2, wells=("B03",), planes=1)
    with pytest.raises(ConvertersToolsUserError, match=r"holds 2 measurements: Synthetic Plate_1, Synthetic Plate_2"):
        registry.get("cellvoyager").scan(str(tmp_path))
    (truth.folders[0] / "MeasurementDetail.mrf").unlink()
    with pytest.raises(ConvertersToolsFileNotFoundError, match=r"but no MeasurementDetail.mrf"):
        _scan(truth)
    (truth.folders[1] / "MeasurementData.mlf").write_bytes(b"")
    with pytest.raises(ConvertersToolsUserError, match="is empty"):
        _scan(truth, 1)


def test_a_file_that_leaves_the_folder_is_refused(tmp_path: Path) -> None:
    truth = write_cellvoyager(tmp_path, wells=("B03",), planes=1)
    with pytest.raises(ConvertersToolsUserError, match="leads out of the acquisition's folder"):
        _scan(_edited(truth, "MeasurementData.mlf", (">Synthetic", ">../../Synthetic")))


def test_a_stray_character_after_the_end_is_left_out(tmp_path: Path) -> None:
    truth = write_cellvoyager(tmp_path, wells=("B03",), planes=1)
    scan = _scan(_edited(truth, "MeasurementData.mlf", ("</bts:MeasurementData>", "</bts:MeasurementData>>")))
    assert len(scan.tiles) == 8 and any("after its end" in each for each in scan.warnings)
