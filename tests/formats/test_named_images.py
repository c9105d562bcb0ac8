"""Images named by a pattern: groups, presets, grids, tables of positions, palettes, from artificial plates of known truth."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from fractal_omezarr_converters.convert import convert
from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.formats.contract import Scan
from fractal_omezarr_converters.testing import (
    PlaneKey,
    SyntheticChannel,
    SyntheticNamedImages,
    check_format,
    convert_and_compare,
    write_named_images,
)
from fractal_omezarr_converters.testing.synthetic_named import PATTERN

CHANNELS = (SyntheticChannel(1, "DAPI"), SyntheticChannel(2, "GFP"))
COLOURS = (SyntheticChannel(1, "Green"), SyntheticChannel(2, "Phase"))
ARCHIVED = (SyntheticChannel(1, "C1"), SyntheticChannel(2, "Ph"))
# overlap of 8 px of 64 and of 6 px of 48 is the same eighth
FULL: dict[str, Any] = {
    "channels": CHANNELS,
    "times": 2,
    "planes": 3,
    "layout": (2, 3),
    "acquisitions": 2,
    "field_shape": (64, 64),
    "absent": [PlaneKey("C05", 4, 1, 1, 0), PlaneKey("B03", 2, 0, 0, 1)],
}
GRID = {"columns": 3, "order": "snake", "overlap": 0.125}
OPTIONS = {"pattern": PATTERN, "pixel_size": 0.65, "z_spacing": 1.5, "t_spacing": 30.0, "field_grid": GRID}


def _scan(truth: SyntheticNamedImages, **options: Any) -> Scan:
    return registry.get("named_images").scan(str(truth.folders[0]), options=OPTIONS | options)


def test_conformance(tmp_path: Path) -> None:
    source = write_named_images(tmp_path, **FULL).folders[1]
    with pytest.raises(AssertionError, match="1 rules are broken") as broken:
        check_format("named_images", source, options=OPTIONS)
    # only a folder of one of the presets is recognised without a pattern
    assert "rule_recognises_its_data" in str(broken.value)


def test_every_plane_and_field_is_where_it_belongs(tmp_path: Path) -> None:
    truth = write_named_images(tmp_path / "in", **FULL)
    convert_and_compare(truth, tmp_path / "out", format_name="named_images", format_options=OPTIONS)


def test_positions_from_a_table(tmp_path: Path) -> None:
    truth = write_named_images(tmp_path / "in", layout=(2, 2), channels=CHANNELS, planes=1)
    rows = [f"{n},{x!r},{y!r}," for n in truth.fields for x, y in [truth.centre_um(n)]]
    table = tmp_path / "places.csv"
    table.write_text("field,x,y,well\n" + "\n".join(rows), "utf-8-sig")
    options = OPTIONS | {"field_grid": None, "position_table": str(table)}
    convert_and_compare(truth, tmp_path / "out", format_name="named_images", format_options=options)
    table.write_text("field,x,y\n1,0,0\n2,zero,1\n3,nan,1\n")
    with pytest.raises(ConvertersToolsUserError, match="2 problems"):
        _scan(truth, **options)
    table.write_text("field,x,y\n1,0,0\n")
    with pytest.raises(ConvertersToolsUserError, match="has no row for field 2"):
        _scan(truth, **options)
    table.write_text("site,x,y\n1,0,0\n")
    with pytest.raises(ConvertersToolsUserError, match="has no column field; it has site, x, y"):
        _scan(truth, **options)
    with pytest.raises(ConvertersToolsFileNotFoundError, match="is not there"):
        _scan(truth, **(options | {"position_table": "nowhere.csv"}))


def test_positions_of_fields_that_have_names(tmp_path: Path) -> None:
    for number, name in enumerate(("left", "right")):
        tifffile.imwrite(tmp_path / f"P_B03_{name}.tif", np.full((8, 8), number, np.uint16))
    table = tmp_path / "places.csv"
    table.write_text("field,x,y\nright,108,4\nleft ,4,4\n")
    pattern = r"(?P<plate>.+)_(?P<well>[A-P]\d\d)_(?P<field>[a-z]+)\.tif"
    options = {"pattern": pattern, "pixel_size": 1.0, "position_table": "places.csv"}
    scan = registry.get("named_images").scan(str(tmp_path), options=options)
    assert {tile.start_x: int(tile.image_loader.load_data()[0, 0]) for tile in scan.tiles} == {0: 0, 104: 1}
    table.write_text("field,x,y\nright,108,4\nlfet,4,4\n")
    with pytest.raises(
        ConvertersToolsUserError, match=r"row 3 \('lfet'\): is neither the number nor the name of a field"
    ):
        registry.get("named_images").scan(str(tmp_path), options=options)
    table.write_text("field,x,y\nright,108,4\n")
    with pytest.raises(ConvertersToolsUserError, match="has no row for field left"):
        registry.get("named_images").scan(str(tmp_path), options=options)


@pytest.mark.parametrize(
    "content",
    [
        "field;x;y;note\n1;4,5;4;5 µm\n2;108;4;\n".encode("cp1252"),
        "field\tx\ty\n1\t4.5\t4\n2\t108\t4\n".encode("utf-16"),
        b"field, x, y\n1, 4.5, 4\n2, 108, 4\n",
    ],
    ids=["European", "Unicode text", "blanks"],
)
def test_tables_of_positions_as_spreadsheets_save_them(tmp_path: Path, content: bytes) -> None:
    for number in (1, 2):
        tifffile.imwrite(tmp_path / f"B03_{number}.tif", np.full((8, 8), number, np.uint16))
    (tmp_path / "places.csv").write_bytes(content)
    pattern = r"(?P<well>[A-P]\d\d)_(?P<field>\d)\.tif"
    options = {"pattern": pattern, "pixel_size": 1.0, "position_table": "places.csv"}
    scan = registry.get("named_images").scan(str(tmp_path), options=options)
    assert {tile.fov_name: (tile.start_x, tile.start_y) for tile in scan.tiles} == {
        "FOV_1": (0.5, 0),
        "FOV_2": (104, 0),
    }


def test_tables_of_positions_that_are_wrong(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "B03_1.tif", np.zeros((8, 8), np.uint16))
    options = {"pattern": r"(?P<well>[A-P]\d\d)_(?P<field>\d)", "pixel_size": 1.0, "position_table": "places.csv"}
    for text, message in (
        ("field,x,y\n1,0,0\n1,50,0\n", r"column 'field', row 3 \('1'\): has a row already"),
        ("well,field,x,y\nB03,1,0,0\nb3,01,50,0\n", r"row 3 \('01'\): has a row already"),
        ("well,field,x,y\nB0,1,0,0\n", r"column 'well', row 2 \('B0'\): is not a well"),
        ('field,x,y\n1,"0,5",0\n', r"column 'x', row 2 \('0,5'\): is not a number"),
        ("field,x,y\n,0,0\n", r"column 'field', row 2 \(empty\): the cell is empty"),
    ):
        (tmp_path / "places.csv").write_text(text, "utf-8")
        with pytest.raises(ConvertersToolsUserError, match=message):
            registry.get("named_images").scan(str(tmp_path), options=options)
    (tmp_path / "places.csv").write_text("well,field,x,y\n,1,0,0\nB03,1,50,0\n", "utf-8")
    scan = registry.get("named_images").scan(str(tmp_path), options=options)
    assert [tile.start_x for tile in scan.tiles] == [46]


def test_fields_with_numbers_and_fields_with_names_are_not_the_same_ones(tmp_path: Path) -> None:
    names = ["B03_s1", "B03_s2", "B03_sedge", "C05_s2", "C05_sleft"]
    for number, name in enumerate(names):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.full((8, 8), number, np.uint16))
    pattern = r"(?P<well>[A-P]\d\d)_s(?P<field>\w+)\.tif"
    options = {"pattern": pattern, "pixel_size": 1.0, "field_grid": {"columns": 4}}
    scan = registry.get("named_images").scan(str(tmp_path), options=options)
    found = {names[int(tile.image_loader.load_data()[0, 0])]: (tile.fov_name, tile.start_x) for tile in scan.tiles}
    first = found["B03_s1"][1]
    assert {name: (field, x - first) for name, (field, x) in found.items()} == {
        "B03_s1": ("FOV_1", 0),
        "B03_s2": ("FOV_2", 8),
        "B03_sedge": ("edge", 16),
        "C05_s2": ("FOV_2", 8),
        "C05_sleft": ("left", 24),
    }


@pytest.mark.parametrize(("order", "place"), [("rows", (1, 0)), ("snake", (1, 2)), ("columns", (1, 1))])
def test_orders_of_a_grid(tmp_path: Path, order: str, place: tuple[int, int]) -> None:
    truth = write_named_images(tmp_path, layout=(2, 3), channels=CHANNELS, planes=1, wells=("B03",))
    scan = _scan(truth, field_grid={"columns": 3, "order": order})
    corner = {t.fov_name: (t.start_y, t.start_x) for t in scan.tiles}
    y, x = (corner["FOV_4"][k] - corner["FOV_1"][k] for k in (0, 1))
    assert (y, x) == pytest.approx((place[0] * 48 * 0.65, place[1] * 64 * 0.65))


def test_numbers_and_names(tmp_path: Path) -> None:
    scan = _scan(write_named_images(tmp_path, **FULL))
    details = scan.tiles.acquisitions[0]
    assert (details.xy_pixel_size, details.z_spacing, details.t_spacing) == (0.65, 1.5, 30.0)
    assert [each.channel_label for each in details.channels or ()] == ["DAPI", "GFP"]
    assert scan.plate is not None and scan.plate.name == "Synthetic Plate"
    assert scan.states.never_acquired == 2


def test_names_that_hold_numbers_are_in_the_order_of_the_numbers(tmp_path: Path) -> None:
    """A field named Pos10 lies in the tenth cell of the grid, and channel 10 comes after channel 2."""
    for number in range(1, 12):
        for channel in (1, 2, 10):
            name = f"P_B03_Pos{number}_{channel}.tif"
            tifffile.imwrite(tmp_path / name, np.full((8, 8), number, np.uint16))
    pattern = r"(?P<plate>.+)_(?P<well>[A-P]\d\d)_(?P<field>Pos\d+)_(?P<channel>\d+)\.tif"
    options = {"pattern": pattern, "pixel_size": 1.0, "field_grid": {"columns": 11}}
    scan = registry.get("named_images").scan(str(tmp_path), options=options)
    places = {tile.start_x: int(tile.image_loader.load_data()[0, 0]) for tile in scan.tiles}
    assert [places[x] for x in sorted(places)] == list(range(1, 12))
    assert {tile.fov_name: int(tile.image_loader.load_data()[0, 0]) for tile in scan.tiles} == {
        f"Pos{number}": number for number in range(1, 12)
    }
    channels = scan.tiles.acquisitions[0].channels or ()
    assert [each.channel_label for each in channels] == ["1", "2", "10"]


@pytest.mark.parametrize("numbers", [(1, 2, 4), (0, 15, 45)])
def test_frames_whose_numbers_leave_a_gap_keep_their_time(tmp_path: Path, numbers: tuple[int, ...]) -> None:
    """Numbers count intervals, also where they are minutes; a number without images leaves its interval free."""
    for number in numbers:
        tifffile.imwrite(tmp_path / f"P_B03_t{number}.tif", np.full((8, 8), number, np.uint16))
    options = {"pattern": r"(?P<plate>.+)_(?P<well>[A-P]\d\d)_t(?P<t>\d+)\.tif", "pixel_size": 1.0, "t_spacing": 30.0}
    scan = registry.get("named_images").scan(str(tmp_path), options=options)
    assert sorted(scan.tiles.start[:, 0].tolist()) == [0, 30, 90]
    assert scan.tiles.acquisitions[0].t_spacing == 30


def test_what_names_do_not_say_is_asked_for(tmp_path: Path) -> None:
    truth = write_named_images(tmp_path, layout=(1, 2), channels=CHANNELS, planes=1)
    with pytest.raises(ConvertersToolsUserError, match="set pixel_size"):
        _scan(truth, pixel_size=None)
    with pytest.raises(ConvertersToolsUserError, match="set field_grid"):
        _scan(truth, field_grid=None)
    with pytest.raises(ConvertersToolsUserError, match="give a pattern with named groups"):
        _scan(truth, pattern=None)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("(?P<well>[A-Z", "is no regular expression"),
        (r"(?P<field>\d+)", "has no group for the well"),
        (r"(?P<well>[A-Z]\d+)(?P<colour>x)?", "unknown groups colour"),
        (r"(?P<well>Z9999)", "fits none of the 8 images"),
        (r"(?P<row>[A-Z]+)(?P<column>\d+)_s(?P<field>\d+)_(?P<channel>[A-Z]+)", None),
        (r"(?P<well>[A-Z]+)\d+_s", "problems"),
    ],
)
def test_patterns(tmp_path: Path, pattern: str, message: str | None) -> None:
    truth = write_named_images(tmp_path, layout=(1, 2), channels=CHANNELS, planes=1)
    if message is None:
        assert len(_scan(truth, pattern=pattern).tiles) == 8
        return
    with pytest.raises(ConvertersToolsUserError, match=message):
        _scan(truth, pattern=pattern)


def test_names_that_do_not_fit_are_left_out_and_said(tmp_path: Path) -> None:
    truth = write_named_images(tmp_path, channels=CHANNELS, planes=1)
    tifffile.imwrite(truth.folders[0] / "overview.tif", np.zeros((8, 8), np.uint8))
    scan = _scan(truth)
    assert any(
        "1 images have names that the pattern does not fit" in each and "overview.tif" in each for each in scan.warnings
    )


def test_names_of_several_plates_are_said(tmp_path: Path) -> None:
    for name in ("P2_B03", "P10_C05", "P2_D05"):
        tifffile.imwrite(tmp_path / f"{name}f01d0.TIF", np.zeros((8, 8), np.uint16))
    scan = registry.get("named_images").scan(str(tmp_path), options={"pixel_size": 1.0})
    assert any("state 2 plates ('P2', 'P10'); all become one plate" in each for each in scan.warnings)
    (tmp_path / "P10_C05f01d0.TIF").unlink()
    scan = registry.get("named_images").scan(str(tmp_path), options={"pixel_size": 1.0})
    assert scan.plate is not None and scan.plate.name == "P2"
    assert not any("plates" in each for each in scan.warnings)


def test_two_files_for_one_plane_are_named(tmp_path: Path) -> None:
    truth = write_named_images(tmp_path, channels=CHANNELS, planes=2)
    with pytest.raises(ConvertersToolsUserError, match="both claim"):
        _scan(truth, pattern=PATTERN.replace("(?P<z>", "(?:"))


def _of_arrayscan(truth: Any, key: PlaneKey) -> str:
    return f"AS_{truth.plate_name}_{key.well}f{key.field:02d}d{key.channel}.TIF"


def _of_incucyte(truth: Any, key: PlaneKey) -> str:
    minutes = key.t * 90
    return (
        f"VID12_{key.well[0]}{int(key.well[1:])}_{key.field}_2019y05m03d_{12 + minutes // 60}h{minutes % 60:02d}m.tif"
    )


def _of_incucyte_since_the_start(truth: Any, key: PlaneKey) -> str:
    minutes = key.t * 90
    return f"VID12_{key.well[0]}{int(key.well[1:])}_{key.field}_00d{minutes // 60:02d}h{minutes % 60:02d}m.tif"


def _of_incucyte_in_folders(truth: Any, key: PlaneKey) -> str:
    return f"export/{truth.channels[key.channel].name}/{_of_incucyte(truth, key)}"


def _of_incucyte_by_prefix(truth: Any, key: PlaneKey) -> str:
    name = truth.channels[key.channel].name
    return _of_incucyte_since_the_start(truth, key).replace("VID12", f"My_Greens_{name}")


def _of_incucyte_without_prefix(truth: Any, key: PlaneKey) -> str:
    return f"{truth.channels[key.channel].name} images/{_of_incucyte(truth, key).removeprefix('VID12_')}"


def _of_incucyte_by_channel_alone(truth: Any, key: PlaneKey) -> str:
    return _of_incucyte_since_the_start(truth, key).replace("VID12", truth.channels[key.channel].name)


def _of_incucyte_archive(truth: Any, key: PlaneKey) -> str:
    minutes = key.t * 90
    well = f"{key.well[0]}{int(key.well[1:])}"
    scan = f"EssenFiles/ScanData/2505/16/{12 + minutes // 60}{minutes % 60:02d}/1248"
    return f"{scan}/{well}-{key.field}-{truth.channels[key.channel].name}.tif"


def _of_pathway(truth: Any, key: PlaneKey) -> str:
    return f"Well {key.well}/{truth.channels[key.channel].name} - n{key.t:06d}.tif"


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        (_of_arrayscan, {"channels": CHANNELS}),
        (_of_incucyte, {"channels": CHANNELS[:1], "times": 3, "seconds": 5400.0}),
        (_of_incucyte_since_the_start, {"channels": CHANNELS[:1], "times": 3, "seconds": 5400.0}),
        (_of_incucyte_in_folders, {"channels": COLOURS, "times": 3, "seconds": 5400.0}),
        (_of_incucyte_without_prefix, {"channels": COLOURS, "times": 3, "seconds": 5400.0}),
        (_of_incucyte_by_prefix, {"channels": COLOURS, "times": 3, "seconds": 5400.0}),
        (_of_incucyte_by_channel_alone, {"channels": COLOURS, "times": 3, "seconds": 5400.0}),
        (_of_incucyte_archive, {"channels": ARCHIVED, "times": 3, "seconds": 5400.0}),
        (_of_pathway, {"channels": CHANNELS, "times": 2, "layout": (1, 1)}),
    ],
)
def test_presets(tmp_path: Path, name: Any, settings: dict[str, Any]) -> None:
    truth = write_named_images(tmp_path / "in", name=name, planes=1, field_shape=(64, 64), **settings)
    assert registry.detect(truth.folders[0]).name == "named_images"
    options = {"pixel_size": 0.65, "field_grid": {"columns": 2, "order": "snake", "overlap": 0.125}}
    check_format("named_images", truth.folders[0], options=options)
    updates = convert_and_compare(
        truth, tmp_path / "out", format_name="named_images", format_options=options, plate_name="P"
    )
    assert len(updates) == 2
    if settings.get("seconds"):
        scan = registry.get("named_images").scan(str(truth.folders[0]), options=options)
        assert scan.tiles.acquisitions[0].t_spacing == 5400.0
        assert scan.facts["frame_times_s"] == [0, 5400, 10800]


def test_colours_within_other_words_are_no_channels_of_an_incucyte(tmp_path: Path) -> None:
    for name in ("Fredrik/VID12_A1", "Anna/VID12_A2", "Registered/Greenland_A3"):
        path = tmp_path / f"{name}_1_00d00h00m.tif"
        path.parent.mkdir()
        tifffile.imwrite(path, np.zeros((8, 8), np.uint16))
    scan = registry.detect(tmp_path).scan(str(tmp_path), options={"pixel_size": 1.0})
    assert len(scan.tiles) == 3 and len(scan.tiles.acquisitions[0].channels or ()) == 1


def test_vessels_of_one_archive_with_the_same_wells_are_converted_one_by_one(tmp_path: Path) -> None:
    """By the pattern that the message gives."""
    truth = write_named_images(tmp_path / "in", name=_of_incucyte_archive, planes=1, layout=(1, 1), channels=ARCHIVED)
    folder = truth.folders[0]
    scans = folder / "EssenFiles" / "ScanData" / "2505" / "16"
    shutil.copytree(scans / "1200" / "1248", scans / "1215" / "1300")
    with pytest.raises(ConvertersToolsUserError, match="state 2 plates with the same wells") as raised:
        registry.get("named_images").scan(str(folder), options={"pixel_size": 1.0})
    pattern = str(raised.value).partition("the first: ")[2]
    scan = registry.get("named_images").scan(str(folder), options={"pixel_size": 1.0, "pattern": pattern})
    assert len(scan.tiles) == len(truth.wells) * 2 and scan.plate is not None and scan.plate.name == "1248"


def test_palette_images_keep_their_numbers(tmp_path: Path, shared_data: Path) -> None:
    source = shared_data / "arrayscan-tiff" / "cellprofiler-AS_09047-rowO"
    options = {"pixel_size": 1.0, "field_grid": {"columns": 3}}
    check_format("named_images", source, options=options)
    scan = registry.get("named_images").scan(str(source), options=options)
    assert len(scan.tiles) == 18 and {each.row for each in scan.tiles.collections} == {"O"}
    tile = next(iter(scan.tiles))
    pixels = tile.image_loader.load_data()
    file = tile.image_loader.sources()[0].path
    assert pixels.shape == (512, 512) and pixels.dtype == np.uint8
    np.testing.assert_array_equal(pixels, tifffile.imread(file))
    made = convert(source, tmp_path, format_options=options, workers=1, verify=True)
    assert made.verification is not None and made.verification.ok and len(made.updates) == 6


def test_overlays_of_an_arrayscan_are_no_images(tmp_path: Path) -> None:
    """Masks have an o where images have a d; some versions name the images themselves so."""
    truth = write_named_images(tmp_path / "in", name=_of_arrayscan, planes=1, channels=CHANNELS, field_shape=(64, 64))
    folder, options = truth.folders[0], {"pixel_size": 0.65, "field_grid": {"columns": 2, "order": "snake"}}
    images = list(folder.iterdir())
    for path in images:
        tifffile.imwrite(
            path.with_name(path.name.replace("d1.", "o1.").replace("d0.", "o7.")), np.zeros((64, 64), np.uint16)
        )
    scan = registry.detect(folder).scan(str(folder), options=options)
    assert len(scan.tiles) == len(images) and [
        each.channel_label for each in scan.tiles.acquisitions[0].channels or ()
    ] == ["0", "1"]
    assert f"{len(images)} images are overlays" in " ".join(scan.warnings)
    for path in images:
        path.unlink()
    scan = registry.detect(folder).scan(str(folder), options=options)
    assert len(scan.tiles) == len(images) and not any("overlays" in each for each in scan.warnings)


def test_files_of_several_planes_are_refused_with_what_to_do(tmp_path: Path) -> None:
    pixels = np.zeros((3, 2, 8, 8), np.uint16)
    options = {"pattern": r"(?P<well>[A-P]\d\d)\.tif", "pixel_size": 1.0}
    for written, counted in (
        ({"data": pixels, "imagej": True, "metadata": {"axes": "ZCYX"}}, "2 channels, 3 planes in z"),
        ({"data": pixels[:, 0], "imagej": True, "metadata": {"axes": "TYX"}}, "3 frames"),
        ({"data": pixels[:, 0], "imagej": True, "metadata": {"axes": "CYX"}}, "3 channels"),
        ({"data": np.zeros((5, 8, 8, 3), np.uint8), "photometric": "rgb", "metadata": None}, "5 pages"),
        ({"data": np.zeros((8, 8, 4), np.uint8), "photometric": "separated"}, "4 channels"),
        ({"data": pixels[:, 0], "photometric": "minisblack", "metadata": None}, "3 pages"),
    ):
        tifffile.imwrite(tmp_path / "B03.tif", **written)
        with pytest.raises(ConvertersToolsUserError, match=f"'B03.tif': {counted}.*in a tile table"):
            registry.get("named_images").scan(str(tmp_path), options=options)
    tifffile.imwrite(tmp_path / "B03.tif", np.zeros((8, 8, 3), np.uint8), photometric="rgb")
    assert len(registry.get("named_images").scan(str(tmp_path), options=options).tiles) == 1


def test_a_pattern_without_channels_gives_one_whose_name_is_not_in_the_files(tmp_path: Path) -> None:
    truth = write_named_images(tmp_path, planes=1, layout=(1, 1), channels=CHANNELS[:1])
    scan = _scan(truth, pattern=PATTERN.replace("(?P<channel>", "(?:"), pixel_size=1.0)
    assert "Channel 0 has no name in the metadata; it is called 'channel_0' here." in scan.warnings
