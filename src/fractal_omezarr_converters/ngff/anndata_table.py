"""Tables as AnnData stores: real numbers in ``X``, names, whole numbers and text in ``obs``.

Written through the `anndata` library into memory and put into the store file by file. Text is plain ``string-array`` or
``categorical``, never ``nullable-string-array``, which older readers cannot open.
"""

from __future__ import annotations

import json
import math
import threading
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.ngff.stores import Store

# The settings of the library hold for the whole process.
_ONE_AT_A_TIME = threading.Lock()


def anndata_files(
    columns: Mapping[str, Sequence[Any]], index_key: str | None, zarr_format: Literal[2, 3]
) -> dict[str, bytes | dict[str, Any]]:
    """Return the files of an AnnData store by path; the entry ``""`` holds the attributes of its group."""
    try:
        import anndata
        import zarr
    except ImportError as error:
        raise ConvertersToolsUserError(
            f"Tables with the backend 'anndata' need the library anndata ({error}); install it or choose 'csv'."
        ) from error
    table = _as_anndata(columns, index_key)
    memory: dict[str, Any] = {}
    target = zarr.storage.MemoryStore(memory)
    with _ONE_AT_A_TIME, warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=UserWarning)
        with (
            anndata.settings.override(auto_shard_zarr_v3=False),
            anndata.settings.override(zarr_write_format=zarr_format),
        ):
            table.write_zarr(target, convert_strings_to_categoricals=False)
    files: dict[str, bytes | dict[str, Any]] = {
        key: value.to_bytes() for key, value in memory.items() if not key.startswith("raw/")
    }
    files[""] = _group_attributes(files, zarr_format)
    for name in (".zgroup", ".zattrs", ".zmetadata", "zarr.json"):
        files.pop(name, None)
    return files


def columns_without_place(columns: Mapping[str, Sequence[Any]], index_key: str | None) -> list[str]:
    """Columns that lie in ``obs``, each an array of its name, and whose name no array can have."""
    unfit = [key for key in columns if "/" in key or key in ("", ".", "..", "_index")]
    return [key for key in unfit if key != index_key and not _is_real(columns[key])]


def _kinds(values: Sequence[Any]) -> set[type]:
    return {type(value) for value in values if value is not None}


def _is_real(values: Sequence[Any]) -> bool:
    """Whether a column becomes real numbers in ``X``."""
    kinds = _kinds(values)
    return kinds <= {float} or (kinds == {int} and None in values)


def read_anndata(store: Store, path: str, index_key: str | None) -> dict[str, list[Any]]:
    """Read an AnnData store as columns: the index, ``obs``, then ``X``."""
    import anndata
    import zarr

    from fractal_omezarr_converters.ngff.zarr_arrays import zarr_store

    group = zarr.open_group(zarr_store(store, path), mode="r")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read: Any = anndata.io.read_elem
        observations = read(group["obs"])
        variables = read(group["var"])
        numbers = read(group["X"]) if "X" in group else None
    columns: dict[str, list[Any]] = {}
    if index_key is not None and index_key not in observations.columns:
        columns[index_key] = [str(value) for value in observations.index]
    for name in observations.columns:
        missing = observations[name].isna()
        columns[str(name)] = [None if gone else _python(value) for value, gone in zip(observations[name], missing)]
    for position, name in enumerate(variables.index):
        values = numbers[:, position].tolist() if numbers is not None else []
        columns[str(name)] = [None if math.isnan(value) else value for value in values]
    return columns


def _as_anndata(columns: Mapping[str, Sequence[Any]], index_key: str | None) -> Any:
    import anndata
    import numpy as np
    import pandas as pd

    number = len(next(iter(columns.values()), []))
    names = columns[index_key] if index_key is not None else [str(row) for row in range(number)]
    index = pd.Index(np.array(list(names), dtype=object), dtype=object, name=index_key)
    real, others = {}, {}
    for key, values in columns.items():
        if key == index_key:
            continue
        kinds = _kinds(values)
        if _is_real(values):
            real[key] = np.array([np.nan if value is None else float(value) for value in values], dtype="float64")
        else:
            others[key] = _observation(values, kinds, index)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        observations = pd.DataFrame(others, index=index)
        variables = pd.DataFrame(index=pd.Index(np.array(list(real), dtype=object), dtype=object))
        numbers = np.stack(list(real.values()), axis=1) if real else np.zeros((number, 0))
        return anndata.AnnData(X=numbers, obs=observations, var=variables)


def _observation(values: Sequence[Any], kinds: set[type], index: Any) -> Any:
    import numpy as np
    import pandas as pd

    if None in values and kinds == {bool}:
        return pd.Series(pd.Categorical(values, np.array([False, True])), index=index)
    if None in values:
        # Missing text is stated by a categorical, which every version of the format knows.
        categories = pd.Index(np.array(sorted({str(v) for v in values if v is not None}), dtype=object), dtype=object)
        return pd.Series(pd.Categorical([None if v is None else str(v) for v in values], categories), index=index)
    # Text without a stated type would become pandas' own, which is written as 'nullable-string-array'.
    dtype = "int64" if kinds == {int} else "bool" if kinds == {bool} else object
    return pd.Series(np.array(values, dtype=dtype), index=index, dtype=dtype)


def _group_attributes(files: Mapping[str, Any], zarr_format: int) -> dict[str, Any]:
    if zarr_format == 2:
        return dict(json.loads(files.get(".zattrs", b"{}")))
    return dict(json.loads(files["zarr.json"]).get("attributes", {}))


def _python(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
