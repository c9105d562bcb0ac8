"""From times to frame numbers, and from z positions to plane numbers: pure functions on columns.

Frames are the distinct times at which something was acquired, not multiples of a nominal interval, so that uneven intervals
make no blank frames. Times that are stated as numbers of frames are taken as such, so that a frame that no image has stays
between the others, unless most of them would be empty. In a multi-position time lapse each field has its own time stamps; the
frame number then comes first: the k-th visit of every field is frame k.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fractal_omezarr_converters.errors import ConvertersToolsUserError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

SAME = 0.01
"""Values closer than this share of the spacing are the same frame or plane."""
EVEN = 0.1
"""Steps that differ by less than this share from a multiple of the spacing are even."""
MOST_EMPTY = 10
"""Numbered frames are kept while at least one of so many has an image; otherwise a number is a mistake."""
MOST_PLACES = 50_000_000
"""Frames and planes of all tiles of an image; what states more is damaged, and would fill the memory."""
LONGEST_LISTED = 100_000
"""Frames of the longest series of which missing ones are listed."""


@dataclass(frozen=True)
class Places:
    """Whole-number places along one axis."""

    index: Integers
    step: float
    values: Floats
    uneven: bool


def group_ids(*columns: npt.NDArray[np.generic]) -> Integers:
    """One number per distinct combination of values of the columns."""
    ids = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        values, code = np.unique(column, return_inverse=True)
        ids = np.unique(ids * len(values) + code, return_inverse=True)[1].astype(np.int64)
    return ids


def _refuse_too_many(number: int, axis: str) -> None:
    if not 0 <= number <= MOST_PLACES:
        raise ConvertersToolsUserError(
            f"The tiles of an image state {number} steps along {axis}, more than any image has; correct their positions and "
            "lengths."
        )


def distinct_places(values: Floats, counts: Integers, groups: Integers, spacing: float, axis: str) -> Places:
    """Places of values that need not be equidistant; ``counts`` is how many frames or planes a tile holds.

    Raises:
        ConvertersToolsUserError: a tile with several frames or planes would be torn apart by others that lie between, or there
            are more of them than any image has.
    """
    tolerance = SAME * spacing
    _refuse_too_many(int(counts.sum()), axis)
    rows = np.repeat(np.arange(len(values)), counts)
    first = np.concatenate([[0], np.cumsum(counts)[:-1]])
    within = np.arange(len(rows)) - first[rows]
    every = values[rows] + within * spacing
    places = _clusters(every, tolerance)
    if places.max(initial=0) > 0:
        places = _frame_numbers(every, groups[rows], places, spacing)
        _refuse_too_many(int(places.max()) + 1, axis)
    index = places[first]
    if np.any(places - index[rows] != within):
        torn = int(rows[np.flatnonzero(places - index[rows] != within)[0]])
        raise ConvertersToolsUserError(
            f"A tile that starts at {axis} = {values[torn]:g} and holds {counts[torn]} steps of {spacing:g} has others "
            f"of the same image between its steps; correct the positions or the spacing along {axis}."
        )
    frames = np.full(int(places.max(initial=-1)) + 1, np.inf)
    np.minimum.at(frames, places, every)
    steps = np.diff(frames)
    step = float(np.median(steps)) if len(steps) else spacing
    uneven = bool(len(steps)) and bool(np.any(np.abs(steps - step) > max(tolerance, SAME * step)))
    return Places(index, step, frames, uneven)


def numbered_places(values: Floats, counts: Integers, spacing: float) -> Places | None:
    """Places of values that are numbers of frames (times the spacing), counted from the lowest.

    None when they are no whole numbers, or when fewer than a tenth of the frames would have an image.
    """
    numbers = (values - values.min()) / spacing
    if np.any(np.abs(numbers - np.rint(numbers)) > SAME) or numbers.max() > LONGEST_LISTED:
        return None
    index = np.rint(numbers).astype(np.int64)
    last = int((index + counts).max())
    begun = np.cumsum(np.bincount(index, minlength=last) - np.bincount(index + counts, minlength=last + 1)[:last])
    if int((begun > 0).sum()) * MOST_EMPTY < last:
        return None
    return Places(index, spacing, values.min() + np.arange(last) * spacing, uneven=False)


def numbers_between(values: Floats) -> list[int]:
    """Numbers of the frames that lack between rising times, counted from 0 at the first.

    Empty unless all steps are multiples of the smallest one: other times are no series of which frames could lack.
    """
    steps = np.diff(values)
    if not len(steps) or steps.min() <= 0:
        return []
    counts = (values - values[0]) / steps.min()
    there = np.rint(counts).astype(np.int64)
    if np.any(np.abs(np.diff(counts) - np.diff(there)) > SAME):
        return []
    return sorted(set(range(int(there[-1]) + 1)) - set(there.tolist())) if there[-1] < LONGEST_LISTED else []


def even_places(values: Floats, groups: Integers, spacing: float) -> Integers | None:
    """Places of values that are multiples of the spacing inside each group; None when some group is not even.

    Each group (the planes of one field and channel) is rounded as a whole: its lowest value to the nearest multiple, the others
    by their distances. A group that lies half a step beside the others therefore stays complete.
    """
    order = np.lexsort((values, groups))
    sorted_values, sorted_groups = values[order], groups[order]
    starts = np.concatenate([[True], np.diff(sorted_groups) != 0])
    steps = np.concatenate([[0.0], np.diff(sorted_values)]) / spacing
    steps[starts] = 0.0
    steps[np.abs(steps) < SAME] = 0.0
    whole = np.rint(steps)
    if np.any((np.abs(steps - whole) > EVEN) | ((whole == 0) & (steps != 0))):
        return None
    running = np.cumsum(whole).astype(np.int64)
    group_number = np.cumsum(starts) - 1
    lowest = np.floor(np.round(sorted_values[starts] / spacing, 6) + 0.5).astype(np.int64)
    places = np.empty(len(values), dtype=np.int64)
    places[order] = running - running[starts][group_number] + lowest[group_number]
    return places


def _clusters(values: Floats, tolerance: float) -> Integers:
    """Number of the distinct value that each value belongs to; equal within the tolerance of the cluster's first."""
    order = np.argsort(values, kind="stable")
    gaps = np.diff(values[order]) > tolerance
    places = np.empty(len(values), dtype=np.int64)
    places[order] = np.concatenate([[0], np.cumsum(gaps)]) if len(values) else order
    return places


def _frame_numbers(values: Floats, groups: Integers, distinct: Integers, spacing: float) -> Integers:
    """Frame of each value: the distinct time, or the visit number when the fields have stamps of their own.

    Values that are all multiples of the spacing are no stamps but numbers of frames, of which a field may lack some.
    """
    tolerance = SAME * spacing
    order = np.lexsort((values, groups))
    sorted_groups, sorted_values = groups[order], values[order]
    new_group = np.concatenate([[True], np.diff(sorted_groups) != 0])
    new_value = np.concatenate([[True], np.diff(sorted_values) > tolerance]) | new_group
    running = np.cumsum(new_value) - 1
    group_number = np.cumsum(new_group) - 1
    rank = np.empty(len(values), dtype=np.int64)
    rank[order] = running - running[new_group][group_number]
    group_of = np.empty(len(values), dtype=np.int64)
    group_of[order] = group_number
    visits = np.bincount(group_number[new_value])
    if np.all(visits == distinct.max() + 1):
        return distinct
    if _are_multiples(values, spacing):
        return distinct
    if np.all(visits == visits[0]) and _visits_follow_each_other(values, rank):
        return rank
    reference = _places_of_reference(values, group_of, visits, tolerance)
    if reference is not None and _as_many_places_as_visits(reference, group_of, visits):
        return reference
    return distinct


def _are_multiples(values: Floats, spacing: float) -> bool:
    """Whether values lie on multiples of the spacing, counted from the lowest."""
    counts = (values - values.min()) / spacing
    return bool(np.all(np.abs(counts - np.rint(counts)) <= SAME))


def _visits_follow_each_other(values: Floats, rank: Integers) -> bool:
    """Whether the last k-th visit comes before the first visit k + 1."""
    count = int(rank.max()) + 1
    earliest, latest = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(earliest, rank, values)
    np.maximum.at(latest, rank, values)
    return bool(np.all(latest[:-1] < earliest[1:]))


def _places_of_reference(values: Floats, group_of: Integers, visits: Integers, tolerance: float) -> Integers | None:
    """Nearest time of the group with the most visits; None when a value lies further than half a step from all of them."""
    most = np.flatnonzero(visits == visits.max())
    firsts = np.full(len(visits), np.inf)
    np.minimum.at(firsts, group_of, values)
    chosen = most[np.argmin(firsts[most])]
    times = np.unique(values[group_of == chosen])
    times = times[np.concatenate([[True], np.diff(times) > tolerance])]
    if len(times) < 2:
        return None
    borders = (times[1:] + times[:-1]) / 2
    half = float(np.median(np.diff(times))) / 2
    places = np.searchsorted(borders, values, side="right").astype(np.int64)
    return places if bool(np.all(np.abs(values - times[places]) <= half * 1.000001)) else None


def _as_many_places_as_visits(places: Integers, group_of: Integers, visits: Integers) -> bool:
    """Whether no two visits of one group share a frame."""
    pairs = np.unique(group_of * (int(places.max()) + 1) + places)
    return bool(np.array_equal(np.bincount(pairs // (int(places.max()) + 1), minlength=len(visits)), visits))
