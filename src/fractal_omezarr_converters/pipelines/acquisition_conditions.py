"""Join the condition tables that acquisitions name to the tiles of these acquisitions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from fractal_omezarr_converters.core.tile_table import TileTable
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.pipelines.conditions import ConditionTable, join, read_conditions, rows_not_used
from fractal_omezarr_converters.pipelines.filter_models import AttributeFilter, FilterModel
from fractal_omezarr_converters.pipelines.filters import resolve_filter

if TYPE_CHECKING:
    from fractal_omezarr_converters.core.tile import Tile

Mask = npt.NDArray[np.bool_]


class WithConditions(NamedTuple):
    """Tiles with their conditions as attributes, what to say about it, and rows of acquisitions that are not among them."""

    table: TileTable
    notes: list[str]
    elsewhere: list[RowsElsewhere]


class RowsElsewhere(NamedTuple):
    """A condition table, by its path and as it is called in messages, and an acquisition that it names."""

    path: str
    name: str
    acquisition: int


def with_condition_tables(table: TileTable, before: TileTable) -> WithConditions:
    """Give the tiles with their conditions as attributes.

    Args:
        table: Tiles that are left.
        before: Tiles before any filter; wells that a filter removed are not missing from the images.

    Raises:
        ConvertersToolsFileNotFoundError: a condition table does not exist.
        ConvertersToolsUserError: a condition table does not fit the wells.
    """
    notes: list[str] = []
    elsewhere: list[RowsElsewhere] = []
    paths = [table.acquisitions[index].condition_table_path for index in np.unique(table.acquisition)]
    for path in dict.fromkeys(path for path in paths if path):
        conditions = read_conditions(path)
        join(before.select(_rows_that_name(before, path)), conditions)
        mine = _rows_that_name(table, path)
        part = table.select(mine)
        joined = join(part, _for_wells_of(part, conditions))
        table = _with_attributes(table, mine, joined.joined)
        elsewhere += [RowsElsewhere(path, conditions.name, number) for number in joined.elsewhere]
        if joined.wells_without:
            notes.append(f"{conditions.name} has no conditions for the wells {', '.join(joined.wells_without)}.")
    return WithConditions(table, notes, elsewhere)


def notes_on_rows_elsewhere(elsewhere: Iterable[RowsElsewhere], tables: Sequence[TileTable]) -> list[str]:
    """Say which rows of condition tables are not used by any of the tiles that are converted together."""
    used, converted = set(), set()
    for table in tables:
        for index, collection in np.unique(np.stack([table.acquisition, table.collection], axis=1), axis=0).tolist():
            place = table.collections[collection]
            if isinstance(place, ImageInPlate):
                converted.add(place.acquisition)
                used.add((table.acquisitions[index].condition_table_path, place.acquisition))
    return [
        rows_not_used(one.name, one.acquisition, is_converted=one.acquisition in converted)
        for one in dict.fromkeys(elsewhere)
        if (one.path, one.acquisition) not in used
    ]


def with_conditions_to_filter_by[T](tiles: T, filters: Sequence[FilterModel | dict[str, Any]] | None) -> T | TileTable:
    """Give the tiles with their conditions when a filter looks at conditions; else they get them once they are filtered.

    Raises:
        ConvertersToolsFileNotFoundError: a condition table does not exist.
        ConvertersToolsUserError: a condition table does not fit the wells.
    """
    if not any(isinstance(resolve_filter(one), AttributeFilter) for one in filters or ()):
        return tiles
    table = tiles if isinstance(tiles, TileTable) else TileTable.from_tiles(cast("list[Tile[Any, Any]]", tiles))
    named = any(table.acquisitions[index].condition_table_path for index in np.unique(table.acquisition))
    return with_condition_tables(table, table).table if named else tiles


def _rows_that_name(table: TileTable, path: str) -> Mask:
    named = np.array([one.condition_table_path == path for one in table.acquisitions], dtype=np.bool_)
    return np.asarray(named[table.acquisition])


def _for_wells_of(table: TileTable, conditions: ConditionTable) -> ConditionTable:
    used = [table.collections[index] for index in np.unique(table.collection)]
    wells = {(one.row, one.column) for one in used if isinstance(one, ImageInPlate)}
    rows = [index for index, key in enumerate(conditions.keys) if (key.row, key.column) in wells]
    return replace(
        conditions,
        keys=[conditions.keys[index] for index in rows],
        conditions={name: [cells[index] for index in rows] for name, cells in conditions.conditions.items()},
    )


def _with_attributes(table: TileTable, rows: Mask, part: TileTable) -> TileTable:
    attribute_set = table.attribute_set.copy()
    attribute_set[rows] = part.attribute_set + len(table.attribute_sets)
    return table.replaced(attribute_sets=[*table.attribute_sets, *part.attribute_sets], attribute_set=attribute_set)
