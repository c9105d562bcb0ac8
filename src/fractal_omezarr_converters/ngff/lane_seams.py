"""What a lane hands over: its chunks that end in a file of several lanes, averaged, and the account of its pass."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.ngff.coarse_chunks import CoarseChunks, Finished
from fractal_omezarr_converters.ngff.downsample import downsample
from fractal_omezarr_converters.ngff.histogram import Histogram
from fractal_omezarr_converters.ngff.lanes import Lanes
from fractal_omezarr_converters.ngff.layout import ImageLayout
from fractal_omezarr_converters.ngff.memory_meter import BufferPool
from fractal_omezarr_converters.ngff.occupancy import Block
from fractal_omezarr_converters.ngff.pixel_report import PixelReport
from fractal_omezarr_converters.ngff.stores import Store
from fractal_omezarr_converters.ngff.whole_files import PARTS

Array = np.ndarray[Any, Any]


class Seam(NamedTuple):
    """A finished chunk of ``level`` that goes into a joined chunk of ``number``."""

    number: int
    level: int
    block: Block
    shape: tuple[int, ...]


class _Averaged(Finished):
    """A chunk of which ``valid`` holds the averaged pixels."""


class LaneChunks(CoarseChunks):
    """Coarser chunks of one lane; parts of those that other lanes feed too are handed over through the store."""

    def __init__(self, lanes: Lanes, store: Store, name: str, pool: BufferPool) -> None:
        super().__init__(lanes.layout, lanes.occupancy, pool)
        self._lanes = lanes
        self._store = store
        self._name = name
        self.seams: list[Seam] = []

    def _add(self, number: int, block: Block, done: Finished) -> Iterator[Finished]:
        if not self._lanes.is_joined(number, block):
            yield from super()._add(number, block, done)
            return
        step = self._layout.levels[number].step
        part = done.valid
        if self._layout.is_aligned(number):
            part = np.empty([-(-n // f) for n, f in zip(part.shape, step)], part.dtype)
            downsample(done.valid, step, self._layout.method, part)
        seam = Seam(number, done.level, done.block, tuple(part.shape))
        with self._lock:
            self.seams.append(seam)
        self._store.put_chunk(
            _seam_key(self._name, seam), memoryview(np.ascontiguousarray(part).reshape(-1).view("u1"))
        )


class JoinedChunks(CoarseChunks):
    """The chunks that several lanes meet in."""

    def lay_seam(self, seam: Seam, pixels: Array) -> Iterator[Finished]:
        """Lay what a lane handed over; yields what is complete now."""
        done = _Averaged(seam.level, seam.block, pixels, pixels)
        yield from self._add(seam.number, self.block_above(seam.number, seam.block), done)

    def _shrink(self, number: int, done: Finished, out: Array) -> None:
        if isinstance(done, _Averaged):
            out[...] = done.valid
        else:
            super()._shrink(number, done, out)


@dataclass(frozen=True)
class LaneAccount:
    """What a lane wrote; histograms and chunk digests, and which seams lie in the store."""

    report: PixelReport
    digests: list[dict[str, bytes]]
    seams: list[Seam]

    def put(self, store: Store, name: str) -> None:
        """Write the account; it is the last thing that a lane does."""
        made = self.report
        facts = {
            "seams": self.seams,
            "digests": [{key: digest.hex() for key, digest in level.items()} for level in self.digests],
            "chunk_counts": list(made.chunk_counts),
            "file_counts": list(made.file_counts),
            "numbers": {number: getattr(made, number) for number in NUMBERS},
        }
        arrays: dict[str, Array] = {"facts": np.frombuffer(json.dumps(facts).encode(), "u1")}
        for channel, histogram in enumerate(made.histograms):
            used = np.flatnonzero(histogram.counts)
            arrays[f"bins_{channel}"], arrays[f"counts_{channel}"] = used, histogram.counts[used]
            arrays[f"range_{channel}"] = np.array([histogram.low, histogram.high])
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **arrays)
        store.put(_account_key(name), buffer.getvalue())

    @classmethod
    def get(cls, store: Store, name: str, layout: ImageLayout) -> LaneAccount:
        """Read an account.

        Raises:
            ConvertersToolsUserError: it is not there.
        """
        content = store.get(_account_key(name))
        if content is None:
            raise ConvertersToolsUserError(
                f"{store.url}: the account of part {name} of the image is missing; check that the workers see the same folder "
                "as this computer, then run the conversion again."
            )
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            facts = json.loads(arrays["facts"].tobytes())
            histograms = [Histogram.empty(layout.dtype) for _ in range(layout.shape[1])]
            for channel, histogram in enumerate(histograms):
                histogram.counts[arrays[f"bins_{channel}"]] = arrays[f"counts_{channel}"]
                histogram.low, histogram.high = (float(value) for value in arrays[f"range_{channel}"])
        report = PixelReport(
            histograms=histograms,
            chunk_counts=facts["chunk_counts"],
            file_counts=facts["file_counts"],
            digests=[None] * len(layout.levels),
            **facts["numbers"],
        )
        digests = [{key: bytes.fromhex(digest) for key, digest in level.items()} for level in facts["digests"]]
        return cls(report, digests, [Seam(n, k, tuple(block), tuple(shape)) for n, k, block, shape in facts["seams"]])


def read_seam(store: Store, name: str, seam: Seam, dtype: np.dtype[Any]) -> Array:
    """The pixels of a seam."""
    content = store.get(_seam_key(name, seam))
    if content is None or len(content) != np.prod(seam.shape) * dtype.itemsize:
        raise ConvertersToolsUserError(
            f"{store.url}: what part {name} of the image handed over is missing or cut short; run the conversion again."
        )
    return np.frombuffer(content, dtype).reshape(seam.shape)


NUMBERS = (
    "planes_without_source",
    "pixels_without_source",
    "overlapped_pixels",
    "bytes_written",
    "bytes_read",
    "tiles_read",
    "largest_memory",
)


def _seam_key(name: str, seam: Seam) -> str:
    """By what it holds, not by when it was made: a second writer of the lane may finish its chunks in another order."""
    return f"{PARTS}/{name}-{seam.number}-{'.'.join(map(str, seam.block))}.seam"


def _account_key(name: str) -> str:
    return f"{PARTS}/{name}.npz"
