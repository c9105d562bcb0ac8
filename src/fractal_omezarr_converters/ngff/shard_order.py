"""In which order inner chunks lie in their shard: as a single thread finishes them.

A chunk of a coarser level is finished with the last chunk of level 0 below it, so its turn follows from the writing order of
level 0 alone. The same image gives the same shards, byte for byte, with any number of threads or machines.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fractal_omezarr_converters.ngff.layout import ImageLayout
from fractal_omezarr_converters.ngff.occupancy import Block, Occupancy

Ints = np.ndarray[Any, np.dtype[np.int64]]


class ShardOrder:
    """The turn of every inner chunk; empty for images without shards."""

    def __init__(self, layout: ImageLayout, occupancy: Occupancy, blocks: Ints) -> None:
        """``blocks`` are the chunks of level 0 in writing order."""
        self._layout = layout
        self._occupancy = occupancy
        self._turns: list[Ints] = []
        if layout.shards is None:
            return
        last = finished_with(layout, occupancy, blocks)
        for number in range(len(layout.levels)):
            grid = layout.grid(number)
            chunks = np.stack(np.unravel_index(occupancy.flat_chunks(number), grid), axis=1)
            per_shard = np.asarray(occupancy.chunks_per_shard(number))
            shard = np.ravel_multi_index(tuple((chunks // per_shard).T), grid)
            order = np.lexsort((last[number], shard))
            begins = np.flatnonzero(np.diff(shard[order], prepend=-1))
            sizes = np.diff(np.append(begins, len(order)))
            turn = np.empty(len(order), np.int64)
            turn[order] = np.arange(len(order)) - np.repeat(begins, sizes)
            self._turns.append(turn)

    def turn(self, number: int, block: Block) -> int:
        """How many chunks of its shard lie before this one."""
        flat = int(np.ravel_multi_index(block, self._layout.grid(number)))
        return int(self._turns[number][np.searchsorted(self._occupancy.flat_chunks(number), flat)])


def finished_with(layout: ImageLayout, occupancy: Occupancy, blocks: Ints) -> list[Ints]:
    """For every level, and every existing chunk in it, the place in the writing order of the last chunk of level 0 below it."""
    found: list[Ints] = []
    above = blocks
    for number, level in enumerate(layout.levels):
        flat = occupancy.flat_chunks(number)
        if number == 0:
            rank: Ints = np.arange(len(blocks), dtype=np.int64)
        else:
            source = np.unravel_index(occupancy.flat_chunks(level.source), layout.grid(level.source))
            above = np.stack(source, axis=1) // np.asarray(occupancy.ratio(number))
            rank = found[level.source]
        at = np.searchsorted(flat, np.ravel_multi_index(tuple(above.T), layout.grid(number)))
        last = np.zeros(len(flat), np.int64)
        np.maximum.at(last, at, rank)
        found.append(last)
    return found
