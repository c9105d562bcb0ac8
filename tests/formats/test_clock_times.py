"""Times of very many planes mean what each of them means alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fractal_omezarr_converters.formats import clock_times
from fractal_omezarr_converters.formats.clock_times import many_seconds_of, seconds_of


def one_by_one(stamps: list[str | None]) -> list[float]:
    return [math.nan if (found := seconds_of(stamp)) is None else found for stamp in stamps]


def times(digits: int, zone: str, count: int = 300) -> list[str | None]:
    rng = np.random.default_rng(digits)
    found: list[str | None] = []
    for number in range(count):
        day, rest = divmod(number * 577 + 80_000, 86_400)
        fraction = "." + "".join(map(str, rng.integers(0, 10, digits))) if digits else ""
        found.append(f"2024-02-{28 + day:02d}T{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}{fraction}{zone}")
    return found


@pytest.mark.parametrize("zone", ["Z", "+02:00", "-11:30"])
@pytest.mark.parametrize("digits", [0, 1, 3, 6, 7, 9])
def test_times_of_one_kind(digits: int, zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    stamps = times(digits, zone)[:150]
    expected = one_by_one(stamps)
    assert len(set(expected)) == 150
    asked: list[str | None] = []

    def counted(stamp: str | None) -> float | None:
        asked.append(stamp)
        return seconds_of(stamp)

    monkeypatch.setattr(clock_times, "seconds_of", counted)
    assert many_seconds_of(stamps).tolist() == expected
    assert len(asked) == 2  # the days


@pytest.mark.parametrize(
    "odd",
    [
        "2024-02-30T10:00:00.000Z",
        "2024-02-28T24:00:00.000Z",
        "2024-02-28T23:60:00.000Z",
        "2024-02-28T23:00:60.000Z",
        "2024-02-28T23:00:0:.000Z",
        "2024-02-28T23:00:00.0/0Z",
        "2024-02-28 23:00:00.000Z",
        "2024-02-28T23:00:00,123Z",
        "2024-02-28T23:00:00.1é3Z",
        "9024-02-28T23:00:00.123Z",
        "1901-02-28T23:00:00.123Z",
        "0000-02-28T23:00:00.123Z",
        "2024-02-28T23:00:00+02:0",
        "2024-02-28T23:00:00.0000",
        "not a time of 24 letters",
        "",
        None,
    ],
)
@pytest.mark.parametrize("at", [0, 70])
def test_a_time_unlike_the_others_is_what_it_is_alone(odd: str | None, at: int) -> None:
    stamps = times(3, "Z")
    stamps.insert(at, odd)
    np.testing.assert_array_equal(many_seconds_of(stamps), one_by_one(stamps))


def test_several_kinds_at_once_and_days_that_always_change() -> None:
    stamps = [stamp for group in zip(times(3, "Z"), times(0, "+02:00"), times(7, "Z")) for stamp in group]
    stamps += [f"{year:04d}-{month:02d}-17T08:00:00.125Z" for year in range(1, 9999, 250) for month in range(1, 13)]
    np.testing.assert_array_equal(many_seconds_of(stamps), one_by_one(stamps))
    assert many_seconds_of([]).tolist() == []
