"""Compare the tables of an image with those that its plan makes; columns and tables that others added are theirs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fractal_omezarr_converters.fractal.group_verification import wrong_group
from fractal_omezarr_converters.ngff.groups import join, read_group
from fractal_omezarr_converters.ngff.stores import Store
from fractal_omezarr_converters.ngff.tables import TABLE_VERSION, checked_columns, read_table
from fractal_omezarr_converters.pipelines.image_tables import ImageTable, image_tables
from fractal_omezarr_converters.pipelines.plan import ImagePlan

AGAIN = "convert the image again"
EDITED = ("condition_table",)
"""Tables that people may correct."""


def wrong_tables(store: Store, plan: ImagePlan) -> list[str]:
    """One sentence per table that is missing, not listed, or does not say what the plan says."""
    group = read_group(store, "tables")
    listed = group.attributes.get("tables") if group is not None else None
    if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
        return [f"The group 'tables' does not list the tables of the image; {AGAIN}."]
    repeated = sorted({name for name in listed if listed.count(name) > 1})
    problems = [f"The group 'tables' lists '{name}' more than once; list it once." for name in repeated]
    foreign = [name for name in listed if read_group(store, join("tables", name)) is None]
    problems += [f"The table 'tables/{name}' is listed, but is not there; {AGAIN}." for name in foreign]
    problems += [said for said in [wrong_group(store, "tables", plan.layout.version)] if said is not None]
    for table in image_tables(plan):
        path = f"tables/{table.name}"
        if table.name in foreign:
            continue
        if table.name not in listed:
            problems.append(f"The table '{path}' is missing in the list of tables; {AGAIN}.")
            continue
        said = wrong_group(store, path, plan.layout.version)
        if said is None and read_group(store, inside := join(path, "table")) is not None:
            said = wrong_group(store, inside, plan.layout.version)  # of the backend json
        said = _wrong_table(store, table) if said is None else said
        problems += [] if said is None else [said]
    return problems


def _wrong_table(store: Store, table: ImageTable) -> str | None:
    path = f"tables/{table.name}"
    group = read_group(store, path)
    found = group.attributes if group is not None else {}
    stated: dict[str, Any] = {"type": table.type, "table_version": TABLE_VERSION}
    if table.index_key is not None:
        stated |= {"index_key": table.index_key, "index_type": "str"}
    for key, value in stated.items():
        if found.get(key) != value:
            return f"'{path}' states the {key} {found.get(key)!r}, {value!r} was written; restore it or {AGAIN}."
    columns = read_table(store, "", table.name)
    if table.name in EDITED:
        return None
    wanted = checked_columns(table.columns, table.index_key, f"Table '{table.name}'")
    rows = _rows(columns, table.index_key)
    if len(rows) < _length(columns):
        return f"'{path}' names a row twice; restore it or {AGAIN}."
    names = wanted[table.index_key] if table.index_key else range(_length(wanted))
    known = set(names)
    if added := [name for name in rows if name not in known]:
        return f"'{path}' has the row {added[0]!r}, which was not written; remove it or {AGAIN}."
    for number, name in enumerate(names):
        for key, values in wanted.items():
            said = rows.get(name, {}).get(key)
            if not _same(said, values[number]):
                return (
                    f"'{path}' states {said!r} for {key} in the row {name!r}, {values[number]!r} was written; restore it "
                    f"or {AGAIN}."
                )
    return None


def _length(columns: Mapping[str, Sequence[Any]]) -> int:
    return max(map(len, columns.values()), default=0)


def _rows(columns: Mapping[str, Sequence[Any]], index_key: str | None) -> dict[Any, dict[str, Any]]:
    """Values by row and column; rows have the names of the index, or numbers."""
    rows = [dict(zip(columns, values)) for values in zip(*columns.values())]
    return {row.get(index_key) if index_key else number: row for number, row in enumerate(rows)}


def _same(found: Any, wanted: Any) -> bool:
    """Whether values agree as far as any backend keeps them: AnnData has numbers of 32 bits."""
    if not isinstance(wanted, int | float) or not isinstance(found, int | float):
        return bool(found == wanted)
    try:
        return math.isclose(found, wanted, rel_tol=1e-6, abs_tol=1e-12)
    except OverflowError:  # a whole number of more than 300 digits
        return False
