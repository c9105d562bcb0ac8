"""Loaders as columns: 100,000 planes without 100,000 objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fractal_omezarr_converters.core import packing
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.loaders import (
    ImageLoaderInterface,
    loader_type_name,
    resolve_loader_type,
)
from fractal_omezarr_converters.models.source_files import UNKNOWN, SourceFiles, facts_of

Index = NDArray[np.int64]


class LoaderBlock:
    """Loaders of one type: either objects that somebody handed in, or one column per field."""

    def __init__(
        self,
        type_name: str | None,
        size: int,
        columns: Mapping[str, Sequence[Any] | NDArray[Any]] | None = None,
        objects: list[ImageLoaderInterface] | None = None,
    ) -> None:
        """Keep what describes ``size`` loaders."""
        self._type_name = type_name
        self.size = size
        self._columns = dict(columns) if columns is not None else None
        self._objects = objects
        self._type: type[ImageLoaderInterface] | None = type(objects[0]) if objects else None
        self._paths: tuple[Any, list[str | None] | None] | None = None
        self._facts: tuple[Index, Index] | None = None
        #: For whom the loaders of this block were last chosen from, and what was chosen: see the survey of sources.
        self.last_choice: tuple[Any, Index, Index, Any] | None = None
        self._headers: tuple[Any, dict[int, Any]] = (None, {})

    @property
    def type_name(self) -> str:
        """Registered name of the loaders' type; asked for only when they are handed over."""
        if self._type_name is None:
            self._type_name = loader_type_name(type((self._objects or [])[0]))
        return self._type_name

    def _resolved(self) -> type[ImageLoaderInterface]:
        """The type of the loaders; its module is imported when it is needed."""
        if self._type is None:
            self._type = resolve_loader_type(self.type_name)
        return self._type

    def loader(self, row: int) -> ImageLoaderInterface:
        """Give the loader of one row; built when asked for."""
        if self._objects is not None:
            return self._objects[row]
        return self._resolved().model_validate({name: _plain(column[row]) for name, column in self.columns().items()})

    def paths(self, resource: Any = None) -> list[str | None] | None:
        """Give the one file of every loader; None, for one or for all, where only the loader itself knows."""
        if self._objects is not None:
            return None
        if self._paths is None or self._paths[0] is not resource:
            loader_type, columns = self._resolved(), self.columns()
            lacking = [name for name, field in loader_type.model_fields.items() if field.is_required()]
            lacking = [name for name in lacking if name not in columns]
            if lacking or {*map(len, columns.values())} - {self.size}:
                raise ConvertersToolsUserError(
                    f"The description of {self.size} sources lacks {', '.join(lacking) or 'rows'}; {packing.REPEAT}"
                )
            self._paths = resource, loader_type.paths_of_columns(columns, resource)
        return self._paths[1]

    def facts(self, rows: Index, resource: Any = None, *, fresh: bool) -> tuple[Index, Index] | None:
        """Give size and time of the files of some rows, looked at once unless ``fresh``; None as :meth:`paths`."""
        paths = self.paths(resource)
        if paths is None:
            return None
        if self._facts is None:
            self._facts = np.full(self.size, UNKNOWN, np.int64), np.zeros(self.size, np.int64)
        size, mtime = self._facts
        asked = rows if fresh else rows[size[rows] < 0]
        if len(asked):
            size[asked], mtime[asked] = facts_of([paths[row] for row in asked.tolist()])
            if fresh:
                self._headers[1].clear()
                self.last_choice = None
        return size[rows], mtime[rows]

    def looked_at(self, files: SourceFiles) -> None:
        """Take the one file of every loader from who has just looked at it, if loaders of this type read such files.

        ``files`` are those of the loaders, with paths that are what they say; sizes below 0 are looked up when they are needed.
        """
        if self._objects is not None or not self.size:
            return
        first = {name: column[:1] for name, column in self.columns().items()}
        if self._resolved().paths_of_columns(first, None) == files.paths[:1]:
            self.take_facts(list(files.paths), files.size, files.mtime_ns)

    def take_facts(self, paths: list[str | None], size: Index, mtime_ns: Index) -> None:
        """Take what :meth:`paths` and :meth:`facts` give, unless fresh facts are asked for."""
        self._paths, self._facts = (None, paths), (size, mtime_ns)

    def headers(self, resource: Any = None) -> dict[int, Any]:
        """Give the headers that were read with this resource, by row, to look into and to add to."""
        if self._headers[0] is not resource:
            self._headers = resource, {}
        return self._headers[1]

    def kind_key(self) -> str:
        """Tell types apart, also those that cannot be handed over."""
        return repr(type(self._objects[0])) if self._objects else repr(type(self.loader(0))) if self.size else ""

    def columns(self) -> dict[str, Sequence[Any] | NDArray[Any]]:
        """Give the fields as columns of values that JSON can hold; fields that always have their default are left out."""
        if self._columns is None:
            self._columns = _columns_of(self._objects or [])
        return self._columns

    def taken(self, rows: Index) -> LoaderBlock:
        """Give a block with these rows only."""
        if self._objects is not None:
            return LoaderBlock(self._type_name, len(rows), objects=[self._objects[row] for row in rows.tolist()])
        return LoaderBlock(
            self.type_name, len(rows), {name: _take(column, rows) for name, column in self.columns().items()}
        )


class LoaderColumns:
    """n loaders; ``block`` and ``row`` say for each where its description is, so that equal ones share it."""

    __slots__ = ("block", "blocks", "row")

    def __init__(self, blocks: Sequence[LoaderBlock], block: ArrayLike, row: ArrayLike) -> None:
        """Join blocks and the two columns that point into them."""
        self.blocks = tuple(blocks)
        self.block: Index = np.asarray(block, dtype=np.int64)
        self.row: Index = np.asarray(row, dtype=np.int64)

    @classmethod
    def from_loaders(cls, loaders: Sequence[ImageLoaderInterface]) -> LoaderColumns:
        """Take objects as they are; one that occurs several times is kept once."""
        members: dict[type, list[ImageLoaderInterface]] = {}
        numbers: dict[type, int] = {}
        known: dict[int, tuple[int, int]] = {}
        places: list[tuple[int, int]] = []
        for loader in loaders:
            place = known.get(id(loader))
            if place is None:
                kind = type(loader)
                same = members.setdefault(kind, [])
                place = (numbers.setdefault(kind, len(numbers)), len(same))
                same.append(loader)
                known[id(loader)] = place
            places.append(place)
        blocks = [LoaderBlock(None, len(same), objects=same) for same in members.values()]
        both = np.array(places, dtype=np.int64).reshape(-1, 2)
        return cls(blocks, both[:, 0], both[:, 1])

    @classmethod
    def from_files(cls, paths: Sequence[str], page: Sequence[int | None] | None = None) -> LoaderColumns:
        """Make the columns of default loaders: one file per tile, or one page of a file."""
        columns: dict[str, Sequence[Any]] = {"file_path": list(paths)}
        if page is not None:
            columns["page"] = list(page)
        return cls.from_columns("DefaultImageLoader", columns)

    @classmethod
    def from_columns(cls, type_name: str, columns: Mapping[str, Sequence[Any] | NDArray[Any]]) -> LoaderColumns:
        """Make loaders of one registered type from one column per field, without an object per row."""
        size = len(next(iter(columns.values()))) if columns else 0
        block = LoaderBlock(type_name, size, columns)
        return cls([block], np.zeros(size, dtype=np.int64), np.arange(size))

    @classmethod
    def concat(cls, parts: Sequence[LoaderColumns]) -> LoaderColumns:
        """Put several one after the other; blocks that they share stay shared."""
        blocks: list[LoaderBlock] = []
        number: dict[int, int] = {}
        pointers = []
        for part in parts:
            for block in part.blocks:
                if id(block) not in number:
                    number[id(block)] = len(blocks)
                    blocks.append(block)
            renumbered = np.array([number[id(block)] for block in part.blocks], dtype=np.int64)
            pointers.append(renumbered[part.block] if len(part) else part.block)
        if not parts:
            return cls([], [], [])
        return cls(blocks, np.concatenate(pointers), np.concatenate([part.row for part in parts]))

    def looked_at(self, files: SourceFiles) -> None:
        """Take the files of loaders that have one each, in their order, from who has just looked at them."""
        if len(self.blocks) == 1 and self.blocks[0].size == len(files):
            self.blocks[0].looked_at(files)

    def __len__(self) -> int:
        """Count the loaders."""
        return len(self.row)

    def __iter__(self) -> Iterator[ImageLoaderInterface]:
        """Give one loader after the other."""
        return (self.loader(i) for i in range(len(self)))

    def loader(self, i: int) -> ImageLoaderInterface:
        """Give the loader of tile ``i``."""
        return self.blocks[int(self.block[i])].loader(int(self.row[i]))

    def select(self, index: ArrayLike | slice) -> LoaderColumns:
        """Give the loaders of some tiles, by mask, index or slice; the description is shared, not copied."""
        chosen = index if isinstance(index, slice) else np.asarray(index)
        return LoaderColumns(self.blocks, self.block[chosen], self.row[chosen])

    def replace(self, i: int, loader: ImageLoaderInterface) -> LoaderColumns:
        """Give columns in which tile ``i`` has another loader."""
        added = LoaderColumns.concat([self, LoaderColumns.from_loaders([loader])])
        order = np.arange(len(self))
        order[i] = len(self)
        return added.select(order)

    def identity(self) -> Index:
        """Give one number per tile; equal numbers mean that both tiles have the same loader, field for field."""
        numbers = np.empty(len(self), dtype=np.int64)
        seen: dict[Any, int] = {}
        for number, block in enumerate(self.blocks):
            mine = np.flatnonzero(self.block == number)
            rows, inverse = np.unique(self.row[mine], return_inverse=True)
            columns = [_take(column, rows) for _, column in sorted(block.columns().items())]
            keys = [(block.kind_key(), *(repr(_plain(value)) for value in values)) for values in zip(*columns)]
            if not columns:
                keys = [(block.kind_key(),)] * len(rows)
            found = np.array([seen.setdefault(key, len(seen)) for key in keys], dtype=np.int64)
            numbers[mine] = found[inverse.ravel()] if len(rows) else 0
        return numbers

    def to_json(self) -> dict[str, Any]:
        """Give plain values for JSON: only the descriptions that are used, packed."""
        blocks: list[dict[str, Any]] = []
        block_numbers: Index = np.zeros(len(self), dtype=np.int64)
        rows: Index = np.zeros(len(self), dtype=np.int64)
        for number in np.flatnonzero(np.bincount(self.block)).tolist():
            mine = np.flatnonzero(self.block == number)
            used, inverse = _distinct(self.row[mine])
            block = self.blocks[number]
            fields = {name: packing.pack(_take(column, used)) for name, column in block.columns().items()}
            block_numbers[mine] = len(blocks)
            rows[mine] = inverse
            blocks.append({"type": block.type_name, "size": len(used), "fields": fields})
        return {"blocks": blocks, "block": packing.pack(block_numbers), "row": packing.pack(rows)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> LoaderColumns:
        """Make loaders from what :meth:`to_json` gave.

        Raises:
            ConvertersToolsUserError: tiles point to sources that are not described.
        """
        blocks = [
            LoaderBlock(
                entry["type"],
                entry["size"],
                {name: packing.unpack(column) for name, column in entry["fields"].items()},
            )
            for entry in document["blocks"]
        ]
        number, row = (packing.unpack_array(document[name], "<i8") for name in ("block", "row"))
        sizes = np.array([block.size for block in blocks], dtype=np.int64)
        is_known = len(number) == len(row) and bool(((number >= 0) & (number < len(sizes))).all())
        if not is_known or bool(((row < 0) | (row >= sizes[number])).any()):
            raise ConvertersToolsUserError(f"Tiles point to sources that are not described; {packing.REPEAT}")
        return cls(blocks, number, row)


def _plain(value: Any) -> Any:
    """Turn a numpy number into Python's."""
    return value.item() if isinstance(value, np.generic) else value


def _distinct(rows: Index) -> tuple[Index, Index]:
    """Give the distinct rows, rising, and the place of each row among them; tiles mostly have a row each, in order."""
    if bool((rows[1:] > rows[:-1]).all()):
        return rows, np.arange(len(rows))
    used, inverse = np.unique(rows, return_inverse=True)
    return used, inverse.ravel()


def _take(column: Sequence[Any] | NDArray[Any], rows: Index) -> Sequence[Any] | NDArray[Any]:
    return column[rows] if isinstance(column, np.ndarray) else taken_rows(column, rows)


def taken_rows[Value](column: Sequence[Value], rows: Index) -> Sequence[Value]:
    """Give some rows of a column; those that follow each other are cut out together."""
    first = int(rows[0]) if len(rows) else 0
    if len(rows) and int(rows[-1]) - first + 1 == len(rows) and bool((rows[1:] > rows[:-1]).all()):
        return column if len(rows) == len(column) else column[first : first + len(rows)]
    return [column[row] for row in rows.tolist()]


def _columns_of(loaders: Sequence[ImageLoaderInterface]) -> dict[str, Sequence[Any] | NDArray[Any]]:
    """Turn objects of one type into columns; each object is asked for its fields as JSON would hold them."""
    rows = [loader.model_dump(mode="json") for loader in loaders]
    names = list(dict.fromkeys(name for row in rows for name in row))
    columns: dict[str, Sequence[Any] | NDArray[Any]] = {}
    for name in names:
        field = type(loaders[0]).model_fields.get(name)
        values = [row.get(name) for row in rows]
        if field is not None and field.default is None and all(value is None for value in values):
            continue
        columns[name] = values
    return columns
