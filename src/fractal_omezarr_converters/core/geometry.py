"""Arithmetic of tile positions: units, orientation of the stage, whole pixels, unions, frames, grids.

Everything here is pure and works on columns: arrays of shape (n, 5) in the order ``t c z y x``, as half-open
intervals [start, start + length). World space is µm for z, y, x and seconds for t; c is an index in every space.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fractal_omezarr_converters.errors import ConvertersToolsUserError

AXES = "tczyx"
T, C, Z, Y, X = range(5)

ON_GRID_PX = 0.01
"""Positions this close to a whole pixel are taken for it: rounding in the vendor's metadata."""

MAX_PADDING = 4.0
"""An image that starts at 0 although its first tile does not may be this many times larger than its tiles."""

_TICKS_PER_PX = 1e6

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Rounding = Literal["round", "floor", "ceil"]


def axis_steps(*, t: float = 1.0, z: float = 1.0, y: float = 1.0, x: float = 1.0) -> Floats:
    """Give the size of one frame, channel, plane, row and column as one array of five numbers."""
    return np.array([t, 1.0, z, y, x], dtype=np.float64)


def to_world(values: Floats, in_pixels: Sequence[bool] | NDArray[np.bool_], steps: Floats) -> Floats:
    """Turn the axes that are stated in pixels into world units; the others pass unchanged."""
    return np.where(np.asarray(in_pixels, dtype=bool), values * steps, values)


def orient(
    start: Floats, length: Floats, *, swap_xy: bool = False, flip_x: bool = False, flip_y: bool = False
) -> Floats:
    """Give the starts on the image's axes from starts on the stage's axes, in µm.

    Swap first: what the stage calls x becomes y and the other way round. Then flips along the image's axes, of the
    whole interval: a tile at [s, s + L) goes to [-(s + L), -s), so tiles of different sizes stay neighbours.
    Concerns positions only: lengths are those of the pixels, which are neither transposed nor mirrored.
    """
    oriented = start.copy()
    if swap_xy:
        oriented[:, [Y, X]] = oriented[:, [X, Y]]
    for axis, flipped in ((Y, flip_y), (X, flip_x)):
        if flipped:
            oriented[:, axis] = -(oriented[:, axis] + length[:, axis])
    return oriented + 0.0  # -0.0 becomes 0.0


def settle(start: Floats, steps: Floats, tolerance: float = ON_GRID_PX) -> Floats:
    """Move starts onto the pixel grid where they are within ``tolerance`` px of it; leave the others alone."""
    nearest = np.rint(start / steps) * steps
    return np.where(np.abs(start - nearest) <= tolerance * steps, nearest, start) + 0.0


def round_edges(edges: Floats, steps: Floats, mode: Rounding = "round") -> Integers:
    """Give the whole pixel of each edge; halves go up, so that equal edges always give equal pixels.

    Edges are first taken to a millionth of a pixel: 0.1 + 0.2 and 0.3 are the same edge.
    """
    ticks = np.rint(edges / steps * _TICKS_PER_PX) / _TICKS_PER_PX
    if mode == "floor":
        whole = np.floor(ticks)
    elif mode == "ceil":
        whole = np.ceil(ticks)
    else:
        whole = np.floor(ticks + 0.5)
    return whole.astype(np.int64)


def round_intervals(
    start: Floats, length: Floats, steps: Floats, mode: Rounding = "round"
) -> tuple[Integers, Integers]:
    """Give starts and lengths in whole pixels by rounding both ends of every interval in the same way.

    Neighbours that share an edge share it afterwards too: no gap, no overlap. An interval keeps at least one pixel.
    """
    first = round_edges(start, steps, mode)
    stop = round_edges(start + length, steps, mode)
    return first, np.maximum(stop - first, 1)


def union(start: NDArray[Any], length: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Give start and length, per axis, of the smallest box around all intervals."""
    if len(start) == 0:
        raise ConvertersToolsUserError("There are no tiles, so there is no extent: check filters and input.")
    first = start.min(axis=0)
    return first, (start + length).max(axis=0) - first


def distinct(values: NDArray[Any], tolerance: float) -> tuple[Floats, Integers]:
    """Give the sorted distinct values, and for every value which of them it is.

    A value belongs to a group as long as it lies within ``tolerance`` of the group's smallest member, which stands
    for the group. So frames come from the times that exist, not from time divided by spacing: 0, 2.5 and 7.9 s are
    frames 0, 1 and 2.
    """
    flat = np.asarray(values, dtype=np.float64).ravel()
    if flat.size == 0:
        return np.empty(0), np.empty(0, dtype=np.int64)
    ordered, where = np.unique(flat, return_inverse=True)
    group = np.empty(len(ordered), dtype=np.int64)
    levels: list[float] = []
    position = 0
    slack = tolerance + 1e-9 * float(np.abs(ordered).max())
    while position < len(ordered):
        stop = max(position + 1, int(np.searchsorted(ordered, ordered[position] + slack, side="right")))
        group[position:stop] = len(levels)
        levels.append(float(ordered[position]))
        position = stop
    return np.array(levels), group[where.ravel()]


def frames_per_group(times: NDArray[Any], group: NDArray[Any], tolerance: float) -> tuple[Floats, Integers]:
    """Give frame numbers and the time of each frame when every group (FOV) has its own time stamps.

    In a time lapse that visits one field after the other, the stamps of a frame differ from field to field: the n-th
    distinct time of a field is frame n, and the earliest stamp stands for it. A field that missed frames takes the
    frames in whose time its stamps lie. When the distinct times of all fields are not more than those of one field,
    they are the frames.
    """
    times = np.asarray(times, dtype=np.float64).ravel()
    levels, frame = distinct(times, tolerance)
    own = [np.flatnonzero(group == name) for name in np.unique(group)]
    ranks = [distinct(times[rows], tolerance) for rows in own]
    most = max((len(found) for found, _ in ranks), default=0)
    if len(levels) <= most:
        return levels, frame
    earliest = np.min([found for found, _ in ranks if len(found) == most], axis=0)
    for rows, (found, rank) in zip(own, ranks):
        frames = np.arange(len(found))
        if len(found) < most:
            within = np.maximum(np.searchsorted(earliest, found + tolerance, side="right") - 1, 0)
            frames = within if len(np.unique(within)) == len(within) else frames
        frame[rows] = frames[rank]
    stamps = np.full(most, np.inf)
    np.minimum.at(stamps, frame, times)
    return stamps, frame


def median_step(levels: Floats, default: float) -> float:
    """Give the median distance of sorted distinct values; ``default`` when there are fewer than two."""
    return float(np.median(np.diff(levels))) if len(levels) > 1 else default


def grid_pitch(starts: NDArray[Any], tolerance: float, at_least: float = 0.0) -> tuple[float, Integers] | None:
    """Give the pitch of a regular grid along one axis and the cell of every start; None when they form no grid.

    Steps may be whole multiples of the pitch, so a missing column is still a grid; a pitch below ``at_least`` (part
    of a tile) is none. One distinct start is a grid of pitch 0.
    """
    levels, index = distinct(starts, tolerance)
    if len(levels) < 2:
        return 0.0, np.zeros(len(index), dtype=np.int64)
    levels_from_0 = levels - levels[0]
    steps = np.diff(levels)
    known, cells_known = 0.0, 0.0
    for step in np.sort(steps).tolist():  # every step makes the pitch more exact for the next, larger one
        cells_known += round(step * cells_known / known) if known else 1
        known += step
    cells = np.concatenate([[0.0], np.cumsum(np.rint(steps * cells_known / known))])
    # the smallest step carries its own error: the pitch that fits all cells best is better
    pitch = float(np.dot(cells, levels_from_0) / np.dot(cells, cells))
    if pitch < at_least or np.abs(levels_from_0 - cells * pitch).max() > tolerance + 1e-9 * pitch:
        return None
    return pitch, cells.astype(np.int64)[index]


def padding_factor(start: NDArray[Any], length: NDArray[Any]) -> float:
    """Say how many times larger an image from 0 to the last pixel is than the box around its tiles.

    More than :data:`MAX_PADDING` means that positions were kept by mistake: a field at 5000 px would make an image
    of 5032 px, most of it empty.
    """
    first, size = union(start, length)
    padded = np.maximum(first, 0.0) + size
    return float(np.prod(padded / size))
