"""Histograms of all pixels of a channel, kept while they are written.

Boolean, 8 and 16 bit: one bin per value, exact. Wider types: pixels become float32, and one bin holds the values that agree in
sign, exponent and the first 9 bits of the mantissa (2**18 bins), so a quantile is within 0.2 % of its value; the smallest and
largest value are exact. NaN and infinities are not counted. Histograms of parts add up to that of the whole, in any order.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

_KEPT_BITS = 18
_DROPPED_BITS = 32 - _KEPT_BITS
_SLICE = 1 << 19
_WORTH_LOADING = 1 << 20  # pixels from which on the faster counter pays for its import


@dataclass
class Histogram:
    """Counts per bin, and the smallest and largest pixel of ``dtype``; ``seen`` pixels were added here."""

    dtype: np.dtype[Any]
    counts: np.ndarray[Any, np.dtype[np.int64]]
    low: float = np.inf
    high: float = -np.inf
    seen: int = field(default=0, compare=False)

    @classmethod
    def empty(cls, dtype: np.dtype[Any]) -> Histogram:
        """A histogram of no pixels."""
        return cls(dtype, np.zeros(_bins(dtype), np.int64))

    @staticmethod
    def bytes_of(dtype: np.dtype[Any]) -> int:
        """The memory that one takes."""
        return _bins(dtype) * np.dtype(np.int64).itemsize

    @property
    def total(self) -> int:
        """Number of pixels counted."""
        return int(self.counts.sum())

    @property
    def is_exact(self) -> bool:
        """True when every value has its own bin."""
        return _is_exact(self.dtype)

    def add(self, pixels: np.ndarray[Any, Any]) -> None:
        """Count pixels of any layout."""
        for flat in _slices(pixels):
            self._add_slice(flat)

    def _add_slice(self, flat: np.ndarray[Any, Any]) -> None:
        self.seen += flat.size
        if _is_exact(self.dtype):
            count = np.bincount if self.seen < _WORTH_LOADING else _fast_counter()
            found = count(flat.view(f"u{self.dtype.itemsize}"))
            self.counts[: found.size] += found
            return
        finite = flat[np.isfinite(flat)] if self.dtype.kind == "f" else flat
        if finite.size:
            self.low = min(self.low, float(finite.min()))
            self.high = max(self.high, float(finite.max()))
            found = np.bincount(_bins_of(finite))
            self.counts[: found.size] += found

    def take_away_zeros(self, number: int) -> None:
        """Forget pixels of value 0 that no source gave (exact histograms only)."""
        self.counts[0] -= number

    def merge(self, other: Histogram) -> None:
        """Add the counts of another part."""
        self.counts += other.counts
        self.low, self.high = min(self.low, other.low), max(self.high, other.high)

    def values(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, np.dtype[np.int64]]]:
        """Distinct values in rising order with their counts; for wide types the middle of each bin."""
        used = np.flatnonzero(self.counts)
        counts = self.counts[used]
        if _is_exact(self.dtype):
            values: np.ndarray[Any, Any] = used.astype(f"u{self.dtype.itemsize}").view(self.dtype)
        else:
            values = np.clip(_middles(used), self.low, self.high)
        order = np.argsort(values, kind="stable")
        return values[order], counts[order]

    def minimum(self) -> float | None:
        """The smallest pixel; None without pixels."""
        values, _ = self.values()
        return None if not values.size else float(values[0]) if _is_exact(self.dtype) else self.low

    def maximum(self) -> float | None:
        """The largest pixel; None without pixels."""
        values, _ = self.values()
        return None if not values.size else float(values[-1]) if _is_exact(self.dtype) else self.high

    def quantile(self, fraction: float) -> float | None:
        """The smallest value that at least this fraction of the pixels does not exceed; None without pixels."""
        values, counts = self.values()
        if not values.size:
            return None
        running = np.cumsum(counts)
        return float(values[min(int(np.searchsorted(running, fraction * running[-1])), values.size - 1)])


@cache
def _fast_counter() -> Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]]:
    """Counts of the values 0 to the largest; mahotas takes a third of the time of numpy, and has no wheels for some machines."""
    try:
        from mahotas.histogram import fullhistogram
    except ImportError:
        return np.bincount
    counter: Callable[[np.ndarray[Any, Any]], np.ndarray[Any, Any]] = fullhistogram
    return counter


def _slices(pixels: np.ndarray[Any, Any]) -> Iterator[np.ndarray[Any, Any]]:
    """The pixels as flat arrays of bounded size; only rows that do not follow each other are copied."""
    if pixels.flags.c_contiguous or pixels.ndim == 1:
        flat = pixels.reshape(-1)
        for first in range(0, flat.size, _SLICE):
            yield flat[first : first + _SLICE]
        return
    rows = max(1, _SLICE // pixels.shape[-1])
    for plane in np.ndindex(*pixels.shape[:-2]):
        for first in range(0, pixels.shape[-2], rows):
            yield pixels[plane][first : first + rows].reshape(-1)


def _is_exact(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in "bui" and dtype.itemsize <= 2


def _bins(dtype: np.dtype[Any]) -> int:
    return 1 << (8 * dtype.itemsize if _is_exact(dtype) else _KEPT_BITS)


def _bins_of(values: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.uint32]]:
    """The bin of each value: the leading bits of an unsigned number that sorts like the float32."""
    limit = float(np.finfo(np.float32).max)
    bits = (
        np.clip(values, -limit, limit).astype(np.float32) if values.dtype == np.float64 else values.astype(np.float32)
    )
    pattern = bits.view(np.uint32)
    mask = np.where(pattern >> 31, np.uint32(0xFFFFFFFF), np.uint32(0x80000000))
    return (pattern ^ mask) >> np.uint32(_DROPPED_BITS)


def _middles(bins: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The value in the middle of each bin; the bins next to zero stand for zero."""
    pattern = (bins.astype(np.uint32) << np.uint32(_DROPPED_BITS)) | np.uint32(1 << (_DROPPED_BITS - 1))
    mask = np.where(pattern >> 31, np.uint32(0x80000000), np.uint32(0xFFFFFFFF))
    middle = (pattern ^ mask).view(np.float32).astype(np.float64)
    return np.where(np.abs(middle) < np.finfo(np.float32).tiny, 0.0, middle)
