"""What the writer takes its pixels from: rectangles of whole pixels, each read on demand."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

Part = tuple[slice, slice, slice, slice, slice]


class TileStream(Protocol):
    """Tiles in the order in which they are laid: a later one wins where two overlap. Columns are t, c, z, y, x."""

    start: np.ndarray[Any, np.dtype[np.int64]]
    length: np.ndarray[Any, np.dtype[np.int64]]

    def read(self, index: int) -> np.ndarray[Any, Any]:
        """The pixels of one tile, five axes, exactly ``length[index]``; called at most once per tile, from any thread."""
        ...

    def read_part(self, index: int, part: Part) -> np.ndarray[Any, Any] | None:
        """A part of one tile, or None when this tile can only be read whole; parts asked for never overlap."""
        ...


class ArrayTiles:
    """An array (numpy, dask, zarr, anything that slices) as a stream: one tile per chunk, so that it is read chunk by chunk."""

    def __init__(self, array: Any, axes: str, tile_shape: tuple[int, ...]) -> None:
        """``axes`` names the array's axes among t, c, z, y, x in that order; ``tile_shape`` has five entries."""
        self._array = array
        self._axes = axes
        shape = [1] * 5
        for axis, size in zip(axes, array.shape):
            shape["tczyx".index(axis)] = int(size)
        corners = np.meshgrid(*(np.arange(0, n, step) for n, step in zip(shape, tile_shape)), indexing="ij")
        self.start = np.stack([corner.ravel() for corner in corners], axis=1).astype(np.int64)
        self.length = np.minimum(self.start + np.asarray(tile_shape), np.asarray(shape)) - self.start

    def read(self, index: int) -> np.ndarray[Any, Any]:
        """One chunk of the array, computed when it is lazy."""
        begin, size = self.start[index], self.length[index]
        picked = tuple(slice(int(begin[k]), int(begin[k] + size[k])) for k in map("tczyx".index, self._axes))
        return np.asarray(self._array[picked]).reshape(tuple(int(n) for n in size))

    def read_part(self, index: int, part: Part) -> np.ndarray[Any, Any] | None:
        """Parts are not asked of an array: its tiles follow its chunks."""
        del index, part
        return None
