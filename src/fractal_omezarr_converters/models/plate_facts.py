"""What is known of a physical plate beyond its images: size, name and time of the measurement, barcode."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsUserError

MAX_ROWS = 32
MAX_COLUMNS = 48


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

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> PlateFacts:
        """Make facts from what :meth:`to_json` gave; keys of later versions are ignored."""
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in document.items() if key in known})
