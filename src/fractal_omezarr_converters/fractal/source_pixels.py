"""The pixels that an image must have, read again from its source: what verification compares with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from fractal_omezarr_converters.pipelines.plan import ImagePlan
from fractal_omezarr_converters.pipelines.tile_stream import ImageTiles

CACHE_BYTES = 256 * 2**20
"""Bytes of tiles that are kept for the next block."""
LARGE_STACK = 64 * 2**20
"""Tiles of several planes and more bytes than this are read in parts where their loaders can."""


class SourcePixels:
    """The tiles of an image; those last used are kept while they are small, of large stacks the planes of one block."""

    def __init__(self, plan: ImagePlan) -> None:
        self.plan = plan
        self.tiles = ImageTiles(plan.image, plan.placement)
        self.end = self.tiles.start + self.tiles.length
        deep = self.tiles.length[:, 2]
        large = self.tiles.length.prod(axis=1) * np.dtype(plan.dtype).itemsize > LARGE_STACK
        self._in_parts = {at for at in np.flatnonzero(large & (deep > 1)).tolist() if self.tiles.reads_parts(at)}
        self.deepest = int(np.delete(deep, list(self._in_parts)).max(initial=1))
        self._kept: dict[tuple[int, ...], Any] = {}
        self._bytes = 0

    def expected(self, begin: Any, end: Any, dtype: Any) -> Any:
        """The pixels that a block must have; later tiles win."""
        block = np.zeros(end - begin, dtype=dtype)
        for index in self._meeting(begin, end):
            low = np.maximum(self.tiles.start[index], begin)
            high = np.minimum(self.end[index], end)
            inside = tuple(slice(int(a), int(b)) for a, b in zip(low - begin, high - begin))
            cut = tuple(
                slice(int(a), int(b)) for a, b in zip(low - self.tiles.start[index], high - self.tiles.start[index])
            )
            block[inside] = self._read(index, cut)
        return block

    def source_of(self, place: Any) -> int:
        """The tile that a pixel comes from, -1 when there is none."""
        return max(self._meeting(np.asarray(place), np.asarray(place) + 1), default=-1)

    def describe(self, index: int) -> str:
        """Where a tile comes from, in words."""
        row = int(np.asarray(self.plan.placement.order)[index])
        columns = self.plan.image.columns
        return f"{columns.loaders.loader(row).describe_source()}, field of view '{columns.fov_name(row)}'"

    def _meeting(self, begin: Any, end: Any) -> list[int]:
        meets: list[int] = np.flatnonzero(((self.tiles.start < end) & (self.end > begin)).all(axis=1)).tolist()
        return meets

    def _read(self, index: int, cut: Any) -> Any:
        """A part of a tile; its planes, or the whole tile, stay for the next block."""
        if index in self._in_parts:
            planes = (*cut[:3], *(slice(0, int(size)) for size in self.tiles.length[index, 3:]))
            key = (index, *(edge for one in cut[:3] for edge in (one.start, one.stop)))
            pixels = self._keep(key, lambda: self.tiles.read_part(index, planes))
            if pixels is not None:
                return pixels[(..., *cut[3:])]
            self._in_parts.discard(index)
        return self._keep((index,), lambda: self.tiles.read(index))[cut]

    def _keep(self, key: tuple[int, ...], read: Callable[[], Any]) -> Any:
        if key in self._kept:
            return self._kept[key]
        pixels = read()
        if pixels is not None:
            while self._kept and self._bytes + pixels.nbytes > CACHE_BYTES:
                self._bytes -= self._kept.pop(next(iter(self._kept))).nbytes
            self._kept[key] = pixels
            self._bytes += pixels.nbytes
        return pixels
