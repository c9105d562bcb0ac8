"""Join the conditions of wells (drug, dose, ...) to images or tiles."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, overload

import numpy as np

from fractal_omezarr_converters.core.tile_table import TileTable
from fractal_omezarr_converters.errors import raise_together
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.pipelines.condition_tables import ConditionTable, WellKey

if TYPE_CHECKING:
    from fractal_omezarr_converters.core.tiled_image import TiledImage

WELLS_SHOWN = 20


class Elsewhere(NamedTuple):
    """A plate, an acquisition of a plate, or one of any plate, that a condition table names, and of which no item is."""

    plate_name: str | None = None
    acquisition: int | None = None

    def __str__(self) -> str:
        """Write it as a person would."""
        plate = "" if self.plate_name is None else f"plate {self.plate_name}"
        number = "" if self.acquisition is None else f"acquisition {self.acquisition}"
        return " of ".join(part for part in (number, plate) if part)

    @classmethod
    def all_of(cls, place: ImageInPlate) -> set[Elsewhere]:
        """Give every way in which a condition table can name the plate and acquisition of an image."""
        return {cls(plate, number) for plate in (place.plate_name, None) for number in (place.acquisition, None)}


@dataclass
class JoinedConditions[T]:
    """Images or tiles with their conditions as attributes, the wells that have none, and what else to say.

    ``elsewhere``: plates and acquisitions that the table names, and of which no item is.
    """

    joined: T
    wells_without: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    elsewhere: list[Elsewhere] = field(default_factory=list)


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
    there = {Elsewhere()}.union(*(Elsewhere.all_of(place) for place in places))
    absent: list[WellKey] = []
    elsewhere: dict[Elsewhere, None] = {}
    for key in unused:
        named = (
            Elsewhere(key.plate_name),
            Elsewhere(None, key.acquisition),
            Elsewhere(key.plate_name, key.acquisition),
        )
        missing = next((one for one in named if one not in there), None)
        if missing is None:
            absent.append(key)
        else:
            elsewhere[missing] = None
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
