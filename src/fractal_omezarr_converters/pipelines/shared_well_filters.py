"""One filter of wells for several acquisitions, of which each may lack some of the wells: a cycle that was imaged in part."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fractal_omezarr_converters.core.tile_table import TileTable
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.pipelines.filter_models import FilterModel, WellFilter
from fractal_omezarr_converters.pipelines.filters import resolve_filter
from fractal_omezarr_converters.pipelines.well_patterns import Well, is_meant

type Filters = Sequence[FilterModel | dict[str, Any]]


def without_wells_of_others(number: int, filters: Sequence[Filters], tables: Sequence[TileTable]) -> list[FilterModel]:
    """The filters of one acquisition, without names of wells that only other acquisitions with the same filter have.

    Names that no acquisition has stay, and so do those of a filter that would leave nothing: the filter refuses them.
    """
    resolved = [[resolve_filter(one) for one in each] for each in filters]
    kept: list[FilterModel] = []
    for one in resolved[number]:
        if not isinstance(one, WellFilter):
            kept.append(one)
            continue
        own = _wells(tables[number])
        shared = set().union(*(_wells(table) for table, each in zip(tables, resolved, strict=True) if one in each))
        wells = [name for name in one.wells if is_meant(name, own) or not is_meant(name, shared)]
        if wells:
            kept.append(one.model_copy(update={"wells": wells}))
        elif one.mode == "Include":
            kept.append(one)
    return kept


def _wells(table: TileTable) -> set[Well]:
    used = [table.collections[index] for index in set(table.collection.tolist())]
    return {(one.row, one.column) for one in used if isinstance(one, ImageInPlate)}
