"""Ask the system to fetch files into its cache before they are read, so that the disk works while pixels are encoded."""

from __future__ import annotations

import os
import stat
from contextlib import suppress

LARGEST = 256 << 20
"""Bytes of a file that is fetched as a whole; of larger ones, stacks, only some planes may be wanted."""
_AT_A_TIME = 1 << 17
"""What Linux fetches of one request at least, whatever the disk (its usual read-ahead)."""


def fetch(path: str) -> None:
    """Begin to fetch a local file and return at once; nothing happens when it is in the cache, or cannot be fetched.

    What is wrong with the file is told when it is read.
    """
    if not hasattr(os, "posix_fadvise"):
        return
    with suppress(OSError, ValueError):
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        try:
            facts = os.fstat(descriptor)
            if not stat.S_ISREG(facts.st_mode) or not facts.st_size <= LARGEST or _is_cached(descriptor, facts.st_size):
                return
            for begin in range(0, facts.st_size, _AT_A_TIME):
                os.posix_fadvise(descriptor, begin, _AT_A_TIME, os.POSIX_FADV_WILLNEED)
        finally:
            os.close(descriptor)


def _is_cached(descriptor: int, size: int) -> bool:
    """Whether the end of a file is in the cache: its begin may be, because the header was read."""
    if size <= 0 or not hasattr(os, "RWF_NOWAIT"):
        return size <= 0
    try:
        return os.preadv(descriptor, [bytearray(1)], size - 1, os.RWF_NOWAIT) == 1
    except OSError:  # it is not, or the file system cannot tell
        return False
