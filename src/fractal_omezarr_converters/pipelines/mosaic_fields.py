"""The fields of view of an image as boxes in whole pixels: what tiling and stitching arrange."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.pipelines.image_steps import C, T, X, Y, Z, pixel_steps
from fractal_omezarr_converters.pipelines.tiling import overlaps

type Image = TiledImage[Any, Any]
Floats = npt.NDArray[np.float64]


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
        columns = self.image.columns
        boxes = np.rint(
            np.concatenate([columns.start[:, [T, C, Z]], columns.length[:, [T, C, Z]]], axis=1)
            / np.tile(pixel_steps(self.image)[[T, C, Z]], 2)
        ).astype(np.int64)
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


def overlap_notes(fields: Fields, corners: Floats) -> list[str]:
    """What is lost when fields of view overlap in place: how many pixels, and which field wins."""
    found = overlaps(corners.astype(np.int64), fields.size.astype(np.int64))
    if not found:
        return []
    examples = ", ".join(
        f"'{fields.names[one.winner]}' over '{fields.names[one.loser]}' ({one.pixels} px)" for one in found[:3]
    )
    more = f" and {len(found) - 3} more pairs" if len(found) > 3 else ""
    total = sum(one.pixels for one in found)
    return [
        f"Fields of view overlap in place: {total} pixels of each plane are overwritten by the later one: {examples}{more}."
    ]
