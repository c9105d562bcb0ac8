"""The single pass: every source tile is read once, every chunk of every level is encoded once and written once.

The chunks of level 0 are visited in an order in which coarser chunks complete as early as possible. Each is filled from its
tiles, counted into the channel's histogram, encoded, written, and averaged into the chunk above it, which follows the same way
as soon as it is complete. Nothing is read back. Threads take tasks from one list; they share the half-filled coarser chunks and
the decoded tiles.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from fractal_omezarr_converters.ngff.block_plan import BlockPlan, Bools, plan_blocks
from fractal_omezarr_converters.ngff.chunk_files import ChunkFiles
from fractal_omezarr_converters.ngff.coarse_chunks import CoarseChunks, Finished, clear_beyond, valid_size
from fractal_omezarr_converters.ngff.coverage import Coverage, cover
from fractal_omezarr_converters.ngff.histogram import Histogram
from fractal_omezarr_converters.ngff.layout import ImageLayout
from fractal_omezarr_converters.ngff.memory_meter import BufferPool, MemoryMeter
from fractal_omezarr_converters.ngff.memory_need import memory_need
from fractal_omezarr_converters.ngff.occupancy import Block, Occupancy
from fractal_omezarr_converters.ngff.pixel_report import PixelReport
from fractal_omezarr_converters.ngff.pyramid import Shape5, as_shape5
from fractal_omezarr_converters.ngff.read_ahead import ReadAhead
from fractal_omezarr_converters.ngff.shard_files import HeldChunks
from fractal_omezarr_converters.ngff.shard_order import ShardOrder
from fractal_omezarr_converters.ngff.source_tiles import SourceTiles
from fractal_omezarr_converters.ngff.stores import Store
from fractal_omezarr_converters.ngff.tile_stream import TileStream

Array = np.ndarray[Any, Any]


def write_pixels(
    store: Store,
    layout: ImageLayout,
    tiles: TileStream,
    *,
    threads: int | None = None,
    digests: bool = False,
    memory_limit: int | None = None,
) -> PixelReport:
    """Write all levels of an image, with their array documents, below ``store`` (the image's group).

    Args:
        store: Where the image's group is (or will be).
        layout: From ``plan_layout`` or ``make_layout``.
        tiles: The source; later tiles win where they overlap, pixels without a tile are 0.
        threads: How many; the CPUs granted to this process when not given.
        digests: Take a digest of every chunk.
        memory_limit: Bytes of pixels to hold at most; fewer threads run, and fewer decoded tiles are kept, to stay below.
    """
    plan = plan_blocks(layout, tiles, max(1, threads or granted_cpus()))
    count, budget = threads_and_budget(layout, tiles, plan, threads, memory_limit)
    for key, document in layout.array_documents().items():
        store.put(key, document)
    hold = memory_limit is None
    return ImagePass(store, layout, tiles, plan, threads=count, digests=digests, budget=budget, hold=hold).run()


def threads_and_budget(
    layout: ImageLayout, tiles: TileStream, plan: BlockPlan, threads: int | None, memory_limit: int | None
) -> tuple[int, int]:
    """How many threads run within the limit, and how many bytes of decoded tiles they may keep."""
    wished = max(1, threads or granted_cpus())
    need = memory_need(layout, tiles, plan)
    if memory_limit is None:
        return wished, need.room_for_tiles(wished)
    count = need.threads_within(memory_limit, wished)
    return count, max(0, memory_limit - need.of(count))


def granted_cpus() -> int:
    """CPUs that this process may use: those of the SLURM task or of the process's affinity."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    granted = os.environ.get("SLURM_CPUS_PER_TASK", "")
    return min(allowed, int(granted)) if granted.isdecimal() and int(granted) else allowed


class _Lane:
    """What one thread keeps for itself: its encoder, its histograms, its counts."""

    def __init__(self, layout: ImageLayout) -> None:
        self.encode = layout.compression.encoder(layout.dtype)
        self.histograms: dict[int, Histogram] = {}
        self.covered = 0
        self.overlapped = 0


class ImagePass:
    """One image, or the part of it that is ``only`` some blocks of its plan, on its way to the store."""

    def __init__(
        self,
        store: Store,
        layout: ImageLayout,
        tiles: TileStream,
        plan: BlockPlan,
        *,
        threads: int,
        digests: bool,
        budget: int,
        hold: bool,
        only: Bools | None = None,
        coarse: Callable[[ImageLayout, Occupancy, BufferPool], CoarseChunks] = CoarseChunks,
    ) -> None:
        self._layout = layout
        self._start = np.asarray(tiles.start, np.int64).reshape(-1, 5)
        self._end = self._start + np.asarray(tiles.length, np.int64).reshape(-1, 5)
        self._plan = plan if only is None else plan.only(only)
        self._occupancy = Occupancy(layout, plan.blocks)
        self._meter = MemoryMeter()
        self._pool = BufferPool(layout.dtype, self._meter)
        self._sources = SourceTiles(tiles, self._plan, layout.dtype, budget, self._pool)
        self._ahead = ReadAhead(tiles, self._plan, layout.dtype.itemsize, hold=hold)
        self._coarse = coarse(layout, self._occupancy, self._pool)
        order = ShardOrder(layout, self._occupancy, plan.blocks)
        held = HeldChunks(threads * layout.chunk_bytes, self._meter)
        self.files = ChunkFiles(store, layout, self._occupancy, digests, order, held)
        self._threads = min(threads, max(1, len(self._plan.tasks) - 1))
        self._next_task = iter(range(len(self._plan.tasks) - 1))
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def run(self) -> PixelReport:
        """Write everything; the first failure of any thread stops the others after the chunk in hand."""
        lanes = [_Lane(self._layout) for _ in range(self._threads)]
        try:
            with self._ahead.running():
                run_threads([partial(self._work, lane) for lane in lanes], self._stop)
        except BaseException:
            self.files.abandon()
            raise
        return self._report(lanes)

    def _work(self, lane: _Lane) -> None:
        while not self._stop.is_set():
            with self._lock:
                task = next(self._next_task, None)
            if task is None:
                return
            for number in range(int(self._plan.tasks[task]), int(self._plan.tasks[task + 1])):
                if self._stop.is_set():
                    return
                self._ahead.begun(number)
                self._write_block(number, lane)

    def _write_block(self, number: int, lane: _Lane) -> None:
        block = as_shape5(self._plan.blocks[number].tolist())
        size = valid_size(self._layout, 0, block)
        corner = np.asarray(block) * np.asarray(self._layout.level_chunks(0))
        tiles = self._plan.tiles_of(number)
        low = np.maximum(self._start[tiles], corner)
        high = np.minimum(self._end[tiles], corner + np.asarray(size))
        coverage = cover(low - corner, high - corner, size)
        pixels, borrowed = self._fill(tiles, low, high, corner, coverage)
        valid = pixels[tuple(slice(0, n) for n in size)]
        self._count(lane, block, valid, coverage)
        self._finish(lane, Finished(0, block, pixels, valid), borrowed)

    def _fill(self, tiles: Array, low: Array, high: Array, corner: Array, coverage: Coverage) -> tuple[Array, bool]:
        """The chunk's pixels, and whether they lie in a buffer of ours."""
        chunk = self._layout.level_chunks(0)
        only = int(tiles[0])
        if len(tiles) == 1 and self._plan.is_alone(only) and tuple(self._end[only] - self._start[only]) == chunk:
            return self._take_over(only, chunk)
        buffer = self._pool.take(chunk)
        if coverage.gap:
            buffer.fill(0)
        else:
            clear_beyond(buffer, coverage.size)
        for at, tile in enumerate(tiles.tolist()):
            begin = self._start[tile]
            part: Any = tuple(slice(int(a), int(b)) for a, b in zip(low[at] - begin, high[at] - begin))
            place = tuple(slice(int(a), int(b)) for a, b in zip(low[at] - corner, high[at] - corner))
            self._sources.lay(tile, part, buffer[place])
        return buffer, True

    def _take_over(self, tile: int, chunk: Shape5) -> tuple[Array, bool]:
        """A tile that is a chunk: read into a buffer where its source can, else what the source gives."""
        if self._sources.reads_into:
            buffer = self._pool.take(chunk)
            if self._sources.read_into(tile, buffer):
                return buffer, True
            self._pool.give(buffer)
        read = self._sources.whole(tile)
        if read.dtype == self._layout.dtype and read.flags.c_contiguous:
            return read, False
        return np.ascontiguousarray(read, self._layout.dtype), False

    def _count(self, lane: _Lane, block: Block, valid: Array, coverage: Coverage) -> None:
        """Count the pixels that have a source into their channel's histogram."""
        first = block[1] * self._layout.level_chunks(0)[1]
        for inside in range(valid.shape[1]):
            histogram = lane.histograms.get(first + inside)
            if histogram is None:
                self._meter.add(Histogram.bytes_of(self._layout.dtype))
                histogram = lane.histograms[first + inside] = Histogram.empty(self._layout.dtype)
            coverage.count_into(histogram, valid[:, inside : inside + 1], inside)
        lane.covered += coverage.covered
        lane.overlapped += coverage.overlapped

    def _finish(self, lane: _Lane, done: Finished, borrowed: bool) -> None:
        """Encode, write, hand to the levels above; those that this completes follow."""
        self.files.put(done.level, done.block, lane.encode(done.pixels))
        complete = list(self._coarse.feed(done))
        if borrowed:
            self._pool.give(done.pixels)
        for above in complete:
            self._finish(lane, above, True)

    def _report(self, lanes: list[_Lane]) -> PixelReport:
        histograms = [Histogram.empty(self._layout.dtype) for _ in range(self._layout.shape[1])]
        self._meter.add(len(histograms) * Histogram.bytes_of(self._layout.dtype))
        for lane in lanes:
            for channel, histogram in lane.histograms.items():
                histograms[channel].merge(histogram)
            lane.histograms.clear()
        covered = sum(lane.covered for lane in lanes)
        return PixelReport(
            histograms=histograms,
            chunk_counts=list(self.files.chunks),
            file_counts=list(self.files.files),
            digests=[self.files.digest(number) for number in range(len(self._layout.levels))],
            planes_without_source=self._plan.planes_without_source,
            pixels_without_source=int(np.prod(self._layout.shape, dtype=object)) - covered,
            overlapped_pixels=sum(lane.overlapped for lane in lanes),
            bytes_written=self.files.bytes,
            bytes_read=self._sources.bytes_read,
            tiles_read=self._sources.tiles_read,
            largest_memory=self._meter.largest,
        )


def run_threads(works: list[Callable[[], None]], stop: threading.Event) -> None:
    """Run all works, one of them in this thread when it is the only one; the first error stops and is raised."""
    if len(works) == 1:
        works[0]()
        return
    errors: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            errors.append(error)
            stop.set()

    threads = [
        threading.Thread(target=guarded, args=(work,), name=f"omezarr-writer-{n}") for n, work in enumerate(works)
    ]
    begun: list[threading.Thread] = []
    try:
        for thread in threads:
            thread.start()  # refused where a user may have few processes
            begun.append(thread)
        for thread in begun:
            thread.join()
    except BaseException:
        stop.set()
        for thread in begun:
            thread.join()
        raise
    if errors:
        raise errors[0]
