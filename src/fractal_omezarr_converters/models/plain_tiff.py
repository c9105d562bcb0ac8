"""The plainest TIFF files straight into an array: one page, uncompressed, grey, in the byte order of this computer.

Most planes that cameras write are such files. Looking at the few tags that matter costs a tenth of opening the file with a
library for all kinds; whatever is not certainly plain is left to that. Source: TIFF 6.0, sections 2, 3, 8 and 19.
"""

from __future__ import annotations

import os
import stat
import struct
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

_HEAD, _SMALLEST_HEAD = 1 << 12, 8
_LONGEST_VALUE = 1 << 26
#: Kinds of values: text, 16 and 32 bits.
_TEXT = 2
_KINDS = {_TEXT: ("B", 1), 3: ("H", 2), 4: ("I", 4)}
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _ORDER, _DESCRIPTION = 256, 257, 258, 259, 262, 266, 270
_OFFSETS, _SAMPLES, _COUNTS, _PREDICTOR, _FORMAT = 273, 277, 279, 317, 339
#: Tags that say nothing about how pixels lie in the file: the kinds and the number of values that TIFF 6.0 gives each, None for
#: any. Stated in another way they make the file one that other readers may refuse.
_ONE_NUMBER, _WORDS, _RATIO = ((3, 4), 1), ((_TEXT,), None), ((5,), 1)
_HARMLESS: dict[int, tuple[tuple[int, ...] | None, int | None]] = {
    **dict.fromkeys(
        (254, 255, 274, 278, 280, 281, 284, 296), _ONE_NUMBER
    ),  # kind, orientation, rows per strip, range, unit
    **dict.fromkeys(
        (269, 271, 272, 285, 305, 306, 315, 316), _WORDS
    ),  # document, maker, model, page, software, date, artist
    **dict.fromkeys((282, 283), _RATIO),  # resolution
    297: ((3,), 2),  # number of the page
    **dict.fromkeys((340, 341), (None, 1)),  # range of the samples
    **dict.fromkeys((65200, 65500), (None, None)),  # Opera and Operetta: FlexXML, and pixels of the camera
}
#: LZW and Deflate, of which a header is read here, and the predictors that they are used with.
_LOSSLESS, _PREDICTORS = {(5,), (8,), (32946,)}, {(1,), (2,)}
_FORMATS = {"u": 1, "i": 2, "f": 3}
_DTYPES = {
    (1, 8): "uint8",
    (1, 16): "uint16",
    (1, 32): "uint32",
    (2, 8): "int8",
    (2, 16): "int16",
    (2, 32): "int32",
    (3, 32): "float32",
    (3, 64): "float64",
}


def read_plain_tiff(path: str, out: np.ndarray[Any, Any]) -> bool:
    """Read the one plane of a local file into a C-ordered (y, x) array; False when it is not that plain, or not of this shape."""
    if (
        sys.byteorder != "little"
        or out.ndim != 2
        or not out.flags.c_contiguous
        or out.dtype.kind not in _FORMATS
        or not out.dtype.isnative
    ):
        return False
    try:
        facts = Path(path).stat()
        # a page may stand for many planes that follow it (ImageJ, MetaMorph): then the file is larger
        if not stat.S_ISREG(facts.st_mode) or not out.nbytes <= facts.st_size < 2 * out.nbytes:
            return False
        with Path(path).open("rb", buffering=0) as file:
            tags = _tags_of(file)
            first = None if tags is None else _first_pixel(tags, out)
            if first is None or first + out.nbytes > facts.st_size:
                return False
            file.seek(first)
            return bool(file.readinto(memoryview(out).cast("B")) == out.nbytes)
    except (OSError, struct.error):
        return False


class PlainHeader(NamedTuple):
    """Rows and columns of the one plane of a plain file, the type of its pixels, and its description as it is stored."""

    shape: tuple[int, int]
    dtype: str
    description: bytes

    @property
    def states_sizes(self) -> bool:
        """Whether the description may state pixel sizes: it is ImageJ's, or OME-XML."""
        return self.description.startswith(b"ImageJ=") or b"OME>" in self.description[-16:]


def plain_header(path: str) -> PlainHeader | None:
    """Read the header of a local file, be it compressed without loss; None when it is not certainly plain.

    What it gives is what a library for all kinds of TIFF says of the file, for a fifth of its time.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb", buffering=0) as file:  # noqa: PTH123
            facts = os.fstat(descriptor)
            tags = _tags_of(file) if stat.S_ISREG(facts.st_mode) else None
            if tags is None:
                return None
            (height,), (width,), (bits,) = (tags[tag] for tag in (_HEIGHT, _WIDTH, _BITS))
            (kind,) = tags.get(_FORMAT, (1,))
            dtype = _DTYPES.get((kind, bits))
            pixels = height * width * bits // 8
            if dtype is None or pixels <= 0:
                return None
            description = tags.get(_DESCRIPTION, b"").rstrip(b"\0")
            if tags.get(_COMPRESSION) in _LOSSLESS:
                if not _is_complete(tags, facts.st_size) or b"imagej" in description.lower():
                    return None
                tags |= {_COMPRESSION: (1,), _PREDICTOR: (1,), _OFFSETS: (_SMALLEST_HEAD,), _COUNTS: (pixels,)}
                if _first_pixel(tags, _Expected((height, width), np.dtype(dtype))) is None:
                    return None
                return PlainHeader((height, width), dtype, description)
            first = _first_pixel(tags, _Expected((height, width), np.dtype(dtype)))
            # no room for another plane behind the first (ImageJ and MetaMorph keep planes there that have no page)
            if first is None or not pixels <= facts.st_size - first < 2 * pixels:
                return None
            return PlainHeader((height, width), dtype, description)
    except (OSError, struct.error, KeyError, ValueError):
        return None


def _is_complete(tags: dict[int, Any], size: int) -> bool:
    """Say whether all strips of a compressed page lie in the file, and its predictor is a known one."""
    offsets, counts = tags.get(_OFFSETS, ()), tags.get(_COUNTS, ())
    whole = 0 < len(offsets) == len(counts) and all(
        n > 0 and _SMALLEST_HEAD <= a <= size - n for a, n in zip(offsets, counts)
    )
    return whole and tags.get(_PREDICTOR, (1,)) in _PREDICTORS


class _Expected(NamedTuple):
    """An array that is not there."""

    shape: tuple[int, int]
    dtype: np.dtype[Any]

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> int:
        return self.shape[0] * self.shape[1] * self.dtype.itemsize


def _tags_of(file: Any) -> dict[int, Any] | None:
    """The tags of the only page of an open file; None when they are not plain."""
    head = file.read(_HEAD)
    return _tags(file, head) if head[:4] == b"II*\0" else None


def _first_pixel(tags: dict[int, Any], out: np.ndarray[Any, Any] | _Expected) -> int | None:
    """Where the pixels begin; None when the page is not plain."""
    description = tags.pop(_DESCRIPTION, b"").rstrip(b"\0")
    stated = b"{%s: [%d, %d]}" % (b'"shape"', *out.shape)
    if b"shape" in description.lower() and description != stated:
        return None
    offsets, counts = tags.pop(_OFFSETS, ()), tags.pop(_COUNTS, ())
    expected = {
        _HEIGHT: out.shape[0],
        _WIDTH: out.shape[1],
        _BITS: 8 * out.itemsize,
        _FORMAT: _FORMATS[out.dtype.kind],
    }
    ordinary = {_COMPRESSION: (1,), _PHOTOMETRIC: (1,), _ORDER: (1,), _SAMPLES: (1,), _PREDICTOR: (1,)}
    tags.setdefault(_FORMAT, (1,))
    for tag, values in tags.items():
        if tag in _HARMLESS:
            continue
        allowed = (expected[tag],) if tag in expected else ordinary.get(tag, ())
        if len(values) != 1 or values[0] not in allowed:
            return None
    if not expected.keys() <= tags.keys() or not offsets or len(offsets) != len(counts) or sum(counts) != out.nbytes:
        return None
    follow = all(a + n == b for a, n, b in zip(offsets, counts, offsets[1:]))
    return int(offsets[0]) if follow and offsets[0] >= _SMALLEST_HEAD else None


def _tags(file: Any, head: bytes) -> dict[int, Any] | None:
    """The tags of the only page; None when there are more pages, or a kind of value that is not looked at."""

    def at(place: int, size: int) -> bytes:
        if size > _LONGEST_VALUE:
            raise struct.error("values that no header has")
        if place + size <= len(head):
            return head[place : place + size]
        file.seek(place)
        found: bytes = file.read(size)
        return found

    place = struct.unpack("<I", head[4:8])[0]
    number = struct.unpack("<H", at(place, 2))[0]
    page = at(place + 2, 12 * number + 4)
    if struct.unpack("<I", page[12 * number :])[0]:
        return None
    found: dict[int, Any] = {}
    for entry in range(0, 12 * number, 12):
        tag, kind, count = struct.unpack("<HHI", page[entry : entry + 8])
        if tag in _HARMLESS:
            kinds, number_of_values = _HARMLESS[tag]
            if kind not in (kinds or (kind,)) or count != (number_of_values or count):
                return None
            continue
        if kind not in _KINDS or tag in found or (kind == _TEXT) != (tag == _DESCRIPTION):
            return None
        letter, bytes_each = _KINDS[kind]
        size = bytes_each * count
        value = page[entry + 8 : entry + 8 + size]
        if size > 4:  # longer values lie elsewhere
            value = at(struct.unpack("<I", page[entry + 8 : entry + 12])[0], size)
        found[tag] = value if kind == _TEXT else struct.unpack(f"<{count}{letter}", value)
    return found
