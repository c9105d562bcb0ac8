"""CSV files without quotes, read column by column: the places of all separators at once, then every distinct cell once.

Whatever is not certainly plain (quotes, rows of different lengths, empty lines, empty first cells, lone carriage returns) is left
to a reader that goes row by row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fractal_omezarr_converters.core.coded_cells import CodedCells, numbered

if TYPE_CHECKING:
    import numpy.typing as npt

    type Bytes = npt.NDArray[np.uint8]
    type Places = npt.NDArray[np.int64]

_NEWLINE, _RETURN = 10, 13
_WIDEST = 32
_LOOKED_AT = 512
_FIRST_BYTES = np.array([(1 << 8 * number) - 1 for number in range(9)], np.uint64)
_BLOCK = 1 << 20
"""Bytes that are taken apart at a time: what is made of them on the way fits the processor's cache."""


def plain_columns(data: bytes, separator: str) -> tuple[list[str], list[list[str] | CodedCells]] | None:
    """Give the cells of the first line, and the columns below; None when the file is not plain.

    Args:
        data: UTF-8.
        separator: one character that separates cells.
    """
    ending = b"\r\n" if b"\r" in data else b"\n"
    if not data.endswith(ending) or data.endswith(ending * 2):
        data = data.rstrip(b"\r\n") + ending
    head, _, _ = data.partition(ending)
    titles = head.decode().split(separator)
    if b'"' in data or b"\0" in data or len(titles) == 1:
        return None
    if ending != b"\n" and data.count(b"\r") != data.count(b"\n"):
        return None
    columns = [_Column() for _ in titles]
    at = len(head) + len(ending)
    while at < len(data):
        end = data.rfind(b"\n", at, at + _BLOCK)
        block = data[at : (end if end >= 0 else data.index(b"\n", at)) + 1]
        padded = np.frombuffer(block + bytes(_WIDEST), np.uint8)
        cells = _cells(padded[: len(block)], ord(separator), len(titles), len(ending) - 1)
        if cells is None:
            return None
        text = block.decode("ascii") if block.isascii() else block
        for column, begins, ends in zip(columns, *cells):
            column.add(text, padded, begins, ends)
        at += len(block)
    return titles, [column.cells() for column in columns]


def _cells(buffer: Bytes, separator: int, columns: int, returns: int) -> tuple[Places, Places] | None:
    """Where every cell begins and ends (columns x lines); None when lines have different numbers of cells.

    ``returns`` is the number of carriage returns before the end of every line, 0 or 1.
    """
    places = np.flatnonzero((buffer == separator) | (buffer == _NEWLINE))
    if len(places) % columns:
        return None
    ends = np.ascontiguousarray(places.reshape(-1, columns).T)
    is_end = buffer[ends] == _NEWLINE
    begins = np.empty_like(ends)
    begins[1:], begins[0, 1:], begins[0, 0] = ends[:-1] + 1, ends[-1, :-1] + 1, 0
    ends[-1] -= returns
    if not is_end[-1].all() or is_end[:-1].any() or (begins[0] == ends[0]).any():
        return None
    return (begins, ends) if not returns or (buffer[ends[-1]] == _RETURN).all() else None


class _Column:
    """One column that grows block by block: coded, unless most of its first cells are different or long."""

    def __init__(self) -> None:
        self._texts: list[str] | None = None
        self._known: dict[str, int] = {}
        self._codes: list[npt.NDArray[np.int32]] = []

    def add(self, text: str | bytes, padded: Bytes, begins: Places, ends: Places) -> None:
        """Add the cells of one block of lines."""
        lengths = ends - begins
        widest = int(lengths.max())
        if not self._codes and self._texts is None:
            # positions of fields are all different from far row to far row, but repeat from row to row
            far, near = slice(None, None, max(1, len(begins) // _LOOKED_AT)), slice(_LOOKED_AT)
            samples = (_texts(text, begins[some], ends[some]) for some in (far, near))
            if widest > _WIDEST or all(len(set(cells)) * 2 > max(len(cells), 64) for cells in samples):
                self._texts = []
        if self._texts is not None:
            self._texts += _texts(text, begins, ends)
            return
        if widest > _WIDEST:
            own = CodedCells.of(_texts(text, begins, ends))
        else:
            first, codes = numbered(_words(padded, begins, lengths, widest))
            own = CodedCells(_texts(text, begins[first], ends[first]), codes)
        numbers = [self._known.setdefault(value, len(self._known)) for value in own.values]
        self._codes.append(np.array(numbers, np.int32)[own.codes])

    def cells(self) -> list[str] | CodedCells:
        """Give the whole column."""
        if self._texts is not None or not self._codes:
            return self._texts or []
        return CodedCells(list(self._known), np.concatenate(self._codes))


def _texts(text: str | bytes, begins: Places, ends: Places) -> list[str]:
    slices = zip(begins.tolist(), ends.tolist())
    if isinstance(text, str):
        return [text[begin:end] for begin, end in slices]
    return [text[begin:end].decode() for begin, end in slices]


def _words(padded: Bytes, begins: Places, lengths: Places, widest: int) -> npt.NDArray[Any]:
    """A number for every cell, equal for equal cells: its bytes, eight at a time."""
    from_every_place = np.ndarray(len(padded) - 7, "<u8", padded, strides=(1,))
    codes: npt.NDArray[Any] = np.zeros(len(begins), np.uint64)
    for at in range(0, widest, 8):
        word = from_every_place[begins + at] & _FIRST_BYTES[np.clip(lengths - at, 0, 8)]
        if not at:
            codes = word
        else:
            before, more = numbered(codes)[1].astype(np.int64), numbered(word)
            codes = before * len(more[0]) + more[1]
    return codes
