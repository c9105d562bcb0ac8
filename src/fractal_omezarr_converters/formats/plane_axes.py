"""Indices and steps of planes along z and t, by the numbers, heights and times that the instrument states.

Z. The index of a plane is the rank of its number. Heights differ between channels (focus offsets) and fields (autofocus),
so the step is taken inside one well, field, channel and time point, never over them.

Time. Frames are numbered by rank. The time of a frame is the median over all its planes of the seconds since the start,
else of the clock from the first image of each well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from fractal_omezarr_converters.formats.plane_records import PlaneRecord

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Ints = NDArray[np.int64]
    type Floats = NDArray[np.float64]

STEP_TOLERANCE = 0.01


@dataclass(frozen=True)
class PlaneColumns:
    """The numbers of many planes as columns (n long); unknown heights and times are NaN."""

    stack: Ints  # (n, 5): row, column, field, channel, t
    z: Ints
    height: Floats
    seconds: Floats
    clock: Floats

    @classmethod
    def of(cls, planes: Sequence[PlaneRecord]) -> PlaneColumns:
        """Take the columns of records."""
        places = np.array([(p.row, p.column, p.field, p.channel, p.t, p.z) for p in planes], np.int64).reshape(-1, 6)
        numbers = np.array([(p.height, p.seconds, p.clock) for p in planes], np.float64).reshape(-1, 3)
        return cls(places[:, :5], places[:, 5], numbers[:, 0], numbers[:, 1], numbers[:, 2])


@dataclass(frozen=True)
class PlaneAxes:
    """Index of every plane along z and t, and what the axes mean.

    ``z_origin`` is the height (µm) of plane 0 of the first channel: other channels keep their offset as a fact, not as a
    position, so that one plane number is one plane of the image. ``times`` are the seconds of each frame.
    """

    z_index: Ints
    t_index: Ints
    z_step: float
    z_origin: float
    z_offsets: dict[int, float]
    t_step: float
    times: list[float | None]

    @property
    def frame_starts(self) -> list[float]:
        """Seconds of each frame; one step apart when the times are unknown or do not rise."""
        times = [time for time in self.times if time is not None]
        if len(times) < len(self.times) or any(after <= before for before, after in pairwise(times)):
            return [frame * self.t_step for frame in range(len(self.times))]
        return times


def plane_axes(
    listed: Sequence[PlaneRecord],
    kept: Sequence[int],
    warnings: list[str],
    *,
    z_step: float | None,
    t_step: float | None,
) -> PlaneAxes:
    """Rank planes and frames over all records, so that a missing file moves no other plane; give those of ``kept``."""
    columns = PlaneColumns.of(listed)
    z_index = np.unique(columns.z, return_inverse=True)[1].reshape(-1)
    t_index = np.unique(columns.stack[:, 4], return_inverse=True)[1].reshape(-1)
    times = frame_times(columns, t_index)
    chosen = np.asarray(kept, np.int64)
    offsets = z_offsets(columns, z_index, chosen)
    return PlaneAxes(
        z_index=z_index[chosen],
        t_index=t_index[chosen],
        z_step=z_step if z_step else step_of_z(columns, z_index, warnings),
        z_origin=next(iter(offsets.values()), 0.0),
        z_offsets=offsets,
        t_step=step_of_t(times, t_step, warnings),
        times=times,
    )


def step_of_z(columns: PlaneColumns, z_index: Ints, warnings: list[str]) -> float:
    """Give the distance of neighbouring planes in µm, taken within one well, field, channel and time point."""
    if z_index.max(initial=0) == 0:
        return 1.0
    known = np.flatnonzero(np.isfinite(columns.height))
    order = known[np.lexsort((z_index[known], *columns.stack[known].T[::-1]))]
    stack, z, height = columns.stack[order], z_index[order], columns.height[order]
    rise = np.diff(z)
    same = (stack[1:] == stack[:-1]).all(axis=1) & (rise > 0)
    steps = np.diff(height)[same] / rise[same]
    channels = stack[1:, 3][same]
    per_channel = {int(channel): float(np.median(steps[channels == channel])) for channel in np.unique(channels)}
    if not per_channel or max(abs(step) for step in per_channel.values()) == 0:
        warnings.append("The distance of the planes in z is unknown (heights are missing or constant); 1.0 µm is used.")
        return 1.0
    middle = float(np.median(list(per_channel.values())))
    if any(abs(step - middle) > STEP_TOLERANCE * abs(middle) for step in per_channel.values()):
        listed = ", ".join(f"channel {channel}: {step:.4g}" for channel, step in sorted(per_channel.items()))
        warnings.append(f"Channels have different z steps in µm ({listed}); {abs(middle):.4g} is used for all.")
    if middle < 0:
        warnings.append("Heights fall with the number of the plane; planes are kept in order, from top to bottom.")
    return round(abs(middle), 9) or 1.0


def z_offsets(columns: PlaneColumns, z_index: Ints, kept: Ints) -> dict[int, float]:
    """Give the height of the lowest plane of each channel in µm, as the focus of the instrument states it."""
    channel, z, height = columns.stack[kept, 3], z_index[kept], columns.height[kept]
    found: dict[int, float] = {}
    for number in np.unique(channel).tolist():
        mine = channel == number
        lowest = height[mine & (z == z[mine].min())]
        lowest = lowest[np.isfinite(lowest)]
        if lowest.size:
            found[number] = round(float(np.median(lowest)), 6)
    return found


def frame_times(columns: PlaneColumns, t_index: Ints) -> list[float | None]:
    """Give the time of each frame in s: median of its planes since the start, else since the first image of their well.

    Wells are imaged one after the other, so clock times count from each well's own beginning.
    """
    frames = int(t_index.max(initial=-1)) + 1
    found = _medians(columns.seconds, t_index, frames)
    if frames > 1 and len({value for value in found if value is not None}) < 2 and np.isfinite(columns.clock).any():
        well = np.unique(columns.stack[:, 0] * 1000 + columns.stack[:, 1], return_inverse=True)[1].reshape(-1)
        begin = np.full(well.max() + 1, np.inf)
        np.fmin.at(begin, well, columns.clock)
        clock = _medians(columns.clock - begin[well], t_index, frames)
        first = next((value for value in clock if value is not None), 0.0)
        found = [None if value is None else round(value - first, 6) for value in clock]
    return found


def _medians(values: Floats, groups: Ints, number: int) -> list[float | None]:
    known = np.flatnonzero(np.isfinite(values))
    known = known[np.argsort(groups[known], kind="stable")]
    parts = np.split(values[known], np.searchsorted(groups[known], np.arange(1, number)))
    return [float(np.median(part)) if part.size else None for part in parts[:number]]


def step_of_t(times: Sequence[float | None], stated: float | None, warnings: list[str]) -> float:
    """Give the median time between frames in s; without any, the stated one, else 1.0 with a warning."""
    if len(times) < 2:
        return 1.0
    known = [(number, value) for number, value in enumerate(times) if value is not None]
    steps = [(b - a) / (j - i) for (i, a), (j, b) in pairwise(known)]
    step = float(np.median(steps)) if steps else 0.0
    if step > 0:
        return round(step, 9)
    if stated:
        return stated
    warnings.append("The time between frames is unknown (times are missing or constant); 1.0 s is used.")
    return 1.0
