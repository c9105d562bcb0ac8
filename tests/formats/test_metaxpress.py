"""MetaXpress: stacks, projections, copies, repeats, positions and plans, from artificial plates of known truth."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.formats.contract import Scan
from fractal_omezarr_converters.testing import (
    PlaneKey,
    SyntheticChannel,
    SyntheticMetaxpress,
    check_format,
    convert_and_compare,
    projections_of,
    write_metaxpress,
)

WAVES = (
    SyntheticChannel(1, "DAPI", 452, 0.0),
    SyntheticChannel(2, "FITC", 520, 1.5),
    SyntheticChannel(3, "Texas Red", 624, -2.0),
    SyntheticChannel(12, "TL", 0.0, 0.0),
)
#: a stack with its projection, a stack, a projection alone, one plane; one wavelength has two digits
MIX: dict[str, Any] = {
    "channels": WAVES,
    "planes": 3,
    "flat": (2, 3),
    "projected": {0: "Maximum", 2: "Best Focus"},
    "layout": (1, 3),
    "field_shape": (40, 56),
    "wells": ("B03", "AB12"),
    "pixel_size_y": 0.8,
}
TIMES: dict[str, Any] = {**MIX, "times": 3, "imaged_at": {1: (0,), 3: (0, 2)}}
UGLY: dict[str, Any] = {
    **TIMES,
    "acquisitions": 2,
    "missing": [
        PlaneKey("B03", 2, 0, 1, 1),
        PlaneKey("AB12", 3, 3, 0, 2),
        *(PlaneKey("AB12", 2, c, z, t) for c in range(4) for z in range(3) for t in range(3)),
    ],
}
ALL_TREES = pytest.mark.parametrize("tree", ["export", "database"])


def _scan(source: SyntheticMetaxpress | Path, **options: Any) -> Scan:
    folder = source if isinstance(source, Path) else source.folders[0]
    return registry.get("metaxpress").scan(str(folder), options=options)


def _planes(scan: Scan) -> set[tuple[Any, ...]]:
    """Well, site, channel, z and t of all tiles, z and t as ranks."""
    heights, times = (sorted(set(scan.tiles.start[:, axis].tolist())) for axis in (2, 0))
    return {
        (
            f"{t.collection.row}{t.collection.column:02d}",
            t.fov_name,
            t.start_c,
            heights.index(t.start_z),
            times.index(t.start_t),
        )
        for t in scan.tiles
    }


def _resaved(folder: Path, old: str, new: str, pattern: str = "**/*.[Tt][Ii][Ff]") -> None:
    """Change the header of files."""
    changed = 0
    for path in folder.glob(pattern):
        with tifffile.TiffFile(path) as file:
            text, pixels = file.pages.first.description, file.asarray()
        changed += old in text
        tifffile.imwrite(path, pixels, description=text.replace(old, new), metadata=None)
    assert changed


@ALL_TREES
@pytest.mark.parametrize("options", [{}, {"planes": "projections"}, {"read_all_tags": True}])
def test_conformance(tmp_path: Path, tree: str, options: dict[str, Any]) -> None:
    folder = write_metaxpress(tmp_path, tree=tree, **{**UGLY, "acquisitions": 1}).folders[0]
    check_format("metaxpress", folder, options=options)
    assert registry.detect(folder).name == "metaxpress"


@ALL_TREES
@pytest.mark.parametrize("settings", [{}, {"with_offsets": False}, {"with_z_step": False}, {"ending": ".tiff"}])
def test_every_plane_and_site_is_where_it_belongs(tmp_path: Path, tree: str, settings: dict[str, Any]) -> None:
    truth = write_metaxpress(tmp_path / "in", tree=tree, **{**UGLY, **settings})
    convert_and_compare(truth, tmp_path / "out", format_name="metaxpress")


@ALL_TREES
def test_projections_instead_of_stacks(tmp_path: Path, tree: str) -> None:
    mix = {**UGLY, "projected": {0: "Maximum", 1: "Maximum", 2: "Best Focus"}}
    truth = write_metaxpress(tmp_path / "in", tree=tree, **mix)
    wanted = {"format_options": {"planes": "projections"}}
    updates = convert_and_compare(projections_of(truth), tmp_path / "out", format_name="metaxpress", **wanted)
    assert all("Synthetic Plate_projections.zarr" in each["zarr_url"] for each in updates)


def test_duplicated_planes_of_an_export_are_no_stacks(tmp_path: Path) -> None:
    """Wavelengths without a stack lie in every ZStep folder, byte for byte; their only plane is kept."""
    truth = write_metaxpress(tmp_path, **MIX)
    home = truth.folders[0] / "TimePoint_1"
    copies = [home / f"ZStep_{step}" / "Synthetic Plate_B03_s1_w12.TIF" for step in range(4)]
    assert len({each.read_bytes() for each in copies}) == 1
    scan = _scan(truth)
    assert {(c, z) for _, _, c, z, _ in _planes(scan)} == {
        (0, 0),
        (0, 1),
        (0, 2),
        (1, 0),
        (1, 1),
        (1, 2),
        (2, 0),
        (3, 0),
    }
    assert [each["is_stack"] for each in scan.facts["channels"]] == [True, True, False, False]
    copied = 2 * 3 * 2 * 3  # wells, sites, flat wavelengths, copies of each
    assert f"{copied} images of channels without a stack are copies" in " ".join(scan.warnings)
    assert scan.states.never_acquired == 2 * 3 * 2 * 2


def test_projections_are_kept_apart_and_said(tmp_path: Path) -> None:
    """ZStep_0 of an export, the parent folder of the database: never a plane of the stack."""
    for tree in ("export", "database"):
        scan = _scan(write_metaxpress(tmp_path / tree, tree=tree, **MIX))
        assert scan.facts["z_planes"] == 3
        assert "Projections of 'DAPI' are left out beside their stacks" in " ".join(scan.warnings)
        assert [each["projection"] for each in scan.facts["channels"]] == ["Maximum", None, "Best Focus", None]


def test_best_focus_alone_is_the_plane_of_its_channel(tmp_path: Path) -> None:
    truth = write_metaxpress(
        tmp_path, tree="database", wells=("B03",), flat=(0, 1), projected={0: "Best Focus"}, planes=5
    )
    scan = _scan(truth)
    assert scan.facts["z_planes"] == 1 and len(scan.tiles) == 8
    tile = next(each for each in scan.tiles if each.start_c == 0)
    key = PlaneKey("B03", int(tile.fov_name[4:]), 0)
    np.testing.assert_array_equal(tile.image_loader.load_data(), truth.pixels(key))


def test_stacks_without_projections_are_left_out_of_projections_and_said(tmp_path: Path) -> None:
    scan = _scan(write_metaxpress(tmp_path, **MIX), planes="projections")
    assert [each["name"] for each in scan.facts["channels"]] == ["DAPI", "Texas Red", "TL"]
    assert {c for _, _, c, _, _ in _planes(scan)} == {0, 1, 2}
    assert "'FITC' have stacks, but no projections, and are left out" in " ".join(scan.warnings)
    truth = write_metaxpress(tmp_path / "none", planes=2)
    with pytest.raises(ConvertersToolsUserError, match="holds no projections; set planes to 'stacks'"):
        _scan(truth, planes="projections")


@pytest.mark.parametrize("read_all", [False, True])
def test_frames_repeated_by_an_export_are_no_new_time_points(tmp_path: Path, read_all: bool) -> None:
    """FITC is imaged at the first time point only; its files at the others show the first again."""
    truth = write_metaxpress(tmp_path, **TIMES)
    scan = _scan(truth, read_all_tags=read_all)
    times = {c: {t for _, _, channel, _, t in _planes(scan) if channel == c} for c in range(4)}
    assert times == {0: {0, 1, 2}, 1: {0}, 2: {0, 1, 2}, 3: {0, 2}}
    said = " ".join(scan.warnings)
    assert "because the channel was not imaged (time points: 'FITC' at 2, 3; 'TL' at 2)" in said
    kept = _scan(truth, repeated_frames="keep", read_all_tags=read_all)
    assert len({t for _, _, c, _, t in _planes(kept) if c == 1}) == 3
    assert "repeat an earlier time point" in " ".join(kept.warnings)
    assert kept.facts["frame_times_s"] == pytest.approx(scan.facts["frame_times_s"])


def test_time_of_frames_is_that_of_the_same_site_and_channel(tmp_path: Path) -> None:
    """``acquisition-time-local`` differs between wells by minutes and between sites by seconds; none of this is an interval."""
    for read_all in (False, True):
        scan = _scan(write_metaxpress(tmp_path, **{**TIMES, "seconds": 47.5}), read_all_tags=read_all)
        assert scan.facts["frame_times_s"] == pytest.approx([0, 47.5, 95])
        assert scan.tiles.acquisitions[0].t_spacing == pytest.approx(47.5)
    assert scan.facts["acquired_local_time"] == "20240501 10:00:03.250"
    assert scan.plate is not None and scan.plate.start_time is None


def test_thumbs_are_ignored(tmp_path: Path) -> None:
    truth = write_metaxpress(tmp_path, tree="database", planes=2, wells=("B03",))
    assert len(list(truth.folders[0].rglob("*_thumb*"))) == len(_scan(truth).tiles) == 16


@pytest.mark.parametrize("planes", [1, 2])
def test_two_images_of_one_plane_are_refused(tmp_path: Path, planes: int) -> None:
    """The database may hold an image twice, under another GUID."""
    truth = write_metaxpress(tmp_path, tree="database", planes=planes, flat=(0,), wells=("B03",))
    image = next(each for each in truth.folders[0].rglob("*_s1_w3*.TIF") if "thumb" not in each.name)
    shutil.copy(image, image.with_name(image.name[:-40] + "401562CF-BD52-4C90-A944-83185F26B372.tif"))
    with pytest.raises(ConvertersToolsUserError, match="both claim well B03 field 1 channel Alexa 647"):
        _scan(truth)


@ALL_TREES
def test_names_are_read_from_the_right(tmp_path: Path, tree: str) -> None:
    truth = write_metaxpress(
        tmp_path / "in", tree=tree, plate_name="Cells_A01_s7_w2_H12", **{**MIX, "planes": 1, "projected": {}}
    )
    scan = _scan(truth)
    assert {each.well for each in scan.tiles.collections} == {"B03", "AB12"}
    assert scan.plate is not None and scan.plate.name == "Cells_A01_s7_w2_H12"
    assert [each["number"] for each in scan.facts["channels"]] == [1, 2, 3, 12]
    convert_and_compare(truth, tmp_path / "out", format_name="metaxpress")


@pytest.mark.parametrize(
    ("tree", "pattern", "new", "name"),
    [
        ("database", r"([0-9A-F]{8}-[0-9A-F-]{27})\.", r"_[\1].", "Synthetic Plate"),  # as in idr0005, idr0006, idr0008
        ("database", "^Synthetic Plate_", "", "1697"),  # as in BBBC021
        ("export", "^Synthetic Plate_", "", "Synthetic Plate"),
    ],
)
def test_names_of_other_software(tmp_path: Path, tree: str, pattern: str, new: str, name: str) -> None:
    """GUIDs in brackets, names that begin with the well; small pictures are passed over there, too."""
    truth = write_metaxpress(tmp_path / "in", tree=tree, planes=1, times=1, flat=(0, 1))
    home = truth.folders[0]
    for image in [each for each in home.rglob("*") if each.suffix == ".TIF"]:
        image.rename(image.with_name(re.sub(pattern, new, image.name)))
    assert registry.detect(home).name == "metaxpress"
    scan = _scan(truth)
    assert scan.plate is not None and scan.plate.name == name
    convert_and_compare(truth, tmp_path / "out", format_name="metaxpress", plate_name="Synthetic Plate")


@ALL_TREES
def test_names_without_site_and_wavelength(tmp_path: Path, tree: str) -> None:
    truth = write_metaxpress(
        tmp_path / "in", tree=tree, channels=WAVES[:1], layout=(1, 1), planes=1, flat=(0,), wells=("B02",)
    )
    assert next(each.name for each in truth.folders[0].rglob("*B02*") if "thumb" not in each.name).startswith(
        "Synthetic Plate_B02"
    )
    convert_and_compare(truth, tmp_path / "out", format_name="metaxpress")


def test_numbers_are_those_of_the_headers(tmp_path: Path) -> None:
    scan = _scan(write_metaxpress(tmp_path, **{**MIX, "z_step": 4.9}))
    details = scan.tiles.acquisitions[0]
    assert (details.xy_pixel_size, details.y_pixel_size, details.z_spacing) == (0.65, 0.8, pytest.approx(4.9))
    assert [each.channel_label for each in details.channels or ()] == ["DAPI", "FITC", "Texas Red", "TL"]
    assert [each.wavelength_id for each in details.channels or ()] == ["452", "520", "624", None]
    assert [each["z_offset_um"] for each in scan.facts["channels"]][:2] == pytest.approx([9300.74, 9302.24], abs=0.6)
    assert scan.facts["software"] == "MetaMorph 6.7.0.211" and scan.facts["channels"][0]["exposure"] == "15 ms"
    assert scan.plate is not None
    assert (scan.plate.name, scan.plate.rows, scan.plate.columns) == ("Synthetic Plate", 32, 24)
    assert scan.facts["plate_id"] == "c66340dd-269c-45dc-a7bb-071246f177d0"


@pytest.mark.parametrize("with_offsets", [True, False])
def test_y_grows_downwards_as_it_is(tmp_path: Path, with_offsets: bool) -> None:
    truth = write_metaxpress(tmp_path, layout=(3, 2), planes=1, wells=("B03",), with_offsets=with_offsets)
    scan = _scan(truth)
    corners = {int(t.fov_name[4:]): (t.start_y / 0.65, t.start_x / 0.65) for t in scan.tiles}
    for number, corner in corners.items():
        moved = np.array(truth.corner(number)) - truth.corner(1)
        np.testing.assert_allclose(np.array(corner) - corners[1], moved, atol=1e-3)


def test_few_headers_are_read_and_all_on_wish(tmp_path: Path) -> None:
    truth = write_metaxpress(tmp_path, **{**TIMES, "wells": ("B03", "B04", "C03", "C04", "D03")})
    there = len(list(truth.folders[0].rglob("*.TIF")))
    few, everything = _scan(truth).facts["headers_read"], _scan(truth, read_all_tags=True).facts["headers_read"]
    # in each of two wells: 3 sites, 3 more planes and 2 more time points of 4 channels (FITC has no ZStep_0)
    assert few == 2 * (3 * 4 + 3 + 2 + 3 + 3 + 2 * 4) and everything == there


def test_wells_imaged_differently_need_all_headers(tmp_path: Path) -> None:
    """A site that only a later well has is looked up there."""
    absent = [PlaneKey(well, 6, c, z) for well in ("B03", "B04") for c in (0, 1) for z in (0, 1)]
    truth = write_metaxpress(tmp_path / "in", layout=(2, 3), wells=("B03", "B04", "C03"), missing=absent)
    convert_and_compare(truth, tmp_path / "out", format_name="metaxpress")


def test_sites_that_lie_differently_in_the_wells_that_were_read_are_said(tmp_path: Path) -> None:
    """All headers of three wells would tell; those of two are read, and decide for the third."""
    truth = write_metaxpress(tmp_path, wells=("B03", "B04", "C03"), planes=1)
    assert not any("lie differently" in each for each in _scan(truth).warnings)
    for path in truth.folders[0].rglob("*_B04_*.TIF"):
        with tifffile.TiffFile(path) as file:
            text, pixels = file.pages.first.description, file.asarray()
        moved = re.sub(r'(OffsetFromWellCenterUmX" type="string" value="-?)', r"\g<1>3", text)
        assert moved != text
        tifffile.imwrite(path, pixels, description=moved, metadata=None)
    said = [each for each in _scan(truth).warnings if "lie differently" in each]
    assert (
        len(said) == 1 and "Sites [1, 2, 3, 4]" in said[0] and "1 other wells" in said[0] and "read_all_tags" in said[0]
    )
    assert not any("lie differently" in each for each in _scan(truth, read_all_tags=True).warnings)


def test_files_without_tags_ask_for_pixel_size_and_grid(tmp_path: Path) -> None:
    truth = write_metaxpress(tmp_path / "in", tree="database", with_tags=False, layout=(2, 3), planes=1, wells=("B03",))
    with pytest.raises(ConvertersToolsUserError, match=r"11 other files state no pixel size .* give pixel_size, in µm"):
        _scan(truth)
    with pytest.raises(ConvertersToolsUserError, match=r"do not state where the 6 sites of a well lie; set field_grid"):
        _scan(truth, pixel_size=0.65)
    grid = {"columns": 3, "overlap": 0.125, "order": "snake"}
    scan = _scan(truth, pixel_size=0.65, field_grid=grid)
    assert [each.channel_label for each in scan.tiles.acquisitions[0].channels or ()] == ["w1", "w3"]
    assert "hold no MetaSeries properties" in " ".join(scan.warnings)
    corner = {int(t.fov_name[4:]): (t.start_y / 0.65, t.start_x / 0.65) for t in scan.tiles}
    moved = np.array(corner[6]) - corner[1]
    assert moved == pytest.approx([48 * 0.875, 0]) and corner[4][1] - corner[1][1] == pytest.approx(64 * 0.875 * 2)


def test_files_without_tags_take_stacks_names_and_grid_from_folders_and_description(tmp_path: Path) -> None:
    truth = write_metaxpress(
        tmp_path, with_tags=False, layout=(2, 3), planes=3, wells=("B03",), projected={0: "Maximum"}
    )
    scan = _scan(truth, pixel_size=0.65)
    assert scan.facts["z_planes"] == 3 and len(scan.tiles) == 6 * 2 * 3
    assert [each.channel_label for each in scan.tiles.acquisitions[0].channels or ()] == ["DAPI", "Alexa 647"]
    assert "put into the 2 x 3 grid" in " ".join(scan.warnings)
    assert len(_scan(truth, pixel_size=0.65, planes="projections").tiles) == 6


def test_sites_on_one_spot_ask_for_a_grid(tmp_path: Path) -> None:
    """A stage that was not recorded: all sites state the same place."""
    truth = write_metaxpress(tmp_path, tree="database", planes=1, layout=(1, 2), wells=("B03",), with_offsets=False)
    for value in (truth.centre_um(n)[0] for n in (1, 2)):
        _resaved(truth.folders[0], f'value="{14300 + 2 * 9000 + value:.10g}"', 'value="0"')
    with pytest.raises(ConvertersToolsUserError, match="set field_grid"):
        _scan(truth)


def _partial(folder: Path, truth: SyntheticMetaxpress) -> None:
    """Select 4 of 2 x 3 sites in every description."""
    for path in folder.rglob("*.HTD"):
        text = path.read_bytes().replace(b'"SiteSelection1", TRUE, TRUE, TRUE', b'"SiteSelection1", TRUE, FALSE, TRUE')
        path.write_bytes(text.replace(b'"SiteSelection2", TRUE, TRUE, TRUE', b'"SiteSelection2", FALSE, TRUE, TRUE'))


@pytest.mark.parametrize("overlap", [None, 0.25])
def test_partial_site_grids(tmp_path: Path, overlap: float | None) -> None:
    """Sites are numbered over the selected cells in reading order."""
    absent = [PlaneKey("B03", field, c) for field in (5, 6) for c in (0, 1)]
    truth = write_metaxpress(tmp_path, with_tags=False, layout=(2, 3), planes=1, wells=("B03",), missing=absent)
    _partial(truth.folders[0], truth)
    grid = {} if overlap is None else {"field_grid": {"columns": 3, "overlap": overlap}}
    scan = _scan(truth, pixel_size=1.0, **grid)
    pitch = 1 - (overlap or 0)
    cells = {int(t.fov_name[4:]): (t.start_x / 64 / pitch, t.start_y / 48 / pitch) for t in scan.tiles}
    first = cells[1]
    found = {n: (round(x - first[0], 6), round(y - first[1], 6)) for n, (x, y) in cells.items()}
    assert found == {1: (0, 0), 2: (2, 0), 3: (1, 1), 4: (2, 1)}


def test_the_description_is_a_plan_and_not_what_is_there(tmp_path: Path) -> None:
    truth = write_metaxpress(tmp_path, times=2, planes=1, wells=("B03", "C05"))
    home = truth.folders[0]
    for path in home.rglob("*.HTD"):
        text = path.read_bytes().replace(b'"TimePoints", 2', b'"TimePoints", 6')
        path.write_bytes(text.replace(b'"WellsSelection4", FALSE', b'"WellsSelection4", TRUE'))
    scan = _scan(truth)
    said = " ".join(scan.warnings)
    assert "plans 6 time points, 2 are there" in said and "have no images: D01" in said
    assert len(scan.tiles) == 2 * 4 * 2 * 2 and scan.facts["description"] == "a plate / DAPI: at all time points, µ"


def test_several_copies_of_the_description_are_one(tmp_path: Path) -> None:
    truth = write_metaxpress(tmp_path, planes=2, wells=("B03",))
    assert len(list(truth.folders[0].rglob("*.HTD"))) == 4
    scan = _scan(truth)
    assert scan.tiles.acquisitions and not any("descriptions" in each for each in scan.warnings)
    assert scan.plate is not None and scan.plate.rows == 32
    (truth.folders[0] / "other.HTD").write_bytes((truth.folders[0] / "Synthetic Plate.HTD").read_bytes())
    assert not any("descriptions" in each for each in _scan(truth).warnings)  # the one of the plate's name is taken


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b'"EndFile"', b"", "is cut off"),
        (b'"YWells", 32', b'"YWells", many', "YWells is 'many', not a whole number from 1 to 32"),
        (b'"XWells", 24', b'"XWells", 2', "selects well B03, outside its plate of 32 x 2 wells"),
        (b'"HTSInfoFile"', b'"Something"', "does not begin with HTSInfoFile"),
    ],
)
def test_a_damaged_description_is_said_and_not_needed(tmp_path: Path, old: bytes, new: bytes, message: str) -> None:
    truth = write_metaxpress(tmp_path, planes=1, wells=("B03",))
    for path in truth.folders[0].rglob("*.HTD"):
        path.write_bytes(path.read_bytes().replace(old, new))
    assert message in " ".join(_scan(truth).warnings)
    for path in truth.folders[0].rglob("*.TIF"):
        path.unlink()
    with pytest.raises(ConvertersToolsUserError, match=message):
        _scan(truth)


def test_a_description_alone_gives_a_plan(tmp_path: Path) -> None:
    truth = write_metaxpress(tmp_path, planes=2, times=2)
    for path in truth.folders[0].rglob("*.TIF"):
        path.unlink()
    scan = _scan(truth, pixel_size=0.5)
    assert scan.states.missing_file == len(scan.tiles) == 2 * 4 * 2 * 2 * 2
    assert [each.channel_label for each in scan.tiles.acquisitions[0].channels or ()] == ["DAPI", "Alexa 647"]
    assert "2048 x 2048 are assumed for the plan" in " ".join(scan.warnings)


@pytest.mark.parametrize("tree", ["export", "database"])
def test_the_interval_is_known_where_a_site_lacks_the_first_time_point(tmp_path: Path, tree: str) -> None:
    """Headers are read of one site only at later time points; here it is the one whose first images are lost."""
    truth = write_metaxpress(tmp_path, tree=tree, planes=1, times=3, seconds=45.0, wells=("B03", "C05"))
    lost = [path for path in truth.folders[0].rglob("TimePoint_1/**/*") if "_s1_" in path.name]
    assert lost
    for path in lost:
        path.unlink()
    scan = _scan(truth)
    assert sorted(set(scan.tiles.start[:, 0])) == [0.0, 45.0, 90.0]


def test_folders_above_and_below(tmp_path: Path) -> None:
    database = write_metaxpress(tmp_path / "db", tree="database", planes=2, times=2, wells=("B03",), acquisitions=2)
    plate = tmp_path / "db" / "Synthetic Plate"
    with pytest.raises(ConvertersToolsUserError, match=r"holds 2 acquisitions: '2024-05-01/1697', '2024-05-02/1698'"):
        _scan(plate)
    shutil.rmtree(plate / "2024-05-02")
    for folder in (tmp_path / "db", plate, plate / "2024-05-01", database.folders[0]):
        assert registry.detect(folder).name == "metaxpress" and len(_scan(folder).tiles) == 32
    assert len(_scan(database.folders[0] / "TimePoint_1").tiles) == 16
    export = write_metaxpress(tmp_path / "ex", planes=1, wells=("B03",))
    for source in (tmp_path / "ex", export.folders[0] / "Synthetic Plate.HTD"):
        assert registry.detect(source).name == "metaxpress" and len(_scan(source).tiles) == 8


def test_folders_of_others_are_not_taken(tmp_path: Path) -> None:
    (tmp_path / "notes.HTD").write_text("hello")
    tifffile.imwrite(tmp_path / "cells_B02_s1_w1.tif", np.zeros((4, 5), np.uint16))
    assert not registry.get("metaxpress").recognises(tmp_path)
    (tmp_path / "notes.HTD").unlink()
    scan = _scan(tmp_path, pixel_size=1)  # but read when the user names the format
    assert len(scan.tiles) == 1 and scan.plate is not None and scan.plate.name == "cells"
    with pytest.raises(ConvertersToolsFileNotFoundError, match="holds no images of MetaXpress"):
        (tmp_path / "empty").mkdir()
        _scan(tmp_path / "empty")


def test_wells_that_no_plate_has(tmp_path: Path) -> None:
    truth = write_metaxpress(tmp_path, planes=1, wells=("B03",))
    image = next(truth.folders[0].rglob("*_B03_s1_w1.TIF"))
    image.rename(image.with_name("Synthetic Plate_ZZ03_s1_w1.TIF"))
    scan = _scan(truth)
    assert "1 files name wells that no plate has" in " ".join(scan.warnings) and len(scan.tiles) == 7


def test_damaged_images(tmp_path: Path) -> None:
    truth = write_metaxpress(tmp_path, planes=1)
    images = sorted(truth.folders[0].rglob("*.TIF"))
    images[0].write_bytes(b"")
    scan = _scan(truth)
    assert len(scan.tiles) == 16 and "headers of 1 files cannot be read" in " ".join(scan.warnings)
    for each in images:
        each.write_bytes(b"II*\0")
    with pytest.raises(ConvertersToolsUserError, match="no readable TIFF files"):
        _scan(truth)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            '"spatial-calibration-state" type="string" value="on"',
            '"spatial-calibration-state" type="string" value="off"',
        ),
        (
            '"spatial-calibration-units" type="string" value="um"',
            '"spatial-calibration-units" type="string" value="furlong"',
        ),
        ('"spatial-calibration-x" type="string" value="0.65"', '"spatial-calibration-x" type="string" value="nan"'),
    ],
)
def test_calibration_that_does_not_count(tmp_path: Path, old: str, new: str) -> None:
    truth = write_metaxpress(tmp_path, planes=1, wells=("B03",))
    _resaved(truth.folders[0], old, new)
    with pytest.raises(ConvertersToolsUserError, match="state no pixel size"):
        _scan(truth)
    assert _scan(truth, pixel_size=0.5).tiles.acquisitions[0].xy_pixel_size == 0.5


def test_calibration_in_nanometres(tmp_path: Path) -> None:
    truth = write_metaxpress(tmp_path, planes=1, wells=("B03",))
    _resaved(truth.folders[0], 'string" value="um"', 'string" value="nm"')
    _resaved(truth.folders[0], 'string" value="0.65"', 'string" value="650"')
    assert _scan(truth).tiles.acquisitions[0].xy_pixel_size == pytest.approx(0.65)


def test_links_are_refused_unless_wanted(tmp_path: Path) -> None:
    truth = write_metaxpress(tmp_path / "in", planes=1, wells=("B03",))
    image = next(truth.folders[0].rglob("*_s1_w1.TIF"))
    image.rename(tmp_path / "elsewhere.tif")
    image.symlink_to(tmp_path / "elsewhere.tif")
    with pytest.raises(ConvertersToolsUserError, match="follow_links"):
        _scan(truth)
    assert len(_scan(truth, follow_links=True).tiles) == 8
