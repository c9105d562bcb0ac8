"""The ``Image`` records of an Operetta index: one, and all of them as columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fractal_omezarr_converters.formats.plane_table import Floats, Ints


class IndexedPlane(NamedTuple):
    """One ``Image`` record: where it was taken, in µm and s, and its file. Numbers that are not known are NaN."""

    row: int
    column: int
    field: int
    plane: int
    time: int
    sequence: int
    channel: int
    width: int
    height: int
    x: float
    y: float
    z: float
    abs_z: float
    offset: float
    pixel_x: float
    pixel_y: float
    taken: float
    state: str
    url: str | None
    page: int
    line: int


NUMBERS = ("x", "y", "z", "abs_z", "offset", "pixel_x", "pixel_y", "taken")
OBJECTS = ("state", "url")


@dataclass(frozen=True, eq=False)
class IndexedPlanes:
    """The records of an index as columns, see :class:`IndexedPlane`; numbers that are not known are NaN."""

    row: Ints
    column: Ints
    field: Ints
    plane: Ints
    time: Ints
    sequence: Ints
    channel: Ints
    width: Ints
    height: Ints
    x: Floats
    y: Floats
    z: Floats
    abs_z: Floats
    offset: Floats
    pixel_x: Floats
    pixel_y: Floats
    taken: Floats
    state: Sequence[str]
    url: Sequence[str | None]
    page: Ints
    line: Ints

    def __len__(self) -> int:
        """Count the records."""
        return len(self.url)

    def named(self) -> NDArray[np.bool_]:
        """Say which records name a file."""
        return np.array([url is not None for url in self.url], np.bool_)

    def label(self, at: int) -> str:
        """Name of a record for messages, such as ``r03c05f02p01-ch1 t2``."""
        place = f"r{self.row[at]:02d}c{self.column[at]:02d}f{self.field[at]:02d}p{self.plane[at]:02d}"
        return f"{place}-ch{self.channel[at]} t{self.time[at]}"
