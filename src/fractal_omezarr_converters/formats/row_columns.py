"""Columns of typed values that grow while a file of very many records is read, most values being read once only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_KNOWN = 1 << 16
MOST_DIGITS = 18
"""Digits of a whole number that certainly fits into a column."""


class Known[Value](dict[str | None, Value]):
    """What texts mean, each read once: numbers of wells, channels and planes repeat in all records.

    ``read`` raises ValueError for a text that has no meaning. Without ``repeat`` nothing is remembered.
    """

    def __init__(self, read: Callable[[str | None], Value], *, repeat: bool = True) -> None:
        """Begin with no text."""
        super().__init__()
        self._read = read
        self._repeat = repeat

    def __missing__(self, text: str | None) -> Value:
        """Read a text that is new."""
        if len(self) >= MOST_KNOWN:
            self.clear()
        value = self[text] = self._read(text)
        return value

    def column(self, texts: Sequence[str | None], kind: type[np.generic]) -> NDArray[Any]:
        """Give what many texts mean as an array."""
        if texts and texts[0] == texts[len(texts) // 2] == texts[-1] and texts.count(texts[0]) == len(texts):
            return np.full(len(texts), self[texts[0]], kind)
        return np.fromiter(map(self.__getitem__ if self._repeat else self._read, texts), kind, len(texts))


def whole(default: int | None = None) -> Known[int]:
    """Read whole numbers; ``default`` stands for what is not there.

    Bounds are for the caller to check, on the column.
    """

    def read(text: str | None) -> int:
        if text is None:
            if default is None:
                raise ValueError("a number is missing")
            return default
        return int(text)

    return Known(read)


def decimal(text: str | None) -> float:
    """Read a number.

    Raises:
        ValueError: it is missing, or no number.
    """
    if text is None:
        raise ValueError("a number is missing")
    return float(text)


class GrowingColumns:
    """Columns of whole numbers, numbers (NaN: unknown) and objects, to which rows and batches of columns are added."""

    def __init__(self, names: Sequence[str], numbers: Iterable[str], objects: Iterable[str]) -> None:
        """Name the columns; what is neither in ``numbers`` nor in ``objects`` is a whole number."""
        self._names = tuple(names)
        self._kinds: dict[str, type] = dict.fromkeys(names, np.int64)
        self._kinds |= dict.fromkeys(numbers, np.float64) | dict.fromkeys(objects, object)
        self._rows: list[Sequence[Any]] = []
        self._batches: dict[str, list[Any]] = {name: [] for name in names}
        self._size = 0

    def __len__(self) -> int:
        """Count the rows."""
        return self._size

    def add_row(self, row: Sequence[Any]) -> None:
        """Add one row, None being an unknown number."""
        self._rows.append(row)
        self._size += 1

    def add(self, columns: Sequence[Any]) -> None:
        """Add a batch of rows, column by column."""
        self._finish_rows()
        self._take(columns)
        self._size += len(columns[0])

    def joined(self) -> dict[str, Any]:
        """Give all columns: arrays, and lists of objects."""
        self._finish_rows()
        found: dict[str, Any] = {}
        for name in self._names:
            parts = self._batches.pop(name)
            if self._kinds[name] is object:
                found[name] = [value for part in parts for value in part]
            else:
                found[name] = np.concatenate([np.empty(0, self._kinds[name]), *parts])
        return found

    def _finish_rows(self) -> None:
        if self._rows:
            self._take(list(zip(*self._rows, strict=True)))
            self._rows = []

    def _take(self, columns: Sequence[Any]) -> None:
        for name, values in zip(self._names, columns, strict=True):
            kind = self._kinds[name]
            self._batches[name].append(values if kind is object else np.asarray(values, kind))
