"""Compare the pixels of an image with those that its source and its plan give, block by block."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from itertools import product
from typing import Any

import numpy as np

from fractal_omezarr_converters.fractal.file_verification import (
    NAMED,
    chunk_file,
    chunk_name,
)
from fractal_omezarr_converters.fractal.source_pixels import SourcePixels
from fractal_omezarr_converters.ngff.stores import Store
from fractal_omezarr_converters.ngff.zarr_arrays import DECODE_ERRORS, open_array, read_part
from fractal_omezarr_converters.pipelines.plan import ImagePlan

#: Pixels of one block that is compared at a time, per axis y and x.
BLOCK_EDGE = 2048


def compare_pixels(store: Store, plan: ImagePlan, lost: Collection[str]) -> tuple[int, int, list[str]]:
    """Compare level 0 block by block; give planes and pixels compared, and a sentence per wrong chunk that is not ``lost``."""
    array = open_array(store, plan.layout.levels[0].path)
    tiles = SourcePixels(plan)
    shape, chunks = np.asarray(plan.placement.shape), np.asarray(plan.layout.level_chunks(0))
    axes = ["tczyx".index(axis) for axis in plan.axes]
    pixels, count, wrong = 0, 0, []

    def read(begin: Any, end: Any) -> Any:
        part = tuple(slice(int(begin[k]), int(end[k])) for k in axes)
        return read_part(array, part).reshape(end - begin)

    for begin, end in _blocks(shape, np.asarray(plan.layout.chunks), tiles.deepest):
        wanted = tiles.expected(begin, end, plan.dtype)
        pixels += wanted.size
        with contextlib.suppress(*DECODE_ERRORS):
            if _same(read(begin, end), wanted):
                continue
        for chunk in product(
            *(range(a // c, -(-b // c)) for a, b, c in zip(begin.tolist(), end.tolist(), chunks.tolist()))
        ):
            low, high = np.maximum(np.asarray(chunk) * chunks, begin), np.minimum((np.asarray(chunk) + 1) * chunks, end)
            inside = tuple(slice(a, b) for a, b in zip((low - begin).tolist(), (high - begin).tolist()))
            expected = wanted[inside]
            name = chunk_name(plan.layout, 0, chunk)
            try:
                found = read(low, high)
            except PermissionError:
                raise
            except DECODE_ERRORS as error:
                spans = ", ".join(f"{'tczyx'[k]} {low[k]} to {high[k] - 1}" for k in axes)
                said = f"Level 0 cannot be read at {spans}: chunk {name} is damaged ({error}); convert the image again."
            else:
                if chunk_file(plan.layout, 0, chunk)[0] in lost or _same(found, expected):
                    continue
                said = f"{_difference(found, expected, low, plan, tiles)} in chunk {name}."
            count += 1
            wrong += [said] if count <= NAMED else []
    more = [f"{count - NAMED} more chunks of level 0 are wrong."] if count > NAMED else []
    return int(np.prod(shape[:3])), pixels, wrong + more


def _blocks(shape: Any, chunks: Any, deepest: int) -> Iterator[tuple[Any, Any]]:
    """Blocks of whole chunks over the image; deep where single tiles hold many planes."""
    size = np.ones(5, dtype=np.int64)
    size[2] = max(int(chunks[2]), deepest)
    for axis in (3, 4):
        size[axis] = chunks[axis] * max(1, BLOCK_EDGE // int(chunks[axis]))
    for corner in product(*(range(0, int(total), int(step)) for total, step in zip(shape, size))):
        begin = np.asarray(corner)
        yield begin, np.minimum(begin + size, shape)


def _same(found: Any, expected: Any) -> bool:
    return bool(np.array_equal(found, expected, equal_nan=found.dtype.kind in "fc"))


def _difference(found: Any, expected: Any, begin: Any, plan: ImagePlan, tiles: SourcePixels) -> str:
    differs = found != expected
    if found.dtype.kind in "fc":
        differs &= ~(np.isnan(found) & np.isnan(expected))
    first = tuple(int(number) for number in np.argwhere(differs)[0])
    t, c, z, y, x = (int(a) + b for a, b in zip(begin, first))
    tile = tiles.source_of((t, c, z, y, x))
    origin = f"source {tiles.describe(tile)}" if tile >= 0 else "no source covers it"
    channels = plan.image.channels or []
    label = f" ({channels[c].channel_label})" if c < len(channels) else ""
    return (
        f"Plane t={t} c={c}{label} z={z} differs, first at y={y} x={x}: {found[first]} is written, "
        f"{expected[first]} expected ({origin}); {int(differs.sum())} pixels differ"
    )
