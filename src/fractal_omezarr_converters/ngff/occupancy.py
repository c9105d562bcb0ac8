"""Which chunks of every level will exist, and how many parts each waits for: chunks without any source are never written."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fractal_omezarr_converters.ngff.layout import ImageLayout
from fractal_omezarr_converters.ngff.pyramid import ONES, Shape5, as_shape5

Ints = np.ndarray[Any, np.dtype[np.int64]]
Block = Shape5


class _Counted:
    """Groups of chunks with the number of chunks in each."""

    def __init__(self, blocks: Ints, grid: Shape5) -> None:
        flat = np.ravel_multi_index(tuple(blocks.T), grid) if len(blocks) else np.zeros(0, np.int64)
        self._grid = grid
        self.groups, self.counts = np.unique(flat, return_counts=True)

    def blocks(self) -> Ints:
        """The groups as indices."""
        return np.stack(np.unravel_index(self.groups, self._grid), axis=1).astype(np.int64)

    def count(self, block: Block) -> int:
        """How many chunks a group has; 0 for a group that does not occur."""
        flat = int(np.ravel_multi_index(block, self._grid))
        at = int(np.searchsorted(self.groups, flat))
        return int(self.counts[at]) if at < len(self.groups) and self.groups[at] == flat else 0


class Occupancy:
    """Counts of existing chunks for all levels, from those of level 0."""

    def __init__(self, layout: ImageLayout, blocks: Ints) -> None:
        self._layout = layout
        self._levels: list[_Counted] = []
        existing: list[Ints] = []
        for number, level in enumerate(layout.levels):
            source = blocks if number == 0 else existing[level.source] // np.asarray(self.ratio(number))
            counted = _Counted(source, layout.grid(number))
            self._levels.append(counted)
            existing.append(counted.blocks())
        self.chunks = [len(blocks) for blocks in existing]
        self._shards = [
            _Counted(existing[n] // np.asarray(self.chunks_per_shard(n)), self._shard_grid(n))
            for n in range(len(existing))
        ]
        self.files = [len(shards.groups) for shards in self._shards]

    def flat_chunks(self, number: int) -> Ints:
        """The existing chunks of a level as numbers in its grid, rising."""
        return self._levels[number].groups

    def ratio(self, number: int) -> Shape5:
        """Chunks of the level that a level is made from, per chunk of the level, along each axis."""
        return chunk_ratio(self._layout, number)

    def waits_for(self, number: int, block: Block) -> int:
        """How many existing chunks of the finer level a chunk is made from."""
        return self._levels[number].count(block)

    def is_full(self, number: int, block: Block) -> bool:
        """True when every chunk below a chunk exists, so that all its pixels inside the image will be made."""
        grid = self._layout.grid(self._layout.levels[number].source)
        below = math.prod(min((b + 1) * r, g) - b * r for b, r, g in zip(block, self.ratio(number), grid))
        return self.waits_for(number, block) == below

    def chunks_per_shard(self, number: int) -> Shape5:
        """Chunks per file along each axis."""
        shards = self._layout.level_shards(number)
        if shards is None:
            return ONES
        return as_shape5([s // c for s, c in zip(shards, self._layout.level_chunks(number))])

    def chunks_in_shard(self, number: int, shard: Block) -> int:
        """How many chunks of a shard exist."""
        return self._shards[number].count(shard)

    def _shard_grid(self, number: int) -> Shape5:
        return as_shape5([-(-g // r) for g, r in zip(self._layout.grid(number), self.chunks_per_shard(number))])


def chunk_ratio(layout: ImageLayout, number: int) -> Shape5:
    """Chunks of the level that a level is made from, per chunk of the level, along each axis."""
    level = layout.levels[number]
    if level.source < 0:
        return ONES
    own, source = layout.grid(number), layout.grid(level.source)
    return as_shape5([g if n == 1 else f for n, g, f in zip(own, source, level.step)])
