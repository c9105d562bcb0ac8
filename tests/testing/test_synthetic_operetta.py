"""The artificial exports tell the truth about themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from fractal_omezarr_converters.testing import PlaneKey, write_operetta
from fractal_omezarr_converters.testing.synthetic_world import specimen


def test_files_hold_the_planes_they_are_said_to_hold(tmp_path: Path) -> None:
    missing, empty = PlaneKey("B03", 1, 0, 1), PlaneKey("B03", 2, 1, 0)
    truth = write_operetta(tmp_path, acquisitions=2, times=2, missing=[missing], empty=[empty])
    files = sorted(path.name for folder in truth.folders for path in folder.rglob("*.tiff"))
    expected = [truth.url(key) for a in range(2) for key in truth.listed(a) if truth.is_there(key)]
    assert files == sorted(expected) and len(files) == 2 * 64 - 2
    for key in truth.listed(1)[::7]:
        found = tifffile.imread(truth.folders[1] / "Images" / truth.url(key))
        np.testing.assert_array_equal(found, truth.pixels(key))


def test_overlapping_fields_show_the_same_specimen(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, wells=("B03",), layout=(2, 2), overlap=10, planes=1)
    (y1, x1), (y2, x2) = truth.corner(1), truth.corner(2)
    assert (y2 - y1, x2 - x1) == (0, 54)
    np.testing.assert_array_equal(truth.plane("B03", 1)[:, 54:], truth.plane("B03", 2)[:, :10])
    assert truth.mosaic("B03").shape == truth.mosaic_shape == (86, 118)
    np.testing.assert_array_equal(truth.mosaic("B03"), truth.specimen(PlaneKey("B03", 1), 0, 0, 86, 118))


def test_planes_differ_from_each_other(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path, times=2, layout=(1, 2), acquisitions=2)
    keys = truth.listed(0) + truth.listed(1)
    assert len({truth.pixels(key).tobytes() for key in keys}) == len(keys)


@pytest.mark.parametrize(("y", "x"), [(0, 0), (13, 70), (-20, -7)])
def test_the_specimen_depends_on_the_place_only(y: int, x: int) -> None:
    whole = specimen(-40, -40, 160, 160, channel=1, z=2, t=3, seed=5)
    found = specimen(y, x, 30, 20, channel=1, z=2, t=3, seed=5)
    np.testing.assert_array_equal(found, whole[y + 40 : y + 70, x + 40 : x + 60])
