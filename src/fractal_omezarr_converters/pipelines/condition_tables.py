"""Condition tables and plate maps: what is known of wells (drug, dose, ...), as people write it.

A condition table has one row per well: a column ``well`` (A01, a1, A - 1), or ``row`` and ``column``; optional
columns ``plate_name`` and ``acquisition``, in capital or small letters; every other column is a condition. Several
rows of one well are several values. A plate map has the rows A, B, ... downwards and the columns 1, 2, ... to the
right; the corner cell names the condition, else the file does; several maps may stand below each other. Both are CSV
or Parquet files.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from fractal_omezarr_converters.core.attributes import RESERVED_ATTRIBUTES
from fractal_omezarr_converters.core.frame_sources import read_frame
from fractal_omezarr_converters.core.frames import Frame, Scalar
from fractal_omezarr_converters.core.table_wells import well_of_rows
from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError
from fractal_omezarr_converters.formats.store_folders import file_in_store
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.models.urls import clean_url, is_file_there, is_remote_url
from fractal_omezarr_converters.models.well_names import safe_plate_name
from fractal_omezarr_converters.pipelines.plate_maps import read_plate_maps

KEY_COLUMNS = ("well", "row", "column", "plate_name", "acquisition")


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
        return ConditionTable(name, [WellKey(row, column) for row, column in maps.wells], maps.conditions, maps.notes)
    return _read_list(read_frame(file, name=name))


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
