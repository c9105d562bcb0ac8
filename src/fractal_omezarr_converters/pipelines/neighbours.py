"""Which fields of view are neighbours along x and y, found from their positions alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SAME_PLACE = 0.2
"""Fields nearer to each other than this share of a field, along x and y, lie in one cell: more than 80 % overlap."""
SIDEWAYS = 0.25
"""A neighbour along one axis lies at most this share of a field beside it along the other, and rows and columns run at most this
share of their pitch off their axis: rotation up to 14 degrees."""
_BLOCK = 1024


class Neighbours(NamedTuple):
    """Pairs of fields, the second one the nearest of the first along one axis; ``axis`` is 0 (x), 1 (y) or -1: one place."""

    first: Integers
    second: Integers
    axis: Integers


def find_neighbours(positions: Floats, size: Floats) -> Neighbours:
    """The nearest field to the right of and below each field, and pairs of fields that lie in one place."""
    parts: list[tuple[Integers, Integers, Integers]] = []
    for begin in range(0, len(positions), _BLOCK):
        rows = np.arange(begin, min(begin + _BLOCK, len(positions)))
        apart = (positions[None, :, :] - positions[rows, None, :]) / size
        near = np.abs(apart) <= SAME_PLACE
        first, second = np.nonzero(near.all(axis=2))
        later = second > rows[first]
        parts.append((rows[first[later]], second[later], np.full(int(later.sum()), -1)))
        for axis in (0, 1):
            along = apart[:, :, axis]
            candidate = (along > SAME_PLACE) & (np.abs(apart[:, :, 1 - axis]) <= SIDEWAYS)
            nearest = np.where(candidate, along, np.inf).argmin(axis=1)
            found = np.flatnonzero(candidate.any(axis=1))
            parts.append((rows[found], nearest[found], np.full(len(found), axis)))
    return Neighbours(*(np.concatenate([part[k] for part in parts]).astype(np.int64) for k in range(3)))
