"""The fields of view of an image as boxes in whole pixels: what tiling and stitching arrange."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.pipelines.image_steps import C, T, X, Y, Z, pixel_steps
from fractal_omezarr_converters.pipelines.tiling import Overlap, covered_pixels, hidden_pixels, overlaps

type Image = TiledImage[Any, Any]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

ORDINARY = 0.35
"""Neighbours overlap by up to this share of a side on purpose: for stitching a tenth, to be safe a third."""
HIDDEN_BY_ONE = 0.5
HIDDEN_BY_ALL = 0.75
"""A field of which one other hides more than half, or all later ones more than three quarters, lies where nobody wants it."""


class Fields:
    """The fields of view of an image as boxes in whole pixels: corner and size as rows of x, y."""

    def __init__(self, image: Image) -> None:
        self.image = image
        columns = image.columns
        steps = pixel_steps(image)
        self.pixel = steps[[X, Y]]
        used, self.row = np.unique(columns.fov, return_inverse=True)
        self.names = [columns.fov_names[index] for index in used]
        self.corner = np.full((len(used), 2), np.inf)
        stop = np.full((len(used), 2), -np.inf)
        begin = np.rint(columns.start[:, [X, Y]] / self.pixel)
        end = begin + np.rint(columns.length[:, [X, Y]] / self.pixel)
        np.minimum.at(self.corner, self.row, begin)
        np.maximum.at(stop, self.row, end)
        self.size = stop - self.corner

    @cached_property
    def _planes(self) -> Integers:
        """First frame, channel and plane of every tile, and how many of them it holds."""
        columns = self.image.columns
        stated = np.concatenate([columns.start[:, [T, C, Z]], columns.length[:, [T, C, Z]]], axis=1)
        return np.rint(stated / np.tile(pixel_steps(self.image)[[T, C, Z]], 2)).astype(np.int64)

    def share_planes(self, one: int, other: int) -> bool:
        """Say whether two fields hold the same channel, frame and plane somewhere."""
        mine, theirs = (np.unique(self._planes[self.row == field], axis=0) for field in (one, other))
        low = np.maximum(mine[:, None, :3], theirs[None, :, :3])
        high = np.minimum((mine[:, :3] + mine[:, 3:])[:, None], (theirs[:, :3] + theirs[:, 3:])[None, :])
        return bool((low < high).all(axis=2).any())

    def moved_to(self, corners: Floats) -> Image:
        """A copy of the image with the fields at other corners, all tiles of a field moved together."""
        columns = self.image.columns
        start = columns.start.copy()
        shift = (corners - self.corner) * self.pixel
        start[:, X] += shift[self.row, 0]
        start[:, Y] += shift[self.row, 1]
        return self.image.copy_with(columns=columns.replaced(start=start))

    def refuse_collisions(self, corners: Floats, used: str) -> None:
        """Raise when two fields lie on one place and hold the same channel, frame and plane."""
        _, place = np.unique(np.concatenate([corners, self.size], axis=1), axis=0, return_inverse=True)
        if place.max(initial=-1) + 1 == len(place):
            return
        columns, boxes = self.image.columns, self._planes
        for shared in np.flatnonzero(np.bincount(place) > 1):
            rows = np.flatnonzero(place[self.row] == shared)
            pair = _first_clash(boxes[rows], self.row[rows])
            if pair is not None:
                one, other = (int(rows[index]) for index in pair)
                sources = [columns.loaders.loader(row).describe_source() for row in (one, other)]
                where = "on one position" if used == "Inplace" else "in one cell of the grid"
                raise ConvertersToolsUserError(
                    f"The fields of view '{self.names[self.row[one]]}' and '{self.names[self.row[other]]}' lie {where}, and one "
                    f"would hide the other: {sources[0]} and {sources[1]}; correct their positions, leave one out with a "
                    "filter, or write one image per field of view."
                )


def _first_clash(boxes: npt.NDArray[np.int64], field: npt.NDArray[np.int64]) -> tuple[int, int] | None:
    """Two boxes (t, c, z) of different fields that overlap."""
    seen: dict[tuple[int, int, int], int] = {}
    for index, box in enumerate(boxes.tolist()):
        for t in range(box[0], box[0] + box[3]):
            for c in range(box[1], box[1] + box[4]):
                for z in range(box[2], box[2] + box[5]):
                    earlier = seen.setdefault((t, c, z), index)
                    if field[earlier] != field[index]:
                        return earlier, index
    return None


class Said(NamedTuple):
    """What to tell the user: notes that he should read, and remarks that are worth knowing."""

    notes: Sequence[str] = ()
    remarks: Sequence[str] = ()


def overlap_said(fields: Fields, corners: Floats) -> Said:
    """What is lost when fields of view overlap in place: how many pixels, and which field wins.

    Overlap as it is acquired on purpose is a remark; a note names fields that others hide for the most part.
    """
    starts, sizes = corners.astype(np.int64), fields.size.astype(np.int64)
    area = sizes.prod(axis=1)
    found = [
        one
        for one in overlaps(starts, sizes)
        if one.pixels <= HIDDEN_BY_ONE * area[one.loser] or fields.share_planes(one.loser, one.winner)
    ]
    if not found:
        return Said()
    examples = ", ".join(
        f"'{fields.names[one.winner]}' over '{fields.names[one.loser]}' ({one.pixels} px)" for one in found[:3]
    )
    more = f" and {len(found) - 3} more pairs" if len(found) > 3 else ""
    total = sum(hidden_pixels(starts, sizes, found).values())
    counts = f"{total} pixels of each plane are overwritten by the later one: {examples}{more}."
    hidden = _mostly_hidden(starts, sizes, found)
    if not hidden:
        return Said(remarks=[f"Fields of view overlap in place: {counts}"])
    worst = max(hidden, key=lambda field: hidden[field])
    some = f"{len(hidden)} fields of view lie" if len(hidden) > 1 else "A field of view lies"
    return Said(
        [
            f"{some} for the most part under others, for example '{fields.names[worst]}' ({hidden[worst]:.0%} is hidden): "
            f"check the positions, or write one image per field of view. In place, {counts}"
        ]
    )


def _mostly_hidden(starts: Integers, sizes: Integers, found: Sequence[Overlap]) -> dict[int, float]:
    """The hidden share of every field that one other, or all later ones together, hide more than acquisitions do on purpose."""
    over: dict[int, list[Overlap]] = {}
    for one in found:
        over.setdefault(one.loser, []).append(one)
    shares: dict[int, float] = {}
    for field, covers in over.items():
        pixels = [cover.pixels for cover in covers]
        area = int(sizes[field].prod())
        if max(pixels) <= HIDDEN_BY_ONE * area and sum(pixels) <= HIDDEN_BY_ALL * area:
            continue
        winners = [cover.winner for cover in covers]
        share = covered_pixels(starts[field], sizes[field], starts[winners], sizes[winners]) / area
        if max(pixels) > HIDDEN_BY_ONE * area or share > HIDDEN_BY_ALL:
            shares[field] = share
    return shares
