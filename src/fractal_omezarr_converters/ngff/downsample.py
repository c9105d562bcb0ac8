"""Kernels that make one level from another: every coarse pixel from exactly the pixels of its block.

Blocks at the far edge of an odd size are smaller and use the pixels they have. Integer means are taken in wider integers and
rounded half to even, float means in float64 without NaN. Ties of ``mode`` go to the smallest value; boolean images use ``mode``
for a mean.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
_PIXELS_AT_A_TIME = 1 << 15


def downsample(source: Array, step: Sequence[int], method: str, out: Array) -> None:
    """Fill ``out`` (five axes, each ceil(n / step) long) from the blocks of ``source``."""
    pieces = [list(_pieces(n, f)) for n, f in zip(source.shape, step)]
    for piece in itertools.product(*pieces):
        taken = source[tuple(p[0] for p in piece)]
        made = out[tuple(p[1] for p in piece)]
        block = [p[2] for p in piece]
        if all(f == 1 for f in block):
            made[...] = taken
        elif method == "mean" and block == [1, 1, 1, 2, 2] and source.dtype.kind == "u" and source.dtype.itemsize <= 2:
            for plane in np.ndindex(*taken.shape[:3]):
                _mean_of_four(taken[plane], made[plane])
        else:
            _by_rows(taken, block, step, _kernel(method, source.dtype), made)


def _pieces(size: int, factor: int) -> Iterator[tuple[slice, slice, int]]:
    """The whole blocks of an axis, then what is left at its end."""
    whole = size // factor
    if whole:
        yield slice(0, whole * factor), slice(0, whole), factor
    if size % factor:
        yield slice(whole * factor, size), slice(whole, whole + 1), size % factor


def _mean_of_four(source: Array, out: Array) -> None:
    """2 x 2 mean of 8 or 16 bit pixels: pairs along x are read as one wider word, which keeps every operation contiguous."""
    item = source.dtype.itemsize
    wide = np.dtype(f"u{2 * item}")
    aligned = (
        source.strides[1] == item and source.strides[0] % wide.itemsize == 0 and source.ctypes.data % wide.itemsize == 0
    )
    if not aligned:
        _by_rows(source[None, None, None], [1, 1, 1, 2, 2], [1, 1, 1, 2, 2], _mean_of_integers, out[None, None, None])
        return
    words = source.view(wide)
    rows = max(1, _PIXELS_AT_A_TIME // max(1, words.shape[1]))
    total = np.empty((min(rows, out.shape[0]), words.shape[1]), wide)
    other = np.empty_like(total)
    low, half = wide.type((1 << (8 * item)) - 1), wide.type(8 * item)
    one, two, highest = wide.type(1), wide.type(2), 1 << (8 * item - 1)
    for first in range(0, out.shape[0], rows):
        count = min(rows, out.shape[0] - first)
        upper, lower = words[2 * first : 2 * (first + count) : 2], words[2 * first + 1 : 2 * (first + count) : 2]
        s, u = total[:count], other[:count]
        if source[2 * first : 2 * (first + count)].max() < highest:  # two pixels add up within their half of a word
            np.add(upper, lower, out=s)
            np.bitwise_and(s, low, out=u)
            np.right_shift(s, half, out=s)
        else:
            np.right_shift(upper, half, out=s)
            np.bitwise_and(upper, low, out=u)
            np.add(s, u, out=s)
            np.right_shift(lower, half, out=u)
            np.add(s, u, out=s)
            np.bitwise_and(lower, low, out=u)
        np.add(s, u, out=s)
        np.right_shift(s, two, out=u)  # (s + 1 + ((s >> 2) & 1)) >> 2 rounds s / 4 half to even
        np.bitwise_and(u, one, out=u)
        np.add(s, u, out=s)
        np.add(s, one, out=s)
        np.right_shift(s, two, out=s)
        out[first : first + count] = s


Kernel = Callable[[list[Array], Array], None]


def _by_rows(source: Array, block: Sequence[int], step: Sequence[int], kernel: Kernel, out: Array) -> None:
    """Run a kernel over a few rows at a time, so that its wide intermediates stay in the cache."""
    rows = max(1, _PIXELS_AT_A_TIME // max(1, out.shape[4]))
    offsets = list(itertools.product(*(range(f) for f in block)))
    if kernel is _stride:
        offsets = offsets[:1]
    if kernel is _nearest:
        offsets = [tuple(min((whole - 1) // 2, f - 1) for whole, f in zip(step, block))]
    for plane in np.ndindex(*out.shape[:3]):
        corner = [p * f for p, f in zip(plane, block)]
        for first in range(0, out.shape[3], rows):
            last = min(first + rows, out.shape[3])
            taken = slice(first * block[3], last * block[3])
            parts = [
                source[corner[0] + t, corner[1] + c, corner[2] + z, taken][y :: block[3], x :: block[4]]
                for t, c, z, y, x in offsets
            ]
            kernel(parts, out[plane][first:last])


def _kernel(method: str, dtype: np.dtype[Any]) -> Kernel:
    if dtype.kind == "b" and method in ("mean", "median"):
        return _mode
    if method == "mean":
        if dtype.kind == "f":
            return _mean_of_floats
        return _mean_of_integers if dtype.itemsize <= 4 else _mean_of_long_integers
    return _KERNELS[method]


def _mean_of_integers(parts: list[Array], out: Array) -> None:
    narrow = parts[0].dtype.itemsize <= 2 and len(parts) < 1 << 14
    total: Array = parts[0].astype(np.int32 if narrow else np.int64)
    for part in parts[1:]:
        total += part
    _round_half_to_even(total, len(parts), out, 0)


def _mean_of_long_integers(parts: list[Array], out: Array) -> None:
    """Quotients and remainders are added apart: the sum of 64-bit pixels would not fit."""
    number = parts[0].dtype.type(len(parts))
    quotients = parts[0] // number
    remainders = (parts[0] % number).astype(np.int64)
    for part in parts[1:]:
        quotients += part // number
        remainders += (part % number).astype(np.int64)
    _round_half_to_even(remainders, len(parts), out, quotients)


def _round_half_to_even(total: Array, number: int, out: Array, whole: Array | int) -> None:
    """``out = whole + total / number``; the result always fits the pixel type."""
    quotient = total // number
    doubled = (total - quotient * number) * 2
    base: Any = quotient.astype(out.dtype) + whole
    up = (doubled > number) | ((doubled == number) & ((base & base.dtype.type(1)) == 1))
    out[...] = base + up.astype(base.dtype)


def _mean_of_floats(parts: list[Array], out: Array) -> None:
    total = parts[0].astype(np.float64)
    with np.errstate(all="ignore"):
        for part in parts[1:]:
            total += part
        if np.isnan(total).any():
            stack = np.stack(parts).astype(np.float64)
            valid = ~np.isnan(stack)
            total = np.where(valid, stack, 0.0).sum(axis=0) / valid.sum(axis=0)
        else:
            total /= len(parts)
        out[...] = total


def _nearest(parts: list[Array], out: Array) -> None:
    out[...] = parts[0]


def _stride(parts: list[Array], out: Array) -> None:
    out[...] = parts[0]


def _max(parts: list[Array], out: Array) -> None:
    out[...] = parts[0]
    for part in parts[1:]:
        np.fmax(out, part, out=out)


def _min(parts: list[Array], out: Array) -> None:
    out[...] = parts[0]
    for part in parts[1:]:
        np.fmin(out, part, out=out)


def _mode(parts: list[Array], out: Array) -> None:
    best = parts[0].copy()
    most = np.zeros(best.shape, np.int32)
    for candidate in parts:
        votes = np.zeros(best.shape, np.int32)
        for part in parts:
            votes += part == candidate
        better = (votes > most) | ((votes == most) & (candidate < best))
        best[better] = candidate[better]
        most = np.maximum(most, votes)
    out[...] = best


def _median(parts: list[Array], out: Array) -> None:
    stack = np.sort(np.stack(parts), axis=0)  # NaN last
    if stack.dtype.kind == "f" and np.isnan(stack[-1]).any():
        valid = np.maximum((~np.isnan(stack)).sum(axis=0), 1)
        lower = np.take_along_axis(stack, ((valid - 1) // 2)[None], axis=0)[0]
        upper = np.take_along_axis(stack, (valid // 2)[None], axis=0)[0]
    else:
        lower, upper = stack[(len(parts) - 1) // 2], stack[len(parts) // 2]
    _kernel("mean", stack.dtype)([lower, upper], out)


_KERNELS: dict[str, Kernel] = {
    "nearest": _nearest,
    "stride": _stride,
    "max": _max,
    "min": _min,
    "mode": _mode,
    "median": _median,
}
