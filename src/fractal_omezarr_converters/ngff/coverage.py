"""How the tiles of one chunk cover it: pixels without a source, and source pixels hidden by a later tile."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from fractal_omezarr_converters.ngff.histogram import Histogram

Array = np.ndarray[Any, Any]
_CELLS_AT_A_TIME = 1 << 18
"""Thousands of small tiles cut a chunk into about as many cells as it has pixels."""


class Coverage(NamedTuple):
    """The account of one chunk; ``boxes`` are the tiles' places in it."""

    size: tuple[int, ...]
    boxes: tuple[Array, Array]
    covered_per_channel: tuple[int, ...]
    overlapped: int

    @property
    def covered(self) -> int:
        """Pixels with a source."""
        return sum(self.covered_per_channel)

    @property
    def gap(self) -> bool:
        """True when some pixels have no source."""
        return self.covered < int(np.prod(self.size))

    def count_into(self, histogram: Histogram, pixels: Array, channel: int) -> None:
        """Count a channel of the chunk, leaving out pixels without a source."""
        missing = pixels.size - self.covered_per_channel[channel]
        if missing == 0:
            histogram.add(pixels)
        elif histogram.is_exact:
            histogram.add(pixels)
            histogram.take_away_zeros(missing)
        else:
            sourced = np.zeros(self.size, bool)
            for low, high in zip(*self.boxes):
                sourced[tuple(slice(int(a), int(b)) for a, b in zip(low, high))] = True
            histogram.add(pixels[sourced[:, channel : channel + 1]])


def cover(low: Array, high: Array, size: Sequence[int]) -> Coverage:
    """Lay boxes into a chunk; exact for any overlap, by cutting the chunk at all their edges."""
    return _covered(low.tobytes(), high.tobytes(), tuple(int(n) for n in size))


@lru_cache(maxsize=64)  # most chunks of an image are covered like others
def _covered(lows: bytes, highs: bytes, shape: tuple[int, ...]) -> Coverage:
    low, high = (np.frombuffer(corners, np.int64).reshape(-1, 5) for corners in (lows, highs))
    if len(low) == 1:
        extent = (high - low)[0]
        per_channel = [0] * shape[1]
        for channel in range(int(low[0, 1]), int(high[0, 1])):
            per_channel[channel] = int(extent.prod() // extent[1])
        return Coverage(shape, (low, high), tuple(per_channel), 0)
    edges = [np.array(sorted({0, shape[k], *low[:, k].tolist(), *high[:, k].tolist()})) for k in range(5)]
    edges[1] = np.arange(shape[1] + 1)
    begin = [np.searchsorted(edges[k], low[:, k]) for k in range(5)]
    end = [np.searchsorted(edges[k], high[:, k]) for k in range(5)]
    widths = [np.diff(edge) for edge in edges]
    cells = [len(width) for width in widths]
    rows = max(1, _CELLS_AT_A_TIME * cells[3] // math.prod(cells))
    covered, hidden = np.zeros(shape[1], np.int64), 0
    for first in range(0, cells[3], rows):
        last = min(first + rows, cells[3])
        layers = np.zeros([*cells[:3], last - first, cells[4]], np.int64)
        for box in np.flatnonzero((begin[3] < last) & (end[3] > first)).tolist():
            place = [slice(int(begin[k][box]), int(end[k][box])) for k in range(5)]
            place[3] = slice(max(place[3].start, first) - first, min(place[3].stop, last) - first)
            layers[tuple(place)] += 1
        volume: Array = np.ones((1,) * 5, np.int64)
        for k in range(5):
            width = widths[k][first:last] if k == 3 else widths[k]
            volume = volume * width.reshape([-1 if axis == k else 1 for axis in range(5)])
        covered += np.where(layers > 0, volume, 0).sum(axis=(0, 2, 3, 4))
        hidden += int((np.maximum(layers - 1, 0) * volume).sum())
    return Coverage(shape, (low, high), tuple(int(n) for n in covered), hidden)
