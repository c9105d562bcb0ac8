"""What the writer takes its pixels from: rectangles of whole pixels, each read on demand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsUserError

Part = tuple[slice, slice, slice, slice, slice]


class TileStream(Protocol):
    """Tiles in the order in which they are laid: a later one wins where two overlap. Columns are t, c, z, y, x.

    A stream may also have ``describe(index) -> str``, which names a tile (its file) in errors, and
    ``read_into(index, out) -> bool``, which fills an array of the tile's shape, or returns False and leaves it to ``read``,
    and ``reads_parts(index) -> bool``: whether ``read_part`` can be expected to give parts. ``will_need(index, hold=...)`` is
    told, from a thread of its own, that a tile will be read soon, and whether it may be kept in memory until then; after
    ``will_need_no_more()`` nothing is kept.
    """

    start: np.ndarray[Any, np.dtype[np.int64]]
    length: np.ndarray[Any, np.dtype[np.int64]]

    def read(self, index: int) -> np.ndarray[Any, Any]:
        """The pixels of one tile, five axes, exactly ``length[index]``; called at most once per tile, from any thread."""
        ...

    def read_part(self, index: int, part: Part) -> np.ndarray[Any, Any] | None:
        """A part of one tile, or None when this tile can only be read whole; parts asked for never overlap."""
        ...


class ArrayTiles:
    """An array (numpy, dask, zarr, anything that slices) as a stream of boxes, each read once; axes may be in any order."""

    def __init__(self, array: Any, axes: str, edges: Sequence[Sequence[int]]) -> None:
        """``axes`` names the array's axes; ``edges`` has the borders of the boxes along t, c, z, y, x, from 0 to the size."""
        self._array = array
        self._columns = ["tczyx".index(axis) for axis in axes]
        lows = np.meshgrid(*(np.asarray(border[:-1]) for border in edges), indexing="ij")
        highs = np.meshgrid(*(np.asarray(border[1:]) for border in edges), indexing="ij")
        self.start = np.stack([low.ravel() for low in lows], axis=1).astype(np.int64)
        self.length = np.stack([high.ravel() for high in highs], axis=1).astype(np.int64) - self.start

    def read(self, index: int) -> np.ndarray[Any, Any]:
        """One box of the array, computed when it is lazy."""
        begin, size = self.start[index], self.length[index]
        taken = np.asarray(self._array[tuple(slice(int(begin[k]), int(begin[k] + size[k])) for k in self._columns)])
        expected = tuple(int(size[k]) for k in self._columns)
        if taken.shape != expected:  # dask believes what it is told of the blocks that a function makes
            raise ConvertersToolsUserError(
                f"{self.describe(index)} has the shape {taken.shape} once it is computed, though the array promised {expected}; "
                "correct the function that makes its blocks, or state the chunks that it returns."
            )
        return taken.transpose(np.argsort(self._columns)).reshape(tuple(int(n) for n in size))

    def describe(self, index: int) -> str:
        """Name a box by its first pixel."""
        corner = ", ".join(f"{'tczyx'[k]}={self.start[index][k]}" for k in self._columns)
        return f"The part of the array from {corner} on"

    def read_part(self, index: int, part: Part) -> np.ndarray[Any, Any] | None:
        """Parts are not asked of an array: its boxes follow its chunks."""
        del index, part
        return None


def regular_edges(size: int, step: int) -> list[int]:
    """Borders of boxes of one size along an axis."""
    return [*range(0, size, step), size]
