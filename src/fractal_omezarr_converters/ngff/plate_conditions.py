"""The condition table of a plate: one row per value and image, merged when a plate is extended.

Columns: ``row`` (letter), ``column`` (number), ``acquisition`` (number), ``path_in_well`` (text), then the attributes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.ngff.groups import join, read_group
from fractal_omezarr_converters.ngff.plate_lock import plate_lock
from fractal_omezarr_converters.ngff.stores import Store
from fractal_omezarr_converters.ngff.tables import Backend, Columns, read_table, write_table

CONDITION_TABLE = "condition_table"
PLACE = ("row", "column", "acquisition", "path_in_well")


class ImagePlace(NamedTuple):
    """Which image of a plate a row speaks of."""

    row: str
    column: int
    acquisition: int
    path_in_well: str


def condition_columns(attributes: Mapping[str, Sequence[Any]], where: str = "the image") -> Columns:
    """Check the attributes of one image: columns of one length.

    Raises:
        ConvertersToolsUserError: columns of different length.
    """
    columns = {key: list(values) for key, values in attributes.items()}
    lengths = {key: len(values) for key, values in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ConvertersToolsUserError(
            f"The conditions of {where} have different numbers of values ({lengths}); give each the same number."
        )
    return columns


def plate_condition_columns(conditions: Iterable[tuple[ImagePlace, Mapping[str, Sequence[Any]]]]) -> Columns:
    """Put the attributes of all images of a plate into one table; keys that an image lacks become empty cells."""
    rows: list[dict[str, Any]] = []
    for place, attributes in conditions:
        columns = condition_columns(attributes, where=f"image {place.row}{place.column}/{place.path_in_well}")
        for values in zip(*columns.values()):
            rows.append({**place._asdict(), **dict(zip(columns, values))})
    return _as_columns(rows)


def write_plate_conditions(
    store: Store,
    plate_path: str,
    conditions: Mapping[str, Sequence[Any]],
    images: Iterable[ImagePlace],
    *,
    backend: Backend = "csv",
    version: str,
    extend: bool = False,
) -> Columns:
    """Write the condition table of a plate and return its columns.

    Args:
        store: Where the plate lies.
        plate_path: Path of the plate in the store.
        conditions: Rows of this run, as :func:`plate_condition_columns` makes them.
        images: All images that this run makes, with conditions or without; their older rows go.
        backend: How the table is stored.
        version: OME-Zarr version of the plate.
        extend: Keep the rows of images that this run does not make, as they are.
    """
    new = {key: list(values) for key, values in conditions.items()}
    with plate_lock(store, plate_path):
        exists = read_group(store, join(plate_path, "tables", CONDITION_TABLE)) is not None
        if not exists and not any(new.values()):
            return {}
        rows = _as_rows(new)
        if extend and exists:
            made = {_key(place._asdict()) for place in images}
            old = _as_rows(read_table(store, plate_path, CONDITION_TABLE))
            rows = [row for row in old if _key(row) not in made] + rows
        # A plate whose images lost their conditions keeps an empty table rather than rows that are no longer true.
        new = _as_columns(rows) or {name: [] for name in PLACE}
        write_table(
            store,
            plate_path,
            CONDITION_TABLE,
            new,
            table_type="condition_table",
            backend=backend,
            version=version,
        )
    return new


def _key(row: Mapping[str, Any]) -> tuple[str, int, int, str]:
    """Tell images apart; numbers may have become real numbers or text in a table of another backend."""
    return (
        str(row.get("row")),
        _number(row.get("column")),
        _number(row.get("acquisition")),
        str(row.get("path_in_well")),
    )


def _number(value: Any) -> int:
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        return -1


def _as_rows(columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    return [dict(zip(columns, values)) for values in zip(*columns.values(), strict=True)]


def _as_columns(rows: Sequence[Mapping[str, Any]]) -> Columns:
    if not rows:
        return {}
    names = [*PLACE, *dict.fromkeys(key for row in rows for key in row if key not in PLACE)]
    columns: Columns = {name: [row.get(name) for row in rows] for name in names}
    columns["row"] = [str(value) for value in columns["row"]]
    columns["path_in_well"] = [str(value) for value in columns["path_in_well"]]
    for name in ("column", "acquisition"):
        columns[name] = [_number(value) for value in columns[name]]
    return {name: _agree(values) for name, values in columns.items()}


def _agree(values: list[Any]) -> list[Any]:
    """Make a column of one type when older rows were read as another: ``10`` beside ``10 nM`` becomes text."""
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) < 2 or kinds == {int, float}:
        return values
    return [None if value is None else _text(value) for value in values]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
