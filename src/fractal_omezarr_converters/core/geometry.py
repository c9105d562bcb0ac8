"""Arithmetic of tile positions: units, orientation of the stage, whole pixels, unions.

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


_TICKS_PER_PX = 1e6

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Rounding = Literal["round", "floor", "ceil"]


def axis_steps(*, t: float = 1.0, z: float = 1.0, y: float = 1.0, x: float = 1.0) -> Floats:
    """Give the size of one frame, channel, plane, row and column as one array of five numbers."""
    return np.array([t, 1.0, z, y, x], dtype=np.float64)


def to_world(values: Floats, in_pixels: Sequence[bool] | NDArray[np.bool_], steps: Floats) -> Floats:
    """Turn the axes that are stated in pixels into world units; the others pass unchanged."""
    mask = np.asarray(in_pixels, dtype=bool)
    return np.where(mask, values * steps, values) if mask.any() else np.array(values)


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
    nearest = start / steps
    np.rint(nearest, out=nearest)
    nearest *= steps
    distance = start - nearest
    np.copyto(nearest, start, where=np.abs(distance, out=distance) > tolerance * steps)
    nearest += 0.0  # -0.0 becomes 0.0
    return nearest


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
