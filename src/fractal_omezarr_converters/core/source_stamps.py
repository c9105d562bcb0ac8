"""Stamps of source files: whether a file is the one that the first step of a conversion looked at.

A stamp is a 32-bit digest of a file's size and time of change (in microseconds: some disks give no more), 4 bytes per file.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractal_omezarr_converters.core.packing import pack, unpack_array
from fractal_omezarr_converters.models.source_files import SourceFile, SourceFiles


def stamps_of(sources: Sequence[SourceFile]) -> Any:
    """Give the stamps of files, in their order, as a compact JSON value."""
    return pack(_stamps(sources))


def changed_sources(stamps: Any, sources: Sequence[SourceFile]) -> list[SourceFile]:
    """Give the files that are not those that were stamped; all of them when their number is another."""
    before = unpack_array(stamps, "uint32")
    if len(before) != len(sources):
        return list(sources)
    return [sources[index] for index in np.flatnonzero(before != _stamps(sources)).tolist()]


def _stamps(sources: Sequence[SourceFile]) -> NDArray[np.uint32]:
    """Mix size and time as 64-bit numbers (the finaliser of MurmurHash3) and keep the upper half."""
    files = SourceFiles.taken(sources)
    mixed = files.size.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) ^ (files.mtime_ns // 1000).astype(np.uint64)
    for factor in (0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53):
        mixed = (mixed ^ (mixed >> np.uint64(33))) * np.uint64(factor)
    return ((mixed ^ (mixed >> np.uint64(33))) >> np.uint64(32)).astype(np.uint32)
