"""Columns as compact JSON values: numbers and strings, exactly, in a few bytes per row.

A short column is a plain list. A column whose values are all equal, or rise by equal steps, is one small object. A
long one of numbers holds their little-endian bytes, sorted by significance, compressed (zlib) and in base64; a long
one of strings the same of the strings. Nothing is rounded: what comes back is bit for bit what went in.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractal_omezarr_converters.errors import ConvertersToolsUserError

REPEAT = "repeat the first step of the conversion."
"""What to do about a description that is damaged."""

PLAIN_BELOW = 24
"""Columns with fewer rows are written as plain lists, to be read by people."""

_LEVEL = 3
_LONGEST_KEPT, _MOST_KEPT = 4096, 64
_KNOWN: dict[tuple[str, bytes], Any] = {}


def pack(values: Sequence[Any] | NDArray[Any]) -> Any:
    """Give a JSON value for one column."""
    if isinstance(values, np.ndarray):
        return _pack_known(values)
    if len(values) < PLAIN_BELOW:
        return list(values)
    kinds = set(map(type, values))
    if kinds == {str}:
        return _pack_strings(values)
    if kinds == {int} and max(map(abs, values)) < 2**62:
        return _pack_array(np.array(values, dtype=np.int64))
    if kinds == {float}:
        return _pack_array(np.array(values, dtype=np.float64))
    return {"all": values[0], "size": len(values)} if kinds == {type(None)} else {"json": _squeeze(json.dumps(values))}


def unpack(packed: Any) -> Sequence[Any] | NDArray[Any]:
    """Give the column again: an array for packed numbers, else a list."""
    if isinstance(packed, list):
        return list(packed)
    if "all" in packed:
        return [packed["all"]] * packed["size"]
    if "step" in packed:
        ramp: NDArray[np.int64] = packed["first"] + packed["step"] * np.arange(packed["size"], dtype=np.int64)
        return ramp
    if "strings" in packed:
        found = _loosen(packed["strings"]).decode("utf-8", "surrogatepass").split("\0")
        prefix = packed.get("prefix")
        return [prefix + value for value in found] if prefix else found
    if "json" in packed:
        return list(json.loads(_loosen(packed["json"])))
    if "bytes" in packed:
        dtype = np.dtype(packed["dtype"])
        planes = np.frombuffer(_loosen(packed["bytes"]), dtype=np.uint8).reshape(dtype.itemsize, -1)
        numbers: NDArray[Any] = np.ascontiguousarray(planes.T).view(dtype).ravel()
        return numbers
    raise ConvertersToolsUserError(
        f"A column of a stored image description has an unknown form (keys {sorted(packed)}): "
        f"it was written by another version; {REPEAT}"
    )


def unpack_array(packed: Any, dtype: str) -> NDArray[Any]:
    """Give the column as an array of one type."""
    return np.asarray(unpack(packed), dtype=dtype)


def _pack_known(values: NDArray[Any]) -> Any:
    """Pack an array, or give what was made of an equal one: the images of a plate have many columns in common."""
    if not PLAIN_BELOW <= len(values) <= _LONGEST_KEPT:
        return _pack_array(values)
    key = (values.dtype.str, values.tobytes())
    found = _KNOWN.get(key)
    if found is None:
        while len(_KNOWN) >= _MOST_KEPT:
            _KNOWN.pop(next(iter(_KNOWN)), None)
        found = _KNOWN[key] = _pack_array(values)
    return found


def _pack_array(values: NDArray[Any]) -> Any:
    size = len(values)
    if size < PLAIN_BELOW:
        return values.tolist()
    if _all_equal(values):
        return {"all": values[0].item(), "size": size}
    if values.dtype.kind == "i":
        step = int(values[1]) - int(values[0])
        if bool((np.diff(values) == step).all()):
            return {"first": int(values[0]), "step": step, "size": size}
        values = values.astype(np.min_scalar_type(min(int(values.min()), -int(values.max()) - 1)), copy=False)
    little = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))
    planes = little.view(np.uint8).reshape(size, little.dtype.itemsize).T
    return {"dtype": little.dtype.str, "bytes": _squeeze(np.ascontiguousarray(planes).tobytes())}


def _all_equal(values: NDArray[Any]) -> bool:
    """Compare bit by bit, because 0.0 and -0.0 are not the same for who reads the file."""
    bits = values.view(np.int64) if values.dtype == np.float64 else values
    return bool((bits == bits[0]).all())


def _pack_strings(values: Sequence[str]) -> Any:
    if all(value == values[0] for value in values):
        return {"all": values[0], "size": len(values)}
    prefix = _common_beginning(values)
    known = len(prefix)
    joined = "\0".join([value[known:] for value in values])
    if joined.count("\0") != len(values) - 1:
        return {"json": _squeeze(json.dumps(values))}
    strings = {"strings": _squeeze(joined.encode("utf-8", "surrogatepass"))}
    return {**strings, "prefix": prefix} if prefix else strings


def _common_beginning(values: Sequence[str]) -> str:
    """The folder, most often, that all strings begin with; nothing that JSON cannot hold as it is."""
    low, high = min(values), max(values)
    same = next((at for at, (one, other) in enumerate(zip(low, high)) if one != other), min(len(low), len(high)))
    prefix = low[:same]
    return prefix if prefix.isascii() else ""


def _squeeze(data: bytes | str) -> str:
    raw = data.encode() if isinstance(data, str) else data
    return base64.b64encode(zlib.compress(raw, _LEVEL)).decode("ascii")


def _loosen(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text))
