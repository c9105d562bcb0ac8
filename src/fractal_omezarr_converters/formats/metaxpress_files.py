"""The images of a MetaXpress acquisition by their places in the tree, as columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fractal_omezarr_converters.models.made_sequence import MadeSequence

if TYPE_CHECKING:
    from fractal_omezarr_converters.formats.plane_table import Ints


class TreeFile(NamedTuple):
    """One image by its place in the tree: well (from 1), wavelength, time point, number of ``ZStep``, site, name."""

    row: int
    column: int
    wave: int
    t: int
    step: int
    site: int
    file: str


@dataclass(frozen=True, eq=False)
class TreeFiles(MadeSequence[TreeFile]):
    """n images; the columns are the fields of :class:`TreeFile`, which it gives as a sequence."""

    row: Ints
    column: Ints
    wave: Ints
    t: Ints
    step: Ints
    site: Ints
    file: Sequence[str]

    @classmethod
    def of(cls, files: Sequence[TreeFile]) -> TreeFiles:
        """Take the columns of images; columns stay as they are."""
        if isinstance(files, TreeFiles):
            return files
        *numbers, names = zip(*files, strict=True) if files else [()] * len(TreeFile._fields)
        return cls.made([np.array(column, np.int64) for column in numbers], list(names))

    @classmethod
    def made(cls, numbers: Sequence[Ints], file: Sequence[str]) -> TreeFiles:
        """Make it of the six columns of numbers, in their order, and the names."""
        row, column, wave, t, step, site = numbers
        return cls(row, column, wave, t, step, site, file)

    def __len__(self) -> int:
        """Count the images."""
        return len(self.file)

    def one(self, place: int) -> TreeFile:
        """Give one image."""
        return TreeFile._make([*(int(column[place]) for column in self.numbers()), self.file[place]])

    def some(self, places: range) -> TreeFiles:
        """Give the columns of some images."""
        rows = np.asarray(places, np.int64)
        return TreeFiles.made([column[rows] for column in self.numbers()], [self.file[place] for place in places])

    def __iter__(self) -> Iterator[TreeFile]:
        """Give one image after the other."""
        return map(TreeFile._make, zip(*(column.tolist() for column in self.numbers()), self.file, strict=True))

    def numbers(self) -> tuple[Ints, ...]:
        """Give the columns of numbers."""
        return self.row, self.column, self.wave, self.t, self.step, self.site

    def sites(self, rows: Ints) -> list[tuple[int, int, int]]:
        """Give row, column and site of some images."""
        return list(zip(*(column[rows].tolist() for column in (self.row, self.column, self.site)), strict=True))

    def sorted(self) -> TreeFiles:
        """Give the images in the order of their fields."""
        order = np.lexsort(self.numbers()[::-1])
        numbers = [column[order] for column in self.numbers()]
        places = np.stack(numbers)
        if len(order) and bool((places[:, 1:] == places[:, :-1]).all(axis=0).any()):
            return TreeFiles.of(sorted(self))  # names tell those of one place apart
        return TreeFiles.made(numbers, [self.file[at] for at in order.tolist()])

    def values(self, name: str) -> set[Any]:
        """Give the distinct values of one column."""
        return set(np.unique(getattr(self, name)).tolist())
