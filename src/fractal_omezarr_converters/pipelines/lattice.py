"""Rows and columns of fields of view, found from their positions alone: which cell of a lattice is each field?

A position is taken for ``origin + matrix @ (column, row)`` with a free matrix, so that any pitch, a rotated camera and a
sheared stage fit. The cell of a field is not its rounded position: it is counted from neighbour to neighbour, because errors
of the stage are small between neighbours and add up over a well. Nothing depends on the order of the fields.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fractal_omezarr_converters.errors import NotAGridError
from fractal_omezarr_converters.pipelines.neighbours import SAME_PLACE, SIDEWAYS, Neighbours, find_neighbours

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

AMBIGUOUS = 0.2
"""A field further from its cell than this share of the pitch could as well belong to the next one."""
CERTAIN = 0.1
"""A lattice that all fields keep to within this share of the pitch is taken at once."""
SPARSE = 0.75
"""Steps of missing columns are divided into pitches of at least this share of a field, so that no half cells are invented."""


class Lattice(NamedTuple):
    """Fields as cells of a lattice; lengths in pixels."""

    cells: Integers
    """Column and row of each field, from 0."""
    matrix: Floats
    """Step to the next column and to the next row, as its two columns (x, y)."""
    residual: Floats
    """How far each field lies from its cell, x and y."""

    @property
    def pitch(self) -> Floats:
        """Distance from column to column and from row to row."""
        return np.asarray(np.hypot(self.matrix[0], self.matrix[1]))

    @property
    def degrees(self) -> float:
        """Rotation of the rows against the x axis."""
        return float(np.degrees(np.arctan2(self.matrix[1, 0], self.matrix[0, 0])))

    @property
    def sigma(self) -> float:
        """Root mean square of the residuals per axis."""
        return float(np.sqrt(np.mean(self.residual**2)))


def fit_lattice(positions: Floats, size: Floats) -> Lattice:
    """Find the cell of every field.

    Args:
        positions: First corners (x, y) of the fields, in pixels.
        size: Width and height of a field, in pixels.

    Raises:
        NotAGridError: rows and columns cannot be told, or contradict each other; the message says where.
    """
    neighbours = find_neighbours(positions, size)
    steps = positions[neighbours.second] - positions[neighbours.first]
    units = [_unit(steps[neighbours.axis == axis, axis], size[axis]) for axis in (0, 1)]
    first: Lattice | NotAGridError | None = None
    for shares in product(*(_shares(unit, length) for unit, length in zip(units, size.tolist(), strict=True))):
        pitch = np.array(units) / shares
        try:
            lattice = _fit(positions, neighbours, pitch, size)
        except NotAGridError as error:
            first = first or error
            continue
        if (np.abs(lattice.residual) <= CERTAIN * lattice.pitch).all():
            return lattice
        first = first or lattice
    if isinstance(first, Lattice):
        return first
    raise first or NotAGridError("There are no fields of view to arrange.")


def _shares(unit: float, length: float) -> list[int]:
    """Whole parts of the smallest step that could be the pitch: where many columns are missing, no two neighbours are left."""
    return [1, *(share for share in (2, 3) if unit / share >= SPARSE * length)]


def _fit(positions: Floats, neighbours: Neighbours, pitch: Floats, size: Floats) -> Lattice:
    """Count cells with steps of about this pitch and fit the lattice to them."""
    steps = positions[neighbours.second] - positions[neighbours.first]
    matrix = np.diag(pitch)
    counts = np.zeros((len(steps), 2), dtype=np.int64)
    found = [bool(np.any(neighbours.axis == axis)) for axis in (0, 1)]
    for axis in (0, 1):
        mine = np.flatnonzero(neighbours.axis == axis)
        if len(mine):
            counts[mine, axis] = np.maximum(1, np.rint(steps[mine, axis] / pitch[axis]))
            matrix[:, axis] = np.median(steps[mine] / counts[mine, axis, None], axis=0)
    if found[0] != found[1]:
        _make_square(matrix, 0 if found[0] else 1, size)
    _refuse_turned_rows(matrix)
    cells, part = _walk(len(positions), neighbours, counts)
    cells = _join_parts(positions, cells, part, matrix)
    cells -= cells.min(axis=0)
    lattice = _refined(positions, cells, matrix, found)
    _refuse_turned_rows(lattice.matrix)
    _refuse_contradictions(positions, neighbours, counts, lattice, size)
    return lattice


def _unit(steps: Floats, size: float) -> float:
    """The single step among steps of which some are multiples of it: the median of those up to 1.5 times the smallest."""
    if not len(steps):
        return size
    unit = float(steps.min())
    while True:
        grown = float(np.median(steps[steps <= 1.5 * unit]))
        if grown <= unit:
            return unit
        unit = grown


def _make_square(matrix: Floats, known: int, size: Floats) -> None:
    """One row or column alone: the other direction is at a right angle, one field long."""
    x, y = matrix[:, known] / np.hypot(*matrix[:, known])
    turned = np.array([-y, x]) if known == 0 else np.array([y, -x])
    matrix[:, 1 - known] = turned * size[1 - known]


def _walk(number: int, neighbours: Neighbours, counts: Integers) -> tuple[Integers, Integers]:
    """Count cells from neighbour to neighbour; the second array numbers the parts that no neighbours connect."""
    links: list[list[tuple[int, int, int]]] = [[] for _ in range(number)]
    for first, second, (columns, rows) in zip(
        neighbours.first.tolist(), neighbours.second.tolist(), counts.tolist(), strict=True
    ):
        links[first].append((second, columns, rows))
        links[second].append((first, -columns, -rows))
    cells = np.zeros((number, 2), dtype=np.int64)
    part = np.full(number, -1, dtype=np.int64)
    for seed in range(number):
        if part[seed] >= 0:
            continue
        part[seed] = int(part.max()) + 1
        waiting = [seed]
        for field in waiting:
            column, row = cells[field].tolist()
            for other, columns, rows in links[field]:
                if part[other] < 0:
                    part[other] = part[seed]
                    cells[other] = column + columns, row + rows
                    waiting.append(other)
    return cells, part


def _join_parts(positions: Floats, cells: Integers, part: Integers, matrix: Floats) -> Integers:
    """Count on from part to part over the smallest distance, the largest part first."""
    inverse = np.linalg.inv(matrix)
    sizes = np.bincount(part)
    joined = part == int(np.argmax(sizes))
    while not joined.all():
        inside, outside = np.flatnonzero(joined), np.flatnonzero(~joined)
        distance = ((positions[inside, None, :] - positions[None, outside, :]) ** 2).sum(axis=2)
        one, other = np.unravel_index(int(distance.argmin()), distance.shape)
        here, there = inside[one], outside[other]
        exact = inverse @ (positions[there] - positions[here])
        step = np.rint(exact).astype(np.int64)
        if (np.abs(exact - step) > SIDEWAYS).any():
            x, y = positions[there]
            raise NotAGridError(
                f"The fields of view do not lie on a regular grid: the field near x={x:.0f}, y={y:.0f} px lies between the rows "
                "or columns of the others; choose Inplace."
            )
        mine = part == part[there]
        cells[mine] += cells[here] + step - cells[there]
        joined |= mine
    return cells


def _refined(positions: Floats, cells: Integers, matrix: Floats, found: list[bool]) -> Lattice:
    """Fit origin and matrix to all fields at once, large residuals counting less."""
    known = [axis for axis in (0, 1) if found[axis]]
    design = np.column_stack([np.ones(len(cells)), cells[:, known]])
    fixed = cells @ matrix.T - cells[:, known] @ matrix[:, known].T
    target = positions - fixed
    weight = np.ones(len(cells))
    residual = np.zeros_like(positions)
    for _ in range(6):
        solution = np.linalg.lstsq(design * weight[:, None], target * weight[:, None], rcond=None)[0]
        residual = target - design @ solution
        distance = np.hypot(residual[:, 0], residual[:, 1])
        scale = max(3 * float(np.median(distance)), 1e-3)
        weight = 1 / (1 + (distance / scale) ** 2)
    refined = matrix.copy()
    refined[:, known] = solution[1:].T
    return Lattice(cells, refined, residual)


def _refuse_turned_rows(matrix: Floats) -> None:
    """Raise when rows or columns run further off their axis than neighbours may: a few fields that overlap widely suggest any."""
    turned = np.abs([matrix[1, 0], matrix[0, 1]]) > SIDEWAYS * np.diag(matrix)
    if turned.any():
        axis = int(turned.argmax())
        x, y = matrix[:, axis]
        raise NotAGridError(
            f"The fields of view do not lie on a regular grid: {('rows', 'columns')[axis]} of it would step by x={x:.3g}, "
            f"y={y:.3g} px from field to field, far off the {'xy'[axis]} axis; choose Inplace."
        )


def _refuse_contradictions(
    positions: Floats, neighbours: Neighbours, counts: Integers, lattice: Lattice, size: Floats
) -> None:
    """Raise when two ways through the neighbours give different cells, or one cell holds fields far apart."""
    walked = lattice.cells[neighbours.second] - lattice.cells[neighbours.first]
    wrong = np.flatnonzero((walked != counts).any(axis=1))
    if len(wrong):
        x, y = positions[neighbours.first[wrong[0]]]
        raise NotAGridError(
            f"The fields of view do not lie on a regular grid: near x={x:.0f}, y={y:.0f} px, rows and columns counted from "
            "neighbour to neighbour contradict each other; choose Inplace."
        )
    order = np.lexsort(lattice.cells.T)
    same = (np.diff(lattice.cells[order], axis=0) == 0).all(axis=1)
    apart = np.abs(np.diff(positions[order], axis=0)) > 2 * SAME_PLACE * size
    if (same & apart.any(axis=1)).any():
        x, y = positions[order[int(np.flatnonzero(same & apart.any(axis=1))[0])]]
        raise NotAGridError(
            f"The fields of view do not lie on a regular grid: two of them near x={x:.0f}, y={y:.0f} px would share one "
            "cell; choose Inplace."
        )
