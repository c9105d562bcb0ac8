"""Encoded chunks on their way to the store: one file per chunk, or one file per shard.

A shard (Zarr v3 ``sharding_indexed``, https://zarr-specs.readthedocs.io/en/latest/v3/codecs/sharding-indexed/) is written front
to back: the inner chunks in the order in which they are made, then the index (offset and length of each, little-endian, all
ones for an inner chunk that is not there), then the CRC-32C of the index.
"""

from __future__ import annotations

import math
import threading

import numpy as np

from fractal_omezarr_converters.ngff.layout import ImageLayout
from fractal_omezarr_converters.ngff.occupancy import Occupancy
from fractal_omezarr_converters.ngff.pyramid import AXES
from fractal_omezarr_converters.ngff.stores import ChunkSink, Store

_ABSENT = np.uint64(0xFFFFFFFFFFFFFFFF)
Block = tuple[int, int, int, int, int]


class ChunkFiles:
    """Puts every chunk of every level once; safe to use from several threads."""

    def __init__(self, store: Store, layout: ImageLayout, occupancy: Occupancy, digests: bool) -> None:
        self._store = store
        self._layout = layout
        self._occupancy = occupancy
        self._axes = [AXES.index(axis) for axis in layout.axes]
        self._lock = threading.Lock()
        self._shards: dict[tuple[int, Block], _Shard] = {}
        self._digests: list[dict[str, bytes]] | None = [{} for _ in layout.levels] if digests else None
        self.chunks = [0] * len(layout.levels)
        self.files = [0] * len(layout.levels)
        self.bytes = 0

    def put(self, level: int, block: Block, encoded: memoryview) -> None:
        """Write one encoded chunk, and finish its shard when it is the last."""
        if self._digests is not None:
            self._digests[level][self._key(level, block)] = checksum(encoded)
        if self._layout.shards is None:
            self._store.put_chunk(self._key(level, block), encoded)
            finished, size = True, len(encoded)
        else:
            finished, size = self._put_inner(level, block, encoded)
        with self._lock:
            self.chunks[level] += 1
            self.files[level] += finished
            self.bytes += size

    def _put_inner(self, level: int, block: Block, encoded: memoryview) -> tuple[bool, int]:
        ratio = self._occupancy.chunks_per_shard(level)
        place: Block = tuple(b // r for b, r in zip(block, ratio))  # type: ignore[assignment]
        with self._lock:
            shard = self._shards.get((level, place))
            if shard is None:
                expected = self._occupancy.chunks_in_shard(level, place)
                shard = self._shards[level, place] = _Shard(self._store.begin(self._key(level, place)), ratio, expected)
        finished, size = shard.append(tuple(b % r for b, r in zip(block, ratio)), encoded)
        if finished:
            with self._lock:
                del self._shards[level, place]
        return finished, size

    def abandon(self) -> None:
        """Close what is open after a failure; the files stay unfinished in the staging folder."""
        for shard in self._shards.values():
            shard.sink.abandon()

    def digest(self, level: int) -> str | None:
        """One digest over all chunks of a level, whatever order they were written in."""
        if self._digests is None:
            return None
        from hashlib import blake2b

        total = blake2b(digest_size=16)
        for key, digest in sorted(self._digests[level].items()):
            total.update(key.encode() + b"\0" + digest)
        return total.hexdigest()

    def _key(self, level: int, block: Block) -> str:
        place = "/".join(str(block[axis]) for axis in self._axes)
        path = self._layout.levels[level].path
        return f"{path}/{place}" if self._layout.version == "0.4" else f"{path}/c/{place}"


class _Shard:
    """One shard under construction."""

    def __init__(self, sink: ChunkSink, shape: tuple[int, ...], expected: int) -> None:
        self.sink = sink
        self._shape = shape
        self._index = np.full((math.prod(shape), 2), _ABSENT, "<u8")
        self._remaining = expected
        self._size = 0
        self._lock = threading.Lock()

    def append(self, inner: tuple[int, ...], encoded: memoryview) -> tuple[bool, int]:
        """Add an inner chunk; True with the bytes written when the shard is finished by it."""
        with self._lock:
            self.sink.append(encoded)
            self._index[np.ravel_multi_index(inner, self._shape)] = (self._size, len(encoded))
            self._size += len(encoded)
            self._remaining -= 1
            if self._remaining:
                return False, len(encoded)
            index = self._index.tobytes()
            self.sink.append(index + crc32c(index).to_bytes(4, "little"))
            self.sink.finish()
            return True, len(encoded) + len(index) + 4


def checksum(encoded: memoryview) -> bytes:
    """Length and CRC-32 of a chunk: they find damage, and cost a fortieth of what a cryptographic digest costs."""
    import imagecodecs

    return len(encoded).to_bytes(8, "little") + int(imagecodecs.deflate_crc32(encoded)).to_bytes(4, "little")


def crc32c(data: bytes) -> int:
    """The Castagnoli checksum (RFC 3720 appendix B.4)."""
    import google_crc32c

    return int(google_crc32c.value(data))
