"""Operetta and Phenix: positions, z, time, channels and states, from artificial exports whose truth is known."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("fractal_omezarr_converters.core.tile_table")

from fractal_omezarr_converters.convert import convert
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.formats.contract import Scan
from fractal_omezarr_converters.ngff.reader import open_image
from fractal_omezarr_converters.testing import (
    PlaneKey,
    SyntheticChannel,
    SyntheticOperetta,
    convert_and_compare,
    write_operetta,
)
from fractal_omezarr_converters.testing.conformance import check_format

FULL: dict[str, Any] = {
    "times": 2,
    "planes": 3,
    "layout": (2, 3),
    "missing": [PlaneKey("B03", 2, 0, 1, 1)],
    "empty": [PlaneKey("C05", 1, 1, 0, 0)],
    "absent": [PlaneKey("C05", 4, 0, 1, 0)],
}


def _scan(truth: SyntheticOperetta, acquisition: int = 0, **options: Any) -> Scan:
    return registry.get("operetta").scan(str(truth.folders[acquisition]), options=options)


def _corners_px(scan: Scan, truth: SyntheticOperetta) -> np.ndarray:
    """First pixels (y, x) of all tiles in whole pixels, counted from the first one of the scan."""
    size = np.array([truth.pixel_size_y or truth.pixel_size, truth.pixel_size])
    start = scan.tiles.start[:, 3:] / size
    return start - start.min(axis=0)


@pytest.mark.parametrize("flavour", ["V5", "V7"])
@pytest.mark.parametrize("acquisition", [0, 1])
def test_conformance(tmp_path: Path, flavour: str, acquisition: int) -> None:
    truth = write_operetta(tmp_path, flavour=flavour, acquisitions=2, **FULL)
    check_format("operetta", truth.folders[acquisition])


@pytest.mark.parametrize("flavour", ["V5", "V7"])
def test_every_tile_delivers_the_plane_it_claims_to_be(tmp_path: Path, flavour: str) -> None:
    truth = write_operetta(tmp_path, flavour=flavour, **FULL)
    scan = _scan(truth)
    expected = {key for key in truth.listed() if truth.is_there(key)}
    seen = set()
    heights, times = (sorted(set(scan.tiles.start[:, axis].tolist())) for axis in (2, 0))
    for tile in scan.tiles:
        well = f"{tile.collection.row}{tile.collection.column:02d}"
        field = int(tile.fov_name.removeprefix("FOV_"))
        key = PlaneKey(well, field, tile.start_c, heights.index(tile.start_z), times.index(tile.start_t))
        np.testing.assert_array_equal(tile.image_loader.load_data(), truth.pixels(key))
        seen.add(key)
    assert seen == expected


@pytest.mark.parametrize("sizes", [{}, {"pixel_size_y": 0.8}])
def test_calibrated_fields_lie_on_the_true_pixels(tmp_path: Path, sizes: dict[str, float]) -> None:
    truth = write_operetta(tmp_path, layout=(2, 3), planes=1, wells=("B03",), **sizes)
    scan = _scan(truth)
    corners = _corners_px(scan, truth)
    for tile, corner in zip(scan.tiles, corners, strict=True):
        np.testing.assert_allclose(corner, truth.corner(int(tile.fov_name[4:])), atol=1e-6)
    details = scan.tiles.acquisitions[0]
    assert (details.pixel_size_x, details.pixel_size_y) == (0.65, sizes.get("pixel_size_y", 0.65))


def test_nominal_fields_lie_where_the_stage_was_sent(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, layout=(2, 3), planes=1, wells=("B03",))
    scan = _scan(truth, field_positions="nominal")
    half = np.array(truth.field_shape)[::-1] * truth.pixel_size / 2
    for tile in scan.tiles:
        x, y = truth.stage_um(int(tile.fov_name[4:]))
        np.testing.assert_allclose((tile.start_x, tile.start_y), np.array([x, -y]) - half, atol=1e-9)


def test_without_a_matrix_y_is_turned_downwards_and_said(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, layout=(2, 2), matrix=None, wells=("B03",))
    scan = _scan(truth)
    corners = _corners_px(scan, truth)
    np.testing.assert_allclose(corners, [truth.corner(int(tile.fov_name[4:])) for tile in scan.tiles], atol=1e-6)
    assert any("no OrientationMatrix" in each for each in scan.warnings)


def test_position_is_the_centre_so_fields_of_other_sizes_stay_centred(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, layout=(1, 1), planes=1, wells=("B03",), channels=[SyntheticChannel(1, "A", 500)])
    index = truth.folders[0] / "Images" / "Index.idx.xml"
    text = index.read_text("utf-8-sig")
    record = text[text.index("<Image Version") : text.index("</Images>")]
    other = record.replace("<FieldID>1<", "<FieldID>2<").replace("f01p01", "f02p01")
    other = other.replace(">64</ImageSizeX>", ">32</ImageSizeX>")
    index.write_text(text.replace("</Images>", other + "</Images>"), "utf-8")
    (index.parent / "r02c03f02p01-ch1sk1fk1fl1.tiff").touch()
    first, second = list(_scan(truth, field_grid={"columns": 1}).tiles)
    assert (first.length_x, second.length_x) == (64, 32)
    assert second.start_x - first.start_x == pytest.approx(16 * 0.65)


def test_channel_numbers_with_gaps_give_dense_indices(tmp_path: Path) -> None:
    channels = [SyntheticChannel(2, "A", 450), SyntheticChannel(7, "B", 520), SyntheticChannel(4, "C")]
    scan = _scan(write_operetta(tmp_path, channels=channels))
    infos = scan.tiles.acquisitions[0].channels
    assert infos is not None
    assert [info.channel_label for info in infos] == ["A", "C", "B"]
    assert [info.wavelength_id for info in infos] == ["450", None, "520"]
    assert set(scan.tiles.start[:, 1]) == {0, 1, 2}


def test_names_of_channels_empty_repeated_and_padded(tmp_path: Path) -> None:
    channels = [
        SyntheticChannel(1, "  DAPI ", 456),
        SyntheticChannel(2, "", 520),
        SyntheticChannel(3, "DAPI", 600),
        SyntheticChannel(4, "", 0),
    ]
    scan = _scan(write_operetta(tmp_path, channels=channels, planes=1))
    infos = scan.tiles.acquisitions[0].channels
    assert infos is not None
    assert [info.channel_label for info in infos] == ["DAPI", "520", "DAPI_2", "Brightfield"]
    assert sum("is called" in each for each in scan.warnings) == 3


def test_a_channel_has_the_name_that_some_of_its_images_state(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, planes=1)
    index = truth.folders[0] / "Images" / "Index.idx.xml"
    text = index.read_text("utf-8-sig")
    index.write_text(text.replace("<ChannelName>DAPI<", "<ChannelName><", 1), "utf-8")
    scan = _scan(truth)
    infos = scan.tiles.acquisitions[0].channels
    assert infos is not None and infos[0].channel_label == "DAPI" and scan.warnings == []


def test_states_are_counted_and_said(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, **FULL)
    states = _scan(truth).states
    assert (states.missing_file, states.named_empty, states.never_acquired) == (1, 1, 1)
    assert states.present == len(truth.listed()) - 2
    said = " ".join(states.sentences())
    assert "files are missing: 1" in said and "without an image file: 1" in said and "Planes not acquired" in said


def test_a_missing_field_shifts_no_other_field(tmp_path: Path) -> None:
    gone = [PlaneKey("B03", 2, c, z) for c in range(2) for z in range(2)]
    truth = write_operetta(tmp_path, absent=gone)
    scan = _scan(truth)
    names = {tile.fov_name for tile in scan.tiles if tile.collection.row == "B"}
    assert names == {"FOV_1", "FOV_3", "FOV_4"}
    assert any("B03 lacks [2]" in each for each in scan.warnings)


def test_a_well_without_files_is_said_by_name(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, planes=1)
    gone = [PlaneKey("C05", f, c, 0) for f in truth.fields for c in range(2)]
    truth = write_operetta(tmp_path / "other", planes=1, missing=gone)
    scan = _scan(truth)
    assert {tile.collection.row for tile in scan.tiles} == {"B"}
    assert any("1 wells: C05" in each for each in scan.warnings)


def test_index_without_any_file_can_be_planned(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path)
    for path in truth.folders[0].rglob("*.tiff"):
        path.unlink()
    scan = _scan(truth)
    assert len(scan.tiles) == len(truth.listed())
    assert scan.tiles.acquisitions[0].stated_data_type == "uint16"
    assert any("only a plan" in each for each in scan.warnings)


def test_plate_facts(tmp_path: Path) -> None:
    plate = _scan(write_operetta(tmp_path)).plate
    assert plate is not None
    assert (plate.name, plate.rows, plate.columns) == ("Synthetic Plate", 8, 12)
    assert plate.start_time == 1714550400 and plate.end_time == 1714550400
    assert plate.acquisition_name == "2024-05-01T10_00_00-Measurement 1"


@pytest.mark.parametrize("folder", ["Images", "images", "."])
def test_images_folder_in_any_place(tmp_path: Path, folder: str) -> None:
    truth = write_operetta(tmp_path, images_folder=folder, planes=1)
    assert registry.detect(truth.folders[0]).name == "operetta"
    assert len(_scan(truth).tiles) == len(truth.listed())


@pytest.mark.parametrize("folder", ["images", "."])
def test_an_index_in_small_letters_with_folders_of_wells(tmp_path: Path, folder: str) -> None:
    """As exports of Harmony 6 and 7: images/index.xml, which names r02c03\\r02c03f01p01-ch1t01.tiff."""
    truth = write_operetta(tmp_path / "in", flavour="V7", images_folder=folder, planes=2)
    index = truth.folders[0] / folder / "Index.xml"
    text = re.sub(r"<URL>((r\d\dc\d\d)[^<]*)</URL>", r"<URL>\2\\\1</URL>", index.read_text("utf-8-sig"))
    index.unlink()
    index.with_name("index.xml").write_text(text, "utf-8")
    for image in sorted(index.parent.glob("*.tiff")):
        (index.parent / image.name[:6]).mkdir(exist_ok=True)
        image.rename(index.parent / image.name[:6] / image.name)
    assert registry.detect(truth.folders[0]).name == "operetta"
    assert registry.detect(index.with_name("index.xml")).name == "operetta"
    assert _scan(truth).states.missing_file == 0
    convert_and_compare(truth, tmp_path / "out", format_name="operetta")


@pytest.mark.parametrize("folder", ["Images", "images", "."])
def test_the_images_folder_or_the_parent_of_one_measurement_may_be_given(tmp_path: Path, folder: str) -> None:
    truth = write_operetta(tmp_path, images_folder=folder, planes=1)
    places = (truth.folders[0], truth.folders[0] / folder, tmp_path)
    assert {registry.detect(place).name for place in places} == {"operetta"}
    scans = [registry.get("operetta").scan(str(place)) for place in places]
    assert {len(scan.tiles) for scan in scans} == {len(truth.listed())} and not any(scan.warnings for scan in scans)
    assert {scan.plate.acquisition_name for scan in scans if scan.plate} == {"2024-05-01T10_00_00-Measurement 1"}


def test_rows_beyond_z(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, planes=1, wells=("B03",), layout=(1, 1))
    index = truth.folders[0] / "Images" / "Index.idx.xml"
    text = index.read_text("utf-8-sig").replace("<Row>2<", "<Row>28<").replace("<PlateRows>8<", "<PlateRows>32<")
    index.write_text(text.replace("<PlateColumns>12<", "<PlateColumns>48<"), "utf-8")
    assert {tile.collection.row for tile in _scan(truth).tiles} == {"AB"}


def test_maps_that_follow_the_images_are_used(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, flavour="V7")
    index = truth.folders[0] / "Images" / "Index.xml"
    text = index.read_text("utf-8-sig")
    maps = text[text.index("<Maps>") : text.index("</Maps>") + 7]
    index.write_text(text.replace(maps, "").replace("</Images>", "</Images>" + maps), "utf-8")
    assert len(_scan(truth).tiles) == len(truth.listed())


def _with_another_pixel_size(folder: Path, size: str) -> SyntheticOperetta:
    """An export whose channels have different pixel sizes."""
    truth = write_operetta(folder, flavour="V7", planes=1, wells=("B03",), layout=(1, 2))
    index = truth.folders[0] / "Images" / "Index.xml"
    index.write_text(index.read_text("utf-8-sig").replace("0.65E-06", size, 2), "utf-8")
    return truth


def test_channels_of_different_pixel_sizes_become_acquisitions_by_filters(tmp_path: Path) -> None:
    """As the message says."""
    truth = _with_another_pixel_size(tmp_path / "in", "1.3E-06")
    scan = _scan(truth)
    assert sorted(details.xy_pixel_size for details in scan.tiles.acquisitions) == pytest.approx([0.65, 1.3])
    assert any("(DAPI: 0.65 µm; Alexa 647: 1.3 µm)" in each and "Channel Filter" in each for each in scan.warnings)
    with pytest.raises(ConvertersToolsUserError, match="giving the folder once for each part"):
        convert(truth.folders[0], tmp_path / "refused", workers=1)
    parts = [
        {
            "path": str(truth.folders[0]),
            "acquisition": number,
            "advanced": {"filters": [{"name": "Channel Filter", "channel_labels": [label]}]},
        }
        for number, label in enumerate(["DAPI", "Alexa 647"])
    ]
    convert(None, tmp_path / "out", configuration={"acquisitions": parts}, workers=1)
    written = [open_image(next((tmp_path / "out").glob(f"*.zarr/B/03/{number}"))) for number in (0, 1)]
    assert [image.pixel_size()["x"] for image in written] == pytest.approx([0.65, 1.3])
    assert [image.channel_labels for image in written] == [["DAPI"], ["Alexa 647"]]


def test_pixel_sizes_that_differ_by_rounding_are_one(tmp_path: Path) -> None:
    truth = _with_another_pixel_size(tmp_path / "in", "0.6500000001E-06")
    scan = _scan(truth)
    assert not any("different pixel sizes" in each for each in scan.warnings)
    assert len(convert(truth.folders[0], tmp_path / "out", workers=1, verify=True).outcomes) == 1
