"""Are there equal rows among very many? Rows are mixed into one number each, so that the common answer, no, costs one sort."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractal_omezarr_converters.core.coded_cells import numbered

_FACTORS = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xFF51AFD7ED558CCD))
_SHIFT = np.uint64(32)


def number_rows(columns: Sequence[NDArray[Any]]) -> NDArray[np.int64]:
    """Give one number per row of some columns of whole numbers, equal for equal rows, rising in order of first appearance."""
    numbers = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        first, codes = numbered(np.asarray(column, np.int64))
        if len(first) > 1:
            numbers = numbered(numbers * len(first) + codes)[1].astype(np.int64)
    return numbers


def may_have_equal_rows(columns: Sequence[NDArray[Any]]) -> bool:
    """Say whether rows of these columns of numbers may be equal; False is certain."""
    mixed = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        # adding 0 makes 0.0 of -0.0, which is equal to it
        bits = (column + 0.0).view(np.uint64) if column.dtype.kind == "f" else column.astype(np.int64).view(np.uint64)
        mixed = (mixed ^ bits) * _FACTORS[0]
        mixed = (mixed ^ (mixed >> _SHIFT)) * _FACTORS[1]
    mixed.sort()
    return bool((mixed[1:] == mixed[:-1]).any())
