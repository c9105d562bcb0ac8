"""Decoded tiles while chunks still need them: every tile is read once, whoever needs it first.

A tile that feeds one chunk is read and forgotten. One that feeds several is kept until the last of them is filled. When the
tiles that are kept exceed the budget, further ones are read in parts if their source can do that; otherwise the one that is
needed last goes to a temporary file, so that memory stays bounded and still nothing is decoded twice.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.ngff.block_plan import BlockPlan
from fractal_omezarr_converters.ngff.memory_meter import BufferPool
from fractal_omezarr_converters.ngff.tile_stream import Part, TileStream

Array = np.ndarray[Any, Any]


@dataclass
class _Kept:
    """One tile that several chunks need."""

    remaining: int
    pixels: Array | None = None
    pooled: bool = False
    in_parts: bool = False
    in_memory: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


class SourceTiles:
    """Hands out the pixels of tiles; threads may ask for the same tile at the same time."""

    def __init__(
        self,
        stream: TileStream,
        plan: BlockPlan,
        dtype: np.dtype[Any],
        budget: int,
        pool: BufferPool,
    ) -> None:
        self._stream = stream
        self._read_into = getattr(stream, "read_into", None)
        self._length = np.asarray(stream.length, np.int64).reshape(-1, 5)
        self._plan = plan
        self._dtype = dtype
        self._budget = budget
        self._meter = pool.meter
        self._pool = pool
        self._lock = threading.Lock()
        self._kept: dict[int, _Kept] = {}
        self._held = 0
        self._needs = plan.blocks_by_tile() if ((plan.uses > 1) | plan.cut).any() else None
        self.bytes_read = 0
        self.tiles_read = 0

    def whole(self, tile: int) -> Array:
        """All pixels of a tile that one chunk needs."""
        return self._read(tile)

    @property
    def reads_into(self) -> bool:
        """True when the source may fill arrays by itself."""
        return self._read_into is not None

    def read_into(self, tile: int, out: Array) -> bool:
        """Let the source fill an array with a tile that one chunk needs; False, with nothing done, when it cannot."""
        if self._read_into is None or not self._read_into(tile, out):
            return False
        with self._lock:
            self.bytes_read += out.nbytes
            self.tiles_read += 1
        return True

    def lay(self, tile: int, part: Part, out: Array) -> None:
        """Put some pixels of a tile where they belong; straight from its source when only one chunk needs it."""
        if self._plan.is_alone(tile) and self.read_into(tile, out):
            return
        out[...] = self.part(tile, part)
        self.done(tile)

    def part(self, tile: int, part: Part) -> Array:
        """Some pixels of a tile; to be asked once per chunk that the tile feeds, and followed by ``done``."""
        if self._plan.is_alone(tile):
            return self._read(tile)[part]
        with self._lock:
            kept = self._kept.setdefault(tile, _Kept(int(self._plan.uses[tile])))
        with kept.lock:
            if kept.pixels is None:
                found = self._read_part(tile, part, kept)
                if found is not None:
                    return found
                kept.pixels, kept.pooled = self._read_to_keep(tile)
                self._hold(kept)
            return kept.pixels[part]

    def done(self, tile: int) -> None:
        """One chunk has its part of this tile."""
        if self._plan.is_alone(tile):
            return
        with self._lock:
            kept = self._kept[tile]
            kept.remaining -= 1
            if kept.remaining:
                return
            del self._kept[tile]
            self._held -= kept.in_memory
        self._let_go(kept, kept.in_memory)

    def _let_go(self, kept: _Kept, size: int) -> None:
        """Give a buffer back; pixels that are not in one of ours leave memory with their last user."""
        if kept.pooled and size and kept.pixels is not None:
            self._pool.give(kept.pixels)
        elif not kept.pooled:
            self._meter.add(-size)

    def _read_to_keep(self, tile: int) -> tuple[Array, bool]:
        """All pixels of a tile, and whether they lie in a buffer of ours, which costs no fresh pages."""
        if self.reads_into:
            buffer = self._pool.take([int(n) for n in self._length[tile]])
            if self.read_into(tile, buffer):
                return buffer, True
            self._pool.give(buffer)
        return self._read(tile), False

    def _read(self, tile: int) -> Array:
        return self._checked(tile, self._stream.read(tile), tuple(int(n) for n in self._length[tile]))

    def _read_part(self, tile: int, part: Part, kept: _Kept) -> Array | None:
        """The part alone, when memory is short or others need the rest, and the source can; once begun, a tile stays in parts."""
        size = int(self._length[tile].prod()) * self._dtype.itemsize
        if not kept.in_parts and not self._plan.cut[tile] and self._held + size <= self._budget:
            return None
        found = self._stream.read_part(tile, part)
        if found is None:
            return None
        found = self._checked(tile, found, tuple(s.stop - s.start for s in part), whole=not kept.in_parts)
        kept.in_parts = True
        return found

    def _checked(self, tile: int, pixels: Array, shape: tuple[int, ...], whole: bool = True) -> Array:
        if pixels.shape != shape or not np.can_cast(pixels.dtype, self._dtype, "safe"):
            describe = getattr(self._stream, "describe", None)
            name = describe(tile) if describe is not None else f"Tile {tile}"
            raise ConvertersToolsUserError(
                f"{name} gave pixels of shape {pixels.shape} and type {pixels.dtype}, but the plan says {shape} (t, c, z, y, x) "
                f"and {self._dtype}; the file does not agree with its metadata or has changed since it was planned."
            )
        with self._lock:
            self.bytes_read += pixels.nbytes
            self.tiles_read += whole
        return pixels

    def _hold(self, kept: _Kept) -> None:
        """Account for a tile that stays in memory; over the budget, the one needed last leaves it."""
        assert kept.pixels is not None
        kept.in_memory = kept.pixels.nbytes
        with self._lock:
            self._held += kept.in_memory
            excess = self._held > self._budget
            last = (
                max(((self._next(t, k), t) for t, k in self._kept.items() if k.in_memory), default=None)
                if excess
                else None
            )
            leaving = self._kept[last[1]] if last is not None else None
            if leaving is not None:
                gone, leaving.in_memory = leaving.in_memory, 0
                self._held -= gone
        if not kept.pooled:
            self._meter.add(kept.in_memory)
        if leaving is not None and leaving.pixels is not None:
            leaving.pixels = _on_disk(leaving.pixels)  # its buffer is not used again: a thread may still copy from it
            self._meter.add(-gone)

    def _next(self, tile: int, kept: _Kept) -> int:
        """The chunk that needs the tile next."""
        assert self._needs is not None
        first, blocks = self._needs
        return int(blocks[first[tile + 1] - kept.remaining])


def _on_disk(pixels: Array) -> Array:
    """The same pixels in a file without a name, which ends with its last user."""
    import tempfile

    with tempfile.TemporaryFile(prefix="omezarr-tile-") as file:
        file.write(memoryview(np.ascontiguousarray(pixels)).cast("B"))
        file.flush()
        return np.memmap(file, dtype=pixels.dtype, mode="r", shape=pixels.shape)
