"""How much memory writing an image takes, from its plan alone: an upper bound that does not grow with the image's size.

Every thread has a chunk in work, its compressed form, a source plane in hand, and a histogram of every channel. Chunks of
coarser levels wait until all below them has arrived; how many wait at one time follows from the writing order.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from fractal_omezarr_converters.ngff.block_plan import BlockPlan, plan_blocks
from fractal_omezarr_converters.ngff.coarse_chunks import gathered_pixels
from fractal_omezarr_converters.ngff.histogram import Histogram
from fractal_omezarr_converters.ngff.layout import ImageLayout
from fractal_omezarr_converters.ngff.occupancy import chunk_ratio
from fractal_omezarr_converters.ngff.tile_stream import TileStream

Ints = np.ndarray[Any, np.dtype[np.int64]]
TILES_IN_MEMORY = 80 << 20
"""Decoded planes that are kept for later chunks, when no limit is set."""
PIXELS_IN_MEMORY = 192 << 20
"""With small chunks more planes stay, until all pixels in memory come to this."""

_MOST_KNOWN = 64
_KNOWN: dict[Any, MemoryNeed] = {}


@dataclass(frozen=True)
class MemoryNeed:
    """Bytes of pixels and of their histograms that are held at one time."""

    chunk: int  # one chunk of level 0
    plane: int  # the largest source plane that is read whole even when memory is short
    in_work: int  # by every thread: chunk, compressed chunk, source plane, seams
    waiting: int  # half-filled coarser chunks with one thread
    waiting_more: int  # and with every further one
    shared: int  # source planes that several chunks need
    largest: int  # the largest source plane of all
    counted: int  # histograms of all channels: one set in every thread, and the sum

    def of(self, threads: int) -> int:
        """The least that so many threads take."""
        return threads * self.in_work + self.waiting + (threads - 1) * self.waiting_more + (threads + 1) * self.counted

    def usual(self, threads: int) -> int:
        """What so many threads take when no limit is set: planes that several chunks need are kept."""
        room = self.room_for_tiles(threads)
        in_parts = self.largest > room
        in_hand = 0 if in_parts else threads * max(0, self.largest - self.plane)
        return self.of(threads) + min(self.shared, room) + in_hand

    def room_for_tiles(self, threads: int) -> int:
        """Bytes of planes that so many threads keep for later chunks when no limit is set."""
        return max(TILES_IN_MEMORY, PIXELS_IN_MEMORY - self.of(threads))

    def threads_within(self, limit: int, wished: int) -> int:
        """As many of the wished threads as stay within a limit, at least one."""
        return next((count for count in range(wished, 1, -1) if self.of(count) <= limit), 1)


def memory_need(layout: ImageLayout, tiles: TileStream, plan: BlockPlan | None = None) -> MemoryNeed:
    """What writing these tiles in this layout takes; images of the same geometry, as those of a plate, are looked at once."""
    steps = tuple(level.factors for level in layout.levels)
    geometry = (layout.shape, layout.chunks, layout.shards, steps, layout.dtype.itemsize)
    boxes = np.ascontiguousarray([tiles.start, tiles.length], np.int64).tobytes()
    plane = _read_whole(layout, tiles)
    key = (geometry, plane, hashlib.blake2b(boxes, digest_size=16).digest())
    need = _KNOWN.get(key)
    if need is None:
        if len(_KNOWN) >= _MOST_KNOWN:
            _KNOWN.clear()
        need = _KNOWN[key] = _need(layout, tiles, plan or plan_blocks(layout, tiles, 2), plane)
    return need


def _read_whole(layout: ImageLayout, tiles: TileStream) -> int:
    """The largest plane that can only be read whole; of planes of one size the first and the last are asked."""
    sizes = _plane_bytes(layout, tiles)
    reads_parts = getattr(tiles, "reads_parts", None)
    for size in np.unique(sizes, return_index=True)[0][::-1].tolist():  # with an index it loads no numpy.ma
        of_size = np.flatnonzero(sizes == size)
        asked = {int(of_size[0]), int(of_size[-1])}
        if size <= layout.chunk_bytes or reads_parts is None or not all(reads_parts(index) for index in asked):
            return int(size)
    return 0


def _plane_bytes(layout: ImageLayout, tiles: TileStream) -> Ints:
    sizes: Ints = np.asarray(tiles.length, np.int64).reshape(-1, 5).prod(axis=1) * layout.dtype.itemsize
    return sizes


def _need(layout: ImageLayout, tiles: TileStream, plan: BlockPlan, plane: int) -> MemoryNeed:
    sizes = _plane_bytes(layout, tiles)
    in_hand = max(plane, min(layout.chunk_bytes, int(sizes.max(initial=0))))
    seams = Counter(_chunk_bytes(layout, n) for n in range(1, len(layout.levels)) if not layout.is_aligned(n))
    averaged = sum(
        size * min(levels, 2) for size, levels in seams.items()
    )  # one is finished while the next one is begun
    waiting, more = _waiting(layout, plan)
    held = layout.chunk_bytes if layout.shards is not None else 0  # inner chunks before their turn
    return MemoryNeed(
        chunk=layout.chunk_bytes,
        plane=plane,
        in_work=2 * layout.chunk_bytes + in_hand + averaged + held,
        waiting=waiting,
        waiting_more=more,
        shared=int(sizes[(plan.uses > 1) | plan.cut].sum()),
        largest=int(sizes.max(initial=0)),
        counted=layout.shape[1] * Histogram.bytes_of(layout.dtype),
    )


def _waiting(layout: ImageLayout, plan: BlockPlan) -> tuple[int, int]:
    """The most bytes of coarser chunks that wait with one thread, and what one more thread adds at most."""
    if not len(plan.blocks):
        return 0, 0
    above: list[Ints] = [plan.blocks]
    task = np.repeat(np.arange(len(plan.tasks) - 1), np.diff(plan.tasks))
    most = more = 0
    for number in range(1, len(layout.levels)):
        above.append(above[layout.levels[number].source] // np.asarray(chunk_ratio(layout, number)))
        chunks = math.prod(layout.grid(number))
        flat = np.ravel_multi_index(tuple(above[number].T), layout.grid(number))
        order = np.argsort(flat, kind="stable")
        ends = np.flatnonzero(np.diff(flat[order], append=-1))
        waiting = np.zeros(len(flat) + 1, np.int64)
        np.add.at(waiting, order[np.concatenate([[0], ends[:-1] + 1])], 1)
        np.subtract.at(waiting, order[ends] + 1, 1)
        touched = np.bincount(np.unique(task * chunks + flat, return_index=True)[0] // chunks)
        most += _held_bytes(layout, number) * int(np.cumsum(waiting).max())
        more += _held_bytes(layout, number) * int(touched.max())
    return most, more


def _held_bytes(layout: ImageLayout, number: int) -> int:
    """What one waiting chunk of a level holds: itself, or the finer pixels below it where chunk borders cut averaging blocks."""
    if layout.is_aligned(number):
        return _chunk_bytes(layout, number)
    return gathered_pixels(layout, number) * layout.dtype.itemsize


def _chunk_bytes(layout: ImageLayout, number: int) -> int:
    return math.prod(layout.level_chunks(number)) * layout.dtype.itemsize
