"""Colour tables of palette images: when the stored number is the intensity, and how colours are looked up otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def is_ramp(colors: Array) -> bool:
    """Say whether a (3, n) colour table is a ramp: no colour falls while another rises, black and white included.

    Cameras and plate readers (Cellomics ArrayScan for one) write intensities with such a table for display; looking the
    colours up would make three equal channels of one.
    """
    steps = np.diff(colors.astype(np.int64), axis=1)
    return bool((steps >= 0).all() or (steps <= 0).all())


def expanded(colors: Array) -> Array:
    """Turn a (3, n) table of TIFF or PNG into an (n, 3) one; 16 bit that only repeat or pad 8 bit become uint8."""
    table = np.ascontiguousarray(colors.T)
    if table.dtype.itemsize == 1:
        return table
    if not len(table) or int(table.max()) <= 255:
        return table.astype(np.uint8)
    if (table % 257 == 0).all() or (table & 0xFF == 0).all():
        return (table >> 8).astype(np.uint8)
    return table.astype(np.uint16)
