"""Conditions of wells (drug, dose, ...): read a condition table or plate map and join it to images or tiles.

A condition table has one row per well: a column ``well`` (A01, a1, A - 1), or ``row`` and ``column``; optional
columns ``plate_name`` and ``acquisition``, in capital or small letters; every other column is a condition. Several
rows of one well are several values. A plate map has the rows A, B, ... downwards and the columns 1, 2, ... to the
right; the corner cell names the condition, else the file does; several maps may stand below each other. Both are CSV
or Parquet files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from fractal_omezarr_converters.core.attributes import RESERVED_ATTRIBUTES
from fractal_omezarr_converters.core.frame_sources import read_frame
from fractal_omezarr_converters.core.frames import Frame, Scalar
from fractal_omezarr_converters.core.table_wells import well_of_rows
from fractal_omezarr_converters.core.tile_table import TileTable
from fractal_omezarr_converters.errors import (
    ConvertersToolsFileNotFoundError,
    raise_together,
)
from fractal_omezarr_converters.formats.store_folders import file_in_store
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.models.urls import clean_url, is_file_there, is_remote_url
from fractal_omezarr_converters.models.well_names import safe_plate_name
from fractal_omezarr_converters.pipelines.plate_maps import read_plate_maps

if TYPE_CHECKING:
    from fractal_omezarr_converters.core.tiled_image import TiledImage

KEY_COLUMNS = ("well", "row", "column", "plate_name", "acquisition")
WELLS_SHOWN = 20


class WellKey(NamedTuple):
    """A well as a condition table names it; None means any plate, any acquisition."""

    row: str
    column: int
    plate_name: str | None = None
    acquisition: int | None = None

    def __str__(self) -> str:
        """Write the key as a person would."""
        said = f"{self.row}{self.column:02d}"
        if self.plate_name is not None:
            said += f" of plate {self.plate_name}"
        return said if self.acquisition is None else f"{said} (acquisition {self.acquisition})"


class Elsewhere(NamedTuple):
    """A plate, or an acquisition of any plate, that a condition table names, and of which no item is."""

    plate_name: str | None = None
    acquisition: int | None = None

    def __str__(self) -> str:
        """Write it as a person would."""
        return f"acquisition {self.acquisition}" if self.plate_name is None else f"plate {self.plate_name}"


@dataclass(frozen=True)
class ConditionTable:
    """Conditions by well: one key per row, and one list per condition with a cell for each row; and what to say about it."""

    name: str
    keys: list[WellKey]
    conditions: dict[str, list[Scalar]]
    notes: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.keys)

    @cached_property
    def _rows_by_well(self) -> dict[tuple[str, int], list[int]]:
        found: dict[tuple[str, int], list[int]] = {}
        for index, key in enumerate(self.keys):
            found.setdefault((key.row, key.column), []).append(index)
        return found

    def rows_of(self, place: ImageInPlate) -> list[int]:
        """Give the rows that speak of the well, plate and acquisition of an image."""
        return [
            index
            for index in self._rows_by_well.get((place.row, place.column), [])
            if self.keys[index].plate_name in (None, place.plate_name)
            and self.keys[index].acquisition in (None, place.acquisition)
        ]

    def attributes(self, rows: Sequence[int]) -> dict[str, list[Any]]:
        """Give the conditions of some rows as attributes; without rows each condition is one empty value."""
        return {name: [cells[row] for row in rows] if rows else [None] for name, cells in self.conditions.items()}


@dataclass
class JoinedConditions[T]:
    """Images or tiles with their conditions as attributes, the wells that have none, and what else to say.

    ``elsewhere``: plates and acquisitions that the table names, and of which no item is.
    """

    joined: T
    wells_without: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    elsewhere: list[Elsewhere] = field(default_factory=list)


def read_conditions(path: str | Path) -> ConditionTable:
    """Read a condition table or plate map.

    Raises:
        ConvertersToolsFileNotFoundError: there is no such file.
        ConvertersToolsStoreError: it lies in a store, which refuses.
        ConvertersToolsUserError: cells are wrong; all of them are listed.
    """
    if is_remote_url(path):
        with file_in_store(clean_url(path)) as folder:
            table = folder.ask(read_conditions)
            return replace(table, name=folder.renamed(table.name))
    file = Path(str(path).strip().strip("\"'")).expanduser()
    name = f"Condition table '{file}'"
    if not is_file_there(file):
        raise ConvertersToolsFileNotFoundError(f"{name} does not exist; check condition_table_path.")
    maps = read_plate_maps(file, name)
    if maps is not None:
        return ConditionTable(name, [WellKey(row, column) for row, column in maps.wells], maps.conditions)
    return _read_list(read_frame(file, name=name))


@overload
def join(items: TileTable, table: ConditionTable) -> JoinedConditions[TileTable]: ...
@overload
def join(items: list[TiledImage[Any, Any]], table: ConditionTable) -> JoinedConditions[list[TiledImage[Any, Any]]]: ...
def join(items: TileTable | list[TiledImage[Any, Any]], table: ConditionTable) -> JoinedConditions[Any]:
    """Join conditions to wells: every image (or tile) of a well gets the conditions as attributes.

    The items handed in stay as they are. Give the items of all acquisitions the table belongs to.

    Raises:
        ConvertersToolsUserError: the table names wells that do not occur, an image is not in a plate, or an attribute
            has another value already.
    """
    if isinstance(items, TileTable):
        return _join_tiles(items, table)
    places, attributes = [image.collection for image in items], [image.attributes for image in items]
    merged, report = _merge(places, attributes, table)
    images = [image.model_copy(update={"attributes": each}) for image, each in zip(items, merged)]
    return JoinedConditions(images, report.wells_without, report.notes, report.elsewhere)


def _join_tiles(tiles: TileTable, table: ConditionTable) -> JoinedConditions[TileTable]:
    pairs = np.stack([tiles.collection, tiles.attribute_set], axis=1)
    distinct, inverse = np.unique(pairs, axis=0, return_inverse=True)
    places = [tiles.collections[collection] for collection, _ in distinct.tolist()]
    attributes = [tiles.attribute_sets[each] for _, each in distinct.tolist()]
    merged, report = _merge(places, attributes, table)
    joined = tiles.replaced(attribute_sets=merged, attribute_set=inverse.reshape(-1))
    return JoinedConditions(joined, report.wells_without, report.notes, report.elsewhere)


def _merge(
    places: Sequence[Any], attributes: Sequence[dict[str, Any]], table: ConditionTable
) -> tuple[list[dict[str, Any]], JoinedConditions[None]]:
    problems = [
        f"{table.name} belongs to wells, but image '{place.path()}' is not in a plate; remove condition_table_path."
        for place in places
        if not isinstance(place, ImageInPlate)
    ]
    raise_together(list(dict.fromkeys(problems)), table.name)
    used: set[int] = set()
    without: dict[str, None] = {}
    merged = []
    for place, existing in zip(places, attributes):
        rows = table.rows_of(place)
        used.update(rows)
        if not rows:
            without[_well_name(place)] = None
        found = table.attributes(rows)
        problems.extend(
            f"{table.name}: well {_well_name(place)} has {key} {found[key]}, but its tiles say {existing[key]};"
            " make both equal or remove one."
            for key in found.keys() & existing.keys()
            if rows and found[key] != existing[key]
        )
        merged.append({**found, **existing} if not rows else {**existing, **found})
    absent, elsewhere = _not_found([key for index, key in enumerate(table.keys) if index not in used], places)
    problems.extend(_absent_wells(table.name, absent, places))
    raise_together(list(dict.fromkeys(problems)), f"{table.name} does not fit the images")
    notes = [*table.notes, *(rows_not_used(table.name, each, is_converted=False) for each in elsewhere)]
    return merged, JoinedConditions(None, list(without), notes, elsewhere)


def _not_found(unused: Sequence[WellKey], places: Sequence[ImageInPlate]) -> tuple[list[WellKey], list[Elsewhere]]:
    """Wells that do not occur, and plates and acquisitions none of which is among the places."""
    plates, acquisitions = {place.plate_name for place in places}, {place.acquisition for place in places}
    absent: list[WellKey] = []
    elsewhere: dict[Elsewhere, None] = {}
    for key in unused:
        if key.plate_name is not None and key.plate_name not in plates:
            elsewhere[Elsewhere(plate_name=key.plate_name)] = None
        elif key.acquisition is not None and key.acquisition not in acquisitions:
            elsewhere[Elsewhere(acquisition=key.acquisition)] = None
        else:
            absent.append(key)
    return absent, sorted(elsewhere, key=lambda each: (each.plate_name or "", each.acquisition or 0))


def rows_not_used(name: str, elsewhere: Elsewhere, *, is_converted: bool) -> str:
    """Say that a table has rows of a plate or an acquisition which they do not reach."""
    why = "it does not name this table" if is_converted else "it is not converted"
    return f"{name}: rows of {elsewhere} are not used; {why}."


def _absent_wells(name: str, absent: Sequence[WellKey], places: Iterable[ImageInPlate]) -> list[str]:
    if not absent:
        return []
    there = sorted({_well_name(place) for place in places})
    return [
        f"{name} names wells that are not among the images: {_some(list(dict.fromkeys(map(str, absent))))};"
        f" images exist for {_some(there)}: correct or remove these rows."
    ]


def _some(words: list[str]) -> str:
    more = f" and {len(words) - WELLS_SHOWN} more" if len(words) > WELLS_SHOWN else ""
    return ", ".join(words[:WELLS_SHOWN]) + more


def _well_name(place: ImageInPlate) -> str:
    return f"{place.row}{place.column:02d}"


def _plate_name(text: str) -> str:
    """The plate's name as its folder has it (``Plate/1`` becomes ``Plate_1``); what can be none names no plate."""
    with suppress(ValueError):
        return safe_plate_name(text)[0]
    return text


def _with_known_names(frame: Frame) -> None:
    """Call the columns that name wells as we do: people write Row and Col, which earlier converters took for the same."""
    for known in KEY_COLUMNS:
        words = (known, "col") if known == "column" else (known,)
        named = [name for name in frame.columns if name.lower() in words]
        if known in frame.columns or not named:
            continue
        if len(named) > 1:
            listed = " and ".join(map(repr, named))
            frame.problems.append(f"{frame.name}: {listed} both name the {known}; rename one.")
        frame.columns = {known if name == named[0] else name: cells for name, cells in frame.columns.items()}


def _read_list(frame: Frame) -> ConditionTable:
    _with_known_names(frame)
    wells = well_of_rows(frame)
    plates = frame.text("plate_name") if "plate_name" in frame else [None] * len(frame)
    numbers = frame.integers("acquisition", at_least=0).tolist() if "acquisition" in frame else [-1] * len(frame)
    names = [name for name in frame.columns if name not in KEY_COLUMNS]
    frame.problems.extend(
        f"{frame.name}: a condition cannot be called '{name}', because Fractal uses this name; rename the column."
        for name in names
        if name in RESERVED_ATTRIBUTES
    )
    if not names:
        frame.problems.append(f"{frame.name} has no column with conditions beside the wells; add one.")
    frame.raise_problems()
    keys = [
        WellKey(row, column, None if plate is None else _plate_name(plate), None if number < 0 else number)
        for (row, column), plate, number in zip(wells, plates, numbers)
    ]
    return ConditionTable(frame.name, keys, {name: frame.values(name) for name in names}, frame.notes)
