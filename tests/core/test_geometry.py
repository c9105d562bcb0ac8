"""Arithmetic of positions: orientation, whole pixels, frames, grids."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractal_omezarr_converters.core import geometry
from fractal_omezarr_converters.core.geometry import X, Y
from fractal_omezarr_converters.errors import ConvertersToolsUserError

um = st.floats(-1e5, 1e5, allow_nan=False, allow_infinity=False)
size = st.floats(0.05, 20, allow_nan=False, allow_infinity=False)
flags = st.tuples(st.booleans(), st.booleans(), st.booleans())


def boxes(*rows: tuple[float, float, float, float]) -> tuple[np.ndarray, np.ndarray]:
    """Give starts and lengths of tiles from (y, x, length y, length x)."""
    start, length = np.zeros((len(rows), 5)), np.ones((len(rows), 5))
    for i, (y, x, length_y, length_x) in enumerate(rows):
        start[i, 3:] = y, x
        length[i, 3:] = length_y, length_x
    return start, length


def test_f01_swap_exchanges_x_and_y_of_positions_only() -> None:
    start, length = boxes((10, 200, 32, 64))
    oriented = geometry.orient(start, length, swap_xy=True)
    assert oriented[0, [Y, X]].tolist() == [200, 10]
    assert length[0, [Y, X]].tolist() == [32, 64]


def test_f02_flip_mirrors_the_whole_interval() -> None:
    start, length = boxes((0, 0, 32, 32), (0, 32, 32, 64))
    oriented = geometry.orient(start, length, flip_x=True)
    assert oriented[:, X].tolist() == [-32, -96]
    assert (oriented + length)[:, X].tolist() == [0, -32]


def test_swap_comes_before_flips_along_the_output_axes() -> None:
    start, length = boxes((10, 200, 32, 64))
    oriented = geometry.orient(start, length, swap_xy=True, flip_x=True)
    assert oriented[0, [Y, X]].tolist() == [200, -(10 + 64)]


@given(st.lists(st.tuples(um, um, size, size), min_size=2, max_size=6), flags)
def test_f02_flips_neither_create_nor_remove_overlap(tiles: list, chosen: tuple[bool, bool, bool]) -> None:
    start, length = boxes(*tiles)
    flip_x, flip_y, _ = chosen
    oriented = geometry.orient(start, length, flip_x=flip_x, flip_y=flip_y)
    for axis in (Y, X):
        before = np.minimum.outer((start + length)[:, axis], (start + length)[:, axis]) - np.maximum.outer(
            start[:, axis], start[:, axis]
        )
        stop = (oriented + length)[:, axis]
        after = np.minimum.outer(stop, stop) - np.maximum.outer(oriented[:, axis], oriented[:, axis])
        np.testing.assert_allclose(after, before, atol=1e-9)


@given(st.lists(st.tuples(um, um, size, size), min_size=1, max_size=6), flags)
def test_orienting_twice_comes_back(tiles: list, chosen: tuple[bool, bool, bool]) -> None:
    start, length = boxes(*tiles)
    flip_x, flip_y, swap_xy = chosen
    once = geometry.orient(start, length, flip_x=flip_x, flip_y=flip_y)
    np.testing.assert_allclose(geometry.orient(once, length, flip_x=flip_x, flip_y=flip_y), start, atol=1e-9)
    swapped = geometry.orient(start, length, swap_xy=swap_xy)
    assert np.array_equal(geometry.orient(swapped, length, swap_xy=swap_xy), start)


@given(
    st.floats(-1e4, 1e4),
    st.lists(st.floats(1, 3000), min_size=1, max_size=8),
    size,
    st.sampled_from(["round", "floor", "ceil"]),
)
def test_f08_neighbours_that_abut_stay_neighbours(first: float, lengths: list[float], step: float, mode: Any) -> None:
    """No gap, no overlap: also with lengths that are not whole pixels and sums that carry rounding errors."""
    starts = [first * step]
    for value in lengths:
        starts.append(starts[-1] + value * step)
    start, length = boxes(*[(0, x, step, value * step) for x, value in zip(starts, lengths)])
    steps = geometry.axis_steps(y=step, x=step)
    whole, count = geometry.round_intervals(start, length, steps, mode)
    stop = whole[:, X] + count[:, X]
    assert stop[:-1].tolist() == whole[1:, X].tolist()


@given(um, st.integers(1, 4000), size)
def test_f08_a_tile_of_whole_pixels_keeps_its_length(start_um: float, count: int, step: float) -> None:
    start, length = boxes((start_um, start_um, count * step, count * step))
    _, pixels = geometry.round_intervals(start, length, geometry.axis_steps(y=step, x=step))
    assert pixels[0, [Y, X]].tolist() == [count, count]


def test_f05_pixels_need_not_be_square() -> None:
    start, length = boxes((10, 10, 20, 20))
    whole, count = geometry.round_intervals(start, length, geometry.axis_steps(y=2.0, x=0.5))
    assert (whole[0, [Y, X]].tolist(), count[0, [Y, X]].tolist()) == ([5, 20], [10, 40])


def test_starts_near_the_grid_settle_on_it_and_others_stay() -> None:
    start, _ = boxes((0.1008 * 7, 3.3, 1, 1))
    settled = geometry.settle(start, geometry.axis_steps(y=0.1, x=1.0), tolerance=0.1)
    assert settled[0, Y] == pytest.approx(0.7)
    assert settled[0, X] == 3.3


def test_f07_union_ends_at_zero_like_anywhere_else() -> None:
    start, length = boxes((-20, -30, 10, 30), (-10, -60, 10, 30))
    first, extent = geometry.union(start, length)
    assert (first[[Y, X]].tolist(), extent[[Y, X]].tolist()) == ([-20, -60], [20, 60])


def test_union_of_nothing_is_an_error_for_the_user() -> None:
    with pytest.raises(ConvertersToolsUserError, match="no tiles"):
        geometry.union(np.empty((0, 5)), np.empty((0, 5)))
