"""Data types of pixels: which type holds all sources of an image, and casts that change no value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractal_omezarr_converters.errors import ConvertersToolsUserError

TYPE_THAT_FITS = "leave data_type on autodetect or state a type that fits."
_EXACT_INTEGER_BITS = {2: 11, 4: 24, 8: 53}


def holds(wide: str, narrow: str) -> bool:
    """Say whether every value of ``narrow`` can be written as ``wide`` without change."""
    big, small = np.dtype(wide), np.dtype(narrow)
    if big.kind == "f" and small.kind in "iu":
        return small.itemsize * 8 - (small.kind == "i") <= _EXACT_INTEGER_BITS[big.itemsize]
    return bool(np.can_cast(small, big, "safe"))


def promoted(types: Sequence[str], where: str) -> str:
    """Give the smallest type that holds all; raise when none does.

    Raises:
        ConvertersToolsUserError: no type holds all, for example int64 and uint64.
    """
    distinct = sorted(set(types))
    if len(distinct) == 1:
        return distinct[0]
    result = str(np.result_type(*distinct))
    if not all(holds(result, kind) for kind in distinct):
        raise ConvertersToolsUserError(
            f"The sources of {where} have the data types {', '.join(distinct)}, and no type holds all their values; "
            "state data_type in the acquisition details or convert the files."
        )
    return result


def cast_exactly(data: NDArray[Any], data_type: str, where: str) -> NDArray[Any]:
    """Give the pixels in another type; raise when a value would change.

    Raises:
        ConvertersToolsUserError: a value does not fit, with the range that was found.
    """
    if data.dtype == np.dtype(data_type):
        return data
    unfit = misfit(data, data_type)
    if unfit is not None:
        raise ConvertersToolsUserError(f"{where} {unfit}; {TYPE_THAT_FITS}")
    return data.astype(data_type)


def misfit(data: NDArray[Any], data_type: str) -> str | None:
    """Say which values of the pixels another type cannot hold; None when it holds all."""
    if holds(data_type, str(data.dtype)):
        return None
    target = np.dtype(data_type)
    if data.size and target.kind in "iu":
        low, high, limits = data.min(), data.max(), np.iinfo(target)
        fits = bool(np.isfinite(low) and np.isfinite(high)) and limits.min <= low.item() and high.item() <= limits.max
        if fits and (data.dtype.kind in "iub" or bool((data == np.rint(data)).all())):
            return None
        return f"has values from {low} to {high} ({data.dtype}), which {data_type} cannot hold"
    if np.array_equal(data.astype(target).astype(data.dtype), data, equal_nan=data.dtype.kind == "f"):
        return None
    return f"has values of type {data.dtype} that {data_type} cannot hold exactly"
