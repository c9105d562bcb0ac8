"""Where the fields of view of a mosaic go: pure functions on whole-pixel positions.

Every function takes the first corners of the fields (n rows of x, y, in pixels) and the size of a field, and gives the new
corners. None depends on the order of the rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fractal_omezarr_converters.errors import NotAGridError, NotTilableError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SMALLEST_STEP = 0.25
"""Positions whose common step is below this share of a field are not taken for a grid: more than 75 % overlap."""


class AxisGrid(NamedTuple):
    """Positions along one axis read as cells of one pitch."""

    cells: Integers
    step: float
    steps: Floats


def common_size(sizes: Floats, names: Sequence[str]) -> tuple[float, float]:
    """The one size (x, y) of all fields.

    Raises:
        NotTilableError: the fields have different sizes; up to five are named.
    """
    rounded = np.rint(sizes)
    different = np.unique(rounded, axis=0)
    if len(different) == 1:
        return float(rounded[0, 0]), float(rounded[0, 1])
    examples = []
    for size in different[:5]:
        first = int(np.flatnonzero((rounded == size).all(axis=1))[0])
        examples.append(f"'{names[first]}' {size[0]:.0f} x {size[1]:.0f} px")
    raise NotTilableError(
        f"Fields of view of different size cannot be arranged side by side ({', '.join(examples)}, x by y); "
        "choose the tiling strategy Inplace or Auto, or write one image per field of view."
    )


def axis_grid(positions: Floats, size: float, tolerance: float, axis: str) -> AxisGrid:
    """Read positions along one axis as whole multiples of one step; missing columns or rows are allowed.

    Raises:
        NotAGridError: there is no such step; the steps that occur are named.
    """
    order = np.argsort(positions, kind="stable")
    gaps = np.diff(positions[order])
    group = np.concatenate([[0], np.cumsum(gaps > tolerance)])
    count = int(group[-1]) + 1
    centres = np.bincount(group, weights=positions[order], minlength=count) / np.bincount(group, minlength=count)
    cells = np.zeros(len(positions), dtype=np.int64)
    if count == 1:
        return AxisGrid(cells, size, np.zeros(0))
    steps = np.diff(centres)
    multiples = np.maximum(1, np.rint(steps / steps.min())).astype(np.int64)
    step = float(steps.sum() / multiples.sum())
    if np.any(np.abs(steps - multiples * step) > tolerance) or step < SMALLEST_STEP * size:
        listed = ", ".join(f"{value:g}" for value in np.unique(np.round(steps, 2))[:8])
        raise NotAGridError(
            f"The fields of view do not lie on a regular grid along {axis}: steps of {listed} px are not multiples of one "
            f"step within the tolerance of {tolerance:g} px; raise the tolerance, or choose Inplace."
        )
    cells[order] = np.concatenate([[0], np.cumsum(multiples)])[group]
    return AxisGrid(cells, step, steps)


def snap_to_grid(positions: Floats, size: tuple[float, float], tolerance: float) -> Floats:
    """Corners of grid cells as large as a field: overlaps vanish because the fields are moved apart.

    Raises:
        NotAGridError: the positions are no regular grid, or every second cell is empty in all rows (staggered fields).
    """
    x = axis_grid(positions[:, 0], size[0], tolerance, "x")
    y = axis_grid(positions[:, 1], size[1], tolerance, "y")
    for along, across, axis, length in ((x, y, "x", size[0]), (y, x, "y", size[1])):
        if along.step < length * 0.75 and _widest_common_step(along.cells, across.cells) > 1:
            raise NotAGridError(
                f"The fields of view are staggered: along {axis} no two fields of one line lie {along.step:g} px apart, "
                "although this is the step of all lines together; choose Inplace."
            )
    cells = np.stack([x.cells, y.cells], axis=1)
    return np.asarray(positions.min(axis=0) + cells * np.asarray(size), dtype=np.float64)


def _widest_common_step(along: Integers, across: Integers) -> int:
    """Greatest common divisor of the cell distances inside the lines; 1 when a line has neighbours or none has two."""
    order = np.lexsort((along, across))
    same_line = np.diff(across[order]) == 0
    steps = np.diff(along[order])[same_line]
    return int(np.gcd.reduce(steps)) if len(steps) and steps.any() else 1


def nearest_corners(positions: Floats, size: tuple[float, float], names: Sequence[str]) -> Floats:
    """Corners of a lattice of field-sized cells, one each, with the least total displacement.

    A field may move by at most half its size along x and y, so only its nearest corners come into question (two per axis
    when it lies exactly between them). If all fields can have a nearest corner of their own, no assignment has a smaller total,
    because every single distance is the smallest there is; if not, some field must move by more than half its size. A
    bipartite matching over the nearest corners therefore decides exactly.

    Raises:
        NotAGridError: two or more fields compete for one corner.
    """
    origin = positions.min(axis=0)
    relative = (positions - origin) / np.asarray(size)
    order = np.lexsort((np.asarray(names, dtype=str), positions[:, 0], positions[:, 1]))
    candidates = [_nearest_cells(*relative[index]) for index in order]
    owner: dict[tuple[int, int], int] = {}
    for field in range(len(order)):
        if not _assign(field, candidates, owner, set()):
            rivals = [names[int(order[owner[cell]])] for cell in candidates[field] if cell in owner]
            name = names[int(order[field])]
            raise NotAGridError(
                f"The fields of view '{rivals[0]}' and '{name}' would share one corner of a grid of field-sized cells, and one "
                "would have to move by more than half a field; choose Inplace, or Snap to Grid when the positions form a grid."
            )
    corners = np.empty_like(positions)
    for cell, field in owner.items():
        corners[order[field]] = origin + np.asarray(cell) * np.asarray(size)
    return corners


def _nearest_cells(x: float, y: float) -> list[tuple[int, int]]:
    """Cells whose corners are nearest to a position in units of cells: one, two or four of them."""
    return [(column, row) for row in _nearest_whole(y) for column in _nearest_whole(x)]


def _nearest_whole(value: float) -> list[int]:
    below = int(np.floor(value))
    share = value - below
    if abs(share - 0.5) < 1e-9:
        return [below, below + 1]
    return [below] if share < 0.5 else [below + 1]


def _assign(
    field: int, candidates: list[list[tuple[int, int]]], owner: dict[tuple[int, int], int], tried: set[tuple[int, int]]
) -> bool:
    """Find a free corner for a field, moving others to their second corner if need be (Kuhn's augmenting path)."""
    stack: list[tuple[int, int, tuple[int, int] | None]] = [(field, 0, None)]
    while stack:
        current, position, _ = stack[-1]
        if position == len(candidates[current]):
            stack.pop()
            continue
        cell = candidates[current][position]
        stack[-1] = (current, position + 1, cell)
        if cell in tried:
            continue
        tried.add(cell)
        if cell in owner:
            stack.append((owner[cell], 0, None))
            continue
        for holder, _, chosen in stack:
            if chosen is not None:
                owner[chosen] = holder
        return True
    return False


class Overlap(NamedTuple):
    """Two fields of view that cover the same pixels of one plane."""

    loser: int
    winner: int
    pixels: int


def overlaps(starts: Integers, sizes: Integers) -> list[Overlap]:
    """Pairs of boxes (rows of x, y) that overlap; the later row wins. Sweeps along x, so distant boxes cost nothing."""
    found = []
    order = np.argsort(starts[:, 0], kind="stable")
    begins, ends = starts[order], starts[order] + sizes[order]
    last = np.searchsorted(begins[:, 0], ends[:, 0], side="left")
    for first in range(len(order)):
        others = np.arange(first + 1, last[first])
        if not len(others):
            continue
        width = np.minimum(ends[first, 0], ends[others, 0]) - begins[others, 0]
        height = np.minimum(ends[first, 1], ends[others, 1]) - np.maximum(begins[first, 1], begins[others, 1])
        for other, pixels in zip(others[height > 0], (width * height)[height > 0]):
            pair = sorted((int(order[first]), int(order[other])))
            found.append(Overlap(pair[0], pair[1], int(pixels)))
    return sorted(found)
