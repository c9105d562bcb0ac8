"""Sizes and times of a planned image that no microscope makes: an outlier among positions, planes or time points."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fractal_omezarr_converters.core.placement import Placement
from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import ConvertersToolsUserError

SPARSE_LIMIT = 100
LARGE_BYTES = 2**30
"""An array of more than this size must not be more than a hundred times larger than its data: an outlier among the positions."""
LARGEST_COUNT = 1e15
"""Positions beyond so many pixels cannot be counted exactly."""
LONGEST_SERIES = 1e8
"""Seconds from the first to the last time point, three years; beyond, a time is a mistake."""


def check_positions(image: TiledImage[Any, Any]) -> None:
    """Refuse positions and sizes that are no numbers, or too large to count in pixels.

    Raises:
        ConvertersToolsUserError: a position or a size is a mistake.
    """
    columns = image.columns
    for what, values in (("position", columns.start), ("size", columns.length)):
        bad = np.argwhere(~(np.abs(values / image.steps) <= LARGEST_COUNT))
        if len(bad):
            row, axis = bad[0].tolist()
            raise ConvertersToolsUserError(
                f"The {what} of {_tile(image, row)} along {'tczyx'[axis]} is {values[row, axis]:g}, which is no possible {what}; "
                "correct it, or leave the field of view out with a filter."
            )


def check_channels(image: TiledImage[Any, Any]) -> None:
    """Refuse tiles of channels that the image does not have.

    Raises:
        ConvertersToolsUserError: a tile lies before the first or beyond the last channel.
    """
    first = image.columns.start[:, 1]
    last = first + image.columns.length[:, 1]
    count = len(image.channels) if image.channels is not None else np.inf
    wrong = np.flatnonzero((first < 0) | (last > count))
    if len(wrong):
        row = int(wrong[0])
        raise ConvertersToolsUserError(
            f"{_tile(image, row)} of image '{image.path}' holds channels {first[row]:g} to {last[row] - 1:g}, but the image has"
            f" {count:g} channels, counted from 0; correct start_c and length_c, or name all channels."
        )


def check_times(image: TiledImage[Any, Any]) -> None:
    """Refuse time points that lie further apart than any experiment lasts.

    Raises:
        ConvertersToolsUserError: a time is a mistake.
    """
    times = image.columns.start[:, 0]
    if float(times.max() - times.min()) <= LONGEST_SERIES:
        return
    first, last = int(times.argmin()), int(times.argmax())
    raise ConvertersToolsUserError(
        f"The time points of image '{image.path}' are {times[last] - times[first]:g} s apart, from {_tile(image, first)} at time "
        f"{times[first]:g} s to {_tile(image, last)} at time {times[last]:g} s; correct the time (start_t) or the interval "
        "(t_spacing), or leave the tile out with a filter."
    )


def check_size(
    image: TiledImage[Any, Any], placement: Placement, itemsize: int, largest_padding: float = 4
) -> list[str]:
    """Refuse arrays that are far larger than their data; say how large the padding is.

    ``largest_padding`` is how many times larger than what the tiles need kept positions may make the array.

    Raises:
        ConvertersToolsUserError: a position lies absurdly far away, or kept positions pad too much.
    """
    size = math.prod(placement.shape)
    data = int(np.prod(placement.length, axis=1).sum())
    inner = (placement.start + placement.length).max(axis=0) - placement.start.min(axis=0)
    unpadded = math.prod(inner[[0, 2, 3, 4]].tolist()) * placement.shape[1]
    if unpadded < size:
        text = (
            f"Image '{image.path}' starts at stage position 0 because positions are kept: "
            f"{_dimensions(placement)} px, {size / unpadded:.1f} times what the tiles need"
        )
        if size > largest_padding * unpadded:
            raise ConvertersToolsUserError(
                f"{text}, and at most {largest_padding:g} times is allowed; set the removal of offsets to Global, or raise the "
                "largest padding (largest_padding)."
            )
        return [f"{text}."]
    if size > SPARSE_LIMIT * data and size * itemsize > LARGE_BYTES:
        raise ConvertersToolsUserError(
            f"Image '{image.path}' would be {_dimensions(placement)} px ({size * itemsize / 1e9:.0f} GB), {size / data:.0f} "
            f"times its data: {_outlier(image, placement)}; correct the position, leave the field of view out with a filter, or "
            "write one image per field of view."
        )
    return []


def _dimensions(placement: Placement) -> str:
    return " x ".join(str(placement.shape["tczyx".index(axis)]) for axis in placement.axes)


def _outlier(image: TiledImage[Any, Any], placement: Placement) -> str:
    """The tile that lies apart along the axis that is the longest for its tiles; both ends when it may be either."""
    start = placement.start
    shares = np.asarray(placement.shape, dtype=np.float64) / np.median(placement.length, axis=0)
    axis = max((0, 2, 3, 4), key=lambda one: shares[one])
    values, letter = start[:, axis], "tczyx"[axis]
    low, high, middle = int(values.argmin()), int(values.argmax()), float(np.median(values))
    below, above = middle - values[low], values[high] - middle
    if max(below, above) > 2 * min(below, above):
        far = low if below > above else high
        return f"{_tile(image, far)}, at {letter} = {values[far]} in pixels, lies far from the others"
    ends = f"{_tile(image, low)} at {values[low]} and {_tile(image, high)} at {values[high]} in pixels"
    return f"along {letter}, {ends} lie far apart"


def _tile(image: TiledImage[Any, Any], row: int) -> str:
    columns = image.columns
    return f"{columns.loaders.loader(row).describe_source()} of the field of view '{columns.fov_name(row)}'"
