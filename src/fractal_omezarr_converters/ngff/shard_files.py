"""One shard under construction: inner chunks, index, checksum, always the same bytes whatever order the chunks come in.

A shard (Zarr v3 ``sharding_indexed``, https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed/) is written front
to back: the inner chunks, then the index (offset and length of each, little-endian, all ones for an inner chunk that is not
there), then the CRC-32C of the index. Inner chunks lie in the order in which a single thread finishes them; one that comes
before its turn is held back.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import IO

import numpy as np

from fractal_omezarr_converters.ngff.memory_meter import MemoryMeter
from fractal_omezarr_converters.ngff.stores import ChunkSink

_ABSENT = np.uint64(0xFFFFFFFFFFFFFFFF)
_Place = bytes | tuple[int, int]


class HeldChunks:
    """Encoded chunks that came before their turn: in memory up to a limit, beyond it in a file without a name."""

    def __init__(self, limit: int, meter: MemoryMeter) -> None:
        self._limit = limit
        self._meter = meter
        self._lock = threading.Lock()
        self._in_memory = 0
        self._file: IO[bytes] | None = None

    def keep(self, encoded: memoryview) -> _Place:
        """Keep a copy; give it back to ``take``."""
        size = len(encoded)
        with self._lock:
            if self._in_memory + size > self._limit:
                return self._to_file(encoded)
            self._in_memory += size
        self._meter.add(size)
        return bytes(encoded)

    def take(self, kept: _Place) -> bytes:
        """The bytes, which are kept no longer."""
        if isinstance(kept, tuple):
            with self._lock:
                assert self._file is not None
                self._file.seek(kept[0])
                return self._file.read(kept[1])
        with self._lock:
            self._in_memory -= len(kept)
        self._meter.add(-len(kept))
        return kept

    def _to_file(self, encoded: memoryview) -> tuple[int, int]:
        if self._file is None:
            import tempfile

            self._file = tempfile.TemporaryFile(prefix="omezarr-chunks-")  # noqa: SIM115  (lives as long as the pass)
        at = self._file.seek(0, 2)
        self._file.write(encoded)
        return at, len(encoded)


class Shard:
    """One shard under construction; safe to use from several threads."""

    def __init__(self, sink: ChunkSink, shape: Sequence[int], expected: int, held: HeldChunks) -> None:
        self.sink = sink
        self._shape = tuple(shape)
        self._index = np.full((math.prod(self._shape), 2), _ABSENT, "<u8")
        self._expected = expected
        self._next = 0
        self._size = 0
        self._held = held
        self._waiting: dict[int, tuple[tuple[int, ...], _Place]] = {}
        self._lock = threading.Lock()

    def add(self, turn: int, inner: tuple[int, ...], encoded: memoryview) -> tuple[bool, int]:
        """Add the inner chunk whose turn this is, counted from 0; True when it finishes the shard, and the bytes it adds."""
        with self._lock:
            if turn != self._next:
                self._waiting[turn] = (inner, self._held.keep(encoded))
                return False, len(encoded)
            self._append(inner, encoded)
            while self._next in self._waiting:
                place, kept = self._waiting.pop(self._next)
                self._append(place, memoryview(self._held.take(kept)))
            if self._next < self._expected:
                return False, len(encoded)
            index = self._index.tobytes()
            self.sink.append(index + crc32c(index).to_bytes(4, "little"))
            self.sink.finish()
            return True, len(encoded) + len(index) + 4

    def _append(self, inner: tuple[int, ...], encoded: memoryview) -> None:
        self.sink.append(encoded)
        self._index[np.ravel_multi_index(inner, self._shape)] = (self._size, len(encoded))
        self._size += len(encoded)
        self._next += 1


def crc32c(data: bytes) -> int:
    """The Castagnoli checksum (RFC 3720 appendix B.4)."""
    import google_crc32c

    return int(google_crc32c.value(data))
