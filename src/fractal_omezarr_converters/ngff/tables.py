"""Tables beside images and plates: regions of interest, conditions, any other; as CSV, JSON, parquet or AnnData.

Place and attributes are those that Fractal tasks and ngio read (checked with ngio 1.1.3): a group ``tables`` lists its tables,
each a group with ``type``, ``table_version``, ``backend`` and, where there is one, ``index_key`` and ``index_type``.
CSV and JSON need no library, parquet needs pyarrow, AnnData needs anndata.
"""

from __future__ import annotations

import csv
import io
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from fractal_omezarr_converters.errors import (
    ConvertersToolsError,
    ConvertersToolsFileNotFoundError,
    ConvertersToolsUserError,
    ConvertersToolsWarning,
)
from fractal_omezarr_converters.ngff.anndata_table import anndata_files, columns_without_place
from fractal_omezarr_converters.ngff.csv_cells import changes_in_csv, csv_text, read_csv
from fractal_omezarr_converters.ngff.groups import join, read_group, replace_group, require_group, write_attributes
from fractal_omezarr_converters.ngff.stores import Store
from fractal_omezarr_converters.ngff.versions import written_version, zarr_format

Backend = Literal["csv", "json", "parquet", "anndata"]
TableType = Literal["roi_table", "condition_table", "generic_table", "masking_roi_table", "feature_table"]
BACKENDS: tuple[Backend, ...] = ("csv", "json", "parquet", "anndata")
TABLE_VERSION = "1"
Columns = dict[str, list[Any]]
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.\- ]*")


def write_table(
    store: Store,
    path: str,
    name: str,
    columns: Mapping[str, Sequence[Any]],
    *,
    table_type: TableType = "generic_table",
    backend: Backend = "csv",
    index_key: str | None = None,
    version: str,
    called: str | None = None,
) -> Backend:
    """Write one table below an image or plate and list it in the ``tables`` group; an older one of the name is replaced.

    Args:
        store: Where the image or plate lies.
        path: Path of the image or plate in the store.
        name: Name of the table.
        columns: Values by column; None and NaN are missing values.
        table_type: What the table is.
        backend: How it is stored. Text that CSV cannot give back (a field called ``001``) and columns whose names AnnData
            cannot have (``mg/ml``) are stored as JSON, with a warning.
        index_key: Column that names the rows; its values must differ.
        version: OME-Zarr version of the image or plate.
        called: What messages call the image or plate; by default its path, which is empty in a store of its own.

    Returns:
        The backend that was used.

    Raises:
        ConvertersToolsUserError: columns of different length, mixed types in a column, repeated names of rows,
            an infinite number in a JSON table, or an unknown backend.
    """
    version = written_version(version)
    where = f"Table '{name}' of '{called or path}'"
    if not _NAME.fullmatch(name):
        raise ConvertersToolsUserError(f"{where}: name a table with letters, digits, '_', '-' or '.'.")
    plain = checked_columns(columns, index_key, where)
    used = _usable_backend(backend, plain, index_key, where)
    group = join(path, "tables", name)
    attributes: dict[str, Any] = {"type": table_type, "table_version": TABLE_VERSION, "backend": used}
    if index_key is not None:
        attributes |= {"index_key": index_key, "index_type": "str"}
    # Encoded before anything is removed: a table that cannot be written leaves the older one as it is.
    files = _encoded(used, plain, index_key, version, where)
    own_files = _group_files(attributes, files, version)
    stale = [key for key in list(store.list(group)) if key.removeprefix(f"{group}/") not in own_files]
    for relative in sorted(own_files, key=lambda key: key.count("/"), reverse=True):
        store.put(join(group, relative), own_files[relative])
    for key in stale:
        store.delete(key)
    _list_table(store, path, name, version)
    return used


def read_table(store: Store, path: str, name: str) -> Columns:
    """Read a table of any backend as columns; the index is the first one, missing values are None.

    Raises:
        ConvertersToolsFileNotFoundError: there is no such table; the message lists those that are there.
    """
    group = read_group(store, join(path, "tables", name))
    if group is None:
        listed = ", ".join(list_tables(store, path)) or "none"
        raise ConvertersToolsFileNotFoundError(f"'{path}' in {store.url} has no table '{name}'; it has: {listed}.")
    backend = str(group.attributes.get("backend") or "anndata").removesuffix("_v1").removeprefix("experimental_")
    index_key = group.attributes.get("index_key") or group.attributes.get("instance_key")
    if backend not in BACKENDS:
        raise ConvertersToolsUserError(
            f"Table '{name}' of '{path}' is stored as '{backend}'; known are {', '.join(BACKENDS)}."
        )
    try:
        columns = _columns(store, group.path, backend, index_key)
        if len(lengths := {len(values) for values in columns.values()}) > 1:
            raise ValueError(f"its columns have {min(lengths)} to {max(lengths)} rows")
    except ConvertersToolsError:
        raise
    except (csv.Error, ValueError, TypeError, LookupError, AttributeError) as error:
        raise ConvertersToolsUserError(
            f"The table '{group.path}' in {store.url} cannot be read as {backend} ({error}); it is damaged: restore it or "
            "convert the image again."
        ) from error
    if index_key in columns:
        index = columns.pop(index_key)
        as_text = group.attributes.get("index_type") == "str"
        columns = {index_key: [str(value) for value in index] if as_text else index, **columns}
    return columns


def _columns(store: Store, path: str, backend: str, index_key: Any) -> Columns:
    if backend == "csv":
        return read_csv(_file(store, join(path, "table.csv")).decode("utf-8-sig"))
    if backend == "parquet":
        return _read_parquet(_file(store, join(path, "table.parquet")))
    if backend == "json":
        content = require_group(store, join(path, "table")).attributes
        return {key: [_missing_as_none(value) for value in values] for key, values in content.items()}
    from fractal_omezarr_converters.ngff.anndata_table import read_anndata

    return read_anndata(store, path, index_key)


def list_tables(store: Store, path: str) -> list[str]:
    """Return the names of the tables that an image or plate lists."""
    group = read_group(store, join(path, "tables"))
    names = group.attributes.get("tables") if group is not None else None
    return [str(name) for name in names] if isinstance(names, list) else []


def table_attributes(store: Store, path: str, name: str) -> dict[str, Any]:
    """Return type, backend and index of a table."""
    return require_group(store, join(path, "tables", name)).attributes


def checked_columns(columns: Mapping[str, Sequence[Any]], index_key: str | None, where: str) -> Columns:
    """Return columns of plain Python values, the index first, each of one type; None for missing values.

    Raises:
        ConvertersToolsUserError: naming the column and the remedy.
    """
    plain = {str(key): [_plain(value) for value in values] for key, values in columns.items()}
    lengths = {key: len(values) for key, values in plain.items()}
    if len(set(lengths.values())) > 1:
        raise ConvertersToolsUserError(f"{where}: columns have different lengths ({lengths}); give them equal ones.")
    if index_key is not None:
        if index_key not in plain:
            raise ConvertersToolsUserError(f"{where}: the column '{index_key}' that names the rows is missing.")
        names = ["" if value is None else str(value) for value in plain.pop(index_key)]
        repeated = sorted({value for value in names if names.count(value) > 1 or not value}) if _repeats(names) else []
        if repeated:
            raise ConvertersToolsUserError(
                f"{where}: the names {', '.join(map(repr, repeated[:5]))} in '{index_key}' are empty or occur twice; "
                "every row needs its own name."
            )
        plain = {index_key: names, **plain}
    return {key: _one_type(values, f"{where}: column '{key}'") for key, values in plain.items()}


def _repeats(names: Sequence[str]) -> bool:
    return len(set(names)) < len(names) or "" in names


def _plain(value: Any) -> Any:
    if hasattr(value, "item") and not isinstance(value, str | bytes):
        value = value.item()
    if isinstance(value, float) and math.isnan(value):
        return None
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _one_type(values: list[Any], what: str) -> list[Any]:
    """Whole numbers among real ones become real; any other mixture is refused."""
    kinds = {type(value) for value in values if value is not None}
    if int in kinds and (beyond := [v for v in values if type(v) is int and not -(2**63) <= v < 2**63]):
        raise ConvertersToolsUserError(
            f"{what} holds {beyond[0]}, which is beyond the whole numbers of tables; give its values as text."
        )
    if len(kinds) < 2:
        return values
    if kinds == {int, float}:
        return [None if value is None else float(value) for value in values]
    found = ", ".join(sorted(kind.__name__ for kind in kinds))
    raise ConvertersToolsUserError(f"{what} mixes values of the types {found}; give all its values one type.")


def _usable_backend(backend: Backend, columns: Columns, index_key: str | None, where: str) -> Backend:
    if backend not in BACKENDS:
        raise ConvertersToolsUserError(f"{where}: backend '{backend}' is unknown; choose one of {', '.join(BACKENDS)}.")
    if backend == "anndata":
        lost = columns_without_place(columns, index_key)
        reason = (
            "AnnData cannot have columns called {}; choose the table backend 'csv', 'json' or 'parquet', or rename them"
        )
    elif backend == "csv":
        lost = [key for key, values in columns.items() if changes_in_csv(values, is_index=key == index_key)]
        reason = (
            "text in {} would be read back as something else (such as 001 as 1); choose the backend 'json' or 'parquet'"
        )
    else:
        return backend
    if not lost:
        return backend
    instead = {"anndata": "AnnData", "csv": "CSV"}[backend]
    warnings.warn(
        f"{where} is stored as JSON instead of {instead}, because {reason.format(', '.join(map(repr, lost)))}.",
        ConvertersToolsWarning,
        stacklevel=3,
    )
    return "json"


def _encoded(
    backend: Backend, columns: Columns, index_key: str | None, version: str, where: str
) -> dict[str, bytes | dict[str, Any]]:
    """Return files below the table's group; a dict stands for attributes of the group itself."""
    if backend == "csv":
        return {"table.csv": csv_text(columns).encode()}
    if backend == "parquet":
        return {"table.parquet": _parquet_bytes(columns)}
    if backend == "json":
        for key, values in columns.items():
            if any(isinstance(value, float) and math.isinf(value) for value in values):
                raise ConvertersToolsUserError(
                    f"{where}: column '{key}' holds an infinite number, which JSON cannot; choose the backend 'csv'."
                )
        from fractal_omezarr_converters.ngff.documents import group_document

        return {f"table/{file}": content for file, content in group_document(version, columns).items()}
    return anndata_files(columns, index_key, zarr_format(version))


def _group_files(
    attributes: Mapping[str, Any], files: Mapping[str, bytes | dict[str, Any]], version: str
) -> dict[str, bytes]:
    from fractal_omezarr_converters.ngff.documents import group_document

    more = files.get("", {})
    inside = {key: content for key, content in files.items() if isinstance(content, bytes)}
    own = group_document(version, {**(more if isinstance(more, dict) else {}), **attributes})
    return {**inside, **own}


def _parquet_bytes(columns: Columns) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    types = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}
    arrays = {}
    for key, values in columns.items():
        kind = next((type(value) for value in values if value is not None), float)
        arrays[key] = pa.array(values, type=types[kind])
    out = io.BytesIO()
    parquet.write_table(pa.table(arrays), out)
    return out.getvalue()


def _read_parquet(content: bytes) -> Columns:
    from pyarrow import parquet

    columns: Columns = parquet.read_table(io.BytesIO(content)).to_pydict()
    return {key: [_plain(value) for value in values] for key, values in columns.items()}


def _missing_as_none(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _file(store: Store, key: str) -> bytes:
    content = store.get(key)
    if content is None:
        raise ConvertersToolsFileNotFoundError(f"The table's file '{key}' is missing in {store.url}; write it again.")
    return content


def _list_table(store: Store, path: str, name: str, version: str) -> None:
    at = join(path, "tables")
    group = read_group(store, at)
    if group is None or group.zarr_format != zarr_format(version):
        # Left of a replaced image or plate of another version, whose tables cannot stand in this hierarchy.
        replace_group(store, at, version, {"tables": [name]})
        return
    listed = group.attributes.get("tables")
    names = [str(entry) for entry in listed] if isinstance(listed, list) else []
    if name not in names:
        write_attributes(store, group, {**group.attributes, "tables": [*names, name]})
