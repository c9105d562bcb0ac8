"""The regions of one image as columns: where each piece of source lies, which field it belongs to, its loader."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fractal_omezarr_converters.core import packing
from fractal_omezarr_converters.core.geometry import AXES
from fractal_omezarr_converters.core.loader_columns import LoaderColumns
from fractal_omezarr_converters.core.moments import Moments, joined_moments
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.loaders import ImageLoaderInterface

__all__ = ["LoaderColumns", "RegionColumns"]

_STAGE_AXES = "zyx"


class RegionColumns:
    """n regions of one image.

    ``fov_names`` lists the fields of view in order of first appearance and ``fov`` (int32) points into it. ``start``
    and ``length`` (float64, n x 5, ``tczyx``) are in world units, c as an index. ``original`` (float64, n x 3, ``zyx``)
    is the stage position in µm as the instrument states it, before orientation, offsets and tiling. ``moments`` say when
    regions were acquired; None when that is not known of any.
    """

    __slots__ = ("fov", "fov_names", "length", "loaders", "moments", "original", "start")

    def __init__(
        self,
        *,
        fov_names: Sequence[str],
        fov: ArrayLike,
        start: ArrayLike,
        length: ArrayLike,
        original: ArrayLike,
        loaders: LoaderColumns,
        moments: Moments | None = None,
    ) -> None:
        """Check that all columns have one length and only finite numbers."""
        self.fov_names = list(fov_names)
        self.fov: NDArray[np.int32] = np.asarray(fov, dtype=np.int32).reshape(-1)
        self.start: NDArray[np.float64] = np.asarray(start, dtype=np.float64).reshape(-1, 5)
        self.length: NDArray[np.float64] = np.asarray(length, dtype=np.float64).reshape(-1, 5)
        self.original: NDArray[np.float64] = np.asarray(original, dtype=np.float64).reshape(-1, 3)
        self.loaders = loaders
        self.moments = moments
        sizes = {len(self.fov), len(self.start), len(self.length), len(self.original), len(loaders)}
        if moments is not None:
            sizes.add(len(moments))
        if len(sizes) != 1:
            raise ConvertersToolsUserError(f"Columns of regions have different lengths: {sorted(sizes)} rows.")
        self._refuse_endless(("start", "length", "original"))

    def _refuse_endless(self, names: Iterable[str]) -> None:
        for name in names:
            column = getattr(self, name)
            if np.isfinite(column).all():
                continue
            bad = np.flatnonzero(~np.isfinite(column).all(axis=1))
            raise ConvertersToolsUserError(
                f"The {name} of field of view '{self.fov_name(int(bad[0]))}' is not a finite number: "
                f"{column[bad[0]].tolist()}; check the positions in the metadata."
            )

    @classmethod
    def empty(cls) -> RegionColumns:
        """Give columns without rows."""
        return cls(fov_names=[], fov=[], start=[], length=[], original=[], loaders=LoaderColumns([], [], []))

    def __len__(self) -> int:
        """Count the regions."""
        return len(self.fov)

    def __eq__(self, other: object) -> bool:
        """Compare names, numbers and loaders; how they are stored does not matter."""
        if not isinstance(other, RegionColumns):
            return NotImplemented
        if (
            len(self) != len(other)
            or self.moments != other.moments
            or not all(
                np.array_equal(mine, theirs)
                for mine, theirs in (
                    (self.start, other.start),
                    (self.length, other.length),
                    (self.original, other.original),
                )
            )
        ):
            return False
        if [self.fov_names[i] for i in self.fov.tolist()] != [other.fov_names[i] for i in other.fov.tolist()]:
            return False
        both = LoaderColumns.concat([self.loaders, other.loaders]).identity()
        return bool(np.array_equal(both[: len(self)], both[len(self) :]))

    def fov_name(self, i: int) -> str:
        """Name the field of view of one region."""
        return self.fov_names[int(self.fov[i])]

    def copy(self) -> RegionColumns:
        """Give independent columns; loaders are shared, because they do not change."""
        made = self.replaced(start=self.start, length=self.length, original=self.original)
        made.start, made.length, made.original = self.start.copy(), self.length.copy(), self.original.copy()
        return made

    def replaced(self, **columns: Any) -> RegionColumns:
        """Give columns of which some are others; what is not named is shared or, for names, copied."""
        if not columns.keys() <= {"start", "length", "original"}:
            own = {name: getattr(self, name) for name in self.__slots__}
            own["fov"] = self.fov.copy()
            return RegionColumns(**{**own, **columns})
        made = RegionColumns.__new__(RegionColumns)  # what is taken over has been checked
        made.become(self)
        made.fov_names, made.fov = list(self.fov_names), self.fov.copy()
        for name, column in columns.items():
            setattr(made, name, np.asarray(column, dtype=np.float64))
            if getattr(made, name).shape != getattr(self, name).shape:
                raise ConvertersToolsUserError(
                    f"Columns of regions have different lengths: {len(column)} and {len(self)} rows."
                )
        made._refuse_endless(name for name, column in columns.items() if column is not getattr(self, name))
        return made

    def select(self, index: ArrayLike) -> RegionColumns:
        """Give some regions, by mask or index, in that order; field names that no longer occur are dropped."""
        chosen = np.asarray(index)
        if chosen.dtype != bool:
            chosen = chosen.astype(np.int64)
        names, fov = _compact_names(self.fov_names, self.fov[chosen])
        return RegionColumns(
            fov_names=names,
            fov=fov,
            start=self.start[chosen],
            length=self.length[chosen],
            original=self.original[chosen],
            loaders=self.loaders.select(chosen),
            moments=None if self.moments is None else self.moments.select(chosen),
        )

    def part(self, rows: NDArray[np.int64]) -> RegionColumns:
        """Give some regions as :meth:`select` does, without copying rows that follow each other: for who owns these columns."""
        first = int(rows[0]) if len(rows) else 0
        if not len(rows) or int(rows[-1]) - first + 1 != len(rows) or not bool((rows[1:] > rows[:-1]).all()):
            return self.select(rows)
        mine = slice(first, first + len(rows))
        made = RegionColumns.__new__(RegionColumns)
        made.fov_names, made.fov = _compact_names(self.fov_names, self.fov[mine])
        made.start, made.length, made.original = self.start[mine], self.length[mine], self.original[mine]
        made.loaders = self.loaders.select(mine)
        made.moments = None if self.moments is None else self.moments.select(rows)
        return made

    @classmethod
    def concat(cls, parts: Sequence[RegionColumns]) -> RegionColumns:
        """Put several one after the other; fields of view of one name are one field."""
        if not parts:
            return cls.empty()
        names: dict[str, int] = {}
        fov = []
        for part in parts:
            numbers = np.array([names.setdefault(name, len(names)) for name in part.fov_names], dtype=np.int32)
            fov.append(numbers[part.fov] if len(part) else part.fov)
        return cls(
            fov_names=list(names),
            fov=np.concatenate(fov),
            start=np.concatenate([part.start for part in parts]),
            length=np.concatenate([part.length for part in parts]),
            original=np.concatenate([part.original for part in parts]),
            loaders=LoaderColumns.concat([part.loaders for part in parts]),
            moments=joined_moments([(part.moments, len(part)) for part in parts]),
        )

    def become(self, other: RegionColumns) -> None:
        """Take over the rows of ``other``; views on these columns stay valid."""
        for name in self.__slots__:
            setattr(self, name, getattr(other, name))

    def set_fov_name(self, i: int, name: str) -> None:
        """Move one region to the field of view of this name."""
        if name not in self.fov_names:
            self.fov_names.append(name)
        self.fov[i] = self.fov_names.index(name)

    def set_loader(self, i: int, loader: ImageLoaderInterface) -> None:
        """Give one region another loader."""
        self.loaders = self.loaders.replace(i, loader)

    def rows_by_fov(self) -> list[tuple[str, NDArray[np.int64]]]:
        """Give the rows of every field of view, fields in order of first appearance."""
        if not len(self):
            return []
        order = np.argsort(self.fov, kind="stable")
        cuts = np.flatnonzero(np.diff(self.fov[order])) + 1
        groups = [np.asarray(rows, dtype=np.int64) for rows in np.split(order, cuts)]
        return [(self.fov_name(int(rows[0])), rows) for rows in sorted(groups, key=lambda rows: int(rows[0]))]

    def to_json(self) -> dict[str, Any]:
        """Give plain values for JSON, column by column, exactly."""
        document: dict[str, Any] = {"size": len(self), "fov_names": packing.pack(self.fov_names)}
        document["fov"] = packing.pack(self.fov.astype(np.int64))
        for name, axes in (("start", AXES), ("length", AXES), ("original", _STAGE_AXES)):
            document[name] = dict(zip(axes, map(packing.pack, np.ascontiguousarray(getattr(self, name).T))))
        document["loaders"] = self.loaders.to_json()
        if self.moments is not None:
            document["moments"] = self.moments.to_json()
        return document

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> RegionColumns:
        """Make columns from what :meth:`to_json` gave.

        Raises:
            ConvertersToolsUserError: the columns do not belong together.
        """

        def columns(name: str, axes: str) -> NDArray[np.float64]:
            return np.stack([packing.unpack_array(document[name][axis], "<f8") for axis in axes], axis=1)

        names, fov = packing.unpack(document["fov_names"]), packing.unpack_array(document["fov"], "<i8")
        if ((fov < 0) | (fov >= len(names))).any():
            raise ConvertersToolsUserError(f"Tiles belong to fields of view that have no name; {packing.REPEAT}")
        return cls(
            fov_names=[str(name) for name in names],
            fov=fov,
            start=columns("start", AXES),
            length=columns("length", AXES),
            original=columns("original", _STAGE_AXES),
            loaders=LoaderColumns.from_json(document["loaders"]),
            moments=Moments.from_json(document["moments"]) if "moments" in document else None,
        )


def _compact_names(names: Sequence[str], fov: NDArray[np.int32]) -> tuple[list[str], NDArray[np.int32]]:
    """Keep the names that occur, in order of first appearance."""
    changes = np.flatnonzero(fov[1:] != fov[:-1]) + 1
    kept = list(dict.fromkeys([*fov[:1].tolist(), *fov[changes].tolist()]))
    number = np.zeros(len(names), dtype=np.int32)
    number[kept] = np.arange(len(kept))
    return [names[i] for i in kept], number[fov]
