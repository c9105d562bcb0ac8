"""The slow, obviously correct counterpart of the writer: one pixel after the other, in exact fractions."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from fractions import Fraction

import numpy as np


class BoxTiles:
    """Tiles from explicit boxes; counts how often each is read, whole or in parts."""

    def __init__(self, boxes, arrays, parts=False, into=False):
        self.start = np.array([start for start, _ in boxes], np.int64).reshape(-1, 5)
        self.length = np.array([length for _, length in boxes], np.int64).reshape(-1, 5)
        self.arrays = arrays
        self.parts = parts
        self.into = into
        self.reads = Counter()
        self.pixels_read = Counter()
        self.announced = []

    def will_need(self, index, *, hold):
        self.announced.append(index)

    def read(self, index):
        self.reads[index] += 1
        self.pixels_read[index] += self.arrays[index].size
        return self.arrays[index]

    def reads_parts(self, index):
        return self.parts

    def read_into(self, index, out):
        if not self.into:
            return False
        out[...] = self.read(index)
        return True

    def read_part(self, index, part):
        if not self.parts:
            return None
        self.reads[index] = 1
        found = self.arrays[index][part]
        self.pixels_read[index] += found.size
        return found


def lay(shape, dtype, tiles):
    """Level 0: zeros, then every tile in turn; and which pixels have a source."""
    image = np.zeros(shape, dtype)
    sourced = np.zeros(shape, bool)
    for start, length, pixels in zip(tiles.start, tiles.length, tiles.arrays):
        place = tuple(slice(a, a + n) for a, n in zip(start, length))
        image[place] = pixels
        sourced[place] = True
    return image, sourced


def shrink(image, step, method):
    """One level from another, block by block."""
    out = np.zeros([-(-n // f) for n, f in zip(image.shape, step)], image.dtype)
    for index in np.ndindex(*out.shape):
        block = image[tuple(slice(i * f, (i + 1) * f) for i, f in zip(index, step))]
        out[index] = _value(block, step, method)
    return out


def _value(block, step, method):
    if method == "stride":
        return block[0, 0, 0, 0, 0]
    if method == "nearest":
        return block[tuple(min((f - 1) // 2, n - 1) for f, n in zip(step, block.shape))]
    values = block.ravel().tolist()
    if block.dtype.kind == "f":
        return _float_value(values, method)
    if method == "mode" or (block.dtype.kind == "b" and method in ("mean", "median")):
        return min(values, key=lambda v: (-values.count(v), v))
    if method == "mean":
        return round(Fraction(sum(map(int, values)), len(values)))
    if method == "median":
        values.sort()
        middle = [values[(len(values) - 1) // 2], values[len(values) // 2]]
        return round(Fraction(sum(middle), 2))
    return {"max": max, "min": min}[method](values)


def _float_value(values, method):
    valid = [v for v in values if not math.isnan(v)]
    if not valid:
        return float("nan")
    if method == "mode":
        return min(valid, key=lambda v: (-valid.count(v), v))
    if method == "mean":
        return sum(valid) / len(valid)
    return {"median": np.median, "max": max, "min": min}[method](valid)


def levels(image, layout):
    """All levels of an image as the layout plans them."""
    made = [image]
    for level in layout.levels[1:]:
        made.append(shrink(made[level.source], level.step, layout.method))
    return made


def expected_chunks(sourced, layout):
    """Per level, the chunks that must exist: those with at least one sourced pixel below them."""
    found = []
    for number, level in enumerate(layout.levels):
        chunk = [c * f for c, f in zip(layout.level_chunks(number), level.factors)]
        blocks = itertools.product(*(range(g) for g in layout.grid(number)))
        found.append({b for b in blocks if sourced[tuple(slice(i * c, (i + 1) * c) for i, c in zip(b, chunk))].any()})
    return found
