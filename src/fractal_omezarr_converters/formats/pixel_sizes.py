"""Pixel sizes of the planes of a measurement: equal up to rounding is equal; of channels that differ, what to do about it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

from fractal_omezarr_converters.formats.plane_records import Frame
from fractal_omezarr_converters.formats.plane_table import PlaneTable, joint_ranks

SAME_SIZE = 1e-4
"""Sizes that differ by less are the same one, rounded: over the widest camera it is less than half a pixel."""


def settled_sizes(frames: Sequence[Frame]) -> list[Frame]:
    """Give frames whose pixel sizes differ by rounding alone the sizes of the first of them."""
    settled: list[Frame] = []
    for frame in frames:
        like = next((each for each in settled if _same_size(each, frame)), frame)
        settled.append(frame._replace(pixel_x=like.pixel_x, pixel_y=like.pixel_y))
    return settled


def warnings_of_sizes(frames: Sequence[Frame], planes: PlaneTable, labels: Mapping[int, str]) -> list[str]:
    """Say that planes have different pixel sizes, and how channels of different sizes are converted; ``labels`` name them."""
    channels: dict[tuple[float, float], set[int]] = defaultdict(set)
    for at in joint_ranks(planes.frame, planes.channel)[1].tolist():
        size = frames[int(planes.frame[at])]
        channels[size.pixel_x, size.pixel_y].add(int(planes.channel[at]))
    if len(channels) < 2:
        return []
    told = "Planes have different pixel sizes; only planes of one pixel size fit into one image."
    if len(set().union(*channels.values())) == sum(map(len, channels.values())):
        told = (
            f"Channels have different pixel sizes ({'; '.join(_in_words(*each, labels) for each in channels.items())}), and"
            " only those of one size fit into one image. Give the folder once for each size, as acquisitions with different"
            " numbers, each with a Channel Filter for its channels."
        )
    return [told]


def _same_size(one: Frame, other: Frame) -> bool:
    return math.isclose(one.pixel_x, other.pixel_x, rel_tol=SAME_SIZE) and math.isclose(
        one.pixel_y, other.pixel_y, rel_tol=SAME_SIZE
    )


def _in_words(size: tuple[float, float], channels: set[int], labels: Mapping[int, str]) -> str:
    x, y = size
    written = f"{x:g}" if x == y else f"{x:g} x {y:g}"
    return f"{', '.join(labels[each] for each in sorted(channels))}: {written} µm"
