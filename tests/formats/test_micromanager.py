"""Micro-Manager: stacks, single images, NDTiff; labels, stage, placeholders, states, from artificial data of known truth."""

from __future__ import annotations

import importlib.util
import json
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
    SyntheticMicromanager,
    check_format,
    convert_and_compare,
    write_micromanager,
)

UGLY: dict[str, Any] = {
    "wells": ("B03", "AA05"),
    "times": 2,
    "planes": 3,
    "layout": (2, 3),
    "field_shape": (46, 65),
    "acquisitions": 2,
    "absent": [
        PlaneKey("AA05", 4, 1, 1, 0),
        *(PlaneKey("AA05", 6, c, z, t) for c in (0, 1) for z in range(3) for t in (0, 1)),
    ],
}
TURNED = (0.0, -0.65, 0.65, 0.0)
NEEDS_NDTIFF = pytest.mark.skipif(
    importlib.util.find_spec("ndtiff") is None, reason="NDTiff is read with the package ndtiff, which is not installed"
)
KINDS = [
    pytest.param("stacks"),
    pytest.param("images"),
    pytest.param("ndtiff2", marks=NEEDS_NDTIFF),
    pytest.param("ndtiff3", marks=NEEDS_NDTIFF),
]


def _scan(truth: SyntheticMicromanager, acquisition: int = 0, **options: Any) -> Scan:
    return registry.get("micromanager").scan(str(truth.folders[acquisition]), options=options)


def _small(place: Path, **settings: Any) -> SyntheticMicromanager:
    return write_micromanager(place, **{"wells": ("B03",), "planes": 1, **settings})


def _edited(truth: SyntheticMicromanager, old: str, new: str) -> SyntheticMicromanager:
    """Change the text of all metadata; places inside files stay, as the texts have the same length or are files alone."""
    changed = 0
    for path in [each for each in truth.folders[0].rglob("*") if each.is_file()]:
        data = path.read_bytes()
        if old.encode() in data:
            assert path.name == "metadata.txt" or len(old) == len(new)
            path.write_bytes(data.replace(old.encode(), new.encode()))
            changed += 1
    assert changed
    return truth


def _places(scan: Scan) -> dict[str, tuple[float, float]]:
    return {tile.fov_name: (tile.start_y, tile.start_x) for tile in scan.tiles}


CAMERAS = tuple(SyntheticChannel(n, name) for n, name in enumerate(("GFP-Cam1", "GFP-Cam2", "RFP-Cam2"), 1))


def test_frames_of_two_cameras_that_have_the_same_number_are_told_apart_by_name(tmp_path: Path) -> None:
    """A channel of two cameras is 0 and 1, the next one of a single camera is 1 again."""
    truth = _small(tmp_path / "in", wells=("B03", "C05"), channels=CAMERAS, planes=2)
    _edited(truth, '"ChannelIndex": 2', '"ChannelIndex": 1')
    assert any("have the same channel number" in each for each in _scan(truth).warnings)
    convert_and_compare(truth, tmp_path / "out", format_name="micromanager")


def test_two_pages_of_one_file_for_one_plane_are_named_by_their_numbers(tmp_path: Path) -> None:
    truth = _small(tmp_path, channels=(SyntheticChannel(1, "DAPI"), SyntheticChannel(2, "DAPI")), layout=(1, 1))
    _edited(truth, '"ChannelIndex": 1', '"ChannelIndex": 0')
    with pytest.raises(ConvertersToolsUserError, match=r"ome.tif' page 1 and '.*ome.tif' page 0 both claim"):
        _scan(truth)


def test_names_of_channels_when_the_summary_lists_fewer(tmp_path: Path) -> None:
    """The summary counts the channels that were chosen, each of which two cameras may have taken."""
    truth = _small(tmp_path, channels=CAMERAS, files="images")
    listed = json.dumps({"ChNames": [each.name for each in CAMERAS]}, indent=1)[1:-1].replace("\n", "\n ").strip()
    _edited(truth, listed, '"ChNames": ["GFP", "RFP"]')
    details = _scan(truth).tiles.acquisitions[0]
    assert [each.channel_label for each in details.channels or ()] == [each.name for each in CAMERAS]


@pytest.mark.parametrize("files", KINDS)
def test_conformance(tmp_path: Path, files: str) -> None:
    truth = write_micromanager(tmp_path, files=files, **UGLY)
    check_format("micromanager", truth.folders[1])
    assert registry.detect(truth.folders[0]).name == "micromanager"


@pytest.mark.parametrize("files", KINDS)
@pytest.mark.parametrize("affine", [None, TURNED])
def test_every_plane_and_field_is_where_it_belongs(tmp_path: Path, files: str, affine: Any) -> None:
    truth = write_micromanager(tmp_path / "in", files=files, affine=affine, **UGLY)
    convert_and_compare(truth, tmp_path / "out", format_name="micromanager")


def test_pixels_that_are_not_square_come_from_the_affine(tmp_path: Path) -> None:
    truth = write_micromanager(tmp_path / "in", affine=(0.65, 0.0, 0.0, -0.8), pixel_size_y=0.8, **UGLY)
    convert_and_compare(truth, tmp_path / "out", format_name="micromanager")


@pytest.mark.parametrize("affine", ["NaN;0.0;0.0;0.0;NaN;0.0", "0.0;0.0;0.0;0.0;0.0;0.0", "Undefined"])
def test_an_affine_that_is_no_use_is_left_alone(tmp_path: Path, affine: str) -> None:
    truth = _small(tmp_path, files="images")
    before = _places(_scan(truth))
    assert _places(_scan(_edited(truth, "1.0;0.0;0.0;0.0;1.0;0.0", affine))) == before


@pytest.mark.parametrize("files", KINDS)
def test_numbers_are_those_of_the_metadata(tmp_path: Path, files: str) -> None:
    scan = _scan(write_micromanager(tmp_path, files=files, times=3, seconds=47.5, planes=2, z_step=0.7))
    details = scan.tiles.acquisitions[0]
    assert (details.xy_pixel_size, details.y_pixel_size, details.z_spacing) == (0.65, None, 0.7)
    assert details.t_spacing == pytest.approx(47.5) and scan.facts["frame_times_s"] == pytest.approx([0, 47.5, 95])
    assert [each.channel_label for each in details.channels or ()] == ["DAPI", "Alexa 647"]
    assert {each["exposure_ms"] for each in scan.facts["channels"]} == {60.0}
    assert scan.plate is not None and scan.plate.name == "Synthetic Plate"
    assert scan.plate.start_time == 1706101205 and scan.plate.end_time == 1706101325
    assert scan.facts["positions"]["B03 FOV_1"] == "B03-Site_0"


@pytest.mark.parametrize("files", ["stacks", "images"])
def test_a_step_of_zero_comes_from_the_heights(tmp_path: Path, files: str) -> None:
    scan = _scan(_small(tmp_path, files=files, planes=3, z_step=0.35, states_step=False))
    assert scan.tiles.acquisitions[0].z_spacing == pytest.approx(0.35)


def test_a_step_that_the_heights_contradict_is_said(tmp_path: Path) -> None:
    truth = _small(tmp_path / "a", files="images", planes=3, z_step=1.5)
    assert not any("planes" in each for each in _scan(truth).warnings)
    scan = _scan(_edited(truth, '"z-step_um": 1.5', '"z-step_um": 7'))
    assert scan.tiles.acquisitions[0].z_spacing == 7
    assert any("state a distance of 7 µm between planes" in each and "1.5 µm apart" in each for each in scan.warnings)


def test_stacks_that_run_downwards_are_said(tmp_path: Path) -> None:
    """The step is stated below zero; it was taken as it is above."""
    scan = _scan(_small(tmp_path, files="images", planes=3, z_step=-1.5))
    assert scan.tiles.acquisitions[0].z_spacing == 1.5
    assert any("Heights fall" in each and "from top to bottom" in each for each in scan.warnings)


def test_a_missing_image_is_counted(tmp_path: Path) -> None:
    scan = _scan(_small(tmp_path, files="images", missing=[PlaneKey("B03", 2, 1)]))
    assert (scan.states.present, scan.states.missing_file, scan.states.never_acquired) == (7, 1, 0)


def test_planes_that_were_not_acquired_are_counted(tmp_path: Path) -> None:
    scan = _scan(_small(tmp_path, absent=[PlaneKey("B03", 2, 1)]))
    assert (scan.states.present, scan.states.missing_file, scan.states.never_acquired) == (7, 0, 1)


def test_free_positions_are_fields_of_one_well_and_it_is_said(tmp_path: Path) -> None:
    truth = _small(tmp_path / "in", layout=(2, 3), named_wells=False, wells=("A01",))
    scan = _scan(truth)
    assert {(each.row, each.column) for each in scan.tiles.collections} == {("A", 1)}
    assert scan.facts["positions"]["A01 FOV_2"] == "1-Pos001_000"
    assert any("6 positions name no well ('1-Pos000_000'," in each for each in scan.warnings)
    convert_and_compare(truth, tmp_path / "out", format_name="micromanager")


def test_free_positions_can_have_wells_of_their_own(tmp_path: Path) -> None:
    scan = _scan(_small(tmp_path, layout=(1, 14), named_wells=False), free_positions="own wells")
    wells = {f"{each.row}{each.column}" for each in scan.tiles.collections}
    assert len(wells) == 14 and {"A1", "A12", "B1", "B2"} <= wells
    assert {tile.fov_name for tile in scan.tiles} == {"FOV_1"}


@pytest.mark.parametrize("files", KINDS)
def test_positions_that_are_called_like_a_well_may_lie_there(tmp_path: Path, files: str) -> None:
    """Without the Site Generator people call a position by its well; P1 and P2 may be positions, so it is asked for."""
    truth = _small(tmp_path, wells=("B03",), layout=(1, 4), files=files)
    for site, name in enumerate(("C10", "B2", "somewhere", "d04")):
        _edited(truth, f"B03-Site_{site}", f"{name:10}")
    said = _scan(truth).warnings
    assert any("4 positions name no well with a site" in each and "'own wells' puts each" in each for each in said)
    scan = _scan(truth, free_positions="own wells")
    assert {place: name.strip() for place, name in scan.facts["positions"].items()} == {
        "A01 FOV_1": "somewhere",
        "B02 FOV_1": "B2",
        "C10 FOV_1": "C10",
        "D04 FOV_1": "d04",
    }
    assert any(
        "each has a well of its own (option 'free_positions'), that of its name" in each for each in scan.warnings
    )


def test_free_positions_beside_wells_take_a_well_that_is_free(tmp_path: Path) -> None:
    truth = _small(tmp_path, files="images", wells=("A01",))
    scan = _scan(_edited(truth, '"PositionName": "A01-Site_3"', '"PositionName": "Overview"'))
    assert {(each.row, each.column) for each in scan.tiles.collections} == {("A", 1), ("A", 2)}


def test_without_a_stage_the_names_of_a_grid_say_where_fields_lie(tmp_path: Path) -> None:
    scan = _scan(_small(tmp_path, layout=(2, 3), named_wells=False, states_stage=False, field_shape=(40, 60)))
    places = _places(scan)
    # numbered in a snake: field 4 is below field 3
    assert places["FOV_3"] == pytest.approx((0, 2 * 60 * 0.65)) and places["FOV_4"] == pytest.approx(
        (40 * 0.65, 2 * 60 * 0.65)
    )


def test_without_a_stage_and_a_grid_fields_lie_in_a_square_unless_it_is_given(tmp_path: Path) -> None:
    truth = _small(tmp_path, states_stage=False, layout=(1, 3), field_shape=(40, 60))
    scan = _scan(truth)
    assert any("laid out in 2 columns" in each for each in scan.warnings)
    assert _places(scan)["FOV_3"] == pytest.approx((20 * 0.65, -30 * 0.65))
    assert _places(_scan(truth, field_grid={"columns": 3}))["FOV_3"] == pytest.approx((-20 * 0.65, 90 * 0.65))


def test_the_list_of_positions_is_used_where_frames_state_none(tmp_path: Path) -> None:
    truth = _small(tmp_path, files="images", states_stage=False, layout=(1, 2))
    listed = [
        {
            "Label": f"B03-Site_{n}",
            "DefaultXYStage": "XY",
            "DevicePositions": [
                {"Device": "Z", "Position_um": [7.0]},
                {"Device": "XY", "Position_um": [100.0 * n, 5.0]},
            ],
        }
        for n in (1, 0)
    ]
    scan = _scan(_edited(truth, '"Interval_ms"', f'"StagePositions": {json.dumps(listed)}, "Interval_ms"'))
    places = _places(scan)
    assert np.subtract(places["FOV_2"], places["FOV_1"]) == pytest.approx([0, 100])
    assert places["FOV_1"][0] == pytest.approx(5 - 24 * 0.65)


@pytest.mark.parametrize("size", ["0", "1.0", "null"])
def test_a_pixel_size_that_is_a_placeholder(tmp_path: Path, size: str) -> None:
    truth = _small(tmp_path, files="images")
    _edited(
        _edited(truth, '"PixelSizeUm": 0.65', f'"PixelSizeUm": {size}'), '"PixelSize_um": 0.65', '"PixelSize_um": 0'
    )
    scan = _scan(truth)
    assert scan.tiles.acquisitions[0].xy_pixel_size == 1.0
    assert any("pixel size of 0 or 1 µm" in each for each in scan.warnings)
    scan = _scan(truth, pixel_size=0.325)
    assert scan.tiles.acquisitions[0].xy_pixel_size == 0.325 and not any("pixel size" in w for w in scan.warnings)


def test_pages_without_numbers_have_those_of_the_index_map(tmp_path: Path) -> None:
    truth = write_micromanager(tmp_path / "in", **{**UGLY, "acquisitions": 1})
    for old in ("SliceIndex", "FrameIndex", "ChannelIndex", "PositionIndex"):
        _edited(truth, f'"{old}"', f'"{old[:-5]}_____"')
    convert_and_compare(truth, tmp_path / "out", format_name="micromanager")


def test_pages_without_the_label_of_their_position_have_that_of_the_file(tmp_path: Path) -> None:
    """The number at the end of ``B03-Site_1`` is the site, not that of a file beyond 4 GB."""
    truth = _small(tmp_path / "in", files="stacks", wells=("B03", "C05"), layout=(1, 2))
    for path in truth.folders[0].glob("*.tif"):
        path.write_bytes(path.read_bytes().replace(b'"PositionName"', b'"PositionNone"'))
    # the second file of a position
    path = next(truth.folders[0].glob("*_C05-Site_1.ome.tif"))
    path.rename(path.with_name(path.name.replace("Site_1", "Site_1_1")))
    scan = _scan(truth)
    assert not scan.warnings
    assert {(tile.collection.well, tile.fov_name) for tile in scan.tiles} == {
        (well, name) for well in truth.wells for name in ("FOV_1", "FOV_2")
    }


@pytest.mark.parametrize("files", KINDS)
def test_parts_of_planes_and_files_that_shrink(tmp_path: Path, files: str) -> None:
    truth = _small(tmp_path, files=files, layout=(1, 1))
    tile = max(_scan(truth).tiles, key=lambda each: each.start_c)
    loader = tile.image_loader
    whole = truth.plane("B03", 1, 1)
    np.testing.assert_array_equal(loader.load_data(), whole)
    part = loader.load_region({"y": slice(5, 20), "x": slice(7, 64)})
    np.testing.assert_array_equal(part, whole[5:20, 7:64])
    assert loader.shape_and_dtype() == ((48, 64), "uint16")
    (source,) = loader.sources()
    Path(source.path).write_bytes(Path(source.path).read_bytes()[:3000])
    with pytest.raises(ConvertersToolsUserError, match=r"\.tif'"):
        loader.load_data()


def test_a_stack_that_is_cut_short_gives_what_is_whole(tmp_path: Path) -> None:
    truth = _small(tmp_path, layout=(1, 1))
    (path,) = truth.folders[0].glob("*.tif")
    path.write_bytes(path.read_bytes()[:-1000])
    scan = _scan(truth)
    assert len(scan.tiles) == 1 and any("ends too early after 1 pages" in each for each in scan.warnings)


def test_a_description_that_is_cut_short_gives_what_it_lists(tmp_path: Path) -> None:
    truth = _small(tmp_path, files="images", layout=(1, 1))
    (path,) = truth.folders[0].rglob("metadata.txt")
    path.write_text(path.read_text("utf-8").rstrip().removesuffix("}").rstrip() + ",\n", "utf-8")
    scan = _scan(truth)
    assert len(scan.tiles) == 2 and any("is cut short" in each for each in scan.warnings)
    whole = path.read_text("utf-8")
    path.write_text(whole[:-30], "utf-8")
    scan = _scan(truth)
    assert len(scan.tiles) == 1 and any("is cut short" in each for each in scan.warnings)
    path.write_text(whole.replace('"Width":', '"Width"', 1), "utf-8")
    with pytest.raises(ConvertersToolsUserError, match="is not valid JSON"):
        _scan(truth)


@pytest.mark.parametrize("damaged", ["", "{}", "\0\0\0"])
def test_positions_whose_description_says_nothing_are_named(tmp_path: Path, damaged: str) -> None:
    """A disk that is full leaves empty files; the well was missing without a word."""
    truth = _small(tmp_path, files="images", layout=(1, 1), wells=("B03", "C05"))
    path = next(truth.folders[0].glob("C05*/metadata.txt"))
    path.write_text(damaged, "utf-8")
    note = truth.folders[0] / "metadata.txt"
    note.write_text("the notes of somebody", "utf-8")
    scan = _scan(truth)
    assert len(scan.tiles) == 2
    said = [each for each in scan.warnings if "is no description that Micro-Manager wrote" in each]
    assert len(said) == 1 and said[0].startswith(f"'{path}' ")


def test_descriptions_of_older_versions(tmp_path: Path) -> None:
    truth = _small(tmp_path, files="images", layout=(1, 1), planes=2)
    (path,) = truth.folders[0].rglob("metadata.txt")
    said = json.loads(path.read_text("utf-8"))
    older: dict[str, Any] = {"Summary": said["Summary"]}
    for key, value in said.items():
        if key.startswith("Metadata-"):
            at = said[key.replace("Metadata-", "Coords-")]
            old = f"img_{at['time']:09d}_{truth.channels[at['channel']].name}_{at['z']:03d}.tif"
            (path.parent / Path(value["FileName"]).name).rename(path.parent / old)
            older[f"FrameKey-{at['time']}-{at['channel']}-{at['z']}"] = {**value, "FileName": old}
    path.write_text(json.dumps(older), "utf-8")
    scan = _scan(truth)
    assert scan.states.present == 4 == len(scan.tiles) and scan.facts["z_planes"] == 2
    # the folder of the position is an acquisition, too
    assert len(registry.get("micromanager").scan(str(path.parent)).tiles) == 4


@NEEDS_NDTIFF
def test_axes_of_other_names_become_channels(tmp_path: Path) -> None:
    truth = _small(tmp_path, files="ndtiff3", planes=2, layout=(1, 1))
    scan = _scan(_edited(truth, '"z"', '"p"'))
    labels = [each.channel_label for each in scan.tiles.acquisitions[0].channels or ()]
    assert labels == ["DAPI p -1", "DAPI p 0", "Alexa 647 p -1", "Alexa 647 p 0"]
    assert any("The axes 'p' have no place" in each for each in scan.warnings)


@NEEDS_NDTIFF
def test_an_index_that_is_damaged(tmp_path: Path) -> None:
    truth = _small(tmp_path, files="ndtiff3", layout=(1, 1))
    index = truth.folders[0] / "NDTiff.index"
    whole = index.read_bytes()
    index.write_bytes(whole + b"\0" * 64)
    assert any("has no proper end" in each for each in _scan(truth).warnings)
    index.write_bytes(whole[:-10])
    with pytest.raises(ConvertersToolsUserError, match="is damaged or not complete"):
        _scan(truth)
    index.write_bytes(b"")
    with pytest.raises(ConvertersToolsUserError, match="names no image"):
        _scan(truth)


@NEEDS_NDTIFF
def test_an_index_without_its_images_gives_a_plan(tmp_path: Path) -> None:
    truth = _small(tmp_path, files="ndtiff3")
    for path in truth.folders[0].glob("*.tif"):
        path.unlink()
    scan = _scan(truth)
    assert scan.states.missing_file == 8 and len(scan.tiles) == 8


def test_ndtiff_without_its_package_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = _small(tmp_path, files="ndtiff3")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConvertersToolsUserError, match=r"pip install 'fractal-omezarr-converters\[ndtiff\]'"):
        _scan(truth)


def test_values_with_a_type_and_what_is_not_a_number(tmp_path: Path) -> None:
    truth = _small(tmp_path, files="images", layout=(1, 1), times=2)
    _edited(truth, '"PixelSizeUm": 0.65', '"PixelSizeUm": {"type": "DOUBLE", "scalar": 0.5}')
    scan = _scan(_edited(truth, '"ElapsedTime-ms": 30000.0', '"ElapsedTime-ms": NaN'))
    assert scan.tiles.acquisitions[0].xy_pixel_size == 0.5
    assert scan.facts["frame_times_s"] == [0.0, 60.0]


@pytest.mark.parametrize("files", KINDS)
def test_images_in_colour_become_three_channels(tmp_path: Path, files: str) -> None:
    truth = _small(tmp_path / "in", files=files, in_colour=True, dtype="uint8")
    check_format("micromanager", truth.folders[0])
    scan = _scan(truth)
    labels = [each.channel_label for each in scan.tiles.acquisitions[0].channels or ()]
    assert labels == [f"{each.name}_{letter}" for each in truth.channels for letter in "RGB"]
    assert {tile.start_c for tile in scan.tiles} == {0, 3}
    for tile in scan.tiles:
        key = PlaneKey("B03", int(tile.fov_name[-1]), int(tile.start_c) // 3, 0, 0)
        np.testing.assert_array_equal(tile.image_loader.load_data(), np.moveaxis(truth.stored(key), -1, 0))
    made = convert(truth.folders[0], tmp_path / "out", workers=1, verify=True)
    assert made.verification is not None and made.verification.ok


def test_positions_without_a_well_in_their_name_have_that_of_the_plate_in_the_ome_xml(tmp_path: Path) -> None:
    settings = {**UGLY, "wells": ("B03", "C05"), "absent": [], "files": "stacks", "states_plate": True}
    truth = write_micromanager(tmp_path / "in", **settings)
    check_format("micromanager", truth.folders[0])
    convert_and_compare(truth, tmp_path / "out", format_name="micromanager")
    scan = _scan(truth)
    assert {each.well for each in scan.tiles.collections} == {"B03", "C05"} and not scan.warnings
    assert scan.plate is not None and (scan.plate.rows, scan.plate.columns) == (8, 12)
    assert scan.facts["positions"]["C05 FOV_2"] == "Pos7"
    first = next(truth.folders[0].glob("*_Pos0.ome.tif"))
    first.write_bytes(first.read_bytes().replace(b'Row="1"', b'Row="x"'))
    damaged = _scan(truth)
    assert {each.well for each in damaged.tiles.collections} == {"A01"}
    assert any("The plate in the OME-XML" in each and "is not used" in each for each in damaged.warnings)


def test_folders_that_lack_something(tmp_path: Path) -> None:
    truth = _small(tmp_path)
    (path,) = truth.folders[0].glob("*Site_0*")
    (truth.folders[0] / "Other_MMStack_Pos0.ome.tif").write_bytes(path.read_bytes())
    with pytest.raises(ConvertersToolsUserError, match="holds 2 acquisitions: Other, Synthetic Plate"):
        _scan(truth)
    assert len(registry.get("micromanager").scan(str(path)).tiles) == 2
    path.write_bytes(b"no image at all")
    with pytest.raises(ConvertersToolsUserError, match="is not a TIFF file"):
        registry.get("micromanager").scan(str(path))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "metadata.txt").write_text("made by hand", "utf-8")
    assert not registry.get("micromanager").recognises(tmp_path / "other")
    with pytest.raises(ConvertersToolsFileNotFoundError, match="holds nothing that Micro-Manager wrote"):
        registry.get("micromanager").scan(str(tmp_path / "other"))


@NEEDS_NDTIFF
@pytest.mark.parametrize(
    ("name", "planes", "labels"),
    [
        ("ndtiff-12_bit_pycromanager_mda", 8, ["DAPI", "FITC"]),
        ("ndtiff-ndtiffv2.0_test", 10, ["DAPI", "FITC"]),
        ("ndtiff-ndtiffv3.0_test", 10, ["DAPI", "FITC"]),
        ("ndtiff-ndtiffv2.0_stitched_test", 2, ["channel_0"]),
        ("ndtiff-ndtiffv3.0_stitched_test", 2, ["channel_0"]),
    ],
)
def test_real_data_sets(shared_data: Path, tmp_path: Path, name: str, planes: int, labels: list[str]) -> None:
    source = shared_data / "micromanager" / name
    check_format("micromanager", source)
    scan = registry.get("micromanager").scan(str(source))
    assert len(scan.tiles) == planes
    assert [each.channel_label for each in scan.tiles.acquisitions[0].channels or ()] == labels
    if "stitched" in name:
        # 32 pixels less an overlap of 4, as the stage was moved: (-28, -28) and (0, 0)
        assert _places(scan) == {"FOV_1": (0, 0), "FOV_2": (28, 28)}
    made = convert(source, tmp_path, workers=1, verify=True)
    assert made.verification is not None and made.verification.ok


@NEEDS_NDTIFF
def test_real_pixels_are_those_that_the_package_reads(shared_data: Path) -> None:
    from ndtiff import Dataset

    source = shared_data / "micromanager" / "ndtiff-12_bit_pycromanager_mda"
    dataset = Dataset(str(source))
    for tile in registry.get("micromanager").scan(str(source)).tiles:
        time = {0.0065: 0, 0.032: 1, 0.0555: 2, 0.0825: 3}[round(tile.start_t, 4)]
        expected = dataset.read_image(channel=["DAPI", "FITC"][int(tile.start_c)], time=time)
        np.testing.assert_array_equal(tile.image_loader.load_data(), expected)


@pytest.mark.parametrize(("old", "new"), [("Synthetic Plate_MMStack", "MMStack"), ("_MMStack", "_MMImages")])
def test_stacks_without_a_name_and_of_the_first_versions(tmp_path: Path, old: str, new: str) -> None:
    """Micro-Manager leaves the name out where none was given: ``MMStack_Pos0.ome.tif``."""
    truth = write_micromanager(tmp_path / "in", planes=1)
    for path in list(truth.folders[0].iterdir()):
        path.rename(path.with_name(path.name.replace(old, new)))
    assert registry.detect(truth.folders[0]).name == "micromanager"
    convert_and_compare(truth, tmp_path / "out", format_name="micromanager")
