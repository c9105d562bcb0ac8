"""Plans of all real data of plate microscopes, when they are on this computer, compared with files beside this test.

What the files state was compared with the vendors' files field by field, by other code than that of this package. After a change
that is meant, ``pytest tests/formats/test_plans_of_real_data.py --update-snapshots`` writes them anew; look at what changed.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from fractal_omezarr_converters.convert import convert
from fractal_omezarr_converters.ngff.reader import open_image
from fractal_omezarr_converters.testing import check_plan_snapshot

pytestmark = pytest.mark.filterwarnings("ignore::fractal_omezarr_converters.errors.ConvertersToolsWarning")

PLANS = Path(__file__).parent / "plans"
MINIMAL = "cellvoyager/cv8000-minimal-2c3w4s/CV8000-Minimal-DataSet-2C-3W-4S-FP2-stack"
GRID = {"field_grid": {"columns": 2}}

#: Name of the snapshot: folder or file, and the options that its metadata lack.
CASES: dict[str, tuple[str, dict[str, Any]]] = {
    "named_images/arrayscan": (
        "arrayscan-tiff/cellprofiler-AS_09047-rowO",
        {"pixel_size": 1.0, "field_grid": {"columns": 3}},
    ),
    "cellvoyager/cv8000-minimal": (MINIMAL, {}),
    "cellvoyager/cv7000-example": ("cellvoyager/ctypes-CV7000-example", {}),
    "cellvoyager/cv7000-z-processed": ("cellvoyager/ctypes-CV7000_z_processed", {}),
    "cellvoyager/cv8000-root": ("cellvoyager/ctypes-root", {}),
    "cellvoyager/ftc-png": ("cellvoyager/ftc-png", {}),
    "cellvoyager/ftc-syn1536": ("cellvoyager/ftc-syn1536", {}),
    "cellvoyager/uzh-1w1p1c1z1t": ("cellvoyager/uzh-1w1p1c1z1t/1w1p1c1z1t", {}),
    "imagexpress_hcsai/uzh-binning4x4": ("imagexpress-hcsai/uzh-1w1s1t1c1z_binning4x4", {}),
    "incell/apx-ic6000-cycle_0": ("incell/apx-ic6000-cycle_0", {}),
    "metaxpress/adsa-single-file": ("metaxpress/cellprofiler-ADSAStaph-singlefile", {"pixel_size": 0.645}),
    "metaxpress/exported-3420": ("metaxpress/exported-9987_Plate_3420", {}),
    "metaxpress/exported-3435": ("metaxpress/exported-9987_Plate_3435", {}),
    "metaxpress/exported-3435-repeated": ("metaxpress/exported-9987_Plate_3435", {"repeated_frames": "keep"}),
    "metaxpress/zmb-3433": ("metaxpress/zmb-9987_Plate_3433", {}),
    "metaxpress/zmb-3433-projections": ("metaxpress/zmb-9987_Plate_3433", {"planes": "projections"}),
    "metaxpress/zmb-htd-only-40x": ("metaxpress/zmb-htd-only-40x", {}),
    "metaxpress/ix-vertical": ("metaxpress/ix-1well-3C-2S-Zmix-T", {}),
    "metaxpress/ix-vertical-projections": ("metaxpress/ix-1well-3C-2S-Zmix-T", {"planes": "projections"}),
    "metaxpress/ix-single-channel": ("metaxpress/ix-SingleChannel", {}),
    "metaxpress/ix-single-channel-projections": ("metaxpress/ix-SingleChannel", {"planes": "projections"}),
    "micromanager/12-bit-mda": ("micromanager/ndtiff-12_bit_pycromanager_mda", {}),
    "micromanager/ndtiff-2": ("micromanager/ndtiff-ndtiffv2.0_test", {}),
    "micromanager/ndtiff-2-stitched": ("micromanager/ndtiff-ndtiffv2.0_stitched_test", {}),
    "micromanager/ndtiff-3": ("micromanager/ndtiff-ndtiffv3.0_test", {}),
    "micromanager/ndtiff-3-stitched": ("micromanager/ndtiff-ndtiffv3.0_stitched_test", {}),
    "ome_plate/fake-plate-rows-2": ("ome-tiff-spw/ome-types-xml/fake-plate-rows-2.ome.xml", {}),
    "ome_plate/hcs": ("ome-tiff-spw/ome-types-xml/hcs.ome.xml", {}),
    "ome_plate/one-screen": (
        "ome-tiff-spw/ome-types-xml/one-screen-one-plate-four-wells.ome.xml",
        {**GRID, "pixel_size": 1.0},
    ),
    "ome_plate/two-screens-first": (
        "ome-tiff-spw/ome-types-xml/two-screens-two-plates-four-wells.ome.xml",
        {**GRID, "plate": "Plate:1", "pixel_size": 1.0},
    ),
    "ome_plate/two-screens-second": (
        "ome-tiff-spw/ome-types-xml/two-screens-two-plates-four-wells.ome.xml",
        {**GRID, "plate": "twoName", "pixel_size": 1.0},
    ),
    "operetta/compose-plate": ("operetta/operetta-compose-plate", {}),
    "operetta/compose-plate-nominal": ("operetta/operetta-compose-plate", {"field_positions": "nominal"}),
    "operetta/phenix-v5": ("operetta/pe2loaddata-Version1", {}),
    "operetta/phenix-v7": ("operetta/pe2loaddata-Version7", {}),
    "operetta/uzh-1w1p1c1z1t": ("operetta/uzh-1w1p1c1z1t/1w1p1c1z1t", {}),
    "scanr/older-single-file": ("scanr/cellprofiler-scanr-singlefile", {"plate_type": "96", "pixel_size": 0.645}),
    "scanr/uzh-1w1p1c1z1t": ("scanr/uzh-1w1p1c1z1t", {}),
}

#: Metadata that lie beside each other under other names: records and details of one measurement.
CELLVOYAGER_PAIRS = {
    "ftc-2x2-well": ("MeasurementData_2x2_well.mlf", "MeasurementDetail_2x2_well.mrf"),
    "ftc-single-z": ("MeasurementData_SingleWell2Sites_SingleZ.mlf", "MeasurementDetail.mrf"),
    "ftc-multi-z": ("MeasurementData_SingleWell2Sites_MultiZ.mlf", "MeasurementDetail.mrf"),
    "ftc-well-in-plate-name": (
        "MeasurementData_SingleWell2Sites_MultiZ_another_well_name_in_plate_name.mlf",
        "MeasurementDetail.mrf",
    ),
    "ftc-overlapping": ("overlapping_ROIs/MeasurementData.mlf", "MeasurementDetail.mrf"),
}


@pytest.mark.parametrize("name", CASES)
def test_plan(shared_data: Path, name: str, update_snapshots: bool) -> None:
    place, options = CASES[name]
    chosen = name.partition("/")[0]
    check_plan_snapshot(
        shared_data / place,
        PLANS / f"{name}.json",
        update_snapshots=update_snapshots,
        format=chosen,
        options=options,
    )


def _holds_pixels(name: str) -> bool:
    """Whether images are there, by the snapshot."""
    stored = PLANS / f"{name}.json"
    return stored.is_file() and json.loads(stored.read_text("utf-8"))["states"]["present"] > 0


@pytest.mark.parametrize("name", filter(_holds_pixels, CASES))
def test_conversion(shared_data: Path, tmp_path: Path, name: str) -> None:
    """Whatever has pixels is converted, and every pixel compared with its source."""
    place, options = CASES[name]
    chosen = name.partition("/")[0]
    made = convert(
        shared_data / place, tmp_path, workers=1, verify=True, format=chosen, format_options=options, executor="threads"
    )
    assert made.verification is not None and made.verification.ok
    stored = json.loads((PLANS / f"{name}.json").read_text("utf-8"))
    found = {
        Path(each["zarr_url"]).relative_to(tmp_path).as_posix(): open_image(each["zarr_url"]) for each in made.updates
    }
    assert {path: list(image.shape) for path, image in found.items()} == {
        path: image["shape"] for path, image in stored["images"].items()
    }


@pytest.mark.parametrize("name", CELLVOYAGER_PAIRS)
def test_plan_of_metadata_under_other_names(
    shared_data: Path, tmp_path: Path, name: str, update_snapshots: bool
) -> None:
    for wanted, file in zip(("MeasurementData.mlf", "MeasurementDetail.mrf"), CELLVOYAGER_PAIRS[name], strict=True):
        shutil.copy(shared_data / "cellvoyager" / "ftc-metadata_files" / file, tmp_path / wanted)
    check_plan_snapshot(tmp_path, PLANS / "cellvoyager" / f"{name}.json", update_snapshots=update_snapshots)


def test_plan_of_a_tile_table(shared_data: Path, tmp_path: Path, update_snapshots: bool) -> None:
    """The table is real, its images are made here: the plan needs their sizes."""
    source = tmp_path / "uzh-customtiff-tables"
    shutil.copytree(shared_data / "generic-tiff" / source.name, source)
    (source / "data").mkdir()
    for name in ("fov1_z0", "fov1_z1", "fov2_z0", "fov2_z1"):
        tifffile.imwrite(source / "data" / f"{name}.tif", np.zeros((64, 64), np.uint16))
    check_plan_snapshot(source, PLANS / "tile_table" / "uzh-customtiff.json", update_snapshots=update_snapshots)


def test_every_set_of_a_plate_microscope_has_a_plan(shared_data: Path) -> None:
    """A data set that is added to the folder must be added here, too."""
    others = {"lif", "nd2", "czi", "ometiff"}  # files, not plates
    told_elsewhere = {
        "cellvoyager/faim-eicm",
        "ome-tiff-spw/faim-companion-ome",
    }  # no plan: see the tests of their formats
    pairs = "cellvoyager/ftc-metadata_files"
    tables = "generic-tiff/uzh-customtiff-tables"
    planned = {"/".join(place.split("/")[:2]) for place, _ in CASES.values()} | told_elsewhere | {pairs, tables}
    there = {
        f"{kind.name}/{one.name}"
        for kind in shared_data.iterdir()
        if kind.is_dir() and kind.name not in others
        for one in kind.iterdir()
        if one.is_dir()
    }
    assert there - planned == set()
