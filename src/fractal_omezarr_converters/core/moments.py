"""When tiles were acquired, as one column: milliseconds, and whether the instrument said in which time zone.

Images of which nothing is known have no such column at all. What is handed over is one moment per field of view and frame:
the first of its planes. Written as differences it costs a byte or two where it changes, and next to nothing where it does not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fractal_omezarr_converters.core import packing
from fractal_omezarr_converters.errors import ConvertersToolsUserError

Milliseconds = NDArray[np.int64]
LATEST = 253402300800.0
"""Seconds from 1970 to the year 10000."""
UNKNOWN = np.iinfo(np.int64).min
_EPOCH = datetime(1970, 1, 1)  # the zone is kept apart


class Moments:
    """n moments: ``ms`` since 1970-01-01 UTC, or in the instrument's own clock when it states no zone.

    UNKNOWN stands where a moment is not known.
    """

    __slots__ = ("ms", "zoned")

    def __init__(self, ms: ArrayLike, *, zoned: bool = True) -> None:
        """Take milliseconds, with or without a time zone behind them."""
        self.ms: Milliseconds = np.asarray(ms, dtype=np.int64).reshape(-1)
        self.zoned = zoned

    @classmethod
    def of_times(cls, times: Sequence[datetime | float | None]) -> Moments | None:
        """Take points in time, or seconds since 1970-01-01 UTC; None when none is known.

        Where some have a time zone and others do not, the zone is left away.
        """
        if not any(time is not None for time in times):
            return None
        naive = any(isinstance(time, datetime) and time.tzinfo is None for time in times)
        return cls([UNKNOWN if time is None else _milliseconds(time) for time in times], zoned=not naive)

    def __len__(self) -> int:
        """Count the moments, known or not."""
        return len(self.ms)

    def __eq__(self, other: object) -> bool:
        """Compare times and zones."""
        if not isinstance(other, Moments):
            return NotImplemented
        return self.zoned == other.zoned and np.array_equal(self.ms, other.ms)

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which of them are known."""
        return np.asarray(self.ms != UNKNOWN)

    def time(self, i: int) -> datetime | None:
        """Give one of them; without a zone when none is known."""
        return None if self.ms[i] == UNKNOWN else point_in_time(int(self.ms[i]), zoned=self.zoned)

    def select(self, index: NDArray[Any]) -> Moments | None:
        """Give some, by mask or index; None when none of them is known."""
        ms = self.ms[index]
        return Moments(ms, zoned=self.zoned) if (ms != UNKNOWN).any() else None

    def without(self, rows: NDArray[np.bool_]) -> Moments | None:
        """Forget some of them."""
        ms = np.where(rows, UNKNOWN, self.ms)
        return Moments(ms, zoned=self.zoned) if (ms != UNKNOWN).any() else None

    def first_of_each(self, *columns: NDArray[Any]) -> Moments:
        """Give every row the earliest moment of the rows that are equal to it in all these columns."""
        group = np.zeros(len(self), dtype=np.int64)
        for column in columns:
            values, number = np.unique(column, return_inverse=True)
            group = np.unique(group * len(values) + number.ravel(), return_inverse=True)[1].ravel()
        first = np.full(int(group.max(initial=-1)) + 1, np.iinfo(np.int64).max)
        np.minimum.at(first, group[self.known], self.ms[self.known])
        first[first == np.iinfo(np.int64).max] = UNKNOWN
        return Moments(first[group], zoned=self.zoned)

    def to_json(self) -> dict[str, Any]:
        """Give plain values: the earliest, and how far each (-1: unknown) lies after it, as differences from row to row."""
        first = int(self.ms[self.known].min())
        after = np.where(self.known, self.ms - first, -1)
        return {"first_ms": first, "steps": packing.pack(np.diff(after, prepend=0)), "zoned": self.zoned}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Moments:
        """Make moments from what :meth:`to_json` gave."""
        after = np.cumsum(packing.unpack_array(document["steps"], "<i8"))
        return cls(np.where(after < 0, UNKNOWN, after + int(document["first_ms"])), zoned=bool(document["zoned"]))


def joined_moments(parts: Sequence[tuple[Moments | None, int]]) -> Moments | None:
    """Put several columns (each with its number of rows) one after the other; None when nothing is known in any."""
    some = [moments for moments, _ in parts if moments is not None]
    if not some:
        return None
    columns = [np.full(rows, UNKNOWN) if moments is None else moments.ms for moments, rows in parts]
    return Moments(np.concatenate(columns), zoned=all(moments.zoned for moments in some))


def point_in_time(ms: int, *, zoned: bool) -> datetime:
    """Give milliseconds as a point in time, in UTC or without a zone."""
    return (_EPOCH + timedelta(milliseconds=ms)).replace(tzinfo=UTC if zoned else None)


def _milliseconds(time: datetime | float) -> int:
    if not isinstance(time, datetime):
        if not abs(time) < LATEST:
            raise ConvertersToolsUserError(
                f"A moment of acquisition is stated as {time:g} s since 1970, which is no time; correct the metadata."
            )
        return round(time * 1000)
    plain = time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)
    return round((plain - _EPOCH) / timedelta(milliseconds=1))
