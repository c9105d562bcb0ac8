"""Pixels of many regions as one array: read at once, or as a dask array that reads nothing until computed."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fractal_omezarr_converters.core.columns import RegionColumns
from fractal_omezarr_converters.core.geometry import AXES, Integers, round_intervals, union
from fractal_omezarr_converters.core.pixels import Source, lay, on_axes

if TYPE_CHECKING:
    import dask.array

Piece = tuple[Sequence[int], NDArray[Any], str]


def whole_pixels(columns: RegionColumns, axes: str, steps: NDArray[np.float64]) -> tuple[Integers, Integers]:
    """Give starts and lengths in pixels; an axis that the image lacks has length 1 at 0."""
    start, length = round_intervals(columns.start, columns.length, steps)
    for number, axis in enumerate(AXES):
        if axis not in axes:
            start[:, number], length[:, number] = 0, 1
    return start, length


def extent(columns: RegionColumns, axes: str, steps: NDArray[np.float64]) -> tuple[list[int], list[int]]:
    """Give origin and shape (5 numbers each) of the box around all regions."""
    origin, shape = union(*whole_pixels(columns, axes, steps))
    return origin.tolist(), shape.tolist()


def load_all(
    columns: RegionColumns, axes: str, steps: NDArray[np.float64], data_type: str, resource: Any = None
) -> NDArray[Any]:
    """Read every region once and lay it in its place; gaps are 0, the last region wins."""
    origin, shape = extent(columns, axes, steps)
    start, _ = whole_pixels(columns, axes, steps)
    pieces = (_piece(source, first, resource) for source, first in zip(_sources(columns, axes, steps), start.tolist()))
    return on_axes(lay(np.zeros(shape, dtype=data_type), origin, pieces), axes)


def load_lazily(  # noqa: PLR0917
    columns: RegionColumns,
    axes: str,
    steps: NDArray[np.float64],
    data_type: str,
    resource: Any = None,
    chunks: Any = None,
) -> dask.array.Array:
    """Give a dask array; one task per region and one per chunk, so the graph grows with the number of tiles.

    ``chunks`` is anything that dask understands, along the image's axes; by default chunks follow the regions: each begins
    where a region begins.
    """
    import dask.array

    da: Any = dask.array

    origin, shape5 = extent(columns, axes, steps)
    start, length = whole_pixels(columns, axes, steps)
    shape = tuple(shape5[AXES.index(axis)] for axis in axes)
    if chunks is None:
        columns_of = [(start[:, i] - origin[i], length[:, i]) for i in map(AXES.index, axes)]
        chunks = tuple(chunks_along(*column) for column in columns_of)
    sizes = da.core.normalize_chunks(chunks, shape=shape, dtype=np.dtype(data_type))
    edges = [np.cumsum([0, *sizes[axes.index(axis)]]) if axis in axes else np.array([0, 1]) for axis in AXES]
    token = uuid.uuid4().hex
    graph: dict[Any, Any] = {}
    members: dict[tuple[int, ...], list[Any]] = {}
    for row, source in enumerate(_sources(columns, axes, steps)):
        key = (f"region-{token}", row)
        graph[key] = (_piece, source, tuple(start[row].tolist()), resource)
        first = start[row] - origin
        spans = [
            range(int(np.searchsorted(edge, low, "right")) - 1, int(np.searchsorted(edge, low + size, "left")))
            for edge, low, size in zip(edges, first.tolist(), length[row].tolist())
        ]
        for cell in itertools.product(*spans):
            members.setdefault(cell, []).append(key)
    name = f"image-{token}"
    for cell in itertools.product(*(range(len(edge) - 1) for edge in edges)):
        zero = tuple(int(edge[i]) + o for edge, i, o in zip(edges, cell, origin))
        size = tuple(int(edge[i + 1] - edge[i]) for edge, i in zip(edges, cell))
        index = tuple(i for axis, i in zip(AXES, cell) if axis in axes)
        graph[(name, *index)] = (_chunk, members.get(cell, []), zero, size, axes, data_type)
    made: dask.array.Array = da.Array(graph, name, chunks=sizes, dtype=np.dtype(data_type))
    return made


def chunks_along(start: Integers, length: Integers) -> tuple[int, ...]:
    """Sizes of chunks along an axis: one begins with each region, none is longer than the longest region.

    Regions that begin less than half a region apart (jitter, rows of a mosaic that do not line up) share a chunk.
    """
    longest, apart = int(length.max()), max(1, int(length.min()) // 2)
    begins = [0]
    for first in np.unique(start).tolist():
        if first - begins[-1] >= apart:
            begins.append(first)
    end = int((start + length).max())
    edges = [edge for first, after in pairwise([*begins, end]) for edge in range(first, after, longest)]
    return tuple(np.diff([*edges, end]).tolist())


def _sources(columns: RegionColumns, axes: str, steps: NDArray[np.float64]) -> list[Source]:
    _, length = whole_pixels(columns, axes, steps)
    return [
        Source(columns.loaders.loader(row), axes, tuple(lengths), columns.fov_name(row))
        for row, lengths in enumerate(length.tolist())
    ]


def _piece(source: Source, start: Sequence[int], resource: Any) -> Piece:
    return start, source.read(resource), f"{source.loader.describe_source(resource)}"


def _chunk(pieces: list[Piece], zero: Sequence[int], size: Sequence[int], axes: str, data_type: str) -> NDArray[Any]:
    return on_axes(lay(np.zeros(size, dtype=data_type), zero, pieces), axes)
