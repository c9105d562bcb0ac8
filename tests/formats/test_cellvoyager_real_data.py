"""CellVoyager: real measurements. Most hold metadata only; their facts were read from the files by hand."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from fractal_omezarr_converters.convert import convert, plan
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.testing import check_format

MINIMAL = "cv8000-minimal-2c3w4s/CV8000-Minimal-DataSet-2C-3W-4S-FP2-stack"


@pytest.fixture
def data(shared_data: Path) -> Path:
    """Folder of the CellVoyager data sets."""
    return shared_data / "cellvoyager"


@pytest.mark.parametrize(
    "name",
    [
        MINIMAL,
        "ftc-png",
        "ctypes-CV7000-example",
        "ctypes-CV7000_z_processed",
        "ctypes-root",
        "ftc-syn1536",
        "uzh-1w1p1c1z1t/1w1p1c1z1t",
    ],
)
def test_conformance(data: Path, name: str) -> None:
    check_format("cellvoyager", data / name)
    assert registry.detect(data / name).name == "cellvoyager"


def test_cut_positions_are_replaced_by_those_of_the_protocol(data: Path) -> None:
    scan = registry.get("cellvoyager").scan(str(data / MINIMAL))
    centre = {t.fov_name: (t.start_x + 1000 * 0.325, t.start_y + 1000 * 0.325) for t in scan.tiles}
    assert centre["FOV_1"] == pytest.approx((-567.18, -402.96)) and centre["FOV_4"] == pytest.approx((82.82, 247.04))
    steps = (centre["FOV_2"][0] - centre["FOV_1"][0]) / 0.325, (centre["FOV_3"][1] - centre["FOV_1"][1]) / 0.325
    assert steps == pytest.approx((2000, 2000))  # whole pixels; the records alone would say 1999.7
    details = scan.tiles.acquisitions[0]
    assert (details.xy_pixel_size, details.z_spacing) == (0.325, 3.0)
    assert [each.channel_label for each in details.channels or ()] == ["405", "488"]
    assert [each.color for each in details.channels or ()] == ["#002FFF", "#00FFA1"]
    assert [each["emission_nm"] for each in scan.facts["channels"]] == [445, 525]


def test_autofocus_logs_of_the_cv8000(data: Path, tmp_path: Path) -> None:
    source = tmp_path / "set"
    shutil.copytree(data / MINIMAL, source, ignore=shutil.ignore_patterns("*.tif"))
    shutil.copy(data / "cv8000-minimal-2c3w4s" / "TRACE2023-XX-XX.log", source)
    scan = registry.get("cellvoyager").scan(str(source), options={"autofocus_heights": True})
    assert np.diff(sorted(set(scan.tiles.start[:, 2]))) == pytest.approx([3.0] * (scan.facts["z_planes"] - 1))


def test_planes_of_the_cv8000_convert_and_verify(data: Path, tmp_path: Path) -> None:
    made = convert(data / MINIMAL, tmp_path, wells=["E03"], workers=1, verify=True)
    assert made.verification is not None and made.verification.ok and len(made.updates) == 1


def test_png_planes_convert_and_verify(data: Path, tmp_path: Path) -> None:
    made = convert(data / "ftc-png", tmp_path, workers=1, verify=True)
    assert made.verification is not None and made.verification.ok
    (image,) = plan(data / "ftc-png").images
    assert image.shape[-2:] == (2160, 5120)


def test_four_timelines_are_four_wells_of_one_frame(data: Path) -> None:
    scan = registry.get("cellvoyager").scan(str(data / "ctypes-CV7000-example"))
    assert scan.facts["frames"] == 1 and scan.facts["wells"] == 4
    # six channels are declared, four are used, one in each well
    assert [each.wavelength_id for each in scan.tiles.acquisitions[0].channels or ()] == [
        "A01_C01",
        "A01_C02",
        "A01_C03",
        "A01_C04",
    ]
    assert (scan.states.missing_file, scan.states.never_acquired) == (1984, 0)


def test_projections_with_channels_out_of_order(data: Path) -> None:
    scan = registry.get("cellvoyager").scan(str(data / "ctypes-CV7000_z_processed"))
    assert len(scan.tiles) == 135 and scan.facts["z_planes"] == 1
    ids = [each.wavelength_id for each in scan.tiles.acquisitions[0].channels or ()]
    assert ids == ["A01_C03", "A02_C04", "A03_C01"]
    assert scan.tiles.acquisitions[0].xy_pixel_size == 0.10833333333333334


def test_rows_of_a_plate_of_1536_wells(data: Path) -> None:
    scan = registry.get("cellvoyager").scan(str(data / "ftc-syn1536"))
    assert scan.plate is not None and (scan.plate.rows, scan.plate.columns) == (32, 48)
    assert {(each.row, each.column) for each in scan.tiles.collections} == {("E", 9)}


@pytest.mark.parametrize(
    ("records", "detail", "tiles"),
    [
        ("MeasurementData_2x2_well.mlf", "MeasurementDetail_2x2_well.mrf", 120),
        ("MeasurementData_SingleWell2Sites_SingleZ.mlf", "MeasurementDetail.mrf", 2),
        ("MeasurementData_SingleWell2Sites_MultiZ.mlf", "MeasurementDetail.mrf", 4),
        ("MeasurementData_SingleWell2Sites_MultiZ_another_well_name_in_plate_name.mlf", "MeasurementDetail.mrf", None),
        ("overlapping_ROIs/MeasurementData.mlf", "MeasurementDetail.mrf", 4),
    ],
)
def test_metadata_under_other_names(data: Path, tmp_path: Path, records: str, detail: str, tiles: int | None) -> None:
    shutil.copy(data / "ftc-metadata_files" / records, tmp_path / "MeasurementData.mlf")
    shutil.copy(data / "ftc-metadata_files" / detail, tmp_path / "MeasurementDetail.mrf")
    scan = registry.get("cellvoyager").scan(str(tmp_path))
    assert tiles is None or len(scan.tiles) == tiles
    assert set(scan.tiles.start[:, 0]) == {0.0}  # TimePoint 2 is the first frame
