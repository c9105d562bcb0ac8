"""The tables beside an image: its fields of view, the image as a whole, its conditions.

Positions in the ROI tables are counted from the corner of the first pixel, in micrometres and seconds. The columns that end in
``_original`` hold the position as the stage stated it. What registration added to it lies in a table of its own: Fractal's
tasks that register acquisitions to each other add columns ``translation_*`` to the table of fields, take those that are there
for theirs, and refuse a reference acquisition that has them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fractal_omezarr_converters.core.attributes import attribute_rows
from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.pipelines.image_steps import C, T, X, Y, Z, pixel_steps

type Image = TiledImage[Any, Any]
Columns = dict[str, list[Any]]
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

INDEX = "FieldIndex"
_DECIMALS = 9


def fov_roi_table(image: Image, start: Integers, length: Integers) -> Columns:
    """One row per field of view; ``start`` and ``length`` are the placed regions in whole pixels."""
    columns = image.columns
    rows = columns.rows_by_fov()
    low = np.array([start[mine].min(axis=0) for _, mine in rows], dtype=np.float64)
    high = np.array([(start[mine] + length[mine]).max(axis=0) for _, mine in rows], dtype=np.float64)
    original = np.array([columns.original[mine].min(axis=0) for _, mine in rows])
    return _roi_columns(image, [name for name, _ in rows], low, high, original)


def well_roi_table(image: Image, shape: tuple[int, ...]) -> Columns:
    """One row, named ``image``: the whole array."""
    low, high = np.zeros((1, 5)), np.array([shape], dtype=np.float64)
    return _roi_columns(image, ["image"], low, high, image.columns.original.min(axis=0)[None, :])


def field_translations(before: Image, after: Image, start: Integers) -> Columns | None:
    """What registration added to the position of every field of view, in µm along the image's axes.

    The position is that of the stage after its orientation; rounding to pixels is part of what was added, as is what tiling or
    stitching moved. None when no field was moved by more than half a pixel or plane, or when steps of users changed the tiles.

    Args:
        before: The image as it was stated.
        after: The registered image with the same tiles.
        start: The placed regions in whole pixels.
    """
    stated, placed = before.columns, after.columns
    if len(stated) != len(placed) or not np.array_equal(stated.fov, placed.fov):
        return None
    steps = pixel_steps(after)
    origin = dict(zip(after.axes, after.translation or [0.0] * len(after.axes), strict=True))
    names, added = [], []
    for name, rows in placed.rows_by_fov():
        names.append(name)
        added.append(
            [
                start[rows, axis].min() * steps[axis] + origin[letter] - stated.start[rows, axis].min()
                if letter in origin
                else 0.0
                for letter, axis in (("x", X), ("y", Y), ("z", Z))
            ]
        )
    moved = np.array(added)
    if not (np.abs(moved) > 0.5 * steps[[X, Y, Z]] * (1 + 1e-6)).any():
        return None
    return {INDEX: names, **{f"translation_{letter}": _numbers(moved[:, k]) for k, letter in enumerate("xyz")}}


def _roi_columns(image: Image, names: list[str], low: Floats, high: Floats, original: Floats) -> Columns:
    steps = pixel_steps(image)
    table: Columns = {INDEX: list(names)}
    for letter, axis in (("x", X), ("y", Y), ("z", Z)):
        table[f"{letter}_micrometer"] = _numbers(low[:, axis] * steps[axis])
    for letter, axis in (("x", X), ("y", Y), ("z", Z)):
        table[f"len_{letter}_micrometer"] = _numbers(np.maximum(high[:, axis] - low[:, axis], 1) * steps[axis])
    if "t" in image.axes:
        table["t_second"] = _numbers(low[:, T] * steps[T])
        table["len_t_second"] = _numbers((high[:, T] - low[:, T]) * steps[T])
    for letter, axis in (("x", 2), ("y", 1), ("z", 0)):
        table[f"{letter}_micrometer_original"] = _numbers(original[:, axis])
    return table


def _numbers(values: Floats) -> list[float]:
    """Plain numbers without the noise of floating point (a billionth of a micrometre)."""
    return [float(value) + 0.0 for value in np.round(values, _DECIMALS)]


def channel_z_offsets(image: Image) -> Columns | None:
    """The height in µm that plane 0 has in every channel, when the instrument focused channels differently; None otherwise.

    Planes of one number share a plane of the image whatever their height; this table keeps what that leaves out.
    """
    channels = image.channels or []
    if len({channel.z_offset for channel in channels}) < 2:
        return None
    return {
        "channel_label": [channel.channel_label for channel in channels],
        "z_offset_micrometer": [channel.z_offset for channel in channels],
    }


def condition_table(image: Image) -> Columns | None:
    """The attributes as columns, one row per value; None without attributes."""
    if not image.attributes:
        return None
    rows = attribute_rows(image.attributes, f"image '{image.path}'")
    return {key: [row[key] for row in rows] for key in image.attributes}


def plate_condition_table(images: list[Image]) -> Columns | None:
    """Rows of all images of a plate: where they lie, then their attributes; None when no image has any.

    Keys that an image lacks are empty in its rows.
    """
    keys = list(dict.fromkeys(key for image in images for key in image.attributes))
    if not keys:
        return None
    table: Columns = {name: [] for name in ("row", "column", "acquisition", "path_in_well", *keys)}
    for image in images:
        collection = image.collection
        if not isinstance(collection, ImageInPlate) or not image.attributes:
            continue
        for row in attribute_rows(image.attributes, f"image '{image.path}'"):
            table["row"].append(collection.row)
            table["column"].append(collection.column)
            table["acquisition"].append(collection.acquisition)
            table["path_in_well"].append(image.path.rsplit("/", 1)[-1])
            for key in keys:
                table[key].append(row.get(key))
    return table


def channel_count(image: Image) -> int:
    """Number of channels that the image's tiles reach to, or that are declared."""
    columns = image.columns
    reached = int(np.rint((columns.start[:, C] + columns.length[:, C]).max())) if len(columns) else 0
    return max(reached, len(image.channels or ()))
