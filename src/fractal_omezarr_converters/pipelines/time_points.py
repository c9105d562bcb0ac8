"""The true time of every frame, for the table ``time_points``: seconds from the first, and the moment where it is known."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fractal_omezarr_converters.core.moments import UNKNOWN, Moments, point_in_time
from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.pipelines.image_steps import T

type Image = TiledImage[Any, Any]
Columns = dict[str, list[Any]]
Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

INDEX = "FieldIndex"
_DECIMALS = 9
_LATEST = np.iinfo(np.int64).max


class _Frames(NamedTuple):
    """Every frame of every tile: its field of view, its number, its stated time in s, its moment in ms."""

    fov: Integers
    number: Integers
    seconds: Floats
    ms: Integers


def time_points_table(before: Image, after: Image, frame: Integers) -> Columns | None:
    """The time of every frame, in seconds from the first, and its moment (ISO 8601) where it is known.

    There is one row per frame that has an image, or per field of view and frame when fields differ. Without moments, None when
    the image has one frame, or when the frames are equidistant and the same for all fields of view.

    Args:
        before: The image as it was stated, with true times.
        after: The registered image with the same tiles.
        frame: Number of the frame in which every tile begins.
    """
    stated, placed = before.columns, after.columns
    moments = stated.moments
    if len(stated) != len(placed) or ("t" not in after.axes and moments is None):
        return None
    if not np.array_equal(stated.fov, placed.fov) or not np.array_equal(stated.loaders.row, placed.loaders.row):
        return None
    empty = int(frame.min()) if "t" in after.axes else 0  # frames that a kept offset leaves before the first
    found = _frames(before, frame - empty, moments) if "t" in after.axes else _one_frame(before, moments)
    number = int(found.number.max()) + 1
    if number < 2 and moments is None:
        return None
    shape = (len(stated.fov_names), number)
    seconds = np.full(shape, np.inf)
    np.minimum.at(seconds, (found.fov, found.number), found.seconds)
    there = np.isfinite(seconds)
    ms = np.full(shape, _LATEST)
    np.minimum.at(ms, (found.fov, found.number), np.where(found.ms == UNKNOWN, _LATEST, found.ms))
    if moments is not None and _tell_frames_apart(ms, there):
        seconds = np.where(there, (ms - int(ms[there].min())) / 1000, np.inf)
    taken = np.flatnonzero(there.any(axis=0))  # numbered frames may have no image
    first, first_ms = np.min(seconds, axis=0), np.min(ms, axis=0)
    tolerance = 0.01 * after.t_spacing if moments is None else 0.0
    alike = bool(np.all(np.abs(seconds[there] - np.broadcast_to(first, shape)[there]) <= tolerance))
    steps = np.diff(taken) * after.t_spacing
    if alike and moments is None and np.all(np.abs(np.diff(first[taken]) - steps) <= tolerance):
        return None
    if alike and np.all((ms == first_ms[None, :])[there]):
        table: Columns = {"t_index": (taken + empty).tolist(), "t_second": _rounded(first[taken])}
        return _with_moments(table, moments, first_ms[taken])
    fields, indices = np.nonzero(there)
    table = {
        INDEX: [stated.fov_names[index] for index in fields],
        "t_index": [int(index) + empty for index in indices],
        "t_second": _rounded(seconds[fields, indices]),
    }
    return _with_moments(table, moments, ms[fields, indices])


def _tell_frames_apart(ms: Integers, there: npt.NDArray[np.bool_]) -> bool:
    """Whether all moments are known, and rise from frame to frame of every field."""
    if bool((ms[there] == _LATEST).any()):
        return False
    return all(bool((np.diff(own[known]) > 0).all()) for own, known in zip(ms, there))


def _frames(before: Image, frame: Integers, moments: Moments | None) -> _Frames:
    """The frames of tiles, which may hold several; of those, the moment of the first is known."""
    stated = before.columns
    counts = np.maximum(np.rint(stated.length[:, T] / before.t_spacing), 1).astype(np.int64)
    tile = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(tile)) - (np.cumsum(counts) - counts)[tile]
    seconds = stated.start[tile, T] + within * before.t_spacing - stated.start[:, T].min()
    ms = np.full(len(tile), UNKNOWN) if moments is None else np.where(within == 0, moments.ms[tile], UNKNOWN)
    return _Frames(stated.fov[tile].astype(np.int64), frame[tile] + within, seconds, ms)


def _one_frame(before: Image, moments: Moments | None) -> _Frames:
    stated = before.columns
    rows = len(stated)
    ms = np.full(rows, UNKNOWN) if moments is None else moments.ms
    return _Frames(stated.fov.astype(np.int64), np.zeros(rows, dtype=np.int64), np.zeros(rows), ms)


def _with_moments(table: Columns, moments: Moments | None, ms: Integers) -> Columns:
    if moments is not None:
        texts = {
            value: None
            if value == _LATEST
            else point_in_time(value, zoned=moments.zoned).isoformat(timespec="milliseconds")
            for value in set(ms.tolist())
        }
        table["timestamp"] = [texts[value] for value in ms.tolist()]
    return table


def _rounded(values: Floats) -> list[float]:
    """Plain numbers without the noise of floating point."""
    return [float(value) + 0.0 for value in np.round(values, _DECIMALS)]
