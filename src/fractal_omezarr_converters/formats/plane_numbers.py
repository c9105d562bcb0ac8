"""Numbers in metadata that cannot be right: refused before anything is made from them."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from fractal_omezarr_converters.errors import raise_together
from fractal_omezarr_converters.formats.plane_table import PlaneTable

if TYPE_CHECKING:
    from fractal_omezarr_converters.formats.plane_records import Measurement

SMALLEST_PIXEL, LARGEST_PIXEL = 1e-6, 1e6  # µm
#: Seconds since 1970 at the end of the year 9999, the last day that has a date.
LAST_MOMENT = 253402300799.0
MOST = 2**31
NAMES = {"z": "plane", "t": "frame"}


def check_numbers(measured: Measurement) -> None:
    """Look for pixels that no microscope has, dates without a calendar, and numbers that no instrument counts to.

    Raises:
        ConvertersToolsUserError: naming all of them.
    """
    described_in, planes = measured.described_in, measured.planes
    problems = []
    sizes = sorted({size for number in _used_frames(measured) for size in measured.frames[number][2:]})
    wrong = [f"{size:g}" for size in sizes if not SMALLEST_PIXEL <= size <= LARGEST_PIXEL]
    if wrong:
        problems.append(
            f"'{described_in}' states pixels of {', '.join(wrong)} µm, which no microscope has; expected"
            f" {SMALLEST_PIXEL:g} to {LARGEST_PIXEL:g}: correct the metadata."
        )
    if isinstance(planes, PlaneTable):
        clocks = np.nan_to_num(np.abs(planes.clock))
        latest = planes[int(np.argmax(clocks))] if len(clocks) else None
    else:
        latest = max(planes, key=lambda each: abs(each.clock or 0.0), default=None)
    if latest is not None and abs(latest.clock or 0.0) > LAST_MOMENT:
        problems.append(
            f"'{described_in}' says that '{latest.file}' was taken {latest.clock:g} s after 1970, a day that no"
            " calendar has; correct the metadata."
        )
    for axis in ("field", "channel", "z", "t"):
        if isinstance(planes, PlaneTable):
            most = int(getattr(planes, axis).max(initial=0))
        else:
            most = max(map(attrgetter(axis), planes), default=0)
        if most > MOST:
            problems.append(
                f"'{described_in}' states the number {most} of a {NAMES.get(axis, axis)}; no instrument counts so"
                " far: correct the metadata."
            )
    raise_together(problems, f"'{described_in}' has numbers that cannot be right")


def _used_frames(measured: Measurement) -> set[int]:
    """Frames of planes that have a file; those of others may have any size."""
    planes = measured.planes
    if not isinstance(planes, PlaneTable):
        return {each.frame for each in planes if each.file is not None}
    if len(measured.frames) == 1:
        return {0} if any(name is not None for name in planes.file) else set()
    named = np.array([name is not None for name in planes.file], np.bool_)
    return set(np.unique(planes.frame[named]).tolist())
