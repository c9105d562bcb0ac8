"""The registration step that places fields of view by what their overlaps show: image-based stitching.

Only the overlaps of one reference plane per field are read. Every shift between neighbours is measured, believed or not, and
all of them decide on the positions together with the stage. Positions end on whole pixels, so pixels are never resampled.
What was done stays visible: the stage positions in the FOV table, the shifts of all fields in the provenance, and fields that
nothing but the stage places in the notes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.pipelines.field_solver import Pairs, Solution, groups_of, solve
from fractal_omezarr_converters.pipelines.image_steps import X, Y, pixel_steps
from fractal_omezarr_converters.pipelines.mosaic_fields import Fields, overlap_said
from fractal_omezarr_converters.pipelines.shifts import GRAIN, THINNEST, Shift, background_axes, measure_shift, prepared
from fractal_omezarr_converters.pipelines.strips import Plane, ReferencePlanes, channel_index

type Image = TiledImage[Any, Any]
Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LARGEST_SHIFT = 50.0
SIDE_BY_SIDE = 0.5
"""Neighbours share at least this part of a side."""
LOWEST_CORRELATION = 0.3
CLEAREST_RIVAL = 0.9
"""The next best place must not reach this share of the best correlation."""
SIGNIFICANCE = 6.0
NAMED = 5


class Candidate(NamedTuple):
    """Two neighbouring places whose overlap is worth a look."""

    first: int
    second: int
    direction: int
    overlap: float


class _Places:
    """Distinct positions of fields; fields on one place (with different planes) stay together."""

    def __init__(self, fields: Fields) -> None:
        boxes = np.concatenate([fields.corner, fields.size], axis=1)
        distinct, place = np.unique(boxes, axis=0, return_inverse=True)
        self.of_field = place.ravel()
        self.corner: Floats = distinct[:, :2]
        self.size: Floats = distinct[:, 2:]
        self.rows = [np.flatnonzero(self.of_field[fields.row] == index) for index in range(len(distinct))]


def stitch_fields(
    tiled_image: Image,
    *,
    channel: str | None = None,
    max_shift: float = LARGEST_SHIFT,
    shifts: Mapping[str, Any] | None = None,
    resource: Any = None,
) -> Image:
    """Move the fields of view to where their overlaps agree.

    Args:
        tiled_image: Image whose fields lie on whole pixels.
        channel: Label of the channel to look at; None for the first one.
        max_shift: Largest error of the stage between neighbours, in pixels.
        shifts: Shifts (x, y in pixels) by name of the field that were found earlier; nothing is measured then.
        resource: Handed to the loaders.

    Raises:
        ConvertersToolsUserError: the channel does not exist, pixels cannot be read, or two fields lie on one place.
    """
    fields = Fields(tiled_image)
    fields.refuse_collisions(fields.corner, "Inplace")
    if len(fields.names) == 1:
        return tiled_image.copy_with()
    if shifts is not None:
        moves = np.array([shifts.get(name, (0, 0)) for name in fields.names], dtype=np.float64)
        return _moved(fields, fields.corner + moves, [], {"known": True})
    places = _Places(fields)
    index = channel_index(tiled_image, channel)
    found = find_candidates(places.corner, places.size, max_shift)
    pairs = _measured(ReferencePlanes(tiled_image, index, resource), places, found, round(max_shift))
    solution = solve(places.corner, pairs)
    groups = groups_of(len(places.corner), pairs, solution.believed)
    facts = _facts(tiled_image, index, max_shift, pairs, solution)
    notes = _notes(fields, places, pairs, solution, groups)
    unmeasured = [name for name, place in zip(fields.names, places.of_field, strict=True) if groups[place] > 0]
    corners = on_whole_pixels(solution.positions)[places.of_field]
    return _moved(fields, corners, notes, {**facts, "placed_by_stage_only": unmeasured})


def stitching_to_come(
    tiled_image: Image, *, channel: str | None = None, max_shift: float = LARGEST_SHIFT, **_: Any
) -> Image:
    """What a plan can say before pixels are read: fields where the stage puts them, and how far they may still move.

    Raises:
        ConvertersToolsUserError: the channel does not exist, or two fields lie on one place.
    """
    fields = Fields(tiled_image)
    fields.refuse_collisions(fields.corner, "Inplace")
    image = tiled_image.copy_with()
    if len(fields.names) > 1:
        channel_index(tiled_image, channel)
        image.remarks = [
            *image.remarks,
            "The fields of view are stitched by their pixels when the image is written: positions and size of the image are "
            f"final only then; the stated size follows from the stage, and neighbours may move by up to {max_shift:g} px.",
        ]
    return image


def on_whole_pixels(positions: Floats) -> Floats:
    """Round positions after a common shift, along each axis the one that changes distances least."""
    rounded = np.empty_like(positions)
    for axis in (0, 1):
        trials = positions[:, axis] + np.arange(0, 1, 0.05)[:, None]
        whole = np.floor(trials + 0.5)
        rounded[:, axis] = whole[int((trials - whole).var(axis=1).round(6).argmin())]
    return rounded


def _moved(fields: Fields, corners: Floats, notes: list[str], facts: dict[str, Any]) -> Image:
    """The image with its fields at new corners, its first pixel where it was and its translation made to match."""
    low = corners.min(axis=0) - fields.corner.min(axis=0)
    image = fields.moved_to(corners - low)
    if image.translation is not None:
        shift = dict(zip("xy", (low * fields.pixel).tolist(), strict=True))
        image.translation = [
            value + shift.get(axis, 0.0) for axis, value in zip(image.axes, image.translation, strict=True)
        ]
    shifts = {
        name: [int(x), int(y)] for name, (x, y) in zip(fields.names, (corners - fields.corner).tolist(), strict=True)
    }
    overlap = overlap_said(fields, corners)
    image.notes = [*image.notes, *notes, *overlap.notes]
    image.remarks = [*image.remarks, *overlap.remarks]
    image.provenance = [*image.provenance, {"name": "stitch_fields", "result": "Stitch", **facts, "shifts_px": shifts}]
    return image


def find_candidates(corner: Floats, size: Floats, max_shift: float) -> list[Candidate]:
    """Places side by side or one above the other whose overlaps could be seen within the search range.

    Where a place has an overlapping neighbour on one side, others further away on that side are left out.
    """
    end = corner + size
    found: list[Candidate] = []
    for one in range(len(corner)):
        others = np.arange(one + 1, len(corner))
        overlap = np.minimum(end[one], end[others]) - np.maximum(corner[one], corner[others])
        share = overlap / np.minimum(size[one], size[others])
        direction = np.where(share[:, 1] >= share[:, 0], 0, 1)
        across = np.take_along_axis(share, 1 - direction[:, None], axis=1)[:, 0]
        along = np.take_along_axis(overlap, direction[:, None], axis=1)[:, 0]
        for k in np.flatnonzero((across >= SIDE_BY_SIDE) & (along + max_shift >= 2 * THINNEST)):
            other, axis = int(others[k]), int(direction[k])
            ordered = (one, other) if corner[one, axis] <= corner[other, axis] else (other, one)
            found.append(Candidate(*ordered, axis, float(along[k])))
    best: dict[tuple[int, int, int], float] = {}
    for pair in found:
        for side in ((pair.first, pair.direction, 1), (pair.second, pair.direction, -1)):
            best[side] = max(best.get(side, 0.0), pair.overlap)
    kept = [
        pair
        for pair in found
        if pair.overlap > 0 or max(best[pair.first, pair.direction, 1], best[pair.second, pair.direction, -1]) <= 0
    ]
    return sorted(kept, key=lambda pair: (corner[pair.first, 1], corner[pair.first, 0], pair.direction))


def _measured(planes: ReferencePlanes, places: _Places, found: list[Candidate], search: int) -> Pairs:
    """Measure the shift of every pair; what is not certain becomes "not a number"."""
    measured = np.full((len(found), 2), np.nan)
    sigma = np.ones(len(found))
    rows = [planes.row_of(mine) for mine in places.rows]
    for number, pair in enumerate(found):
        first, second = rows[pair.first], rows[pair.second]
        if first is None or second is None:
            continue
        apart = (planes.start[second] - planes.start[first])[[X, Y]]
        begin, raw = _strips(planes, (first, second), apart, search)
        if raw is None:
            continue
        floor = min(float(np.percentile(one, 0.1)) for one in raw)
        across = float(places.size[[pair.first, pair.second], 1 - pair.direction].min())
        axes = background_axes(*((across, pair.overlap) if pair.direction == 0 else (pair.overlap, across)))
        pictures = (prepared(raw[0], floor, axes), prepared(raw[1], floor, axes))
        expected = tuple(int(value) for value in apart + begin[1] - begin[0])
        shift = measure_shift(*pictures, (expected[0], expected[1]), search, axes)
        if shift is None or not is_certain(shift, expected, search):
            continue
        measured[number] = (
            np.array([shift.x, shift.y])
            + begin[0]
            - begin[1]
            + (places.corner[pair.second] - places.corner[pair.first])
            - apart
        )
        sigma[number] = _uncertainty(shift)
    columns = [np.array([int(pair[k]) for pair in found], dtype=np.int64) for k in range(3)]
    return Pairs(columns[0], columns[1], columns[2], measured, sigma)


def _strips(
    planes: ReferencePlanes, rows: tuple[int, int], apart: Integers, search: int
) -> tuple[tuple[Integers, Integers], tuple[Plane, Plane] | None]:
    """Both overlaps, widened by the search range, with their first corners (x, y) in the pixels of their fields."""
    sizes = [np.array(planes.size(row)) for row in rows]
    begin = [np.maximum(apart - search, 0), np.maximum(-apart - search, 0)]
    end = [np.minimum(apart + search + sizes[1], sizes[0]), np.minimum(sizes[0] - apart + search, sizes[1])]
    if any((stop - start < THINNEST).any() for start, stop in zip(begin, end, strict=True)):
        return (begin[0], begin[1]), None
    raw = [
        planes.read(row, slice(int(start[1]), int(stop[1])), slice(int(start[0]), int(stop[0])))
        for row, start, stop in zip(rows, begin, end, strict=True)
    ]
    return (begin[0], begin[1]), (raw[0], raw[1])


def is_certain(shift: Shift, expected: tuple[int, ...], search: int) -> bool:
    """Whether a measured shift is high, clear and not at the border of the search range."""
    strength = np.arctanh(min(shift.correlation, 0.999)) * np.sqrt(shift.pixels / GRAIN)
    inside = max(abs(shift.x - expected[0]), abs(shift.y - expected[1])) < search
    clear = shift.rival < CLEAREST_RIVAL * shift.correlation
    return bool(shift.correlation >= LOWEST_CORRELATION and strength >= SIGNIFICANCE and clear and inside)


def _uncertainty(shift: Shift) -> float:
    """Standard error of a measured shift in pixels, from its correlation and the number of independent pixels."""
    quality = shift.correlation**2 / max(1 - shift.correlation**2, 1e-3)
    return float(np.clip(2 / np.sqrt(shift.pixels / GRAIN * quality), 0.05, 1.0))


def _facts(image: Image, channel: int, max_shift: float, pairs: Pairs, solution: Solution) -> dict[str, Any]:
    channels = image.channels or []
    pixel = float(pixel_steps(image)[X])
    return {
        "channel": channels[channel].channel_label if channel < len(channels) else channel,
        "max_shift_px": max_shift,
        "pairs": len(pairs.first),
        "pairs_used": int(solution.believed.sum()),
        "stage_error_px": round(solution.stage_error, 2),
        "stage_error_um": round(solution.stage_error * pixel, 3),
        "disagreement_px": round(solution.disagreement, 3),
    }


def _notes(fields: Fields, places: _Places, pairs: Pairs, solution: Solution, groups: Integers) -> list[str]:
    """How many overlaps decided, how far the stage was off, and which fields only the stage places."""
    used = int(solution.believed.sum())
    notes = [
        f"The fields of view were stitched by {used} of {len(pairs.first)} overlaps: the stage was off by "
        f"{solution.stage_error:.1f} px between neighbours, and the overlaps agree to {solution.disagreement:.2f} px."
    ]
    if not used:
        notes = ["No overlap of the fields of view could be measured: they stay at their stage positions."]
    alone = [name for name, place in zip(fields.names, places.of_field, strict=True) if groups[place] > 0]
    if alone and used:
        listed = ", ".join(f"'{name}'" for name in alone[:NAMED])
        more = f" and {len(alone) - NAMED} more" if len(alone) > NAMED else ""
        notes.append(
            f"{len(alone)} of {len(fields.names)} fields of view are tied to the others by the stage alone, because no overlap "
            f"with them shows enough: {listed}{more}."
        )
    return notes
