"""Half-filled chunks of the coarser levels: they wait in memory until everything below them has arrived."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fractal_omezarr_converters.ngff.downsample import downsample
from fractal_omezarr_converters.ngff.layout import ImageLayout
from fractal_omezarr_converters.ngff.memory_meter import BufferPool
from fractal_omezarr_converters.ngff.occupancy import Block, Occupancy
from fractal_omezarr_converters.ngff.pyramid import as_shape5

Array = np.ndarray[Any, Any]


@dataclass
class _Waiting:
    """A chunk of a coarser level; ``gathered`` holds finer pixels where chunk borders cut averaging blocks."""

    chunk: Array | None
    gathered: Array | None
    remaining: int


class Finished(NamedTuple):
    """A chunk that is ready to be encoded."""

    level: int
    block: Block
    pixels: Array  # the whole chunk, padded with the fill value at the image's edge
    valid: Array  # the part of it that lies in the image


def valid_size(layout: ImageLayout, level: int, block: Block) -> tuple[int, ...]:
    """How much of a chunk lies inside its level."""
    return tuple(min(c, n - b * c) for b, c, n in zip(block, layout.level_chunks(level), layout.levels[level].shape))


def clear_beyond(chunk: Array, size: tuple[int, ...]) -> None:
    """Zero the part of a chunk that lies outside the image; the ``size`` inside is left as it is."""
    for axis, inside in enumerate(size):
        if inside < chunk.shape[axis]:
            chunk[(*(slice(0, n) for n in size[:axis]), slice(inside, None))] = 0


def gathered_pixels(layout: ImageLayout, number: int) -> int:
    """The most finer pixels below one chunk of a level."""
    return math.prod(layout.level_chunks(number)) * math.prod(layout.levels[number].step)


class CoarseChunks:
    """Takes finished chunks of a level and hands out those of the next that they complete; safe to use from several threads."""

    def __init__(self, layout: ImageLayout, occupancy: Occupancy, pool: BufferPool) -> None:
        self._layout = layout
        self._occupancy = occupancy
        self._pool = pool
        self._lock = threading.Lock()
        self._waiting: dict[tuple[int, Block], _Waiting] = {}
        self._made_from: dict[int, list[int]] = {}
        for number, level in enumerate(layout.levels):
            self._made_from.setdefault(level.source, []).append(number)
        self.open = 0
        self.most_open = 0

    def feed(self, done: Finished) -> Iterator[Finished]:
        """Average a finished chunk into those of the levels made from it; yields what is complete now."""
        for number in self._made_from.get(done.level, ()):
            yield from self._add(number, self.block_above(number, done.block), done)

    def block_above(self, number: int, block: Block) -> Block:
        """The chunk of a level that a chunk of the level below it goes into."""
        return as_shape5([b // r for b, r in zip(block, self._occupancy.ratio(number))])

    def _add(self, number: int, block: Block, done: Finished) -> Iterator[Finished]:
        waiting = self._get(number, block)
        self._lay(number, block, waiting, done)
        with self._lock:
            waiting.remaining -= 1
            complete = waiting.remaining == 0
            if complete:
                del self._waiting[number, block]
                self.open -= 1
        if complete:
            yield self._complete(number, block, waiting)

    def _get(self, number: int, block: Block) -> _Waiting:
        with self._lock:
            waiting = self._waiting.get((number, block))
            if waiting is None:
                waiting = self._waiting[number, block] = self._begin(number, block)
                self.open += 1
                self.most_open = max(self.most_open, self.open)
            return waiting

    def _begin(self, number: int, block: Block) -> _Waiting:
        layout, remaining = self._layout, self._occupancy.waits_for(number, block)
        full, inside = self._occupancy.is_full(number, block), valid_size(layout, number, block)
        if layout.is_aligned(number):
            chunk = self._pool.take(layout.level_chunks(number))
            clear_beyond(chunk, inside) if full else chunk.fill(0)
            return _Waiting(chunk, None, remaining)
        level = layout.levels[number]
        source = layout.levels[level.source].shape
        corner = [b * c * f for b, c, f in zip(block, layout.level_chunks(number), level.step)]
        size = [min(v * f, n - o) for v, f, n, o in zip(inside, level.step, source, corner)]
        gathered = self._pool.take(size, gathered_pixels(layout, number))
        if not full:
            gathered.fill(0)
        return _Waiting(None, gathered, remaining)

    def _lay(self, number: int, block: Block, waiting: _Waiting, done: Finished) -> None:
        """Put a finer chunk in its place; no two threads touch the same pixels."""
        step = self._layout.levels[number].step
        low, high = self._box_in(number, block, done)
        if waiting.gathered is not None:
            waiting.gathered[tuple(slice(a, b) for a, b in zip(low, high))] = done.valid
            return
        assert waiting.chunk is not None
        place = tuple(slice(a // f, -(-b // f)) for a, b, f in zip(low, high, step))
        self._shrink(number, done, waiting.chunk[place])

    def _box_in(self, number: int, block: Block, done: Finished) -> tuple[list[int], list[int]]:
        """Where a finer chunk lies in one of ``number``, in pixels of the finer level."""
        chunk, below = self._layout.level_chunks(number), self._layout.level_chunks(done.level)
        step = self._layout.levels[number].step
        low = [d * b - p * c * f for d, b, p, c, f in zip(done.block, below, block, chunk, step)]
        return low, [a + n for a, n in zip(low, valid_size(self._layout, done.level, done.block))]

    def _shrink(self, number: int, done: Finished, out: Array) -> None:
        downsample(done.valid, self._layout.levels[number].step, self._layout.method, out)

    def _complete(self, number: int, block: Block, waiting: _Waiting) -> Finished:
        size = valid_size(self._layout, number, block)
        inside = tuple(slice(0, n) for n in size)
        chunk = waiting.chunk
        if chunk is None:
            assert waiting.gathered is not None
            chunk = self._pool.take(self._layout.level_chunks(number))
            clear_beyond(chunk, size)
            downsample(waiting.gathered, self._layout.levels[number].step, self._layout.method, chunk[inside])
            self._pool.give(waiting.gathered)
        return Finished(number, block, chunk, chunk[inside])
