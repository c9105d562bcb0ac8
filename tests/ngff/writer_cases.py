"""Images that the writer is tried on: any shape, tiles, chunks, shards, levels, type and version; and what it made of them."""

from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import strategies as st

from fractal_omezarr_converters.ngff.layout import make_layout
from fractal_omezarr_converters.ngff.stores import LocalStore

DTYPES = ["bool", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8"]


class CountingStore(LocalStore):
    """Counts how often each chunk or shard is written."""

    def __init__(self, path):
        super().__init__(path)
        self.writes = Counter()

    def put_chunk(self, key, data):
        self.writes[key] += 1
        super().put_chunk(key, data)

    def begin(self, key):
        self.writes[key] += 1
        return super().begin(key)


def pixels_of(rng, shape, dtype):
    dtype = np.dtype(dtype)
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.kind == "f":
        values = rng.normal(0, 100, shape).astype(dtype)
        values[rng.random(shape) < 0.05] = np.nan
        return values
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    wild = rng.integers(low, high, shape, dtype=dtype, endpoint=True)
    near = rng.integers(0, 5, shape).astype(dtype)
    return np.where(rng.random(shape) < 0.5, wild, near)


@st.composite
def cases(draw):
    shape = [draw(st.integers(1, n)) for n in (2, 2, 4, 23, 23)]
    chunks = [draw(st.integers(1, n + 2)) for n in shape[:3]] + [draw(st.integers(2, 30)) for _ in range(2)]
    version = draw(st.sampled_from(["0.4", "0.5", "0.6"]))
    shards = None
    if version != "0.4" and draw(st.booleans()):
        shards = [c * draw(st.integers(1, 3)) for c in chunks]
    boxes = []
    for _ in range(draw(st.integers(0, 6))):
        start = [draw(st.integers(0, n - 1)) for n in shape]
        boxes.append((start, [draw(st.integers(1, n - s)) for n, s in zip(shape, start)]))
    wishes = [None, 1, 3, [2, 4], [3], [2, 3, 6], [{"z": 2, "y": 2, "x": 2}, {"z": 2, "y": 4, "x": 4}], [{"x": 3}]]
    method = draw(st.sampled_from(["mean", "mean", "mean", "nearest", "mode", "max", "min", "median"]))
    return {
        "shape": shape,
        "chunks": chunks,
        "shards": shards,
        "version": version,
        "boxes": boxes,
        "levels": draw(st.sampled_from(wishes)),
        "method": method,
        "dtype": draw(st.sampled_from(DTYPES)),
        "threads": draw(st.sampled_from([1, 3])),
        "memory": draw(st.sampled_from([None, 1])),
        "parts": draw(st.booleans()),
        "into": draw(st.booleans()),
        "seed": draw(st.integers(0, 9)),
    }


def layout_of(case):
    return make_layout(
        version=case["version"],
        axes="tczyx",
        shape=case["shape"],
        dtype=case["dtype"],
        pixel_size=(1, 1, 2.0, 0.5, 0.25),
        origin=(0, 0, 0, 0, 0),
        chunks=case["chunks"],
        shards=case["shards"],
        levels=case["levels"],
        method=case["method"],
        compression=case.get("compression"),
    )


def assert_same(found, expected, path):
    """Equal pixels; float means may differ in the last bit, since the order of a sum is free."""
    if expected.dtype.kind == "f":
        np.testing.assert_allclose(
            found, expected, rtol=4 * float(np.finfo(expected.dtype).eps), atol=1e-11, err_msg=f"level {path}"
        )
    else:
        np.testing.assert_array_equal(found, expected, err_msg=f"level {path}")


def files_below(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
