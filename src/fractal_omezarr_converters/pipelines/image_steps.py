"""The registration steps that need no neighbours: offsets, pixel grid, jitter, channels. Each works on columns."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fractal_omezarr_converters.core.geometry import round_edges
from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.grouping import StagePositionCorrections
from fractal_omezarr_converters.pipelines.plan_checks import check_channels
from fractal_omezarr_converters.pipelines.sequence_steps import (
    distinct_places,
    even_places,
    group_ids,
    numbered_places,
    numbers_between,
)

type Image = TiledImage[Any, Any]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

T, C, Z, Y, X = range(5)

MISSING_SHOWN = 12
JITTER_TOLERANCE = 0.1
"""Share of a tile by which the tiles of one field of view may lie beside their median position."""


def pixel_steps(image: Image) -> Floats:
    """World size of one frame, channel, plane, row and column."""
    return image.steps


def offset_removal(
    tiled_image: Image,
    *,
    remove_xy_offset: Literal["Keep", "Global"] = "Global",
    remove_z_offset: Literal["Keep", "Per-FOV", "Global"] = "Global",
    remove_t_offset: Literal["Keep", "Global"] = "Global",
    stage_position_corrections: Any = None,
) -> Image:
    """Move all positions so that the image starts at 0; what was removed becomes the translation of the image.

    ``stage_position_corrections`` (a model or its keys) is what earlier generations stated instead of the three choices.

    Raises:
        ConvertersToolsUserError: positions are kept, but some are negative.
    """
    if stage_position_corrections is not None:
        stated = StagePositionCorrections.model_validate(stage_position_corrections)
        remove_xy_offset, remove_z_offset = stated.remove_xy_offset, stated.remove_z_offset
        remove_t_offset = stated.remove_t_offset
    columns = tiled_image.columns
    start = columns.start.copy()
    removed = np.zeros(5)
    for axis, mode in ((T, remove_t_offset), (Z, remove_z_offset), (Y, remove_xy_offset), (X, remove_xy_offset)):
        values = start[:, axis]
        if mode == "Keep":
            _refuse_negative(tiled_image, values, axis)
        elif mode == "Global":
            removed[axis] = values.min()
            start[:, axis] -= removed[axis]
        elif mode == "Per-FOV" and axis == Z:
            lowest = np.full(len(columns.fov_names), np.inf)
            np.minimum.at(lowest, columns.fov, values)
            removed[axis] = values.min()
            start[:, axis] -= lowest[columns.fov]
        else:
            raise ConvertersToolsUserError(
                f"Offsets along {'tczyx'[axis]} cannot be removed by '{mode}'; choose Keep or Global (z also Per-FOV)."
            )
    image = tiled_image.copy_with(columns=columns.replaced(start=start))
    again = any(step.get("name") == "offset_removal" for step in tiled_image.provenance)
    before = tiled_image.translation if again and tiled_image.translation else [0.0] * len(image.axes)
    image.translation = [float(removed["tczyx".index(axis)]) + was for axis, was in zip(image.axes, before)]
    return image


def _refuse_negative(image: Image, values: Floats, axis: int) -> None:
    below = np.flatnonzero(values < -1e-6 * pixel_steps(image)[axis])
    if len(below):
        row = int(below[0])
        name = image.columns.fov_names[image.columns.fov[row]]
        raise ConvertersToolsUserError(
            f"The field of view '{name}' lies at {'tczyx'[axis]} = {values[row]:g}, and a position below 0 cannot be kept; "
            "set the removal of the offset to Global."
        )


def align_to_pixel_grid(tiled_image: Image, *, mode: Literal["round", "floor", "ceil"] = "round") -> Image:
    """Move starts and stops to whole pixels, times to frames and z positions to planes.

    Both ends of an interval are rounded together, so that neighbours keep touching. Times become the numbers of the
    distinct times, with their median step as interval, unless they were stated as numbers of frames, which stay; z positions
    do so only when they are not multiples of the z spacing.
    What a kept offset leaves before the first frame or plane stays, in whole steps.
    """
    if mode not in ("round", "floor", "ceil"):
        raise ConvertersToolsUserError(f"Positions cannot be aligned by '{mode}'; choose round, floor or ceil.")
    columns = tiled_image.columns
    steps = pixel_steps(tiled_image)
    start, length = columns.start.copy(), columns.length.copy()
    for axis in (Y, X):
        first = round_edges(start[:, axis], steps[axis], mode)
        stop = round_edges(start[:, axis] + length[:, axis], steps[axis], mode)
        start[:, axis], length[:, axis] = first * steps[axis], np.maximum(stop - first, 1) * steps[axis]
    image = tiled_image.copy_with()
    notes = list(image.notes)
    stacks = group_ids(columns.fov, start[:, C], start[:, T])
    planes = np.maximum(np.rint(length[:, Z] / steps[Z]), 1).astype(np.int64)
    even = even_places(start[:, Z], stacks, steps[Z])
    if even is not None:
        start[:, Z], length[:, Z] = even * steps[Z], planes * steps[Z]
    else:
        z = distinct_places(start[:, Z], planes, stacks, steps[Z], "z")
        kept = round(float(z.values[0]) / z.step)
        start[:, Z], length[:, Z], image.z_spacing = (z.index + kept) * z.step, planes * z.step, z.step
        notes.append(
            f"The z positions are not multiples of the stated spacing of {steps[Z]:g} µm: {len(z.values)} planes lie at their "
            f"distinct positions, their median step of {z.step:g} µm is stated, and the table z_positions holds the true ones."
        )
    visits = group_ids(columns.fov, columns.start[:, C], columns.start[:, Z])
    frames = np.maximum(np.rint(length[:, T] / steps[T]), 1).astype(np.int64)
    numbered = numbered_places(start[:, T], frames, steps[T]) if tiled_image.numbered_frames else None
    t = numbered or distinct_places(start[:, T], frames, visits, steps[T], "t")
    kept = round(float(t.values[0]) / t.step)
    start[:, T], length[:, T], image.t_spacing = (t.index + kept) * t.step, frames * t.step, t.step
    if numbered is not None:
        notes.extend(_empty_frames(numbered.index, frames, len(numbered.values)))
    elif t.uneven:
        notes.append(
            f"The times are not equidistant: {len(t.values)} frames lie at their distinct times, their median step of "
            f"{t.step:g} s is stated, and the table time_points holds the true times.{_lacking(t.values)}"
        )
    elif len(t.values) > 1 and round(t.step / steps[T]) > 1:
        notes.append(
            f"All frames lie {t.step:g} s apart, where an interval of {steps[T]:g} s is stated: {t.step:g} s is written. If "
            "there should be time points between them, their images are missing."
        )
    image.notes = notes
    return image.copy_with(columns=columns.replaced(start=start, length=length))


def _empty_frames(first: Integers, frames: Integers, count: int) -> list[str]:
    """A sentence on the numbered frames that no image has."""
    there = {int(number + step) for number, held in zip(first, frames) for step in range(held)}
    missing = [number for number in range(count) if number not in there]
    if not missing:
        return []
    shown = ", ".join(map(str, missing[:MISSING_SHOWN])) + (" and more" if len(missing) > MISSING_SHOWN else "")
    return [
        f"Of {count} time points {len(missing)} have no image, and their frames stay empty: missing {shown}, counted from 0 at "
        "the first."
    ]


def _lacking(times: Floats) -> str:
    """A sentence on the time points that have no image at all."""
    missing = numbers_between(times)
    if not missing:
        return ""
    shown = ", ".join(map(str, missing[:MISSING_SHOWN])) + (" and more" if len(missing) > MISSING_SHOWN else "")
    return (
        f" Of {len(times) + len(missing)} time points {len(missing)} have no image and no frame: missing {shown}, counted "
        "from 0 at the first."
    )


def xy_jitter_correction(
    tiled_image: Image, *, tolerance: float = JITTER_TOLERANCE, stage_position_corrections: Any = None
) -> Image:
    """Give all tiles of a field of view the x, y of its first tile.

    Raises:
        ConvertersToolsUserError: a tile lies further from its field's median position than the tolerance (a share of
            the tile), so that it is another field with the same name.
    """
    if not _wanted(stage_position_corrections, "remove_xy_jitter"):
        return tiled_image.copy_with()
    columns = tiled_image.columns
    order = np.argsort(columns.fov, kind="stable")
    fov = columns.fov[order]
    begins = np.flatnonzero(np.concatenate([[True], np.diff(fov) != 0]))
    start = columns.start.copy()
    first = np.empty(len(columns.fov_names), dtype=np.int64)
    first[fov[begins]] = order[begins]
    for axis in (Y, X):
        values = columns.start[:, axis]
        middle = np.zeros(len(columns.fov_names))
        middle[fov[begins]] = _medians(values, columns.fov, begins)
        apart = np.abs(values - middle[columns.fov]) > tolerance * columns.length[:, axis] + 1e-9
        if apart.any():
            _refuse_apart(tiled_image, columns.fov == columns.fov[int(np.flatnonzero(apart)[0])], axis)
        start[:, axis] = values[first[columns.fov]]
    return tiled_image.copy_with(columns=columns.replaced(start=start))


def _medians(values: Floats, fov: npt.NDArray[np.int32], begins: npt.NDArray[np.int64]) -> Floats:
    """Median of the values of each field, fields in order."""
    ordered = values[np.lexsort((values, fov))]
    counts = np.diff(np.concatenate([begins, [len(values)]]))
    return np.asarray((ordered[begins + (counts - 1) // 2] + ordered[begins + counts // 2]) / 2)


def _refuse_apart(image: Image, mine: npt.NDArray[np.bool_], axis: int) -> None:
    columns = image.columns
    rows = np.flatnonzero(mine)
    low, high = (int(rows[pick(columns.start[rows, axis])]) for pick in (np.argmin, np.argmax))
    sources = [columns.loaders.loader(row).describe_source() for row in (low, high)]
    name = columns.fov_names[columns.fov[low]]
    distance = columns.start[high, axis] - columns.start[low, axis]
    raise ConvertersToolsUserError(
        f"Two tiles of the field of view '{name}' lie {distance:g} µm apart along {'tczyx'[axis]}, too far for one: "
        f"{sources[0]} and {sources[1]}; give every field of view its own name, or switch off the removal of xy jitter."
    )


def _wanted(corrections: Any, key: str) -> bool:
    """Whether a step is switched on where a pipeline of earlier generations hands all corrections to every step."""
    return corrections is None or bool(getattr(StagePositionCorrections.model_validate(corrections), key))


def reindex_channels(tiled_image: Image, *, stage_position_corrections: Any = None) -> Image:
    """Renumber the channels that occur to 0, 1, ...; channels that no tile holds leave the metadata."""
    if not _wanted(stage_position_corrections, "reindex_channels"):
        return tiled_image.copy_with()
    check_channels(tiled_image)
    columns = tiled_image.columns
    first = np.rint(columns.start[:, C]).astype(np.int64)
    count = np.maximum(np.rint(columns.length[:, C]).astype(np.int64), 1)
    edges = np.zeros(int((first + count).max()) + 1, dtype=np.int64)
    np.add.at(edges, first, 1)
    np.add.at(edges, first + count, -1)
    present = np.flatnonzero(np.cumsum(edges)[:-1] > 0)
    number = np.zeros(len(edges), dtype=np.int64)
    number[present] = np.arange(len(present))
    start = columns.start.copy()
    start[:, C] = number[first]
    image = tiled_image.copy_with(columns=columns.replaced(start=start))
    if tiled_image.channels is not None:
        image.channels = [tiled_image.channels[index] for index in present]
    return image
