"""Stamps of source files: whether a file is the one that the first step of a conversion looked at.

A stamp is a 32-bit digest of a file's size and time of change (in microseconds: some disks give no more), 4 bytes per file.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractal_omezarr_converters.core.packing import pack, unpack_array
from fractal_omezarr_converters.models.source_files import SourceFile


def stamps_of(sources: Iterable[SourceFile]) -> Any:
    """Give the stamps of files, in their order, as a compact JSON value."""
    return pack(_stamps(sources))


def changed_sources(stamps: Any, sources: Sequence[SourceFile]) -> list[SourceFile]:
    """Give the files that are not those that were stamped; all of them when their number is another."""
    before = unpack_array(stamps, "uint32")
    if len(before) != len(sources):
        return list(sources)
    return [sources[index] for index in np.flatnonzero(before != _stamps(sources)).tolist()]


def _stamps(sources: Iterable[SourceFile]) -> NDArray[np.uint32]:
    return np.array([zlib.crc32(f"{one.size} {one.mtime_ns // 1000}".encode()) for one in sources], dtype=np.uint32)
