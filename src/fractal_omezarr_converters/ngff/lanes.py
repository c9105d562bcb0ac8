"""One large image divided among several writers: which chunks each of them makes, and which are made from parts of several.

A lane is a set of chunks of level 0 that stay together: time points, channels, blocks of z where that gives enough of them
(no chunk is shared then), else nodes of the quadtree that y and x are visited in. A lane's writer makes every file (chunk or
shard), of whatever level, that has nothing but chunks of this lane below it: with nodes of 8 x 8 chunks, 99 % of the work.
For the few files above, which several lanes meet in, it hands over its last chunks, averaged already; whoever coordinates
lays these together, encodes the files and goes on to the coarsest level. No lane waits for another, and nothing that was
written is read back.

Chunks, files and their bytes are those that one writer alone makes. A source plane that lies across the border of two lanes is
read by both, in parts where its file allows that; time points, channels and z never cut one.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fractal_omezarr_converters.ngff.block_plan import BlockPlan, coupled_chunks, plan_blocks, tree_axes, tree_steps
from fractal_omezarr_converters.ngff.layout import ImageLayout
from fractal_omezarr_converters.ngff.occupancy import Block, Occupancy
from fractal_omezarr_converters.ngff.pyramid import Shape5, as_shape5
from fractal_omezarr_converters.ngff.tile_stream import TileStream

Ints = np.ndarray[Any, np.dtype[np.int64]]
JOINED = -1
LANES_PER_WRITER = 4
"""So that no writer waits long for the slowest."""
COST_OF_A_LANE = 16 << 20
"""What beginning a lane costs, in bytes of pixels that could be written meanwhile."""
SLOWER_THAN_THOUGHT = 0.1
"""A writer may take so much longer with a lane; smaller lanes make it matter less."""
WORTH_IT = 0.75


class Split(NamedTuple):
    """How an image is divided: chunks of level 0 that stay together along each axis, and the number of lanes wished."""

    unit: Shape5
    lanes: int


@dataclass(frozen=True)
class Lanes:
    """The lane of every chunk of level 0 in writing order, and per level the lane of every existing chunk or ``JOINED``."""

    layout: ImageLayout
    plan: BlockPlan
    occupancy: Occupancy
    lane: Ints
    owners: list[Ints]

    @property
    def count(self) -> int:
        """How many lanes there are."""
        return int(self.lane.max(initial=-1)) + 1

    def of(self, lane: int) -> BlockPlan:
        """The chunks of level 0 of one lane."""
        return self.plan.only(self.lane == lane)

    def is_joined(self, number: int, block: Block) -> bool:
        """True for a chunk that several lanes meet in."""
        flat = int(np.ravel_multi_index(block, self.layout.grid(number)))
        return int(self.owners[number][np.searchsorted(self.occupancy.flat_chunks(number), flat)]) == JOINED


def divide(layout: ImageLayout, plan: BlockPlan, split: Split) -> Lanes:
    """Divide an image; the same arguments give the same lanes everywhere."""
    occupancy = Occupancy(layout, plan.blocks)
    key = np.ravel_multi_index(tuple((plan.blocks // np.asarray(split.unit)).T), layout.grid(0))
    _, first, inverse, sizes = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(first)
    middle = np.cumsum(sizes[order]) - sizes[order] / 2
    wished = (middle * split.lanes // max(1, len(plan.blocks))).astype(np.int64)
    number = np.empty(len(order), np.int64)
    number[order] = np.cumsum(np.diff(wished, prepend=wished[:1]) > 0)
    lane = number[inverse.reshape(-1)]
    return Lanes(layout, plan, occupancy, lane, _owners(layout, occupancy, plan.blocks, lane))


def _owners(layout: ImageLayout, occupancy: Occupancy, blocks: Ints, lane: Ints) -> list[Ints]:
    """Per level the lane that makes each chunk: the only one that has chunks below its file."""
    found: list[Ints] = []
    for number, level in enumerate(layout.levels):
        grid = layout.grid(number)
        if number == 0:
            below, lanes_below = blocks, lane
        else:
            flat = np.unravel_index(occupancy.flat_chunks(level.source), layout.grid(level.source))
            below, lanes_below = np.stack(flat, axis=1) // np.asarray(occupancy.ratio(number)), found[level.source]
        chunks = np.stack(np.unravel_index(occupancy.flat_chunks(number), grid), axis=1)
        per_file = np.asarray(occupancy.chunks_per_shard(number))
        files = np.ravel_multi_index(tuple((chunks // per_file).T), grid)
        distinct, file_of = np.unique(files, return_inverse=True)
        fed = np.searchsorted(distinct, np.ravel_multi_index(tuple((below // per_file).T), grid))
        low = np.full(len(distinct), np.iinfo(np.int64).max)
        high = np.full(len(distinct), JOINED)
        np.minimum.at(low, fed, lanes_below)
        np.maximum.at(high, fed, lanes_below)
        owner = np.where(low == high, low, JOINED)
        found.append(owner[file_of.reshape(-1)])
    return found


def choose_split(
    layout: ImageLayout, tiles: TileStream, writers: int, *, cost_of_a_lane: int = COST_OF_A_LANE
) -> Split | None:
    """The division that finishes first on so many writers; None when one of them alone is about as fast."""
    plan = plan_blocks(layout, tiles, 1)
    alone = _cost(divide(layout, plan, Split(layout.grid(0), 1)), tiles, 1, 0)
    best: tuple[float, Split] | None = None
    for unit in _units(layout, tiles):
        units = len(np.unique(plan.blocks // np.asarray(unit), axis=0))
        if units < 2:
            continue
        split = Split(unit, min(units, LANES_PER_WRITER * writers))
        cost = _cost(divide(layout, plan, split), tiles, writers, cost_of_a_lane)
        if best is None or cost < best[0]:
            best = (cost, split)
        elif units > LANES_PER_WRITER * writers:
            break
    return best[1] if best is not None and best[0] <= WORTH_IT * alone else None


def _units(layout: ImageLayout, tiles: TileStream) -> list[Shape5]:
    """Candidates from coarse to fine: time points, then channels, then blocks of z apart, then nodes of the tree of y and x."""
    chunk, grid = np.asarray(layout.level_chunks(0)), layout.grid(0)
    start, length = np.asarray(tiles.start, np.int64), np.asarray(tiles.length, np.int64)
    most = ((start + length - 1) // chunk - start // chunk + 1).max(axis=0, initial=1)
    together, tree = coupled_chunks(layout, most), tree_axes(layout)
    file = Occupancy(layout, np.zeros((0, 5), np.int64)).chunks_per_shard(0)
    unit = list(grid)
    found = [list(grid)]
    for axis in range(5):
        if not tree[axis]:
            unit[axis] = math.lcm(together[axis], file[axis])
            found.append(list(unit))
    nodes = np.cumprod([(1,) * 5, *tree_steps(layout)], axis=0).tolist()
    for node in nodes[::-1]:
        found.append([math.lcm(n, f) if apart else u for n, f, u, apart in zip(node, file, unit, tree)])
    return list(dict.fromkeys(as_shape5([min(u, g) for u, g in zip(one, grid)]) for one in found))


def _cost(lanes: Lanes, tiles: TileStream, writers: int, cost_of_a_lane: int) -> float:
    """How long the image takes, in bytes read and written one after the other: lanes go to whoever is free, then the join."""
    layout, item = lanes.layout, lanes.layout.dtype.itemsize
    size = np.asarray(tiles.length, np.int64).prod(axis=1) * item
    lane_of_pair = np.repeat(lanes.lane, np.diff(lanes.plan.first))
    tile, lane = np.unique(np.stack([lanes.plan.tile, lane_of_pair]), axis=1)
    reads = np.bincount(lane, weights=size[tile], minlength=lanes.count)
    costs = np.bincount(lanes.lane, minlength=lanes.count) * layout.chunk_bytes + reads
    if lanes.count > 1:
        costs = costs + cost_of_a_lane
    busy = [0.0] * writers
    for cost in costs.tolist():
        heapq.heapreplace(busy, busy[0] + cost)
    joined = sum(
        int(np.count_nonzero(owner == JOINED)) * math.prod(layout.level_chunks(number)) * item
        for number, owner in enumerate(lanes.owners)
    )
    return float(max(busy) + SLOWER_THAN_THOUGHT * costs.max(initial=0) + joined)
