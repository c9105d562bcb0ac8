"""Keep or leave out tiles before images are made of them; works on columns, or tile by tile for filters that users add."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, TypeAdapter, ValidationError

from fractal_omezarr_converters.core.tile import Tile
from fractal_omezarr_converters.core.tile_table import TileTable
from fractal_omezarr_converters.errors import ConvertersToolsUserError, raise_together
from fractal_omezarr_converters.models.older_names import newer_filter
from fractal_omezarr_converters.pipelines.filter_masks import BUILT_IN_MASKS, MaskFunction
from fractal_omezarr_converters.pipelines.filter_models import FilterModel, ImplementedFilters
from fractal_omezarr_converters.pipelines.range_crop import CROPPING, crop_to_range
from fractal_omezarr_converters.pipelines.steps import StepRegistry

if TYPE_CHECKING:
    Tiles = list[Tile[Any, Any]] | TileTable

Mask = npt.NDArray[np.bool_]


class FilterFunctionProtocol(Protocol):
    """A filter that a user adds: True keeps the tile."""

    def __call__(self, tile: Any, *, filter_params: Any) -> bool: ...


class LooseFilter(FilterModel):
    """Parameters of a filter that a user added, when they come from a file instead of a model of the user's own."""

    model_config = ConfigDict(extra="allow")


class ColumnFilter:
    """A built-in filter: judges whole columns, and single tiles as well."""

    def __init__(self, name: str, mask: MaskFunction) -> None:
        self.__name__ = name
        self.mask = mask

    def __call__(self, tile: Any, *, filter_params: Any) -> bool:
        table = TileTable.from_tiles([tile])
        return bool(self.mask(table, filter_params, table)[0])


@dataclass(frozen=True)
class FilterCount:
    """What one filter did, for the plan."""

    name: str
    before: int
    after: int
    cropped: int = 0
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def removed(self) -> int:
        """Number of tiles that the filter left out."""
        return self.before - self.after


_FILTERS: StepRegistry[Callable[..., bool]] = StepRegistry("filter", "fractal_omezarr_converters.filters")
for _name, _mask in BUILT_IN_MASKS.items():
    _FILTERS.add(function=ColumnFilter(_name, _mask), name=_name)


def add_filter(*, function: FilterFunctionProtocol, name: str | None = None, overwrite: bool = False) -> None:
    """Make a filter known; it is called as ``function(tile, filter_params=model)`` and keeps the tile when it returns True."""
    _FILTERS.add(function=function, name=name, overwrite=overwrite)


def apply_filter_pipeline(
    tiles: Any, *, filters_config: Sequence[FilterModel | dict[str, Any]] | None, resource: Any = None
) -> Any:
    """Apply filters in order; a list of tiles gives a list, a table of tiles gives a table.

    Raises:
        ConvertersToolsUserError: a filter is unknown or names something that does not exist anywhere.
    """
    return _filtered(tiles, filters_config, resource, None)[0]


def filter_tiles(
    tiles: Any,
    *,
    filters_config: Sequence[FilterModel | dict[str, Any]] | None,
    resource: Any = None,
    files_needed: bool = True,
) -> tuple[Any, list[FilterCount]]:
    """Apply filters in order and count what each removed; ``resource`` is handed to loaders of which a part is kept.

    Raises:
        ConvertersToolsUserError: a filter is wrong, or sources of which a part is to be kept cannot be read.
    """
    unreadable: list[str] = []
    result = _filtered(tiles, filters_config, resource, unreadable)
    if files_needed:
        raise_together(list(dict.fromkeys(unreadable)), "Sources cannot be read", shown=20)
    return result


def _filtered(
    tiles: Any,
    filters_config: Sequence[FilterModel | dict[str, Any]] | None,
    resource: Any,
    unreadable: list[str] | None,
) -> tuple[Any, list[FilterCount]]:
    filters = [resolve_filter(one) for one in filters_config or ()]
    as_table = isinstance(tiles, TileTable)
    items = None if as_table else list(tiles)
    if not filters or not len(tiles if items is None else items):
        return tiles if items is None else items, []
    everything = tiles if as_table else TileTable.from_tiles(cast("list[Tile[Any, Any]]", items))
    kept, table, counts = np.arange(len(everything)), everything, []
    touched = False
    for one in filters:
        before, cropped = len(table), 0
        if len(table) and isinstance(one.name, str) and one.name in CROPPING and _is_built_in(one.name):
            table, cropped = crop_to_range(table, one, resource, unreadable=unreadable)
            touched = touched or cropped > 0
        mask = _mask_of(table, one, everything, None if touched or items is None else [items[i] for i in kept])
        table, kept = table.select(mask), kept[mask]
        counts.append(FilterCount(one.name, before, len(table), cropped, one.model_dump(mode="json", exclude={"name"})))
    if as_table:
        return table, counts
    return (list(table) if touched else [cast("list[Any]", items)[i] for i in kept]), counts


def resolve_filter(one: FilterModel | dict[str, Any]) -> FilterModel:
    """A filter as a model of the present generation, from a model or from what a file states."""
    given = one.model_dump() if isinstance(one, FilterModel) else dict(one)
    stated = newer_filter(given)
    if isinstance(one, FilterModel) and stated == given:
        return one
    name = stated.get("name")
    if name in BUILT_IN_MASKS:
        try:
            adapter: TypeAdapter[Any] = TypeAdapter(ImplementedFilters)
            return cast(FilterModel, adapter.validate_python(stated))
        except ValidationError as error:
            raise ConvertersToolsUserError(f"The filter '{name}' is not set correctly: {error}") from error
    if not isinstance(name, str):
        raise ConvertersToolsUserError(f"A filter needs a name; {given!r} has none.")
    _FILTERS.get(name)
    return LooseFilter(**stated)


def _is_built_in(name: str) -> bool:
    return isinstance(_FILTERS.get(name), ColumnFilter)


def _mask_of(table: TileTable, one: FilterModel, everything: TileTable, items: list[Any] | None) -> Mask:
    function = _FILTERS.get(one.name)
    if isinstance(function, ColumnFilter):
        return function.mask(table, one, everything)
    tiles = items if items is not None else list(table)
    return np.fromiter((bool(function(tile, filter_params=one)) for tile in tiles), dtype=np.bool_, count=len(tiles))
