"""Attributes of tiles (drug, concentration ...) and how those of many tiles become those of one image."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator

from fractal_omezarr_converters.errors import ConvertersToolsUserError


def _plain_values(values: Any) -> Any:
    """Turn numpy's scalars into Python's and NaN into None; refuse what is not a list of one kind.

    Raises:
        ValueError: It is not a list, or its values are of several kinds.
    """
    if isinstance(values, np.ndarray):
        values = values.tolist()
    if not isinstance(values, list | tuple):
        raise ValueError(f"the value {values!r} of an attribute is not a list; write [{values!r}].")
    plain = [value.item() if isinstance(value, np.generic) else value for value in values]
    plain = [None if isinstance(value, float) and math.isnan(value) else value for value in plain]
    kinds = {type(value) for value in plain if value is not None}
    if not kinds <= {int, float} and len(kinds) > 1:
        names = ", ".join(sorted(kind.__name__ for kind in kinds))
        raise ValueError(f"the values {values[:5]!r} of an attribute are of several kinds ({names}); use one kind.")
    return plain


AttributeType = Annotated[
    list[str | None] | list[int | None] | list[float | None] | list[bool | None], BeforeValidator(_plain_values)
]
"""A list of one scalar kind, with None for missing; several values are several rows of the condition table."""

RESERVED_ATTRIBUTES = ("plate", "well", "acquisition", "row", "column", "path_in_well")
"""Names that Fractal's image list and the condition table of a plate use themselves."""

_Row = dict[str, Any]


def attribute_rows(attributes: Mapping[str, AttributeType], where: str) -> list[_Row]:
    """Give the rows that attributes stand for; a single value, or none, stands beside every value of the others.

    Raises:
        ConvertersToolsUserError: two attributes have different numbers of values.
    """
    columns: dict[str, list[Any]] = {key: [*values] or [None] for key, values in attributes.items()}
    sizes = {key: len(values) for key, values in columns.items() if len(values) != 1}
    if len(set(sizes.values())) > 1:
        raise ConvertersToolsUserError(
            f"The attributes of {where} have different numbers of values ({sizes}); give one value each, or equally many."
        )
    rows = next(iter(sizes.values()), 1)
    return [{key: values[0 if len(values) == 1 else row] for key, values in columns.items()} for row in range(rows)]


def union_of_attributes(sets: Iterable[Mapping[str, AttributeType]], where: str) -> dict[str, AttributeType]:
    """Join the attributes of all tiles of an image: equal rows once, different ones as several rows.

    Rows that do not contradict each other are one row, so {drug} of one tile and {drug, dose} of another join.
    """
    distinct: dict[Any, _Row] = {}
    for attributes in sets:
        for row in attribute_rows(attributes, where) if attributes else []:
            distinct.setdefault(tuple((key, type(value), value) for key, value in sorted(row.items())), row)
    rows = list(distinct.values())
    keys = dict.fromkeys(key for row in rows for key in row)
    refused = [key for key in keys if key in RESERVED_ATTRIBUTES]
    if refused:
        raise ConvertersToolsUserError(
            f"The tiles of {where} have the attribute {', '.join(map(repr, refused))}, but Fractal uses the names "
            f"{', '.join(RESERVED_ATTRIBUTES)} itself; choose another name."
        )
    if any(len(row) != len(keys) for row in rows):
        rows = _joined(rows)
    columns = {key: [row.get(key) for row in rows] for key in keys}
    return {key: _one_kind(key, values, where) for key, values in columns.items()}


def _joined(rows: Iterable[_Row]) -> list[_Row]:
    """Join rows that do not contradict each other."""
    joined: list[_Row] = []
    for row in rows:
        fitting = next((known for known in joined if _agree(known, row)), None)
        if fitting is None:
            joined.append(dict(row))
        else:
            fitting.update(row)
    return joined


def _agree(first: _Row, second: _Row) -> bool:
    return all(type(first[key]) is type(value) and first[key] == value for key, value in second.items() if key in first)


def _one_kind(key: str, values: list[Any], where: str) -> AttributeType:
    kinds = {type(value) for value in values if value is not None}
    if len(kinds) <= 1:
        return values
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in values]
    names = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise ConvertersToolsUserError(
        f"The attribute '{key}' of {where} mixes kinds of values ({names}: {values[:5]}); use one kind in all tiles."
    )
