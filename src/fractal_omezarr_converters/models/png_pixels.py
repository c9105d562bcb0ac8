"""Pixels of grey PNG files, straight into an array.

Decoding PNG is mostly inflating, and libpng's zlib inflates at half the speed of libdeflate. So the rows are inflated first and
given to libpng again as stored blocks (RFC 1950, RFC 1951 section 3.2.4), which leaves it the filters of the rows.
"""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

_SIGNATURE_AND_HEADER = 33
_LONGEST_STORED = 65535
_END = b"\0\0\0\0IEND\xaeB`\x82"


def is_plain_grey(head: bytes) -> bool:
    """Say whether a file is grey of 8 or 16 bits, not interlaced, without a transparent grey; by the bytes up to its pixels."""
    bits, kind, _, _, interlaced = struct.unpack(">BBBBB", head[24:29])
    before, pixels, _ = head.partition(b"IDAT")
    return bool(pixels) and bits in (8, 16) and kind == 0 and not interlaced and b"tRNS" not in before


def decode_into(data: bytes, out: np.ndarray[Any, Any]) -> None:
    """Decode a plain grey PNG into an array of its shape and type.

    Raises:
        ValueError: the array has another shape or type.
        RuntimeError: the file is damaged.
    """
    import imagecodecs

    imagecodecs.png_decode(_with_stored_rows(data, out.shape[0], out.shape[1] * out.itemsize) or data, out=out)


def _with_stored_rows(data: bytes, height: int, row_bytes: int) -> bytearray | None:
    """The same image with rows that are not compressed; None when that cannot be, for libpng to say why."""
    import imagecodecs

    view, place, parts = memoryview(data), 8, list[memoryview]()
    while place + 12 <= len(data):
        length, name = struct.unpack(">I4s", view[place : place + 8])
        if name == b"IDAT":
            parts.append(view[place + 8 : place + 8 + length])
        place += 12 + length
    size = height * (1 + row_bytes)
    try:
        rows = memoryview(imagecodecs.deflate_decode(parts[0] if len(parts) == 1 else b"".join(parts), out=size))
    except (RuntimeError, ValueError):
        return None
    if len(rows) != size:
        return None
    pieces: list[bytes | memoryview] = [data[:_SIGNATURE_AND_HEADER], b"\0\0\0\0IDAT\x78\x01"]
    for first in range(0, size, _LONGEST_STORED):
        stored = rows[first : first + _LONGEST_STORED]
        last = first + len(stored) == size
        pieces += [struct.pack("<BHH", last, len(stored), len(stored) ^ 0xFFFF), stored]
    pieces += [struct.pack(">I", imagecodecs.deflate_adler32(rows)), b"\0\0\0\0", _END]
    image = bytearray().join(pieces)
    chunk = slice(_SIGNATURE_AND_HEADER + 4, len(image) - len(_END) - 4)
    struct.pack_into(">I", image, chunk.start - 4, chunk.stop - chunk.start - 4)
    struct.pack_into(">I", image, chunk.stop, imagecodecs.deflate_crc32(memoryview(image)[chunk]))
    return image
