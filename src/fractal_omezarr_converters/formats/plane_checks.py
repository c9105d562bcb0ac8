"""Numbers of planes that cannot be right: refused in words before anything is computed with them."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np

from fractal_omezarr_converters.errors import raise_together
from fractal_omezarr_converters.formats.plane_records import Measurement, PlaneRecord
from fractal_omezarr_converters.formats.plane_table import PlaneTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMALLEST_PIXEL, LARGEST_PIXEL = 1e-6, 1e6  # µm
#: Seconds since 1970 at the end of the year 9999, the last day that has a date.
LAST_MOMENT = 253402300799.0
MOST = 2**31
COUNTED = {"field": "field", "channel": "channel", "z": "plane", "t": "frame", "page": "page in its file"}


def checked_planes(measured: Measurement) -> PlaneTable:
    """Give the planes of a measurement as columns.

    Raises:
        ConvertersToolsUserError: pixels that no microscope has, dates without a calendar, numbers that nobody counts to; all
            of them together.
    """
    problems: list[str] = []
    planes = table_of(measured.planes, measured.described_in)
    for axis in COUNTED:
        values: NDArray[np.int64] = getattr(planes, axis)
        problems.extend(_too_many(measured.described_in, axis, int(values.max(initial=0))))
    _check_pixels(measured, planes, problems)
    late = np.flatnonzero(np.abs(planes.clock) > LAST_MOMENT)
    if late.size:
        first = int(late[0])
        problems.append(
            f"'{measured.described_in}' says that '{planes.file[first]}' was taken {planes.clock[first]:g} s after 1970, a day"
            " that no calendar has; correct the metadata."
        )
    raise_together(problems, f"'{measured.described_in}' has numbers that cannot be right")
    return planes


def table_of(planes: Sequence[PlaneRecord], described_in: str) -> PlaneTable:
    """Give planes as columns.

    Raises:
        ConvertersToolsUserError: numbers that do not fit into any column.
    """
    try:
        return PlaneTable.of(planes)
    except OverflowError:
        most = {axis: max((attrgetter(axis)(each) or 0 for each in planes), key=abs) for axis in COUNTED}
        problems = [said for axis, number in most.items() for said in _too_many(described_in, axis, number)]
        raise_together(problems, f"'{described_in}' has numbers that cannot be right")
        raise


def _too_many(described_in: str, axis: str, most: int) -> list[str]:
    if abs(most) <= MOST:
        return []
    return [
        f"'{described_in}' states the number {most} of a {COUNTED[axis]}; no instrument counts so far: correct the metadata."
    ]


def _check_pixels(measured: Measurement, planes: PlaneTable, problems: list[str]) -> None:
    """Sizes of pixels; those of frames that only planes without a file have may be anything."""
    used = np.unique(planes.frame).tolist()
    if any(name is None for name in planes.file):
        used = sorted(
            {frame for frame, name in zip(planes.frame.tolist(), planes.file, strict=True) if name is not None}
        )
    sizes = sorted({size for number in used for size in measured.frames[number][2:]})
    wrong = [f"{size:g}" for size in sizes if not SMALLEST_PIXEL <= size <= LARGEST_PIXEL]
    if wrong:
        problems.append(
            f"'{measured.described_in}' states pixels of {', '.join(wrong)} µm, which no microscope has; expected"
            f" {SMALLEST_PIXEL:g} to {LARGEST_PIXEL:g}: correct the metadata."
        )
