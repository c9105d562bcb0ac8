"""Encoded chunks on their way to the store: one file per chunk, or one file per shard."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from fractal_omezarr_converters.ngff.layout import ImageLayout
from fractal_omezarr_converters.ngff.occupancy import Block, Occupancy
from fractal_omezarr_converters.ngff.pyramid import AXES, as_shape5
from fractal_omezarr_converters.ngff.shard_files import HeldChunks, Shard
from fractal_omezarr_converters.ngff.shard_order import ShardOrder
from fractal_omezarr_converters.ngff.stores import Store


class ChunkFiles:
    """Puts every chunk of every level once; safe to use from several threads."""

    def __init__(  # noqa: PLR0917
        self,
        store: Store,
        layout: ImageLayout,
        occupancy: Occupancy,
        digests: bool,
        order: ShardOrder,
        held: HeldChunks,
    ) -> None:
        self._store = store
        self._layout = layout
        self._occupancy = occupancy
        self._axes = [AXES.index(axis) for axis in layout.axes]
        self._lock = threading.Lock()
        self._order = order
        self._held = held
        self._shards: dict[tuple[int, Block], Shard] = {}
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
        place = as_shape5([b // r for b, r in zip(block, ratio)])
        with self._lock:
            shard = self._shards.get((level, place))
            if shard is None:
                expected = self._occupancy.chunks_in_shard(level, place)
                sink = self._store.begin(self._key(level, place))
                shard = self._shards[level, place] = Shard(sink, ratio, expected, self._held)
        inside = tuple(b % r for b, r in zip(block, ratio))
        finished, size = shard.add(self._order.turn(level, block), inside, encoded)
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
        return None if self._digests is None else digest_of_chunks(self._digests[level])

    def chunk_digests(self) -> list[dict[str, bytes]]:
        """Per level the digest of every chunk that was written, by key; empty when none are taken."""
        return self._digests or [{} for _ in self._layout.levels]

    def add_digests(self, level: int, digests: Mapping[str, bytes]) -> None:
        """Take in the digests of chunks that others wrote."""
        if self._digests is not None:
            self._digests[level].update(digests)

    def _key(self, level: int, block: Block) -> str:
        place = "/".join(str(block[axis]) for axis in self._axes)
        path = self._layout.levels[level].path
        return f"{path}/{place}" if self._layout.version == "0.4" else f"{path}/c/{place}"


def digest_of_chunks(digests: Mapping[str, bytes]) -> str:
    """One digest over the digests of chunks by key."""
    from hashlib import blake2b

    total = blake2b(digest_size=16)
    for key, digest in sorted(digests.items()):
        total.update(key.encode() + b"\0" + digest)
    return total.hexdigest()


def checksum(encoded: memoryview) -> bytes:
    """Length and CRC-32 of a chunk: they find damage, and cost a fortieth of what a cryptographic digest costs."""
    import imagecodecs

    return len(encoded).to_bytes(8, "little") + int(imagecodecs.deflate_crc32(encoded)).to_bytes(4, "little")
