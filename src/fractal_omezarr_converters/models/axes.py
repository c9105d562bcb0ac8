"""The five axes of an image, in the order in which OME-Zarr stores them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

CANONICAL_AXES_TYPE = Literal["t", "c", "z", "y", "x"]
SPACE_TYPE = Literal["world", "pixel"]
AXES = "tczyx"

canonical_axes: list[CANONICAL_AXES_TYPE] = ["t", "c", "z", "y", "x"]


def checked_axes(axes: Sequence[str]) -> list[CANONICAL_AXES_TYPE]:
    """Give the axes as a list, or say what is wrong with them.

    Raises:
        ValueError: Unknown or repeated axes, another order than t, c, z, y, x, or y or x missing.
    """
    found = [str(axis) for axis in axes]
    given = "".join(found)
    unknown = [axis for axis in found if axis not in canonical_axes]
    if unknown:
        raise ValueError(
            f"axes '{given}' have {unknown[0]!r}, which is none of t, c, z, y, x; give for example 'czyx'."
        )
    if len(set(found)) != len(found):
        raise ValueError(f"axes '{given}' name an axis twice; give each axis once, for example 'czyx'.")
    right = [axis for axis in canonical_axes if axis in found]
    if not {"y", "x"} <= set(found):
        raise ValueError(f"axes '{given}' lack y or x; every image has both, for example 'czyx'.")
    if found != right:
        raise ValueError(f"axes '{given}' are not in the order t, c, z, y, x; write '{''.join(right)}'.")
    return right


def default_axes_builder(is_time_series: bool) -> list[CANONICAL_AXES_TYPE]:
    """Give ``t c z y x`` for a time series, else ``c z y x``."""
    return ["t", "c", "z", "y", "x"] if is_time_series else ["c", "z", "y", "x"]
