"""Where fields of view go: grid, corners, overlaps."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fractal_omezarr_converters.errors import NotAGridError, NotTilableError
from fractal_omezarr_converters.pipelines.tiling import common_size, nearest_corners, overlaps, snap_to_grid


def names_of(count: int) -> list[str]:
    return [f"FOV_{number}" for number in range(count)]


def test_f12_a_missing_column_is_still_a_grid() -> None:
    positions = np.array([[0, 0], [230, 0], [690, 0], [0, 300], [690, 300]], dtype=float)
    snapped = snap_to_grid(positions, (256, 320), 1)
    np.testing.assert_array_equal(snapped, [[0, 0], [256, 0], [768, 0], [0, 320], [768, 320]])


def test_f12_only_double_steps_are_one_step() -> None:
    positions = np.array([[0, 0], [460, 0], [920, 0]], dtype=float)
    np.testing.assert_array_equal(snap_to_grid(positions, (256, 256), 1)[:, 0], [0, 256, 512])


@settings(max_examples=60, deadline=None)
@given(
    st.sets(st.tuples(st.integers(0, 5), st.integers(0, 4)), min_size=1, max_size=12),
    st.floats(0.5, 1.3),
    st.integers(0, 2**31),
)
def test_a_grid_with_holes_keeps_neighbours(cells: set[tuple[int, int]], pitch: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    grid = np.array(sorted(cells), dtype=float)
    positions = np.rint(grid * pitch * np.array([200, 100]) + rng.uniform(-0.4, 0.4, grid.shape))
    try:
        snapped = snap_to_grid(positions, (200, 100), 1.5)
    except NotAGridError:
        return
    relative = (snapped - snapped.min(axis=0)) / np.array([200, 100])
    np.testing.assert_array_equal(relative, np.rint(relative))
    assert len(np.unique(relative, axis=0)) == len(positions)
    order = rng.permutation(len(positions))
    np.testing.assert_array_equal(snap_to_grid(positions[order], (200, 100), 1.5), snapped[order])


def test_uneven_steps_are_not_a_grid_and_a_field_is_named() -> None:
    positions = np.array([[0, 0], [200, 0], [533, 0]], dtype=float)
    with pytest.raises(
        NotAGridError, match=r"along x, 'FOV_\d' lies .* px off its cell .*pitch \d.* px.*1.5 px are allowed"
    ):
        snap_to_grid(positions, (256, 256), 1, names_of(3))


def test_random_positions_are_not_a_grid_of_tiny_steps() -> None:
    with pytest.raises(NotAGridError):
        snap_to_grid(np.array([[0, 0.0], [0, 3.0], [0, 200.0], [0, 411.0]]), (256, 256), 1)


def test_staggered_rows_are_not_a_grid_of_half_steps() -> None:
    positions = np.array([[0, 0], [200, 0], [100, 200], [300, 200]], dtype=float)
    for tolerance in (1, 90):
        with pytest.raises(NotAGridError):
            snap_to_grid(positions, (200, 200), tolerance)


def test_f13_unequal_sizes_are_named() -> None:
    with pytest.raises(NotTilableError, match=r"'FOV_0' 32 x 16 px, 'FOV_1' 64 x 16 px"):
        common_size(np.array([[32, 16], [64, 16]], dtype=float), names_of(2))
    with pytest.raises(NotTilableError) as caught:
        common_size(np.array([[32, 16 + number] for number in range(9)], dtype=float), names_of(9))
    assert str(caught.value).count("'FOV_") == 5


def test_f14_corners_do_not_depend_on_the_order_of_rows() -> None:
    rng = np.random.default_rng(5)
    grid = np.stack(np.meshgrid(np.arange(4), np.arange(3)), axis=-1).reshape(-1, 2)
    positions = np.rint(grid * np.array([100, 80]) + rng.uniform(-12, 12, grid.shape))
    positions[0] = 0
    positions = np.maximum(positions, 0)
    expected = grid * np.array([100, 80])
    for _ in range(5):
        order = rng.permutation(len(positions))
        corners = nearest_corners(positions[order], (100, 80), [names_of(12)[i] for i in order])
        np.testing.assert_array_equal(corners, expected[order])


def test_f14_of_two_equal_assignments_always_the_same_is_taken() -> None:
    """Two fields halfway between two corners: either may have either, and the order of rows must not decide."""
    positions = np.array([[0, 0], [150, 0], [150, 40]], dtype=float)
    found = {}
    for order in permutations(range(3)):
        corners = nearest_corners(positions[list(order)], (100, 100), [names_of(3)[i] for i in order])
        found[order] = corners[np.argsort(order)].tolist()
    assert len({str(corners) for corners in found.values()}) == 1
    assert sorted(found[0, 1, 2][1:]) == [[100, 0], [200, 0]]


def test_f14_a_field_between_two_corners_makes_room() -> None:
    """The first in order would take the only corner of the second; the matching gives the smallest total instead."""
    positions = np.array([[50, 0], [0, 0], [100, 0], [350, 0]], dtype=float)
    with pytest.raises(NotAGridError, match="would share one corner"):
        nearest_corners(positions, (100, 100), names_of(4))
    positions = np.array([[0, 0], [150, 0], [100, 0], [250, 0]], dtype=float)
    corners = nearest_corners(positions, (100, 100), names_of(4))
    assert sorted(corners[:, 0].tolist()) == [0, 100, 200, 300]
    assert corners[2, 0] == 100


def brute_force_total(relative: np.ndarray, cells: list[tuple[int, int]]) -> float:
    return min(
        sum(float(np.hypot(*(relative[i] - np.asarray(cell)))) for i, cell in enumerate(chosen))
        for chosen in permutations(cells, len(relative))
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), min_size=2, max_size=4, unique=True))
def test_f14_no_assignment_has_a_smaller_total(halves: list[tuple[int, int]]) -> None:
    positions = np.array(halves, dtype=float) * 5
    try:
        corners = nearest_corners(positions, (10, 10), names_of(len(halves)))
    except NotAGridError:
        return
    relative = (positions - positions.min(axis=0)) / 10
    total = float(np.hypot(*((corners - positions) / 10).T).sum())
    cells = [(x, y) for x in range(5) for y in range(4)]
    if len(halves) <= 3:
        assert total == pytest.approx(brute_force_total(relative, cells))
    assert np.abs(corners - positions).max() <= 5
    assert len(np.unique(corners, axis=0)) == len(halves)


def test_f14_far_moves_are_refused() -> None:
    """A 7 x 7 mosaic with 20 % overlap cannot be spread over corners without moving fields further than half their size."""
    grid = np.stack(np.meshgrid(np.arange(7), np.arange(7)), axis=-1).reshape(-1, 2)
    with pytest.raises(NotAGridError):
        nearest_corners(grid * 80.0, (100, 100), names_of(49))


def test_f15_overlaps_are_counted() -> None:
    starts = np.array([[0, 0], [90, 0], [0, 95], [500, 500]])
    sizes = np.array([[100, 100]] * 4)
    found = overlaps(starts, sizes)
    assert [(one.loser, one.winner, one.pixels) for one in found] == [(0, 1, 1000), (0, 2, 500), (1, 2, 50)]
