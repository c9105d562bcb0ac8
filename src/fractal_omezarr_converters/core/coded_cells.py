"""A column of which many cells are equal: every distinct cell once, and for every row the number of its cell.

Tables of tiles have few distinct wells, channels and planes in very many rows: what is done to cells is done to the distinct
ones, and what is done to rows is done to numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    type Codes = npt.NDArray[np.int32]


class CodedCells:
    """n cells: ``values`` in order of first appearance, each at least once, and ``codes`` (int32, n) that point at them."""

    __slots__ = ("codes", "values")

    def __init__(self, values: Sequence[Any], codes: Codes) -> None:
        self.values, self.codes = list(values), codes

    @classmethod
    def of(cls, cells: Sequence[Hashable]) -> CodedCells:
        """Find the distinct cells of a column."""
        known: dict[Any, int] = {}
        codes = np.array([known.setdefault(cell, len(known)) for cell in cells], dtype=np.int32)
        return cls(list(known), codes)

    @classmethod
    def of_integers(cls, cells: npt.NDArray[np.int64]) -> CodedCells:
        """Find the distinct numbers of a column."""
        first, codes = numbered(cells)
        return cls(cells[first].tolist(), codes)

    @classmethod
    def constant(cls, value: Any, number: int) -> CodedCells:
        """Make a column of one cell, repeated."""
        return cls([value] if number else [], np.zeros(number, dtype=np.int32))

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.codes)

    def __getitem__(self, row: int) -> Any:
        """Give the cell of one row."""
        return self.values[self.codes[row]]

    def __iter__(self) -> Iterator[Any]:
        """Give the cell of one row after the other."""
        return map(self.values.__getitem__, self.codes.tolist())

    def tolist(self) -> list[Any]:
        """Give the cells of all rows."""
        return list(self)

    def mapped(self, change: Callable[[Any], Any]) -> CodedCells:
        """Change every distinct cell; cells that become equal are one."""
        changed = list(map(change, self.values))
        again = CodedCells.of(changed)
        if len(again.values) == len(changed):
            return CodedCells(changed, self.codes)
        return CodedCells(again.values, again.codes[self.codes])

    def numbers(self, change: Callable[[Any], float]) -> npt.NDArray[np.float64]:
        """Give the number that every cell means."""
        return np.array([change(value) for value in self.values], dtype=np.float64)[self.codes]

    def rows(self, is_wanted: Callable[[Any], bool]) -> list[int]:
        """Give the rows whose cells are wanted."""
        wanted = np.array([is_wanted(value) for value in self.values], dtype=np.bool_)
        return np.flatnonzero(wanted[self.codes]).tolist() if wanted.any() else []


def combined(columns: Sequence[CodedCells]) -> CodedCells:
    """Give one column whose cells are the tuples of the cells of several columns."""
    key = columns[0].codes.astype(np.int64)
    for column in columns[1:]:
        key = numbered(key * max(1, len(column.values)) + column.codes)[1].astype(np.int64)
    first, codes = numbered(key)
    return CodedCells(list(zip(*([column[row] for row in first.tolist()] for column in columns))), codes)


def numbered(keys: npt.NDArray[np.integer[Any]]) -> tuple[npt.NDArray[np.int64], Codes]:
    """Number the distinct keys in order of first appearance; give the row of the first of each, and the number of every row.

    Rows of tables mostly come sorted: of keys that repeat from row to row only the first are compared.
    """
    if not len(keys):
        return np.empty(0, np.int64), np.empty(0, np.int32)
    begins = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
    heads = keys[begins]
    if int(heads.min()) >= 0 and int(heads.max()) < 4 * len(heads) + 1024:
        first = np.full(int(heads.max()) + 1, -1, np.int64)
        first[heads[::-1]] = np.arange(len(heads))[::-1]
        used = np.flatnonzero(first >= 0)
        order = used[np.argsort(first[used], kind="stable")]
        number = np.empty(len(first), np.int32)
        number[order] = np.arange(len(order), dtype=np.int32)
        rows, of_heads = first[order], number[heads]
    else:
        found, inverse = np.unique(heads, return_index=True, return_inverse=True)[1:]
        order = np.argsort(found, kind="stable")
        number = np.empty(len(order), np.int32)
        number[order] = np.arange(len(order), dtype=np.int32)
        rows, of_heads = found[order], number[inverse.ravel()]
    lengths = np.diff(np.append(begins, len(keys)))
    return begins[rows], of_heads if len(begins) == len(keys) else np.repeat(of_heads, lengths)
