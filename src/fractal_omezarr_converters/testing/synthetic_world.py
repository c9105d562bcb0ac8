"""An artificial specimen: the brightness of every place, time and channel is a pure function of whole pixel positions.

Two fields that overlap show the same specimen, so a mosaic can be checked pixel by pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

CELL = 40


def specimen(
    y: int, x: int, height: int, width: int, *, channel: int = 0, z: int = 0, t: int = 0, seed: int = 0
) -> NDArray[np.uint16]:
    """Give the pixels from (y, x) on: round objects on a jittered lattice, over a fine grain that marks each pixel."""
    rows = np.arange(y, y + height, dtype=np.int64)[:, None]
    columns = np.arange(x, x + width, dtype=np.int64)[None, :]
    key = seed * 7919 + channel * 104_729
    cell_y, cell_x = rows // CELL, columns // CELL
    centre_y = (cell_y + 0.3 + 0.4 * _fraction(cell_y, cell_x, key + 1)) * CELL + 0.5 * t
    centre_x = (cell_x + 0.3 + 0.4 * _fraction(cell_y, cell_x, key + 2)) * CELL
    radius = CELL * (0.12 + 0.1 * _fraction(cell_y, cell_x, key + 3))
    bright = 800.0 + 2400.0 * _fraction(cell_y, cell_x, key + 4)
    objects = bright * np.exp(-((rows - centre_y) ** 2 + (columns - centre_x) ** 2) / (2 * radius**2)) / (1 + z)
    grain = 64.0 * _fraction(rows, columns, key + 5 + 17 * z + 1009 * t)
    found: NDArray[np.uint16] = (100.0 * (1 + channel) + objects + grain).astype(np.uint16)
    return found


def _fraction(a: NDArray[np.int64], b: NDArray[np.int64], key: int) -> NDArray[np.float64]:
    """Spread two whole numbers and a key over [0, 1), the same on every computer."""
    mixed = (a * 73_856_093) ^ (b * 19_349_663) ^ np.int64(key * 83_492_791)
    mixed = (mixed ^ (mixed >> 13)) * 1_274_126_177
    mixed = (mixed ^ (mixed >> 16)) & 0xFFFF
    found: NDArray[np.float64] = mixed / 65536.0
    return found
