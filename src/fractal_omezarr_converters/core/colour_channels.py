"""Names and colours of the channels of an image whose sources are colour images and whose acquisition names none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from fractal_omezarr_converters.core.columns import RegionColumns
from fractal_omezarr_converters.core.geometry import C
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.acquisition import ChannelInfo, default_channels, rgb_channels, unique_channels

RGB = 3


def colour_channels(columns: RegionColumns, resource: Any = None) -> list[ChannelInfo] | None:
    """Give red, green and blue where a region has three channels of a colour image, default names for the others.

    The header of one region per channel index is asked. None: there is no colour image.
    """
    first, length = columns.start[:, C].astype(np.int64), columns.length[:, C].astype(np.int64)
    candidates = np.flatnonzero(length == RGB)
    starts, places = np.unique(first[candidates], return_index=True)
    found = [
        start
        for start, place in zip(starts.tolist(), places.tolist())
        if _is_rgb(columns, int(candidates[place]), resource)
    ]
    if not found:
        return None
    channels = default_channels(int((first + length).max()))
    for start in found:
        channels[start : start + RGB] = rgb_channels()
    return unique_channels(channels)


def parts_of_colour_images(channels: Sequence[ChannelInfo]) -> list[bool]:
    """Say of every channel whether it is the red, green or blue part of a colour image, as ``colour_channels`` names them."""
    found = [False] * len(channels)
    wanted = [(channel.channel_label, channel.color) for channel in rgb_channels()]
    for start in range(len(channels) - RGB + 1):
        three = [(one.channel_label.partition("_")[0], one.color) for one in channels[start : start + RGB]]
        if three == wanted:
            found[start : start + RGB] = [True] * RGB
    return found


def _is_rgb(columns: RegionColumns, row: int, resource: Any) -> bool:
    try:
        return columns.loaders.loader(row).is_rgb(resource)
    except ConvertersToolsUserError:  # a file that is missing or damaged is reported where all files are checked
        return False
