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
    type Places = npt.NDArray[np.int32]

_NEWLINE = 10
_WIDEST = 32
_LOOKED_AT = 512
_BLOCK = 1 << 22


def plain_columns(data: bytes, separator: str) -> tuple[list[str], list[list[str] | CodedCells]] | None:
    """Give the cells of the first line, and the columns below; None when the file is not plain.

    Args:
        data: UTF-8.
        separator: one character that separates cells.
    """
    data = data.replace(b"\r\n", b"\n") if b"\r" in data else data
    data = data.rstrip(b"\n") + b"\n"
    if any(sign in data for sign in (b'"', b"\r", b"\0", b"\n\n")) or len(data) >= 2**31 or not data.strip():
        return None
    head, _, _ = data.partition(b"\n")
    titles = head.decode().split(separator)
    if len(titles) == 1:
        return None
    ends = _ends(np.frombuffer(data, np.uint8), ord(separator), len(titles))
    if ends is None:
        return None
    begins = np.empty_like(ends)
    begins[:, 1:], begins[1:, 0], begins[0, 0] = ends[:, :-1] + 1, ends[:-1, -1] + 1, 0
    if (begins[:, 0] == ends[:, 0]).any():
        return None
    text = data.decode("ascii") if data.isascii() else data
    return titles, [_column(text, data, begins[1:, at], ends[1:, at]) for at in range(len(titles))]


def _ends(buffer: Bytes, separator: int, columns: int) -> Places | None:
    """Where every cell ends (lines x columns); None when lines have different numbers of cells."""
    found = []
    for begin in range(0, len(buffer), _BLOCK):
        block = buffer[begin : begin + _BLOCK]
        found.append((np.flatnonzero((block == separator) | (block == _NEWLINE)) + begin).astype(np.int32))
    places = np.concatenate(found)
    if len(places) % columns:
        return None
    places = places.reshape(-1, columns)
    is_end = buffer[places] == _NEWLINE
    return places if is_end[:, -1].all() and not is_end[:, :-1].any() else None


def _column(text: str | bytes, data: bytes, begins: Places, ends: Places) -> list[str] | CodedCells:
    """One column: coded, unless most of its cells are different or long."""
    lengths = ends - begins
    some = slice(None, None, max(1, len(begins) // _LOOKED_AT))
    if int(lengths.max(initial=0)) > _WIDEST or _mostly_different(text, begins[some], ends[some]):
        return _texts(text, begins, ends)
    codes = _codes(np.frombuffer(data, np.uint8), begins, lengths)
    first, codes = numbered(codes)
    return CodedCells(_texts(text, begins[first], ends[first]), codes)


def _mostly_different(text: str | bytes, begins: Places, ends: Places) -> bool:
    return len(set(_texts(text, begins, ends))) * 2 > max(len(begins), 64)


def _texts(text: str | bytes, begins: Places, ends: Places) -> list[str]:
    slices = zip(begins.tolist(), ends.tolist())
    if isinstance(text, str):
        return [text[begin:end] for begin, end in slices]
    return [text[begin:end].decode() for begin, end in slices]


def _codes(buffer: Bytes, begins: Places, lengths: Places) -> npt.NDArray[Any]:
    """A number for every cell, equal for equal cells: its bytes, eight at a time."""
    codes: npt.NDArray[Any] | None = None
    padded = np.concatenate([buffer, np.zeros(_WIDEST, np.uint8)])
    for begin in range(0, max(1, int(lengths.max(initial=0))), 8):
        word = np.zeros(len(begins), np.uint64)
        for at in range(begin, min(begin + 8, int(lengths.max(initial=0)))):
            value = padded[begins + at].astype(np.uint64)
            value[lengths <= at] = 0
            word |= value << np.uint64(8 * (at - begin))
        if codes is None:
            codes = word
        else:
            before, more = numbered(codes)[1].astype(np.int64), numbered(word)
            codes = before * len(more[0]) + more[1]
    return np.empty(0, np.uint64) if codes is None else codes
