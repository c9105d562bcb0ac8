"""Times as instruments write them, turned into seconds since 1970-01-01 UTC."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_WITH_ZONE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?([+-]\d\d:\d\d|Z)", re.ASCII)
_FEW = 16
_DATE, _HOUR, _MINUTE, _SECOND, _FRACTION = 10, 11, 14, 17, 20
_MICROSECONDS = 10**6
_EXACT = 2**53


def seconds_of(stamp: str | None) -> float | None:
    """Turn an ISO 8601 time into seconds since 1970-01-01 UTC; None when it is absent or cannot be understood."""
    if not stamp:
        return None
    try:
        return datetime.fromisoformat(stamp).timestamp()
    except (ValueError, OverflowError, OSError):
        return None


def many_seconds_of(stamps: Sequence[str | None]) -> NDArray[np.float64]:
    """Give :func:`seconds_of` of many times, NaN for None; those that are written alike are read together."""
    import numpy as np

    found = np.full(len(stamps), np.nan)
    written = [stamp or "" for stamp in stamps]
    lengths = np.fromiter(map(len, written), np.int64, len(written))
    kinds = np.unique(lengths).tolist()
    for length in kinds:
        rows = np.flatnonzero(lengths == length)
        texts = written if len(kinds) == 1 else [written[row] for row in rows.tolist()]
        seconds = _alike(texts) if len(texts) >= _FEW else np.full(len(texts), np.nan)
        for at in np.flatnonzero(np.isnan(seconds)).tolist():
            one = seconds_of(texts[at])
            seconds[at] = np.nan if one is None else one
        found[rows] = seconds
    return found


def _alike(texts: list[str]) -> NDArray[np.float64]:
    """Read times of one length, date by date; NaN for what is not written like the first one, with the same zone."""
    import numpy as np

    unread = np.full(len(texts), np.nan)
    every = "".join(texts)
    match = _WITH_ZONE.fullmatch(texts[0])
    if match is None or not every.isascii():
        return unread
    letters = np.frombuffer(every.encode(), np.uint8).reshape(len(texts), -1)
    varies = (letters[0] >= ord("0")) & (letters[0] <= ord("9"))
    varies[match.start(2) :] = False
    digits = letters - np.uint8(ord("0"))  # what lies before 0 becomes large
    read = ((letters == letters[0]) | (varies & (digits <= 9))).all(axis=1)
    begins = np.append(0, np.flatnonzero((letters[1:, :_DATE] != letters[:-1, :_DATE]).any(axis=1)) + 1)
    if len(begins) > len(texts) // 4 + 1:
        return unread
    days = [seconds_of(f"{texts[at][:_DATE]}T00:00:00{match[2]}") for at in begins.tolist()]
    day = np.repeat(np.array(days, np.float64), np.diff(np.append(begins, len(texts))))
    ends = min(match.start(2), _FRACTION + 6)
    hour, minute, second, parts = (
        _number(digits[:, begin:end])
        for begin, end in ((_HOUR, _HOUR + 2), (_MINUTE, _MINUTE + 2), (_SECOND, _SECOND + 2), (_FRACTION, ends))
    )
    parts *= 10 ** (6 - max(0, ends - _FRACTION))
    read &= (hour < 24) & (minute < 60) & (second < 60) & np.isfinite(day)
    day[~read] = 0
    whole = (day.astype(np.int64) + (hour * 60 + minute) * 60 + second) * _MICROSECONDS + parts
    read &= np.abs(whole) < _EXACT  # numbers that are divided as exactly as datetime does it
    return np.where(read, whole / _MICROSECONDS, np.nan)


def _number(digits: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Give the whole number that each row of digits is."""
    import numpy as np

    found = np.zeros(len(digits), np.int64)
    for column in digits.T:
        found = found * 10 + column
    return found
