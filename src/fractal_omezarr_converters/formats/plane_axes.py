"""Indices and steps of planes along z and t, by the numbers, heights and times that the instrument states.

Z. The index of a plane is the rank of its number. Heights differ between channels (focus offsets) and fields (autofocus),
so the step is taken inside one well, field, channel and time point, never over them. A step that the metadata state goes
before it; heights that contradict it are said. What the user states goes before both: planes keep their numbers.

Time. Frames are numbered by rank. The time of a frame is the median over its planes of the seconds since the start, or, where
these are unknown or begin again, of the clock from the first image of each well; over the planes that were taken at every
frame, if there are any. Where times are unknown, or the user states the interval, the numbers of the frames count intervals,
so that a number without any image leaves its interval free.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from fractal_omezarr_converters.formats.plane_table import WELL_COLUMNS, PlaneTable, joint_ranks, ranked
from fractal_omezarr_converters.models.well_names import row_name

if TYPE_CHECKING:
    from fractal_omezarr_converters.formats.plane_records import Measurement, PlaneRecord
    from fractal_omezarr_converters.formats.plane_table import Floats, Ints
    from fractal_omezarr_converters.models.pixel_size import PixelSizeModel

STEP_TOLERANCE = 0.01
STATE_Z = "If it is another, give the z spacing in the corrections of the acquisition (pixel_info.z_spacing)."
HEIGHT_TOLERANCE_UM, STACK_TOLERANCE = 0.2001, 0.1
"""Stated heights may be cut after one decimal, at both ends of a stack, and jitter."""


@dataclass(frozen=True)
class PlaneAxes:
    """Index of every plane along z and t, and what the axes mean.

    ``z_origin`` is the height (µm) of plane 0 of the first channel: other channels keep their offset as a fact, not as a
    position, so that one plane number is one plane of the image. ``times`` are the seconds of each frame as they were taken;
    ``t_is_stated`` says that the user states another interval.
    """

    z_index: Ints
    t_index: Ints
    z_step: float
    z_origin: float
    z_offsets: dict[int, float]
    t_step: float
    times: list[float | None]
    t_numbers: list[int]
    t_is_stated: bool = False

    @property
    def frame_starts(self) -> list[float]:
        """Seconds of each frame; as many steps apart as their numbers when the times are unknown, wrong or do not rise."""
        times = [time for time in self.times if time is not None]
        if self.t_is_stated or len(times) < len(self.times) or not _rising(times):
            return [(number - self.t_numbers[0]) * self.t_step for number in self.t_numbers]
        return times


def plane_axes(measured: Measurement, listed: PlaneTable, kept: Ints, stated: PixelSizeModel) -> PlaneAxes:
    """Rank planes and frames over all planes, so that a missing file moves no other one; give those of ``kept``.

    Steps that the user states need no warning of those of the metadata.
    """
    warnings = measured.warnings
    z_index = listed.z - listed.z.min() if measured.z_counts_steps else ranked(listed.z)[1]
    t_numbers, t_index = ranked(listed.t)
    times = frame_times(listed, t_index, warnings)
    rises = _steps_of_channels(listed, z_index)
    if _middle(rises) < 0:
        warnings.append("Heights fall with the number of the plane; planes are kept in order, from top to bottom.")
    step = step_of_z(listed, z_index, rises, warnings if stated.z_spacing is None else [], stated=measured.z_step)
    offsets = z_offsets(listed, z_index, kept, step if _middle(rises) >= 0 else -step)
    return PlaneAxes(
        z_index=z_index[kept],
        t_index=t_index[kept],
        z_step=stated.z_spacing or step,
        z_origin=next(iter(offsets.values()), 0.0),
        z_offsets=offsets,
        t_step=stated.t_spacing or step_of_t(times, t_numbers.tolist(), measured.t_step, warnings),
        times=times,
        t_numbers=t_numbers.tolist(),
        t_is_stated=stated.t_spacing is not None,
    )


def step_of_z(
    planes: PlaneTable, z_index: Ints, per_channel: Mapping[int, float], warnings: list[str], *, stated: float | None
) -> float:
    """Give the distance of neighbouring planes in µm: as stated, else taken within one well, field, channel and time point."""
    if z_index.max(initial=0) == 0:
        return stated or 1.0
    middle = _middle(per_channel)
    if stated:
        own = _contradicting_step(planes, stated)
        if own is not None:
            warnings.append(
                f"The metadata state a distance of {stated:.4g} µm between planes, but their heights are {own:.4g} µm"
                f" apart; {stated:.4g} µm is used. {STATE_Z}"
            )
        return stated
    if not per_channel or max(abs(step) for step in per_channel.values()) == 0:
        warnings.append(
            f"The distance of the planes in z is unknown (heights are missing or constant); 1.0 µm is used. {STATE_Z}"
        )
        return 1.0
    if any(abs(step - middle) > STEP_TOLERANCE * abs(middle) for step in per_channel.values()):
        listed = ", ".join(f"channel {channel}: {step:.4g}" for channel, step in sorted(per_channel.items()))
        warnings.append(f"Channels have different z steps in µm ({listed}); {abs(middle):.4g} is used for all.")
    return round(abs(middle), 9) or 1.0


def _middle(per_channel: Mapping[int, float]) -> float:
    return float(np.median(list(per_channel.values()))) if per_channel else 0.0


def _steps_of_channels(planes: PlaneTable, z_index: Ints) -> dict[int, float]:
    """Median rise from plane to plane of every channel in µm, by the heights that are known."""
    known = np.flatnonzero(np.isfinite(planes.height))
    stack = joint_ranks(planes.row, planes.column, planes.field, planes.channel, planes.t)[0][known]
    order = np.argsort(stack * (int(z_index.max()) + 1) + z_index[known], kind="stable")
    chosen, stack = known[order], stack[order]
    rise = np.diff(z_index[chosen])
    same = (stack[1:] == stack[:-1]) & (rise > 0)
    steps = np.diff(planes.height[chosen])[same] / rise[same]
    channels = planes.channel[chosen][1:][same]
    return {number: float(np.median(steps[channels == number])) for number in ranked(channels)[0].tolist()}


def step_by_heights(
    listed: Sequence[PlaneRecord], stated: float | None, described_in: str, warnings: list[str]
) -> float | None:
    """Give the z step that a protocol states; where most stacks have another height than it says, their own, with a warning.

    A protocol may be that of another measurement; heights are those of the images.
    """
    own = None if stated is None else _contradicting_step(PlaneTable.of(listed), stated)
    if own is None:
        return stated
    warnings.append(
        f"'{described_in}' states a z step of {stated:g} µm, but the heights of the images are {own:g} µm apart; {own:g} is"
        " used."
    )
    return own


def _contradicting_step(planes: PlaneTable, stated: float) -> float | None:
    """Give the distance of planes by their heights, where most stacks contradict the stated one; equal heights say nothing."""
    known = np.flatnonzero(np.isfinite(planes.height))
    stack = joint_ranks(planes.row, planes.column, planes.field, planes.channel, planes.t)[0][known]
    order = np.lexsort((planes.z[known], stack))
    begins = np.flatnonzero(np.diff(stack[order], prepend=-1))
    ends = np.append(begins[1:], len(order)) - 1
    lowest, highest = known[order[begins]], known[order[ends[: len(begins)]]]
    rise = planes.z[highest] - planes.z[lowest]
    height = np.abs(planes.height[highest] - planes.height[lowest])
    says = (rise > 0) & (height > 0)
    planned = rise[says] * stated
    far = np.abs(height[says] - planned) > HEIGHT_TOLERANCE_UM + STACK_TOLERANCE * planned
    if 2 * int(far.sum()) <= len(far):
        return None
    return round(float(np.median(height[says] / rise[says])), 6)


def z_offsets(planes: PlaneTable, z_index: Ints, kept: Ints, rise: float) -> dict[int, float]:
    """Give the height (µm) of plane 0 by the focus of each channel: its first plane's, less the ``rise`` of those before."""
    channel, z, height = planes.channel[kept], z_index[kept], planes.height[kept]
    found: dict[int, float] = {}
    for number in ranked(channel)[0].tolist():
        mine = channel == number
        first = int(z[mine].min())
        lowest = height[mine & (z == first)]
        lowest = lowest[np.isfinite(lowest)]
        if lowest.size:
            found[number] = round(float(np.median(lowest)) - first * rise, 6)
    return found


def frame_times(planes: PlaneTable, t_index: Ints, warnings: list[str]) -> list[float | None]:
    """Give the time of each frame in s: median of its planes since the start, else since the first image of their well.

    Wells are imaged one after the other, so clock times count from each well's own beginning. Wells that were imaged in
    another rhythm are said: all wells have one time axis.
    """
    frames = int(t_index.max(initial=-1)) + 1
    found = _medians_of_frames(planes, planes.seconds, t_index, frames)
    known = [value for value in found if value is not None]
    if frames > 1 and (len(known) < 2 or not _rising(known)) and np.isfinite(planes.clock).any():
        well = ranked(planes.wells())[1]
        begin = np.full(well.max() + 1, np.inf)
        np.fmin.at(begin, well, planes.clock)
        clock = _medians_of_frames(planes, planes.clock - begin[well], t_index, frames)
        first = next((value for value in clock if value is not None), 0.0)
        found = [None if value is None else round(value - first, 6) for value in clock]
        _warn_of_other_rhythms(planes, planes.clock - begin[well], t_index, found, warnings)
    else:
        _warn_of_other_rhythms(planes, planes.seconds, t_index, found, warnings)
    return found


def _rising(times: Sequence[float]) -> bool:
    return all(before < after for before, after in pairwise(times))


def _warn_of_other_rhythms(
    planes: PlaneTable, seconds: Floats, t_index: Ints, times: Sequence[float | None], warnings: list[str]
) -> None:
    """Say when frames of a well lie more than half an interval from where the common time axis has them."""
    common = np.array([np.nan if time is None else time for time in times])
    steps = np.diff(common[np.isfinite(common)])
    if not steps.size or np.median(steps) <= 0:
        return
    numbers, well = ranked(planes.wells())
    known = np.isfinite(seconds) & np.isfinite(common[t_index])
    place, size = (well * len(common) + t_index)[known], len(numbers) * len(common)
    with np.errstate(invalid="ignore"):
        own = np.bincount(place, seconds[known], size) / np.bincount(place, minlength=size)
    late = own.reshape(len(numbers), len(common)) - common
    with_frames = np.isfinite(late).any(axis=1)
    late = late[with_frames] - late[with_frames, np.isfinite(late[with_frames]).argmax(axis=1)][:, None]
    far = np.nan_to_num(np.abs(late)) > np.median(steps) / 2
    if not far.any():
        return
    at, frame = (int(number) for number in np.argwhere(far)[0])
    row, column = divmod(int(numbers[with_frames][at]), WELL_COLUMNS)
    warnings.append(
        f"Some wells were imaged in another rhythm ({int(far.any(axis=1).sum())} of {len(late)}, for example"
        f" {row_name(row)}{column:02d}: frame {frame} is {late[at, frame]:+.4g} s from {common[frame]:.4g} s); all wells get the"
        " same times. Where the instrument states them, the true times are in the table time_points."
    )


def _medians_of_frames(planes: PlaneTable, seconds: Floats, t_index: Ints, frames: int) -> list[float | None]:
    """Give the median time of each frame, over the wells, fields, channels and planes that were imaged at every frame.

    Frames that hold other fields or wells would differ by when these are imaged, not only by the time between them.
    """
    chosen = np.flatnonzero(np.isfinite(seconds))
    chosen = chosen[np.argsort(t_index[chosen], kind="stable")]
    counts = np.bincount(t_index[chosen])
    counts = counts[counts > 0]
    columns = [each[chosen] for each in (planes.row, planes.column, planes.field, planes.channel, planes.z)]
    is_whole = len(set(counts.tolist())) <= 1 and all(
        bool((each.reshape(max(1, len(counts)), -1) == each[: counts.max(initial=0)]).all()) for each in columns
    )
    if not is_whole:  # seldom, and slower
        series = joint_ranks(*columns)[0]
        taken = np.unique(series * frames + t_index[chosen])
        at_every_frame = np.bincount(taken // frames) == len(counts)
        chosen = chosen[at_every_frame[series]] if at_every_frame.any() else chosen
    parts = np.split(seconds[chosen], np.searchsorted(t_index[chosen], np.arange(1, frames)))
    return [float(np.median(part)) if part.size else None for part in parts[:frames]]


def step_of_t(
    times: Sequence[float | None], numbers: Sequence[int], stated: float | None, warnings: list[str]
) -> float:
    """Give the median time between frames in s (per number, if times are unknown); else the stated one, or 1.0 with a warning."""
    if len(times) < 2:
        return 1.0
    counted = numbers if None in times else range(len(times))
    known = [(number, value) for number, value in zip(counted, times, strict=True) if value is not None]
    steps = [(b - a) / (j - i) for (i, a), (j, b) in pairwise(known)]
    step = float(np.median(steps)) if steps else 0.0
    if step > 0:
        at = int(np.argmin(steps))
        if steps[at] <= 0:
            (_, before), (number, after) = known[at : at + 2]
            warnings.append(
                f"The times of the frames do not rise with their numbers: frame {number} was taken at {after:.6g} s, the one"
                f" before it at {before:.6g} s; frames keep their order and are put {step:.6g} s apart. Where the instrument"
                " states them, the true times are in time_points."
            )
        return round(step, 9)
    if stated:
        return stated
    warnings.append(
        "The time between frames is unknown (times are missing or constant); 1.0 s is used. If it is another, give the time"
        " interval in the corrections of the acquisition (pixel_info.t_spacing)."
    )
    return 1.0
