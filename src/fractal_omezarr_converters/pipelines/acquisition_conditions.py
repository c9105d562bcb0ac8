"""Join the condition tables that acquisitions name to the tiles of these acquisitions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt

from fractal_omezarr_converters.core.tile_table import TileTable
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.pipelines.condition_tables import ConditionTable, read_conditions
from fractal_omezarr_converters.pipelines.conditions import Elsewhere, join, rows_not_used
from fractal_omezarr_converters.pipelines.filter_models import AttributeFilter, FilterModel
from fractal_omezarr_converters.pipelines.filters import resolve_filter

if TYPE_CHECKING:
    from fractal_omezarr_converters.core.tile import Tile

Mask = npt.NDArray[np.bool_]


class WithConditions(NamedTuple):
    """Tiles with their conditions as attributes, what to say about it, and rows of others that are not among them."""

    table: TileTable
    notes: list[str]
    elsewhere: list[RowsElsewhere]


class RowsElsewhere(NamedTuple):
    """A condition table as it is called in messages, and a plate or an acquisition that it names."""

    name: str
    place: Elsewhere


def with_condition_tables(table: TileTable, before: Sequence[TileTable]) -> WithConditions:
    """Give the tiles with their conditions as attributes.

    Args:
        table: Tiles that are left.
        before: All tiles that are converted together, before any filter: wells that a filter removed, or that another
            acquisition with the same condition table has, are not missing from the images.

    Raises:
        ConvertersToolsFileNotFoundError: a condition table does not exist.
        ConvertersToolsUserError: a condition table does not fit the wells.
    """
    notes: list[str] = []
    elsewhere: list[RowsElsewhere] = []
    paths = [table.acquisitions[index].condition_table_path for index in np.unique(table.acquisition)]
    for path in dict.fromkeys(path for path in paths if path):
        conditions = read_conditions(path)
        everyone = join(TileTable.concat([each.select(_rows_that_name(each, path)) for each in before]), conditions)
        mine = _rows_that_name(table, path)
        part = table.select(mine)
        joined = join(part, _for_places_of(part, conditions))
        table = _with_attributes(table, mine, joined.joined)
        elsewhere += [RowsElsewhere(conditions.name, each) for each in everyone.elsewhere]
        notes += conditions.notes
        if joined.wells_without:
            notes.append(f"{conditions.name} has no conditions for the wells {', '.join(joined.wells_without)}.")
    return WithConditions(table, notes, elsewhere)


def notes_on_rows_elsewhere(elsewhere: Iterable[RowsElsewhere], tables: Sequence[TileTable]) -> list[str]:
    """Say which rows of condition tables are of plates and acquisitions that do not name them, each once."""
    asked = dict.fromkeys(elsewhere)
    if not asked:
        return []
    converted: set[Elsewhere] = set()
    for table in tables:
        places = [table.collections[index] for index in np.unique(table.collection)]
        for one in places:
            if isinstance(one, ImageInPlate):
                converted |= Elsewhere.all_of(one)
    return [rows_not_used(one.name, one.place, is_converted=one.place in converted) for one in asked]


def with_conditions_to_filter_by[T](
    tiles: T, filters: Sequence[FilterModel | dict[str, Any]] | None, before: Sequence[TileTable] = ()
) -> T | TileTable:
    """Give the tiles with their conditions when a filter looks at conditions; else they get them once they are filtered.

    ``before``: all tiles that are converted together, where these are not all of them.

    Raises:
        ConvertersToolsFileNotFoundError: a condition table does not exist.
        ConvertersToolsUserError: a condition table does not fit the wells.
    """
    if not any(isinstance(resolve_filter(one), AttributeFilter) for one in filters or ()):
        return tiles
    table = tiles if isinstance(tiles, TileTable) else TileTable.from_tiles(cast("list[Tile[Any, Any]]", tiles))
    named = any(table.acquisitions[index].condition_table_path for index in np.unique(table.acquisition))
    return with_condition_tables(table, before or [table]).table if named else tiles


def _rows_that_name(table: TileTable, path: str) -> Mask:
    named = np.array([one.condition_table_path == path for one in table.acquisitions], dtype=np.bool_)
    return np.asarray(named[table.acquisition])


def _for_places_of(table: TileTable, conditions: ConditionTable) -> ConditionTable:
    """The rows that speak of these tiles; whether others speak of nothing can be told of all tiles alone."""
    used = [table.collections[index] for index in np.unique(table.collection)]
    rows = sorted({row for one in used if isinstance(one, ImageInPlate) for row in conditions.rows_of(one)})
    return replace(
        conditions,
        keys=[conditions.keys[index] for index in rows],
        conditions={name: [cells[index] for index in rows] for name, cells in conditions.conditions.items()},
    )


def _with_attributes(table: TileTable, rows: Mask, part: TileTable) -> TileTable:
    attribute_set = table.attribute_set.copy()
    attribute_set[rows] = part.attribute_set + len(table.attribute_sets)
    return table.replaced(attribute_sets=[*table.attribute_sets, *part.attribute_sets], attribute_set=attribute_set)
