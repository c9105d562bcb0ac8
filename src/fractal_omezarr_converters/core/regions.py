"""The regions of an image as a list for people: a view on columns, in which every change takes effect."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, MutableSequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from fractal_omezarr_converters.core.columns import RegionColumns
from fractal_omezarr_converters.core.geometry import AXES
from fractal_omezarr_converters.core.tile_slice import TileSlice
from fractal_omezarr_converters.errors import ConvertersToolsUserError

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Regions(MutableSequence[TileSlice[Any]]):
    """A list of TileSlice that is kept as columns."""

    __slots__ = ("_added", "_axes", "_columns", "_steps")

    def __init__(self, columns: RegionColumns | None = None) -> None:
        """Show these columns."""
        self._columns = columns if columns is not None else RegionColumns.empty()
        self._added: list[RegionColumns] = []
        self._axes = AXES
        self._steps: NDArray[np.float64] | None = None

    @classmethod
    def from_slices(cls, slices: Iterable[Any]) -> Regions:
        """Take regions one by one."""
        runs = groupby(slices, key=lambda region: id(region._columns) if isinstance(region, TileSlice) else id(region))
        return cls(RegionColumns.concat([_columns_of(list(run)) for _, run in runs]))

    def bind(self, axes: str, steps: NDArray[np.float64]) -> None:
        """Say on which axes and with which pixel sizes regions are shown."""
        self._axes, self._steps = axes, steps

    @property
    def columns(self) -> RegionColumns:
        """The columns themselves; changing an array of them changes the image."""
        if self._added:
            added, self._added = self._added, []
            self._columns.become(RegionColumns.concat([self._columns, *added]))
        return self._columns

    def copy(self) -> Regions:
        """Give independent regions."""
        made = Regions(self.columns.copy())
        made._axes, made._steps = self._axes, self._steps
        return made

    def append_columns(self, columns: RegionColumns) -> None:
        """Add regions at the end."""
        self._added.append(columns)

    def __len__(self) -> int:
        """Count the regions."""
        return len(self._columns) + sum(map(len, self._added))

    @overload
    def __getitem__(self, index: int) -> TileSlice[Any]: ...

    @overload
    def __getitem__(self, index: slice) -> list[TileSlice[Any]]: ...

    def __getitem__(self, index: int | slice) -> TileSlice[Any] | list[TileSlice[Any]]:
        """Give one region, or a list of some."""
        columns = self.columns
        if isinstance(index, slice):
            return [TileSlice.view(columns, row, self._axes, self._steps) for row in range(len(columns))[index]]
        return TileSlice.view(columns, range(len(columns))[index], self._axes, self._steps)

    def __iter__(self) -> Iterator[TileSlice[Any]]:
        """Give one region after the other."""
        columns = self.columns
        return (TileSlice.view(columns, row, self._axes, self._steps) for row in range(len(columns)))

    def __setitem__(self, index: Any, value: Any) -> None:
        """Replace regions."""
        if isinstance(index, slice):
            slices: list[Any] = list(self)
            slices[index] = value
            self._columns = Regions.from_slices(slices).columns
            return
        row, size = range(len(self))[index], len(self)
        order = np.arange(size)
        order[row] = size
        self._columns.become(RegionColumns.concat([self.columns, _columns_of([value])]).select(order))

    def __delitem__(self, index: int | slice) -> None:
        """Remove regions."""
        kept = np.ones(len(self), dtype=bool)
        kept[index] = False
        self._columns = self.columns.select(kept)

    def insert(self, index: int, value: Any) -> None:
        """Put a region before another."""
        if index >= len(self):
            self._added.append(_columns_of([value]))
            return
        slices: list[Any] = list(self)
        slices.insert(index, value)
        self._columns = Regions.from_slices(slices).columns

    def __eq__(self, other: object) -> bool:
        """Compare with regions or a list of them."""
        if isinstance(other, Regions):
            return self.columns == other.columns
        return list(self) == list(other) if isinstance(other, list | tuple) else NotImplemented

    def __add__(self, other: Iterable[TileSlice[Any]]) -> list[TileSlice[Any]]:
        """Give a plain list of these and other regions, as lists do."""
        return [*self, *other]

    def __repr__(self) -> str:
        """Show the first regions."""
        shown = ", ".join(map(repr, self[:3]))
        return f"[{shown}{', ...' if len(self) > 3 else ''}]"


def _columns_of(regions: list[Any]) -> RegionColumns:
    """Give regions that are rows of the same columns as columns."""
    first = regions[0]
    if isinstance(first, TileSlice):
        return first._columns.select([region._row for region in regions])
    if isinstance(first, dict) and {"roi", "image_loader"} <= set(first):
        slices = [TileSlice(roi=region["roi"], image_loader=region["image_loader"]) for region in regions]
        return RegionColumns.concat([region.columns() for region in slices])
    raise ConvertersToolsUserError(
        f"The regions of an image are TileSlice objects, but one is {type(first).__name__}: "
        "make it with TileSlice(roi=..., image_loader=...) or TileSlice.from_tile(tile)."
    )
