"""Which tiles go into which chunk of level 0, and in which order the chunks are written.

The order is hierarchical (for factor 2: Morton order): all chunks below one chunk of a coarser level follow each other, so that
it completes as early as possible. Where one tile feeds several chunks, those are written together, also across channels and
z-chunks.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsInternalError, ConvertersToolsUserError
from fractal_omezarr_converters.ngff.layout import ImageLayout
from fractal_omezarr_converters.ngff.tile_stream import TileStream

Ints = np.ndarray[Any, np.dtype[np.int64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]
_TREE_FROM = 3  # y and x always form the tree; t, c, z only where levels shrink them
_COUPLED_BYTES = 256 << 20


class BlockPlan(NamedTuple):
    """The chunks of level 0 that have sources, in writing order, with their tiles."""

    blocks: Ints  # (m, 5) chunk indices
    first: Ints  # (m + 1) where the tiles of each block begin in ``tile``
    tile: Ints  # tiles, rising within a block
    uses: Ints  # blocks per tile
    tasks: Ints  # (k + 1) where each task begins in ``blocks``
    planes_without_source: int
    cut: Bools  # tiles of which only a part belongs to these blocks

    def tiles_of(self, number: int) -> Ints:
        """The tiles of a block, in the order in which they are laid."""
        return self.tile[self.first[number] : self.first[number + 1]]

    def only(self, chosen: Bools) -> BlockPlan:
        """The plan of some of the blocks, in the same order."""
        task = np.repeat(np.arange(len(self.tasks) - 1), np.diff(self.tasks))[chosen]
        pairs = np.repeat(chosen, np.diff(self.first))
        tile = self.tile[pairs]
        uses = np.bincount(tile, minlength=len(self.uses)).astype(np.int64)
        return BlockPlan(
            blocks=self.blocks[chosen],
            first=np.concatenate([[0], np.cumsum(np.diff(self.first)[chosen])]).astype(np.int64),
            tile=tile,
            uses=uses,
            tasks=np.concatenate([[0], np.flatnonzero(np.diff(task)) + 1, [len(task)]]).astype(np.int64),
            planes_without_source=self.planes_without_source,
            cut=self.cut | (uses < self.uses),
        )

    def is_alone(self, tile: int) -> bool:
        """True when one block takes the whole tile."""
        return bool(self.uses[tile] == 1 and not self.cut[tile])

    def blocks_by_tile(self) -> tuple[Ints, Ints]:
        """For every tile the blocks that use it, rising: offsets and block numbers."""
        number = np.repeat(np.arange(len(self.blocks)), np.diff(self.first))
        order = np.lexsort((number, self.tile))
        return np.concatenate([[0], np.cumsum(self.uses)]), number[order]


#: Chunks that tiles lie in, counted for each tile; the plan of more fills the memory.
MOST_PAIRS = 10**8


def plan_blocks(layout: ImageLayout, tiles: TileStream, threads: int) -> BlockPlan:
    """Assign tiles to chunks and put the chunks in order.

    Raises:
        ConvertersToolsUserError: there are more chunks than can be planned.
    """
    start, length = np.asarray(tiles.start, np.int64).reshape(-1, 5), np.asarray(tiles.length, np.int64).reshape(-1, 5)
    _check(layout, start, length)
    chunk, grid = np.asarray(layout.level_chunks(0)), np.asarray(layout.grid(0))
    low, high = start // chunk, (start + length - 1) // chunk
    span = high - low + 1
    pairs_per_tile = span.prod(axis=1)
    if span.prod(axis=1, dtype=np.float64).sum() > MOST_PAIRS:
        raise ConvertersToolsUserError(
            f"An image of {' x '.join(map(str, layout.shape))} pixels (tczyx) has more than {MOST_PAIRS} chunks to write; check "
            "the sizes that the metadata state, or choose larger chunks."
        )
    tile = np.repeat(np.arange(len(start)), pairs_per_tile)
    inside = np.arange(len(tile)) - np.repeat(np.cumsum(pairs_per_tile) - pairs_per_tile, pairs_per_tile)
    block = np.empty((len(tile), 5), np.int64)
    for axis in range(4, -1, -1):
        along = span[tile, axis]
        block[:, axis] = low[tile, axis] + inside % along
        inside //= along
    distinct, inverse = np.unique(np.ravel_multi_index(tuple(block.T), tuple(grid)), return_inverse=True)
    blocks = np.stack(np.unravel_index(distinct, tuple(grid)), axis=1).astype(np.int64)
    order, tasks = _order(layout, blocks, span, length, threads)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    number = rank[inverse.reshape(-1)]
    by_block = np.lexsort((tile, number))
    first = np.concatenate([[0], np.cumsum(np.bincount(number, minlength=len(blocks)))]).astype(np.int64)
    return BlockPlan(
        blocks=blocks[order],
        first=first,
        tile=tile[by_block],
        uses=pairs_per_tile,
        tasks=tasks,
        planes_without_source=_empty_planes(layout, start, length),
        cut=np.zeros(len(start), bool),
    )


def _check(layout: ImageLayout, start: Ints, length: Ints) -> None:
    if start.shape != length.shape:
        raise ConvertersToolsInternalError(
            f"The writer was given {len(start)} starts and {len(length)} lengths of tiles."
        )
    wrong = (start < 0) | (length < 1) | (start + length > np.asarray(layout.shape))
    if wrong.any():
        index = int(np.flatnonzero(wrong.any(axis=1))[0])
        raise ConvertersToolsInternalError(
            f"Tile {index} (start {start[index].tolist()}, length {length[index].tolist()}) is outside the image {layout.shape}."
        )


def _empty_planes(layout: ImageLayout, start: Ints, length: Ints) -> int:
    seen = np.zeros(layout.shape[:3], bool)
    boxes = np.unique(np.hstack([start[:, :3], length[:, :3]]), axis=0, return_index=True)[0]  # loads no numpy.ma
    for t, c, z, lt, lc, lz in boxes:
        seen[t : t + lt, c : c + lc, z : z + lz] = True
    return int(seen.size - np.count_nonzero(seen))


def _order(layout: ImageLayout, blocks: Ints, span: Ints, length: Ints, threads: int) -> tuple[Ints, Ints]:
    """The writing order, the same for any number of threads, and where one thread's task ends and the next begins."""
    digits = _digits(layout, blocks)
    most = span.max(axis=0, initial=1)
    in_tree = tree_axes(layout)
    coupled = coupled_chunks(layout, most)
    outer = [blocks[:, axis] // coupled[axis] for axis in range(5) if not in_tree[axis]]
    inner = [blocks[:, axis] % coupled[axis] for axis in range(5) if not in_tree[axis] and coupled[axis] > 1]
    together = _digits_inside_a_tile(layout, digits, length) if most[3:].max() > 1 else 0
    above = outer + [column for digit in digits[together:][::-1] for column in digit]
    columns = above + inner + [column for digit in digits[:together][::-1] for column in digit]
    if not columns or not len(blocks):
        return np.arange(len(blocks)), np.asarray([0, len(blocks)] if len(blocks) else [0], np.int64)
    order = np.lexsort(columns[::-1])
    return order, _tasks([column[order] for column in columns], len(above), threads)


def _tasks(columns: list[Ints], shared: int, threads: int) -> Ints:
    """Borders of runs that share their first columns: those that keep a tile in one task, and more when tasks are too few."""
    changed = np.zeros(len(columns[0]) - 1, bool)
    for number, column in enumerate(columns):
        if number >= shared and (threads == 1 or np.count_nonzero(changed) >= 4 * threads):
            break
        changed |= column[1:] != column[:-1]
    return np.concatenate([[0], np.flatnonzero(changed) + 1, [len(columns[0])]]).astype(np.int64)


def tree_axes(layout: ImageLayout) -> list[bool]:
    """The axes along which chunks are visited as a tree: y and x, and those that levels shrink."""
    return [axis >= _TREE_FROM or any(level.factors[axis] > 1 for level in layout.levels) for axis in range(5)]


def coupled_chunks(layout: ImageLayout, most: Ints) -> list[int]:
    """How many chunks along each axis outside the tree are written together, because a tile or a shard spans them."""
    shards = layout.level_shards(0)
    factors = [1] * 5 if shards is None else [s // c for s, c in zip(shards, layout.level_chunks(0))]
    coupled = [1 if tree else -(-int(n) // f) * f for tree, n, f in zip(tree_axes(layout), most, factors)]
    return coupled if math.prod(coupled) * layout.memory_estimate(1) <= _COUPLED_BYTES else [1] * 5


def tree_steps(layout: ImageLayout) -> list[tuple[int, ...]]:
    """How many chunks become one from step to step up the tree, finest first: one step per level, then powers of two."""
    steps: list[tuple[int, ...]] = []
    last: tuple[int, ...] = (1,) * 5
    for level in layout.levels[1:]:
        common = tuple(math.lcm(f, g) for f, g in zip(level.factors, last))
        steps.append(tuple(f // g for f, g in zip(common, last)))
        last = common
    tree, rest = tree_axes(layout), np.asarray(layout.grid(0))
    made: list[tuple[int, ...]] = []
    while any(tree[axis] and rest[axis] > 1 for axis in range(5)):
        step = steps[len(made)] if len(made) < len(steps) else (2,) * 5
        made.append(tuple(s if tree[axis] else 1 for axis, s in enumerate(step)))
        rest = -(-rest // np.asarray(made[-1]))
    return made


def _digits(layout: ImageLayout, blocks: Ints) -> list[list[Ints]]:
    """Chunk indices as digits, finest first: one per step up the tree."""
    tree, rest = tree_axes(layout), blocks.copy()
    digits: list[list[Ints]] = []
    for step in tree_steps(layout):
        digits.append([rest[:, axis] % step[axis] for axis in range(5) if tree[axis]])
        rest //= np.asarray(step)
    return digits


def _digits_inside_a_tile(layout: ImageLayout, digits: list[list[Ints]], length: Ints) -> int:
    """How many of the finest digits stay within one tile, so that its chunks become one task."""
    chunk = layout.level_chunks(0)
    longest = length[:, 3:].max(axis=0, initial=1)
    reach = np.asarray(chunk[3:], np.int64)
    together = 0
    for digit in digits:
        reach = reach * np.asarray([int(column.max(initial=0)) + 1 for column in digit[-2:]])
        if (reach > longest + np.asarray(chunk[3:]) - 1).any():
            break
        together += 1
    return together
