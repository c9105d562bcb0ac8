"""The planes of one measurement as columns: a plate of 100,000 planes without 100,000 objects."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fractal_omezarr_converters.formats.plane_records import PlaneRecord
from fractal_omezarr_converters.models.made_sequence import MadeSequence

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    type Ints = NDArray[np.int64]
    type Floats = NDArray[np.float64]

NO_PAGE = -1
WELL_COLUMNS = 1 << 16
_ONE_OBJECT = 64


@dataclass(frozen=True, eq=False)
class PlaneTable(MadeSequence[PlaneRecord]):
    """n planes; the columns are the fields of :class:`PlaneRecord`, NaN and NO_PAGE standing for None.

    As a sequence it gives its planes as records, one after the other.
    """

    row: Ints
    column: Ints
    field: Ints
    channel: Ints
    z: Ints
    t: Ints
    file: Sequence[str | None]
    x: Floats
    y: Floats
    height: Floats
    seconds: Floats
    clock: Floats
    page: Ints
    frame: Ints
    line: Ints

    @classmethod
    def of_columns(cls, **columns: Any) -> PlaneTable:
        """Make a table of some columns; what is not given is unknown, 0, or the first frame."""
        size = len(columns["file"])
        made: dict[str, Any] = {"file": columns.pop("file")}
        for name in ("row", "column", "field", "channel", "z", "t", "page", "frame", "line"):
            given = columns.pop(name, NO_PAGE if name == "page" else 0)
            made[name] = np.broadcast_to(np.asarray(given, np.int64), size)
        for name in ("x", "y", "height", "seconds", "clock"):
            given = columns.pop(name, 0.0 if name in "xy" else np.nan)
            made[name] = np.broadcast_to(np.asarray(given, np.float64), size)
        if columns:
            raise TypeError(f"A table of planes has no columns {sorted(columns)}.")
        return cls(**made)

    @classmethod
    def of(cls, planes: Sequence[PlaneRecord]) -> PlaneTable:
        """Take the columns of records; a table stays as it is."""
        if isinstance(planes, PlaneTable):
            return planes
        if not planes:
            return cls.of_columns(file=[])
        columns: dict[str, Any] = dict(zip(PlaneRecord._fields, zip(*planes, strict=True), strict=True))
        columns["page"] = [NO_PAGE if page is None else page for page in columns["page"]]
        return cls.of_columns(**columns)  # None becomes NaN in columns of floats

    def __len__(self) -> int:
        """Count the planes."""
        return len(self.file)

    def one(self, place: int) -> PlaneRecord:
        """Give one plane as a record."""
        return next(iter(self.select([place])))

    def some(self, places: range) -> PlaneTable:
        """Give some planes."""
        return self.select(places)

    def __iter__(self) -> Iterator[PlaneRecord]:
        """Give the planes as records."""
        optional = [_optional(each) for each in (self.height, self.seconds, self.clock)]
        first = (self.row, self.column, self.field, self.channel, self.z, self.t)
        columns = [
            *(each.tolist() for each in first),
            self.file,
            self.x.tolist(),
            self.y.tolist(),
            *optional,
            self.pages(),
        ]
        return map(PlaneRecord._make, zip(*columns, self.frame.tolist(), self.line.tolist(), strict=True))

    def select(self, rows: ArrayLike) -> PlaneTable:
        """Give some planes, by their places."""
        chosen: Ints = np.asarray(rows, np.int64)
        if len(chosen) == len(self) and bool((chosen == np.arange(len(self))).all()):
            return self
        columns = {name: getattr(self, name)[chosen] for name in PlaneRecord._fields if name != "file"}
        return PlaneTable(file=[self.file[row] for row in chosen.tolist()], **columns)

    def pages(self) -> list[int | None]:
        """Give the pages, None where the file is one plane."""
        return [None if page == NO_PAGE else page for page in self.page.tolist()]

    def wells(self) -> Ints:
        """Give one number per well, in the order of rows, then columns."""
        wells: Ints = self.row * WELL_COLUMNS + self.column
        return wells


def _optional(values: Floats) -> list[float | None]:
    return [None if value != value else value for value in values.tolist()]  # noqa: PLR0124 -- NaN


def ranked(values: Ints) -> tuple[Ints, Ints]:
    """Give the distinct values, rising, and for each value its place among them; quick where they lie close together."""
    if not len(values):
        return values, values
    least = int(values.min())
    span = int(values.max()) - least + 1
    if span > 8 * len(values) + _ONE_OBJECT:
        distinct, places = np.unique(values, return_inverse=True)
        return distinct, places.reshape(-1)
    there = np.zeros(span, np.bool_)
    there[values - least] = True
    return np.flatnonzero(there) + least, (np.cumsum(there) - 1)[values - least]


def in_order(values: Ints) -> tuple[list[int], Ints]:
    """Give the distinct values in order of appearance, and for each value its number."""
    distinct, rank = ranked(values)
    first = np.full(len(distinct), len(values))
    first[rank[::-1]] = np.arange(len(values))[::-1]
    order = np.argsort(first)
    number = np.empty_like(order)
    number[order] = np.arange(len(order))
    return distinct[order].tolist(), number[rank]


def joint_ranks(*columns: Ints) -> tuple[Ints, Ints]:
    """Give for each row the place of its combination of values among all that occur, and the first row of each.

    Combinations are in the order of the columns, the first one counting most.
    """
    places = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        distinct, rank = ranked(column)
        places = ranked(places * max(1, len(distinct)) + rank)[1]
    first = np.full(int(places.max(initial=-1)) + 1, len(places))
    first[places[::-1]] = np.arange(len(places))[::-1]
    return places, first
