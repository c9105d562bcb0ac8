"""InCell: records, two signs of y, projections, times and states, from artificial measurements of known truth."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.formats.contract import Scan
from fractal_omezarr_converters.testing import (
    PlaneKey,
    SyntheticIncell,
    check_format,
    convert_and_compare,
    write_incell,
)

UGLY: dict[str, Any] = {
    "times": 2,
    "planes": 3,
    "layout": (2, 3),
    "acquisitions": 2,
    "pixel_size_y": 0.8,
    "missing": [PlaneKey("B03", 2, 0, 1, 1)],
    "absent": [
        PlaneKey("C05", 4, 1, 1, 0),
        *(PlaneKey("C05", 6, c, z, t) for c in (0, 1) for z in range(3) for t in (0, 1)),
    ],
}


def _scan(truth: SyntheticIncell, acquisition: int = 0, **options: Any) -> Scan:
    return registry.get("incell").scan(str(truth.folders[acquisition]), options=options)


def _edited(truth: SyntheticIncell, old: str, new: str) -> SyntheticIncell:
    path = truth.folders[0] / "stack.xdce"
    text = path.read_text("latin-1")
    assert old in text
    path.write_text(text.replace(old, new), "latin-1")
    return truth


@pytest.mark.parametrize("acquisition", [0, 1])
def test_conformance(tmp_path: Path, acquisition: int) -> None:
    check_format("incell", write_incell(tmp_path, **UGLY).folders[acquisition])


@pytest.mark.parametrize("settings", [{}, {"plate_positions": False}, {"sub_folders": True}, {"flat": (1,)}])
def test_every_plane_and_field_is_where_it_belongs(tmp_path: Path, settings: dict[str, Any]) -> None:
    truth = write_incell(tmp_path / "in", **UGLY, **settings)
    convert_and_compare(truth, tmp_path / "out", format_name="incell")


def test_relative_positions_are_the_same_by_plate_and_by_offset(tmp_path: Path) -> None:
    found = []
    for on in (True, False):
        scan = _scan(write_incell(tmp_path / str(on), wells=("B03",), planes=1, plate_positions=on))
        start = scan.tiles.start[:, 3:]
        found.append(start - start[0])
    np.testing.assert_allclose(found[0], found[1], atol=1e-6)
    assert np.ptp(found[0], axis=0).min() > 0


def test_a_projection_is_one_plane_though_it_states_slices(tmp_path: Path) -> None:
    scan = _scan(write_incell(tmp_path, planes=1, flat=(0, 1)))
    assert scan.facts["z_planes"] == 1 and scan.tiles.acquisitions[0].z_spacing == 1.0
    assert [each["imaging_mode"] for each in scan.facts["channels"]] == ["Max Intensity Projection"] * 2


def test_a_flat_channel_beside_a_stack_leaves_planes_empty_and_says_so(tmp_path: Path) -> None:
    scan = _scan(write_incell(tmp_path, planes=3, flat=(1,), wells=("B03",)))
    assert scan.facts["z_planes"] == 3 and scan.states.never_acquired == 4 * 2
    assert scan.tiles.acquisitions[0].z_spacing == 1.5


@pytest.mark.parametrize("mode", ["", 'imaging_mode="2-D" '])
def test_images_of_several_slices_are_a_stack_whatever_the_mode_says(tmp_path: Path, mode: str) -> None:
    truth = _edited(write_incell(tmp_path / "in", planes=3, wells=("B03",)), 'imaging_mode="3-D" ', mode)
    scan = _scan(truth)
    assert scan.facts["z_planes"] == 3 and scan.tiles.acquisitions[0].z_spacing == 1.5
    assert sum("has images of several slices; they are taken as a stack" in each for each in scan.warnings) == 2
    convert_and_compare(truth, tmp_path / "out", format_name="incell")


@pytest.mark.parametrize(("single_planes", "planes"), [("once", 1), ("repeat", 3)])
def test_a_file_that_is_listed_for_every_slice_is_one_plane(tmp_path: Path, single_planes: str, planes: int) -> None:
    """Exports for IN Carta list the only image of a channel once for every slice of the stacks beside it."""
    truth = write_incell(tmp_path, planes=3, wells=("B03",))
    for z in ("02", "03"):
        _edited(truth, f"Alexa 647 z {z}", "Alexa 647 z 01")
    scan = _scan(truth, single_planes=single_planes)
    assert len(scan.tiles) == 4 * (3 + planes)
    assert scan.states.never_acquired == 4 * (3 - planes)
    assert any("8 records name the file of another slice again" in each for each in scan.warnings)


def test_numbers_are_those_of_the_description(tmp_path: Path) -> None:
    scan = _scan(write_incell(tmp_path, times=3, seconds=47.5, planes=2, pixel_size_y=0.7))
    details = scan.tiles.acquisitions[0]
    assert (details.xy_pixel_size, details.y_pixel_size, details.z_spacing) == (0.65, 0.7, 1.5)
    assert details.t_spacing == pytest.approx(47.5) and scan.facts["frame_times_s"] == pytest.approx([0, 47.5, 95])
    assert [each.channel_label for each in details.channels or ()] == ["DAPI", "Alexa 647"]
    assert [each.wavelength_id for each in details.channels or ()] == ["456", "706"]
    assert [each["excitation_nm"] for each in scan.facts["channels"]] == [406, 656]
    assert scan.plate is not None
    assert (scan.plate.name, scan.plate.rows, scan.plate.columns) == ("Synthetic Plate", 16, 24)
    assert scan.plate.start_time == 1706094334 and scan.plate.barcode == "Synthetic Plate"


@pytest.mark.parametrize(("stated", "unit"), [("650.0", "nm"), ("0.00065", "mm"), ("0.65", "?m")])
def test_the_pixel_size_is_in_the_unit_that_is_stated(tmp_path: Path, stated: str, unit: str) -> None:
    truth = write_incell(tmp_path, planes=1, wells=("B03",))
    old = 'pixel_height="0.65" pixel_width="0.65" unit="µm"'
    scan = _scan(_edited(truth, old, f'pixel_height="{stated}" pixel_width="{stated}" unit="{unit}"'))
    assert scan.tiles.acquisitions[0].xy_pixel_size == pytest.approx(0.65)


def test_a_z_step_that_is_not_that_of_the_heights_is_not_used(tmp_path: Path) -> None:
    scan = _scan(_edited(write_incell(tmp_path, planes=3), 'z_step="1.5"', 'z_step="9"'))
    assert scan.tiles.acquisitions[0].z_spacing == 1.5
    assert any("states a z step of 9 µm, but the heights of the images are 1.5 µm apart" in w for w in scan.warnings)


def test_more_images_announced_than_described(tmp_path: Path) -> None:
    truth = write_incell(tmp_path, planes=1, wells=("B03",))
    scan = _scan(_edited(truth, 'number="0000000008"', 'number="0000001536"'))
    assert any("announces 1536 images and describes 8" in each for each in scan.warnings)


def test_computed_waves_are_left_out(tmp_path: Path) -> None:
    truth = write_incell(tmp_path, planes=1, wells=("B03",))
    old = 'fusion_wave="false" imaging_mode="2-D" index="1"'
    scan = _scan(_edited(truth, old, old.replace("false", "true")))
    assert len(scan.tiles) == 4 and any("4 images that the instrument computed" in each for each in scan.warnings)


def test_a_label_that_contradicts_the_row_wins_and_is_said(tmp_path: Path) -> None:
    truth = write_incell(tmp_path, planes=1, wells=("B03",))
    scan = _scan(_edited(truth, '<Well label="B - 3">', '<Well label="D - 3">'))
    assert {each.row for each in scan.tiles.collections} == {"D"}
    assert any("contradicts its row and column in 8 images" in each for each in scan.warnings)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('<Row number="2"/>', "", r"<Row> of <Well> is missing"),
        ('wave_index="1"', 'wave_index="7"', r"'wave_index' of <Identifier> is 7, but no such Wavelength"),
        ('<PlatePosition_um x="', '<PlatePosition_um x="inf" old="', "'x' of <PlatePosition_um> is 'inf'"),
        ('pixel_width="0.65"', 'pixel_width="0"', r"'pixel_width' of <ObjectiveCalibration> is 0; expected"),
        ("<ImageStack", "<ImageStuck", "not valid XML"),
        ('columns="24" rows="16"', 'columns="24" rows="160"', "'rows' of <Plate> is 160; expected 1 to 32"),
        ("</ImageStack>", "", "ends too early"),
    ],
)
def test_metadata_that_lie(tmp_path: Path, old: str, new: str, message: str) -> None:
    truth = write_incell(tmp_path, planes=1, wells=("B03",))
    with pytest.raises(ConvertersToolsUserError, match=message):
        _scan(_edited(truth, old, new))


def test_all_faults_are_reported_together(tmp_path: Path) -> None:
    truth = write_incell(tmp_path, planes=1, wells=("B03",))
    with pytest.raises(ConvertersToolsUserError, match="8 problems"):
        _scan(_edited(truth, 'field_index="', 'field_index="x'))


def test_folders_that_lack_something(tmp_path: Path) -> None:
    truth = write_incell(tmp_path, planes=1, acquisitions=2, wells=("B03",))
    with pytest.raises(ConvertersToolsUserError, match="holds 2 descriptions"):
        registry.get("incell").scan(str(tmp_path))
    (truth.folders[0] / "stack.xdce").unlink()
    with pytest.raises(ConvertersToolsFileNotFoundError, match=r"holds no \.xdce"):
        _scan(truth)


def test_the_real_description_of_an_incell_6000(shared_data: Path) -> None:
    source = shared_data / "incell" / "apx-ic6000-cycle_0"
    check_format("incell", source)
    scan = registry.get("incell").scan(str(source))
    details = scan.tiles.acquisitions[0]
    assert (details.xy_pixel_size, scan.facts["z_planes"], len(scan.tiles)) == (0.1625, 1, 16)
    assert [each.channel_label for each in details.channels or ()] == ["DAPI", "FITC", "dsRed", "Cy5"]
    # position on the plate = centre of the well - offset along y: 17990 - 1295.458 for well C03
    first = next(tile for tile in scan.tiles if tile.collection.row == "C" and tile.fov_name == "FOV_1")
    assert first.start_x + 1024 * 0.1625 == pytest.approx(19881.5)
    assert first.start_y + 1024 * 0.1625 == pytest.approx(16694.5) == pytest.approx(17990 - 1295.458, abs=0.05)
    assert any("announces 1536 images and describes 16" in each for each in scan.warnings)
    assert {each.row for each in scan.tiles.collections} == {"C", "D"}


def test_without_time_stamps_the_times_in_the_names_of_files_count(tmp_path: Path) -> None:
    truth = write_incell(tmp_path, times=3, seconds=90.5, planes=1, wells=("B03",), layout=(1, 1))
    path = truth.folders[0] / "stack.xdce"
    path.write_text(re.sub(r' timestamp_sec="[^"]*"', "", path.read_text("latin-1")), "latin-1")
    scan = _scan(truth)
    assert scan.facts["frame_times_s"] == [0.0, 90.5, 181.0]
    assert scan.tiles.acquisitions[0].t_spacing == 90.5
    assert not any("time between frames" in each for each in scan.warnings)
