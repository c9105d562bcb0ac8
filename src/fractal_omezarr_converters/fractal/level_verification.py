"""Compare the coarser levels of an image with what their method makes of the level that they are made from.

Chunk by chunk, in exact equality: the kernels that wrote the levels make them again. A level is looked at only when those before
it are right, so that a chunk is named where it is wrong and not again in everything that is made from it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from fractal_omezarr_converters.fractal.file_verification import chunk_name
from fractal_omezarr_converters.ngff.downsample import downsample
from fractal_omezarr_converters.ngff.layout import ImageLayout
from fractal_omezarr_converters.ngff.pyramid import AXES
from fractal_omezarr_converters.ngff.stores import Store
from fractal_omezarr_converters.ngff.zarr_arrays import DECODE_ERRORS, open_array, read_part

Array = np.ndarray[Any, Any]
Five = tuple[int, ...]

#: Bytes of finer pixels that are held at a time; larger chunks are compared in parts.
LARGEST_PART = 128 * 2**20
#: Chunks that are named.
NAMED = 5


def wrong_levels(store: Store, layout: ImageLayout) -> list[str]:
    """One sentence on the first coarser level that is not what its method makes of the level before; none when all are right."""
    for number in range(1, len(layout.levels)):
        problem = _wrong_level(store, layout, number)
        if problem is not None:
            return [problem]
    return []


def _wrong_level(store: Store, layout: ImageLayout, number: int) -> str | None:
    level = layout.levels[number]
    array, finer = (open_array(store, layout.levels[place].path) for place in (number, level.source))
    shape = tuple(layout.on_axes(level.shape))
    if tuple(array.shape) != shape or np.dtype(array.dtype) != layout.dtype:
        return (
            f"Level {level.path} is {tuple(array.shape)} {array.dtype}, but {shape} {layout.dtype} is made of level "
            f"{layout.levels[level.source].path}; convert the image again."
        )
    chunks = layout.level_chunks(number)
    wrong: list[str] = []
    count = 0
    for block in np.ndindex(*layout.grid(number)):
        found = _wrong_chunk(layout, number, (array, finer), block, chunks)
        if found is not None:
            count += 1
            wrong += [f"{chunk_name(layout, number, block)} ({found})"] if count <= NAMED else []
    if not count:
        return None
    more = f" and {count - NAMED} more" if count > NAMED else ""
    return (
        f"Level {level.path} is not the {layout.method} of level {layout.levels[level.source].path}: {count} of "
        f"{math.prod(layout.grid(number))} chunks are wrong: {'; '.join(wrong)}{more}. Convert the image again."
    )


def _wrong_chunk(layout: ImageLayout, number: int, arrays: tuple[Any, Any], block: Five, chunks: Five) -> str | None:
    """What is wrong with a chunk, in a few words."""
    level = layout.levels[number]
    source = layout.levels[level.source].shape
    begin = [b * c for b, c in zip(block, chunks)]
    end = [min(b + c, n) for b, c, n in zip(begin, chunks, level.shape)]
    for low, high in _parts(begin, end, level.step, layout.dtype.itemsize):
        expected = np.empty([b - a for a, b in zip(low, high)], layout.dtype)
        finer_end = [min(b * f, n) for b, f, n in zip(high, level.step, source)]
        try:
            written = _read(layout, arrays[0], low, high)
            finer = _read(layout, arrays[1], [a * f for a, f in zip(low, level.step)], finer_end)
        except PermissionError:
            raise
        except DECODE_ERRORS as error:
            return f"cannot be read: {error}"
        downsample(finer, level.step, layout.method, expected)
        if np.array_equal(written, expected, equal_nan=layout.dtype.kind in "fc"):
            continue
        differs = written != expected
        if layout.dtype.kind in "fc":
            differs &= ~(np.isnan(written) & np.isnan(expected))
        first = tuple(int(place) for place in np.argwhere(differs)[0])
        where = " ".join(f"{axis}={low[AXES.index(axis)] + first[AXES.index(axis)]}" for axis in layout.axes)
        return f"first at {where}: {written[first]} is written, {expected[first]} expected"
    return None


def _parts(begin: list[int], end: list[int], step: Five, itemsize: int) -> Iterator[tuple[list[int], list[int]]]:
    """A chunk, cut along t, c, z and then y until what lies below each part is small enough."""
    size = [b - a for a, b in zip(begin, end)]
    for axis in range(4):
        below = math.prod(n * f for n, f in zip(size, step)) * itemsize
        if below > LARGEST_PART:
            size[axis] = max(1, size[axis] * LARGEST_PART // below)
    for corner in itertools.product(*(range(a, b, n) for a, b, n in zip(begin, end, size))):
        yield list(corner), [min(a + n, b) for a, n, b in zip(corner, size, end)]


def _read(layout: ImageLayout, array: Any, begin: list[int], end: list[int]) -> Array:
    pixels = read_part(array, tuple(slice(a, b) for a, b in zip(layout.on_axes(begin), layout.on_axes(end))))
    return np.ascontiguousarray(pixels).reshape([b - a for a, b in zip(begin, end)])
