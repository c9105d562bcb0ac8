"""Squid: three ways of saving, coordinates, regions and settings, from artificial acquisitions of known truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from fractal_omezarr_converters.convert import convert
from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.formats.contract import Scan
from fractal_omezarr_converters.testing import PlaneKey, SyntheticSquid, check_format, convert_and_compare, write_squid

UGLY: dict[str, Any] = {
    "times": 2,
    "planes": 3,
    "layout": (2, 3),
    "acquisitions": 2,
    "absent": [PlaneKey("C05", 4, c, 1, 0) for c in (0, 1)],
}
MISSING: dict[str, Any] = {"missing": [PlaneKey("B03", 2, 0, 1, 1)]}
SMALL: dict[str, Any] = {"planes": 1, "layout": (1, 2), "wells": ("B03",)}


def _scan(truth: SyntheticSquid, acquisition: int = 0, **options: Any) -> Scan:
    return registry.get("squid").scan(str(truth.folders[acquisition]), options=options)


def _said(scan: Scan, words: str) -> bool:
    return any(words in each for each in scan.warnings)


def _edited(truth: SyntheticSquid, name: str, old: str, new: str) -> SyntheticSquid:
    path = truth.folders[0] / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    return truth


@pytest.mark.parametrize("mode", ["individual", "stack", "ome"])
def test_conformance(tmp_path: Path, mode: str) -> None:
    extra = MISSING if mode != "ome" else {}
    check_format("squid", write_squid(tmp_path, mode=mode, **UGLY, **extra).folders[1])


@pytest.mark.parametrize(
    "settings",
    [
        MISSING,
        {**MISSING, "mode": "stack"},
        {"mode": "ome"},
        {"mode": "ome", "split": True, "newer": False},
        {"ending": ".bmp", "dtype": "uint8", "newer": False, "names": "xml"},
        {"padding": 5, "from_top": True, "piezo": True},
    ],
)
def test_every_plane_and_field_is_where_it_belongs(tmp_path: Path, settings: dict[str, Any]) -> None:
    truth = write_squid(tmp_path / "in", **UGLY, **settings)
    convert_and_compare(truth, tmp_path / "out", format_name="squid", plate_name="Plate")


@pytest.mark.parametrize(("mode", "missing", "empty"), [("individual", 1, 0), ("stack", 0, 1)])
def test_states_are_counted(tmp_path: Path, mode: str, missing: int, empty: int) -> None:
    states = _scan(write_squid(tmp_path, mode=mode, **UGLY, **MISSING)).states
    assert (states.missing_file, states.named_empty, states.never_acquired) == (missing, empty, 2)
    assert states.present == 2 * 6 * 2 * 3 * 2 - 3


@pytest.mark.parametrize("names", ["channels", "acquisition", "xml"])
def test_numbers_are_those_of_the_settings(tmp_path: Path, names: str) -> None:
    scan = _scan(write_squid(tmp_path, times=3, seconds=47.5, planes=2, z_step=0.8, names=names))
    details = scan.tiles.acquisitions[0]
    assert (details.xy_pixel_size, details.z_spacing, details.t_spacing) == (0.65, 0.8, 47.5)
    assert scan.facts["frame_times_s"] == pytest.approx([0, 47.5, 95])
    assert [each.channel_label for each in details.channels or ()] == ["Fluorescence 638 nm Ex", "BF LED matrix/full"]
    assert [each["excitation_nm"] for each in scan.facts["channels"]] == [638, None]
    assert [each["z_offset_um"] for each in scan.facts["channels"]] == [3000, 3000]
    if names != "xml":
        assert {each.color for each in details.channels or ()} == {"#1FFF00"}
    assert scan.plate is not None
    assert (scan.plate.name, scan.plate.rows, scan.plate.columns) == ("Synthetic Plate_1", 8, 12)
    assert scan.plate.start_time == 1_751_000_000
    assert not scan.warnings


def test_positions_are_millimetres_with_y_downwards(tmp_path: Path) -> None:
    scan = _scan(write_squid(tmp_path, planes=1))
    first = {tile.collection.row: tile for tile in scan.tiles if tile.fov_name == "FOV_0"}
    # well B3 lies at 11.24 + 18 mm, 14.29 + 9 mm; its mosaic is 120 x 88 pixels of 0.65 µm
    assert first["B"].start_x == pytest.approx(29240 - 60 * 0.65)
    assert first["B"].start_y == pytest.approx(23290 - 44 * 0.65)
    assert first["C"].start_y - first["B"].start_y == pytest.approx(9000)


def test_times_are_those_of_the_coordinates(tmp_path: Path) -> None:
    scan = _scan(write_squid(tmp_path, **SMALL))
    moments = scan.tiles.moments
    assert moments is not None
    assert sorted(moments.ms.tolist()) == [1_751_000_000_250] * 2 + [1_751_000_000_500] * 2
    assert scan.plate is not None and scan.plate.end_time == 1_751_000_000


@pytest.mark.parametrize("piezo", [True, False])
def test_stacks_from_the_top_keep_their_order_and_say_so(tmp_path: Path, piezo: bool) -> None:
    scan = _scan(write_squid(tmp_path, planes=3, from_top=True, piezo=piezo, newer=True))
    assert _said(scan, "from the top downwards") and scan.tiles.acquisitions[0].z_spacing == 1.5


@pytest.mark.parametrize("newer", [True, False])
def test_free_regions_become_wells_of_row_a(tmp_path: Path, newer: bool) -> None:
    scan = _scan(write_squid(tmp_path, planes=1, regions=("R1", "R0"), newer=newer))
    assert {(each.row, each.column) for each in scan.tiles.collections} == {("A", 1), ("A", 2)}
    assert _said(scan, "2 regions are no wells; they are put into wells of row A: R1 in A01, R0 in A02.")
    assert scan.plate is not None and scan.plate.rows is None


def test_free_regions_beside_wells_do_not_take_theirs(tmp_path: Path) -> None:
    truth = write_squid(tmp_path, planes=1, wells=("A01", "B03"), regions=("A1", "manual0"), newer=False)
    scan = _scan(truth)
    assert {(each.row, each.column) for each in scan.tiles.collections} == {("A", 1), ("A", 2)}
    assert _said(scan, "manual0 in A02")


def test_names_of_regions_may_hold_underscores_and_numbers(tmp_path: Path) -> None:
    """``slide_2_0_1_BF.tiff`` is field 0 of region ``slide_2``, as the coordinates say."""
    truth = write_squid(tmp_path, **SMALL)
    folder = truth.folders[0]
    for path in (folder / "0").glob("B3_*"):
        path.rename(path.with_name(path.name.replace("B3_", "slide_2_", 1)))
    for name in ("coordinates.csv", "0/coordinates.csv"):
        _edited(truth, name, "B3,", "slide_2,")
    scan = _scan(truth)
    assert {tile.fov_name for tile in scan.tiles} == {"FOV_0", "FOV_1"} and scan.states.present == 4
    assert _said(scan, "1 regions are no wells; they are put into wells of row A: slide_2 in A01")
    assert [each.channel_label for each in scan.tiles.acquisitions[0].channels or ()] == [
        "Fluorescence 638 nm Ex",
        "BF LED matrix/full",
    ]


def test_red_green_and_blue_files_are_channels_of_their_colour(tmp_path: Path) -> None:
    truth = write_squid(tmp_path, **SMALL)
    for path in sorted((truth.folders[0] / "0").glob("*_BF_*")):
        for letter in "BGR":
            path.with_stem(f"{path.stem}_{letter}").write_bytes(path.read_bytes())
        path.unlink()
    channels = _scan(truth).tiles.acquisitions[0].channels or ()
    assert [each.channel_label for each in channels][1:] == [f"BF LED matrix/full_{letter}" for letter in "RGB"]
    assert [each.color for each in channels][1:] == ["#FF0000", "#00FF00", "#0000FF"]


def test_images_in_colour_become_three_channels(tmp_path: Path) -> None:
    truth = write_squid(tmp_path, **SMALL, dtype="uint8")
    made = {}
    for number, path in enumerate(sorted((truth.folders[0] / "0").glob("*_BF_*"))):
        made[number] = np.random.default_rng(number).integers(0, 255, (*truth.field_shape, 3), np.uint8)
        tifffile.imwrite(path, made[number], photometric="rgb", metadata=None)
    check_format("squid", truth.folders[0])
    scan = _scan(truth)
    assert [each.channel_label for each in scan.tiles.acquisitions[0].channels or ()][1:] == [
        f"BF LED matrix/full_{letter}" for letter in "RGB"
    ]
    coloured = [tile for tile in scan.tiles if tile.start_c > 0]
    assert {(tile.start_c, tile.length_c) for tile in coloured} == {(1, 3)} and len(coloured) == len(made)
    for tile in coloured:
        expected = np.moveaxis(made[int(tile.fov_name[-1])], -1, 0)
        np.testing.assert_array_equal(tile.image_loader.load_data(), expected)
    done = convert(truth.folders[0], tmp_path / "out", workers=1, verify=True)
    assert done.verification is not None and done.verification.ok


def test_a_time_point_that_is_not_done_is_said(tmp_path: Path) -> None:
    truth = write_squid(tmp_path, **SMALL, times=2)
    (truth.folders[0] / "1" / ".done").unlink()
    assert _said(_scan(truth), "Time points 1 of")
    assert _said(_scan(truth), "may be incomplete")


@pytest.mark.parametrize("mode", ["individual", "stack", "ome"])
def test_a_time_point_without_coordinates_takes_the_places_of_others(tmp_path: Path, mode: str) -> None:
    truth = write_squid(tmp_path / "in", **SMALL, times=2, mode=mode)
    (truth.folders[0] / "1" / "coordinates.csv").unlink()
    convert_and_compare(truth, tmp_path / "out", format_name="squid", plate_name="Plate")


def test_planned_coordinates_are_the_last_resort(tmp_path: Path) -> None:
    truth = write_squid(tmp_path / "in", **SMALL)
    (truth.folders[0] / "0" / "coordinates.csv").unlink()
    convert_and_compare(truth, tmp_path / "out", format_name="squid", plate_name="Plate")
    (truth.folders[0] / "coordinates.csv").unlink()
    with pytest.raises(ConvertersToolsUserError, match=r"no position for 2 fields \(for example region B3 fov 0, "):
        _scan(truth)


def test_fewer_planes_and_times_than_planned_are_said(tmp_path: Path) -> None:
    scan = _scan(_edited(write_squid(tmp_path, planes=2), "acquisition parameters.json", '"Nz": 2', '"Nz": 5'))
    assert _said(scan, "5 planes in z were planned and 2 were taken")
    scan = _scan(_edited(write_squid(tmp_path, planes=2), "acquisition parameters.json", '"Nt": 1', '"Nt": 4'))
    assert _said(scan, "4 time points were planned and 1 were taken")


@pytest.mark.parametrize("name", ["plate.ome.zarr", "zarr"])
def test_zarr_is_refused_in_one_sentence(tmp_path: Path, name: str) -> None:
    truth = write_squid(tmp_path, **SMALL)
    for path in (truth.folders[0] / "0").glob("*.tiff"):
        path.unlink()
    (truth.folders[0] / name).mkdir()
    with pytest.raises(ConvertersToolsUserError, match="is OME-Zarr already and is not converted"):
        _scan(truth)


def test_the_pixel_size_is_the_formula_else_the_yaml_else_the_option(tmp_path: Path) -> None:
    truth = _edited(write_squid(tmp_path, **SMALL), "acquisition.yaml", "pixel_size_um: 0.65", "pixel_size_um: 0.7")
    scan = _scan(truth)
    assert scan.tiles.acquisitions[0].xy_pixel_size == 0.65 and _said(scan, "states 0.7 µm; 0.65 µm is used")
    _edited(truth, "acquisition parameters.json", "tube_lens_mm", "tube_lens")
    assert _scan(truth).tiles.acquisitions[0].xy_pixel_size == 0.7
    (truth.folders[0] / "acquisition.yaml").unlink()
    with pytest.raises(ConvertersToolsUserError, match="set pixel_size in the options"):
        _scan(truth)
    assert _scan(truth, pixel_size=0.3).tiles.acquisitions[0].xy_pixel_size == 0.3


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (
            "acquisition parameters.json",
            '"tube_lens_mm": 50.0',
            '"tube_lens_mm": "long"',
            "'tube_lens_mm' is 'long'; exp",
        ),
        (
            "acquisition parameters.json",
            '"magnification": 20.0',
            '"magnification": NaN',
            "magnification' is nan; expected",
        ),
        ("acquisition parameters.json", "{", "[{", "cannot be read"),
        ("acquisition_channels.yaml", "version:", "{ :", "cannot be read"),
        ("0/coordinates.csv", "x (mm)", "x", r"lacks the column 'x \(mm\)'"),
        ("0/coordinates.csv", "B3,0,0,2", "B3,0,0,two", r"line 2: 'x \(mm\)' is 'two"),
        ("0/coordinates.csv", "B3,0,", "B3,inf,", r"line 2: 'fov' is 'inf'"),
    ],
)
def test_metadata_that_lie(tmp_path: Path, name: str, old: str, new: str, message: str) -> None:
    with pytest.raises(ConvertersToolsUserError, match=message):
        _scan(_edited(write_squid(tmp_path, **SMALL), name, old, new))


def test_all_faults_are_reported_together(tmp_path: Path) -> None:
    truth = _edited(write_squid(tmp_path, **SMALL), "acquisition parameters.json", '"Nz": 1', '"Nz": -1')
    _edited(truth, "acquisition parameters.json", '"dt(s)": 0', '"dt(s)": "soon"')
    with pytest.raises(ConvertersToolsUserError, match="2 problems"):
        _scan(truth)


def test_older_versions_are_said_with_a_pattern_that_fits_their_files(tmp_path: Path) -> None:
    """They number fields by row and column: well, i, j, k."""
    truth = write_squid(tmp_path, planes=2, layout=(1, 2), wells=("B03",))
    home = truth.folders[0] / "0"
    _edited(truth, "0/coordinates.csv", "region,fov,z_level", "well,i,j,k")
    text = (home / "coordinates.csv").read_text("utf-8")
    (home / "coordinates.csv").write_text(text.replace("B3,", "B3_,0,"), "utf-8")
    for path in list(home.glob("B3_*_*")):
        is_image = "focus_camera" not in path.name
        path.rename(path.with_name(path.name.replace("B3_", "B3_0_", 1) if is_image else "B3_0_0_focus_camera.bmp"))
    with pytest.raises(ConvertersToolsUserError, match="was written by an older version of Squid") as said:
        _scan(truth)
    pattern = str(said.value).partition("with the pattern ")[2].partition(", the pixel size")[0]
    options = {"pattern": pattern, "pixel_size": truth.pixel_size, "field_grid": {"columns": 2}}
    scan = registry.get("named_images").scan(str(truth.folders[0]), options=options)
    images = {(tile.fov_name, tile.start_c, tile.start_z) for tile in scan.tiles}
    assert len(images) == 2 * 2 * 2 and {fov for fov, _, _ in images} == {"0_0", "0_1"}


def test_files_of_other_names_are_said_and_a_foreign_stack_is_refused(tmp_path: Path) -> None:
    truth = write_squid(tmp_path, **SMALL)
    tifffile.imwrite(truth.folders[0] / "0" / "overview.tiff", np.zeros((4, 5), np.uint8))
    assert _said(_scan(truth), "left out: 0/overview.tiff")
    tifffile.imwrite(truth.folders[0] / "0" / "B3_0_stack.tiff", np.zeros((4, 5), np.uint8))
    with pytest.raises(ConvertersToolsUserError, match="page 0: its description states no 'z_level'"):
        _scan(truth)


def test_a_folder_without_settings_is_not_squid(tmp_path: Path) -> None:
    truth = write_squid(tmp_path, **SMALL, newer=False)
    assert registry.detect(truth.folders[0]).name == "squid"
    (truth.folders[0] / "acquisition parameters.json").unlink()
    with pytest.raises(ConvertersToolsFileNotFoundError, match="holds neither"):
        _scan(truth)


def test_a_plate_keeps_its_acquisitions_apart(tmp_path: Path) -> None:
    truth = write_squid(tmp_path / "in", **SMALL, acquisitions=2)
    made = convert(truth.folders, tmp_path / "out", format="squid", plate_name="Plate", workers=1)
    assert [each["attributes"]["acquisition"] for each in made.updates] == [0, 1]
