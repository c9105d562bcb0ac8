"""The registration step that arranges the fields of view of a mosaic by the chosen tiling strategy."""

from __future__ import annotations

import warnings
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import (
    ConvertersToolsUserError,
    ConvertersToolsWarning,
    NotAGridError,
    NotTilableError,
)
from fractal_omezarr_converters.models.grouping import (
    AutoTiling,
    InplaceTiling,
    SnapToCornersTiling,
    SnapToGridTiling,
    TilingStrategy,
)
from fractal_omezarr_converters.models.older_names import newer_tiling_strategy
from fractal_omezarr_converters.pipelines.image_steps import C, T, X, Y, Z, pixel_steps
from fractal_omezarr_converters.pipelines.tiling import common_size, nearest_corners, overlaps, snap_to_grid

Image = TiledImage[Any, Any]
Floats = npt.NDArray[np.float64]


def resolve_strategy(strategy: Any, tolerance: float | None = None) -> Any:
    """A tiling strategy as model, from a model, its JSON, or the mode and tolerance of older scripts."""
    if strategy is None:
        return AutoTiling()
    stated = newer_tiling_strategy(strategy)
    if isinstance(stated, dict) and stated.get("mode") in ("No Tiling", "Per-FOV"):
        return InplaceTiling()
    if isinstance(stated, dict) and tolerance is not None and stated.get("mode") in ("Auto", "Snap to Grid"):
        stated = {"tolerance": tolerance, **stated}
    try:
        return _strategies().validate_python(stated)
    except ValidationError as error:
        raise ConvertersToolsUserError(f"The tiling strategy {strategy!r} is not known: {error}") from error


@cache
def _strategies() -> TypeAdapter[Any]:
    return TypeAdapter(TilingStrategy)


def tile_regions(tiled_image: Image, *, tiling_strategy: Any = None, **older: Any) -> Image:
    """Arrange the fields of view: on a grid, at the nearest free corners, or where they are.

    Raises:
        NotAGridError: the positions do not fit the chosen strategy.
        NotTilableError: the fields have different sizes where equal ones are needed.
        ConvertersToolsUserError: two fields would lie on one place.
    """
    strategy = resolve_strategy(older.pop("tiling_mode", tiling_strategy), older.pop("tolerance", None))
    fields = _Fields(tiled_image)
    image = tiled_image.copy_with()
    fields.refuse_collisions(fields.corner, "Inplace")
    corners, used, notes = _arrange(fields, strategy)
    fields.refuse_collisions(corners, used)
    columns = tiled_image.columns
    start = columns.start.copy()
    shift = (corners - fields.corner) * fields.pixel
    start[:, X] += shift[fields.row, 0]
    start[:, Y] += shift[fields.row, 1]
    image = image.copy_with(columns=columns.replaced(start=start))
    image.notes = [*image.notes, *notes]
    image.provenance = [*image.provenance, {"name": "tile_regions", "result": used}]
    return image


class _Fields:
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

    def refuse_collisions(self, corners: Floats, used: str) -> None:
        """Raise when two fields lie on one place and hold the same channel, frame and plane."""
        _, place = np.unique(np.concatenate([corners, self.size], axis=1), axis=0, return_inverse=True)
        if len(np.unique(place)) == len(place):
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


def _arrange(fields: _Fields, strategy: Any) -> tuple[Floats, str, list[str]]:
    """New corners, the strategy that was used, and what to tell the user."""
    if len(fields.names) == 1 or isinstance(strategy, InplaceTiling):
        notes = [] if len(fields.names) == 1 else _overlap_notes(fields)
        return fields.corner, "Inplace", notes
    if isinstance(strategy, AutoTiling):
        return _arrange_automatically(fields, strategy)
    size = common_size(fields.size, fields.names)
    if isinstance(strategy, SnapToGridTiling):
        return snap_to_grid(fields.corner, size, strategy.tolerance), "Snap to Grid", []
    if isinstance(strategy, SnapToCornersTiling):
        return _at_corners(fields, size), "Snap to Corners", []
    raise ConvertersToolsUserError(
        f"The tiling strategy {strategy!r} is not known; choose Auto, Snap to Grid or Inplace."
    )


def _at_corners(fields: _Fields, size: tuple[float, float]) -> Floats:
    """Nearest corners; fields on one position (with different planes) share theirs."""
    places, first, place = np.unique(fields.corner, axis=0, return_index=True, return_inverse=True)
    return nearest_corners(places, size, [fields.names[index] for index in first])[place.ravel()]


def _arrange_automatically(fields: _Fields, strategy: AutoTiling) -> tuple[Floats, str, list[str]]:
    """Grid if the positions form one, else nearest corners, else in place with a warning."""
    try:
        size = common_size(fields.size, fields.names)
        try:
            return snap_to_grid(fields.corner, size, strategy.tolerance), "Snap to Grid", []
        except NotAGridError:
            return _at_corners(fields, size), "Snap to Corners", []
    except (NotAGridError, NotTilableError) as error:
        note = f"Image '{fields.image.path}': the fields of view stay at their stage positions (Inplace). {error}"
        warnings.warn(note, ConvertersToolsWarning, stacklevel=2)
        return fields.corner, "Inplace", [note, *_overlap_notes(fields)]


def _overlap_notes(fields: _Fields) -> list[str]:
    """What is lost when fields of view overlap in place: how many pixels, and which field wins."""
    found = overlaps(fields.corner.astype(np.int64), fields.size.astype(np.int64))
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
