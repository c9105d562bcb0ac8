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
from fractal_omezarr_converters.pipelines.lattice import AMBIGUOUS, Lattice, fit_lattice
from fractal_omezarr_converters.pipelines.neighbours import find_neighbours

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

ROUNDING = 0.5
"""Whole pixels stray by this much from any exact lattice."""
STRAY = 0.1
"""Auto takes fields for a grid when they stray at most by this share of the pitch ..."""
FEW_FIELDS = 16
SIGMAS = 6
"""... or, with more than a few fields, by as much as so many times their typical error, but never so far as to be ambiguous."""
WIDEST_GAP = 0.1
"""Auto closes gaps between fields up to this share of a field."""
CORNER_LIMIT = 0.25
"""Auto takes nearest corners only when neighbours keep their distance up to this share of a field."""


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


def snap_to_grid(
    positions: Floats, size: tuple[float, float], tolerance: float, names: Sequence[str] | None = None
) -> Floats:
    """Corners of grid cells as large as a field: overlaps vanish because the fields are moved apart.

    Raises:
        NotAGridError: the positions are no regular grid within the tolerance.
    """
    lattice = fit_lattice(positions, np.asarray(size, dtype=np.float64))
    refuse_strays(lattice, np.full(2, tolerance + ROUNDING), names)
    return grid_corners(positions, size, lattice)


def grid_corners(positions: Floats, size: tuple[float, float], lattice: Lattice) -> Floats:
    """Corners of the cells of a lattice when every cell is as large as a field."""
    return np.asarray(positions.min(axis=0) + lattice.cells * np.asarray(size), dtype=np.float64)


def automatic_limits(lattice: Lattice, tolerance: float) -> Floats:
    """How far (x, y) a field may lie from its cell when nobody insists on a grid."""
    limits = STRAY * lattice.pitch
    if len(lattice.residual) > FEW_FIELDS:
        limits = np.maximum(limits, SIGMAS * 1.4826 * np.median(np.abs(lattice.residual), axis=0))
    return np.asarray(np.maximum(limits, tolerance + ROUNDING), dtype=np.float64)


def refuse_strays(lattice: Lattice, limits: Floats, names: Sequence[str] | None = None) -> None:
    """Raise when a field lies further from its cell (x, y) than the limits, or so far that its cell is not certain.

    Raises:
        NotAGridError: naming the field that lies furthest away.
    """
    allowed = np.minimum(limits, AMBIGUOUS * lattice.pitch)
    excess = np.abs(lattice.residual) - allowed - 1e-6
    if not (excess > 0).any():
        return
    field, axis = (int(k) for k in np.unravel_index(int(excess.argmax()), excess.shape))
    name = "one of them" if names is None else f"'{names[field]}'"
    column, row = lattice.cells[field].tolist()
    remedy = "choose Inplace" if limits[axis] > allowed[axis] else "raise the tolerance, or choose Inplace"
    raise NotAGridError(
        f"The fields of view do not lie on a regular grid: along {'xy'[axis]}, {name} lies "
        f"{abs(lattice.residual[field, axis]):.3g} px off its cell (column {column + 1}, row {row + 1}, "
        f"pitch {lattice.pitch[0]:.6g} x {lattice.pitch[1]:.6g} px), and {allowed[axis]:.3g} px are allowed; {remedy}."
    )


def refuse_gaps(positions: Floats, size: tuple[float, float]) -> None:
    """Raise when neighbours lie so far apart that moving them together would falsify distances.

    Raises:
        NotAGridError: naming the width of the gap.
    """
    neighbours = find_neighbours(positions, np.asarray(size, dtype=np.float64))
    for axis in (0, 1):
        mine = neighbours.axis == axis
        if not mine.any():
            continue
        gap = (
            float((positions[neighbours.second[mine], axis] - positions[neighbours.first[mine], axis]).min())
            - size[axis]
        )
        if gap > WIDEST_GAP * size[axis]:
            raise NotAGridError(
                f"The fields of view lie {gap:.0f} px apart along {'xy'[axis]} and would lose their distances on a grid of "
                "touching fields; choose Snap to Grid if you want that all the same."
            )


def refuse_torn_neighbours(
    positions: Floats, corners: Floats, size: tuple[float, float], limit: float, names: Sequence[str]
) -> None:
    """Raise when the distance of fields that touch or nearly touch changes by more than a share of their size.

    Raises:
        NotAGridError: naming the two fields whose distance changes most.
    """
    reach = np.broadcast_to(np.ceil(np.asarray(size) * (1 + limit)).astype(np.int64), positions.shape)
    worst, torn = None, limit
    for pair in overlaps(np.rint(positions).astype(np.int64), reach):
        moved = corners[pair.winner] - corners[pair.loser] - (positions[pair.winner] - positions[pair.loser])
        change = float((np.abs(moved) / size).max())
        if change > torn:
            worst, torn = pair, change
    if worst is not None:
        raise NotAGridError(
            f"At the corners of a grid of field-sized cells, the distance of the neighbours '{names[worst.loser]}' and "
            f"'{names[worst.winner]}' would change by {torn:.0%} of a field; choose Inplace."
        )


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


def hidden_pixels(starts: Integers, sizes: Integers, found: Sequence[Overlap]) -> dict[int, int]:
    """How many pixels of every box the later ones of these overlaps hide, those under several counted once."""
    over: dict[int, list[Overlap]] = {}
    for one in found:
        over.setdefault(one.loser, []).append(one)
    hidden = {}
    for box, covers in over.items():
        winners = [cover.winner for cover in covers]
        alone = len(winners) == 1
        hidden[box] = (
            covers[0].pixels if alone else covered_pixels(starts[box], sizes[box], starts[winners], sizes[winners])
        )
    return hidden


def covered_pixels(start: Integers, size: Integers, starts: Integers, sizes: Integers) -> int:
    """How many pixels of one box the others cover, those under several once: by cutting it at all their edges."""
    low = np.maximum(starts, start)
    high = np.minimum(starts + sizes, start + size)
    x, y = (np.array(sorted({*low[:, axis].tolist(), *high[:, axis].tolist()})) for axis in (0, 1))
    covered = np.zeros((len(x) - 1, len(y) - 1), dtype=bool)
    left, right = (np.searchsorted(x, edge[:, 0]).tolist() for edge in (low, high))
    top, bottom = (np.searchsorted(y, edge[:, 1]).tolist() for edge in (low, high))
    for one in range(len(low)):
        covered[left[one] : right[one], top[one] : bottom[one]] = True
    return int((covered * np.diff(x)[:, None] * np.diff(y)[None, :]).sum())
