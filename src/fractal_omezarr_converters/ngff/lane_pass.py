"""Write one lane of an image, and join all lanes into the report of the whole image.

The store of a lane is the folder of the image that is being written. Lanes may be written in any order, by any process, and
again when a process died: the second time writes the same bytes. ``LaneJoin`` takes the lanes' accounts and seams, writes
the chunks in which lanes meet, and gives the account of the whole.
"""

from __future__ import annotations

import math

from fractal_omezarr_converters.ngff.block_plan import plan_blocks
from fractal_omezarr_converters.ngff.chunk_files import ChunkFiles
from fractal_omezarr_converters.ngff.coarse_chunks import Finished
from fractal_omezarr_converters.ngff.histogram import Histogram
from fractal_omezarr_converters.ngff.lane_seams import JoinedChunks, LaneAccount, LaneChunks, read_seam
from fractal_omezarr_converters.ngff.lanes import Split, divide
from fractal_omezarr_converters.ngff.layout import ImageLayout
from fractal_omezarr_converters.ngff.memory_meter import BufferPool, MemoryMeter
from fractal_omezarr_converters.ngff.pixel_report import PixelReport
from fractal_omezarr_converters.ngff.shard_files import HeldChunks
from fractal_omezarr_converters.ngff.shard_order import ShardOrder
from fractal_omezarr_converters.ngff.single_pass import ImagePass, granted_cpus, threads_and_budget
from fractal_omezarr_converters.ngff.stores import Store
from fractal_omezarr_converters.ngff.tile_stream import TileStream
from fractal_omezarr_converters.ngff.whole_files import PARTS, whole_files


def begin_lanes(store: Store, layout: ImageLayout) -> None:
    """Prepare an image for its lanes: array documents, and the folder through which lanes hand over."""
    for key, document in layout.array_documents().items():
        store.put(key, document)
    store.put(f"{PARTS}/begun", b"")


def end_lanes(store: Store) -> None:
    """Remove what lanes handed over; the image has only its own files then."""
    store.delete(PARTS)


def write_lane(
    store: Store,
    layout: ImageLayout,
    tiles: TileStream,
    split: Split,
    lane: int,
    *,
    threads: int | None = None,
    digests: bool = False,
    memory_limit: int | None = None,
) -> PixelReport:
    """Write everything of one lane; arguments as for ``write_pixels``."""
    plan = plan_blocks(layout, tiles, max(1, threads or granted_cpus()))
    count, budget = threads_and_budget(layout, tiles, plan, threads, memory_limit)
    lanes = divide(layout, plan, split)
    place = whole_files(store)
    made: list[LaneChunks] = []

    def coarse(_layout: object, _occupancy: object, pool: BufferPool) -> LaneChunks:
        made.append(LaneChunks(lanes, place, str(lane), pool))
        return made[0]

    run = ImagePass(
        place,
        layout,
        tiles,
        plan,
        threads=count,
        digests=digests,
        budget=budget,
        hold=memory_limit is None,
        only=lanes.lane == lane,
        coarse=coarse,
    )
    report = run.run()
    LaneAccount(report, run.files.chunk_digests(), made[0].seams).put(place, str(lane))
    return report


class LaneJoin:
    """The coordinator's part: takes lanes as they are finished."""

    def __init__(
        self, store: Store, layout: ImageLayout, tiles: TileStream, split: Split, *, digests: bool = False
    ) -> None:
        self._store = store
        self._layout = layout
        self._lanes = divide(layout, plan_blocks(layout, tiles, 1), split)
        occupancy = self._lanes.occupancy
        self._meter = MemoryMeter()
        self._pool = BufferPool(layout.dtype, self._meter)
        self._coarse = JoinedChunks(layout, occupancy, self._pool)
        order = ShardOrder(layout, occupancy, self._lanes.plan.blocks)
        held = HeldChunks(layout.chunk_bytes, self._meter)
        self._files = ChunkFiles(store, layout, occupancy, digests, order, held)
        self._encode = layout.compression.encoder(layout.dtype)
        self._reports: list[PixelReport] = []
        self._finished: set[int] = set()

    @property
    def count(self) -> int:
        """How many lanes there are."""
        return self._lanes.count

    def take(self, lane: int) -> None:
        """A lane is finished. Seams wait in the store for those of the lanes before, so that memory stays bounded."""
        self._finished.add(lane)
        while len(self._reports) in self._finished:
            self._join(len(self._reports))

    def abandon(self) -> None:
        """Close what is open after a failure; the files stay unfinished in the staging folder."""
        self._files.abandon()

    def report(self) -> PixelReport:
        """The account of the whole image, once all lanes were taken."""
        layout, reports = self._layout, self._reports
        histograms = [Histogram.empty(layout.dtype) for _ in range(layout.shape[1])]
        for report in reports:
            for histogram, found in zip(histograms, report.histograms):
                histogram.merge(found)
        pixels = math.prod(layout.shape)
        return PixelReport(
            histograms=histograms,
            chunk_counts=[
                own + sum(report.chunk_counts[k] for report in reports) for k, own in enumerate(self._files.chunks)
            ],
            file_counts=[
                own + sum(report.file_counts[k] for report in reports) for k, own in enumerate(self._files.files)
            ],
            digests=[self._files.digest(number) for number in range(len(layout.levels))],
            planes_without_source=self._lanes.plan.planes_without_source,
            pixels_without_source=pixels - sum(pixels - report.pixels_without_source for report in reports),
            overlapped_pixels=sum(report.overlapped_pixels for report in reports),
            bytes_written=self._files.bytes + sum(report.bytes_written for report in reports),
            bytes_read=sum(report.bytes_read for report in reports),
            tiles_read=sum(report.tiles_read for report in reports),
            largest_memory=max([self._meter.largest, *(report.largest_memory for report in reports)]),
        )

    def _join(self, lane: int) -> None:
        account = LaneAccount.get(self._store, str(lane), self._layout)
        for seam in account.seams:
            pixels = read_seam(self._store, str(lane), seam, self._layout.dtype)
            for done in self._coarse.lay_seam(seam, pixels):
                self._finish(done)
        for level, digests in enumerate(account.digests):
            self._files.add_digests(level, digests)
        self._reports.append(account.report)

    def _finish(self, done: Finished) -> None:
        self._files.put(done.level, done.block, self._encode(done.pixels))
        complete = list(self._coarse.feed(done))
        self._pool.give(done.pixels)
        for above in complete:
            self._finish(above)
