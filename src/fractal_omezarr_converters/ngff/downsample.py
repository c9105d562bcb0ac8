"""Kernels that make one level from another: every coarse pixel from exactly the pixels of its block.

Blocks at the far edge of an odd size are smaller and use the pixels they have. Integer means are taken in wider integers and
rounded half to even, float means in float64 without NaN. Ties of ``mode`` go to the smallest value; boolean images use ``mode``
for a mean.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
_PIXELS_AT_A_TIME = 1 << 15
_MEANS_AT_A_TIME = 1 << 16


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
            for stack in np.ndindex(*taken.shape[:2]):
                _mean_of_four(taken[stack], made[stack])
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
    """2 x 2 mean of a stack of planes of 8 or 16 bit pixels: a few passes over memory that is contiguous and stays in the cache.

    Rows that do not follow each other would be worked on one by one, so neighbours are added all along the flat array, and
    the sums that belong to no block are left behind afterwards.
    """
    depth, height, width = out.shape
    planes = min(depth, max(1, _MEANS_AT_A_TIME // (height * width)))
    rows = -(-height // max(1, round(height * width / _MEANS_AT_A_TIME)))
    scratch = np.empty(8 * planes * rows * width, source.dtype)
    limit = 1 << (8 * source.dtype.itemsize - 2) if sys.byteorder == "little" else 0
    for plane, row in itertools.product(range(0, depth, planes), range(0, height, rows)):
        made = out[plane : plane + planes, row : row + rows]
        taken = source[plane : plane + planes, 2 * row : 2 * (row + rows)].reshape(-1)
        (_mean_of_small if taken.max() < limit else _mean_of_words)(taken, made, scratch)


def _mean_of_small(flat: Array, out: Array, scratch: Array) -> None:
    """The mean of pixels so small that four of them add up within their type (little-endian only)."""
    size, width = flat.size, out.shape[-1]
    pairs, along = scratch[:size], scratch[size : size + size // 2]
    np.add(flat[:-1], flat[1:], out=pairs[:-1])
    np.copyto(along, pairs.view(f"u{2 * flat.dtype.itemsize}"), casting="unsafe")  # every other sum is that of a pair
    np.add(along[:-width], along[width:], out=pairs[: size // 2 - width])
    _round_quarter(pairs, scratch[size:], out)


def _mean_of_words(flat: Array, out: Array, scratch: Array) -> None:
    """The mean of any pixels: pairs along x are read as one wider word, which has room for the sum."""
    item, width = flat.dtype.itemsize, out.shape[-1]
    wide = np.dtype(f"u{2 * item}")
    words = flat.view(wide)
    first, second = scratch[: flat.size].view(wide), scratch[flat.size : 2 * flat.size].view(wide)
    np.right_shift(words, wide.type(8 * item), out=first)
    np.bitwise_and(words, wide.type((1 << (8 * item)) - 1), out=second)
    np.add(first, second, out=first)
    np.add(first[:-width], first[width:], out=second[:-width])
    _round_quarter(second, first, out)


def _round_quarter(sums: Array, scratch: Array, out: Array) -> None:
    """``out = sums / 4``, rounded half to even; of every two rows of sums the first counts."""
    size, width = out.size, out.shape[-1]
    total, odd = scratch[:size], scratch[size : 2 * size]
    one, two = sums.dtype.type(1), sums.dtype.type(2)
    np.copyto(total.reshape(-1, width), sums[: 2 * size].reshape(-1, 2, width)[:, 0])
    np.right_shift(total, two, out=odd)  # (n + 1 + ((n >> 2) & 1)) >> 2
    np.bitwise_and(odd, one, out=odd)
    np.add(odd, one, out=odd)
    np.add(total, odd, out=total)
    np.right_shift(total, two, out=total)
    np.copyto(out, total.reshape(out.shape), casting="unsafe")


Kernel = Callable[[list[Array], Array], None]


def _by_rows(source: Array, block: Sequence[int], step: Sequence[int], kernel: Kernel, out: Array) -> None:
    """Run a kernel over a few rows at a time, so that its wide intermediates stay in the cache."""
    rows = max(1, _PIXELS_AT_A_TIME // max(1, out.shape[4]))
    offsets = list(itertools.product(*(range(f) for f in block)))
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


_KERNELS: dict[str, Kernel] = {"nearest": _nearest, "max": _max, "min": _min, "mode": _mode, "median": _median}
