"""The registry of named steps."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.pipelines import (
    add_collection_handler,
    add_filter,
    add_registration_func,
    add_validator,
)
from fractal_omezarr_converters.pipelines.steps import StepRegistry


def one(value: int) -> int:
    return value


def other(value: int) -> int:
    return -value


def registry() -> StepRegistry:
    return StepRegistry("filter", "fractal_omezarr_converters.none")


def test_a_second_function_of_one_name_is_refused_unless_asked() -> None:
    steps = registry()
    steps.add(function=one, name="step")
    with pytest.raises(ConvertersToolsUserError, match="'step' exists already"):
        steps.add(function=other, name="step")
    steps.add(function=other, name="step", overwrite=True)
    assert steps.get("step") is other


@pytest.mark.parametrize(
    ("add", "kind", "label"),
    [
        (add_filter, "filter", "name"),
        (add_validator, "validator", "name"),
        (add_registration_func, "registration step", "name"),
        (add_collection_handler, "collection handler", "collection_type"),
    ],
)
def test_every_registry_keeps_the_first_function_of_a_name(add, kind, label) -> None:
    name = f"of {kind}"
    add(function=one, **{label: name})
    add(function=one, **{label: name})
    with pytest.raises(ConvertersToolsUserError, match=f"The {kind} '{name}' exists already .*overwrite=True"):
        add(function=other, **{label: name})
    add(function=other, overwrite=True, **{label: name})
    with pytest.raises(ConvertersToolsUserError, match=f"The {kind} '{name}' exists already"):
        add(function=one, **{label: name})


STEPS_OF_OTHERS = """
def only_first(tile, filter_params):
    return tile.fov_name == "first"

def noted(tiled_image, validator_params, resource=None):
    tiled_image.notes.append("noted")

def moved(tiled_image):
    tiled_image.columns.start[:, 4] += 5
    return tiled_image

def prepared(zarr_dir, tiled_images, ngff_version, overwrite_mode):
    tiled_images[0].notes.append("prepared")
"""
USE_THEM = """
import warnings
from fractal_omezarr_converters import *
from fractal_omezarr_converters.core.dummy_tiles import StartPosition, TileShape
place, details = SingleImage(image_path="a"), AcquisitionDetails()
tiles = [build_dummy_tile(name, StartPosition(x=40 * i), TileShape(32, 24), place, details) for i, name in
         enumerate(("first", "second"))]
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    tiles = apply_filter_pipeline(tiles, filters_config=[{"name": "only_first"}])
assert "'broken' of distribution 'lab-steps' cannot be imported" in str(said[0].message), said
[image] = apply_validator_pipeline(tiled_image_from_tiles(tiles=tiles), validators_config=[{"name": "noted"}])
setup_ome_zarr_collection(tiled_images=[image], collection_type="Lab", zarr_dir=".")
moved = apply_registration_pipeline(image, [{"name": "moved", "params": {}}])
print(image.notes, moved.columns.start[:, 4].tolist(), moved.provenance[0]["module"])
"""


def test_steps_of_installed_distributions_are_found(tmp_path: Path) -> None:
    (tmp_path / "lab_steps.py").write_text(STEPS_OF_OTHERS)
    facts = tmp_path / "lab_steps-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-steps\nVersion: 1.0\n")
    offered = {
        "filters": "broken = no_such_module:step\nonly_first = lab_steps:only_first",
        "validators": "noted = lab_steps:noted",
        "registration_steps": "moved = lab_steps:moved",
        "collection_handlers": "Lab = lab_steps:prepared",
    }
    groups = [f"[fractal_omezarr_converters.{group}]\n{lines}\n" for group, lines in offered.items()]
    (facts / "entry_points.txt").write_text("\n".join(groups))
    ran = subprocess.run(
        [sys.executable, "-c", USE_THEM],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])},
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "['noted', 'prepared'] [5.0] lab_steps"


def test_an_unknown_name_lists_the_known_ones() -> None:
    steps = registry()
    steps.add(function=one)
    with pytest.raises(ConvertersToolsUserError, match="no filter called 'two'; known are: 'one'"):
        steps.get("two")


def test_f69_the_defining_module_is_imported_where_the_step_is_unknown() -> None:
    steps = registry()
    with pytest.raises(ConvertersToolsUserError, match="cannot be imported here"):
        steps.get("step", "no_such_module_anywhere")
    with pytest.raises(ConvertersToolsUserError, match="ran as main program"):
        steps.get("step", "__main__")
