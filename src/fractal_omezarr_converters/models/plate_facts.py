"""What is known of a physical plate beyond its images: size, name and time of the measurement, barcode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsUserError

MAX_ROWS = 32
MAX_COLUMNS = 48
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def utc_in_words(seconds: int) -> str:
    """A time in seconds since 1970-01-01 UTC as people write it; the number where no calendar reaches."""
    try:
        return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S} UTC"
    except OverflowError:
        return f"{seconds} s since 1970"


@dataclass(frozen=True)
class PlateFacts:
    """Facts of one plate and one acquisition (measurement) of it.

    ``rows`` and ``columns`` are the size of the physical plate, None when the instrument does not say.
    ``start_time`` and ``end_time`` are seconds since 1970-01-01 UTC, as the plate document of OME-Zarr wants them.
    """

    name: str
    rows: int | None = None
    columns: int | None = None
    acquisition_name: str | None = None
    acquisition_description: str | None = None
    start_time: int | None = None
    end_time: int | None = None
    barcode: str | None = None

    def __post_init__(self) -> None:
        """Refuse sizes that no plate has."""
        for what, value, most in (("rows", self.rows, MAX_ROWS), ("columns", self.columns, MAX_COLUMNS)):
            if value is not None and not 1 <= value <= most:
                raise ConvertersToolsUserError(
                    f"Plate '{self.name}' is said to have {value} {what}; plates have 1 to {most}: check the metadata."
                )

    def to_json(self) -> dict[str, Any]:
        """Give the facts as plain values, for JSON."""
        return asdict(self)

    def acquisition_to_json(self) -> dict[str, Any]:
        """Give what is known of the acquisition as plain values: ``name``, ``description``, ``start_time``, ``end_time``."""
        stated = {
            "name": self.acquisition_name,
            "description": self.acquisition_description,
            "start_time": self.start_time,
            "end_time": self.end_time,
        }
        return {key: value for key, value in stated.items() if value is not None}

    def acquisition_in_words(self) -> str:
        """Name and times of the acquisition in one line, empty when neither is known."""
        name = self.acquisition_name
        start, end = (None if each is None else utc_in_words(each) for each in (self.start_time, self.end_time))
        times = start if end in (None, start) else f"{start or 'unknown'} to {end}"
        return ", ".join(each for each in (name and f"'{name}'", times) if each)

    def with_part(self, other: PlateFacts) -> PlateFacts:
        """The facts of an acquisition of which ``other`` is a part: from the first begin to the last end that are known."""
        starts = [each for each in (self.start_time, other.start_time) if each is not None]
        ends = [each for each in (self.end_time, other.end_time) if each is not None]
        return replace(self, start_time=min(starts, default=None), end_time=max(ends, default=None))

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> PlateFacts:
        """Make facts from what :meth:`to_json` gave; keys of later versions are ignored."""
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in document.items() if key in known})
