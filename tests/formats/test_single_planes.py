"""Channels taken in one plane beside stacks: written once, or at every plane of the stack when that is wanted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fractal_omezarr_converters.convert import convert
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.ngff.reader import open_image
from fractal_omezarr_converters.testing import (
    PlaneKey,
    SyntheticPlate,
    check_format,
    write_cellvoyager,
    write_hcsai,
    write_incell,
    write_metaxpress,
)

SMALL: dict[str, Any] = {"wells": ("B03",), "planes": 3, "layout": (1, 2), "overlap": 0, "times": 2}
FLAT = [PlaneKey("B03", field, 1, z, t) for field in (1, 2) for z in (1, 2) for t in (0, 1)]
REPEAT = {"single_planes": "repeat"}


@pytest.mark.parametrize(
    ("name", "write", "settings"),
    [
        ("cellvoyager", write_cellvoyager, {"absent": FLAT}),
        ("imagexpress_hcsai", write_hcsai, {"absent": FLAT}),
        ("incell", write_incell, {"flat": (1,)}),
        ("metaxpress", write_metaxpress, {"absent": FLAT}),
    ],
)
def test_single_planes(
    tmp_path: Path, name: str, write: Callable[..., SyntheticPlate], settings: dict[str, Any]
) -> None:
    truth = write(tmp_path / "in", **SMALL, **settings)
    source = truth.folders[0]
    once = registry.get(name).scan(str(source))
    assert (once.states.present, once.states.never_acquired) == (2 * 2 * 4, 2 * 2 * 2)
    check_format(name, source, options=REPEAT)
    again = registry.get(name).scan(str(source), options=REPEAT)
    assert (again.states.present, again.states.never_acquired) == (2 * 2 * 6, 0)
    assert any("8 planes were added" in each for each in again.warnings)
    done = convert(source, tmp_path / "out", workers=1, verify=True, format=name, format_options=REPEAT)
    assert done.verification is not None and done.verification.ok
    pixels = open_image(done.updates[0]["zarr_url"]).read(0)  # t, c, z, y, x
    assert pixels.shape[:3] == (2, 2, 3) and pixels[:, 1].any()
    for z in (1, 2):
        np.testing.assert_array_equal(pixels[:, 1, z], pixels[:, 1, 0])
        assert (pixels[:, 0, z] != pixels[:, 0, 0]).any()


def test_a_well_without_stacks_stays_flat(tmp_path: Path) -> None:
    """Nothing is repeated where a well has no stack, though another one has."""
    flat = [PlaneKey("B04", 1, c, z, 0) for c in (0, 1) for z in (1, 2)]
    settings = {**SMALL, "wells": ("B03", "B04"), "layout": (1, 1), "times": 1}
    truth = write_cellvoyager(tmp_path, **settings, absent=flat)
    scan = registry.get("cellvoyager").scan(str(truth.folders[0]), options=REPEAT)
    assert len(scan.tiles) == 6 + 2 and not any("were added" in each for each in scan.warnings)


def test_what_is_left_of_a_stack_whose_files_are_missing_is_not_repeated(tmp_path: Path) -> None:
    """The only plane that was left of three was shown in the places of the two that are missing."""
    missing = [PlaneKey("B03", 1, 0, z, 0) for z in (1, 2)]
    settings = {**SMALL, "times": 1}
    truth = write_cellvoyager(tmp_path / "in", **settings, missing=missing)
    done = convert(truth.folders[0], tmp_path / "out", workers=1, format="cellvoyager", format_options=REPEAT)
    [plan] = done.plan.images
    assert plan.missing_planes.count == 2
    pixels = open_image(done.updates[0]["zarr_url"]).read(0)  # c, z, y, x
    half = pixels.shape[-1] // 2
    assert pixels[0, 0, :, :half].all()
    assert not pixels[0, 1:, :, :half].any()
