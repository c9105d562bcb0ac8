"""What can be known of the sources without reading a pixel: are they there, and do their headers say what the tiles say?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fractal_omezarr_converters.core.loader_columns import LoaderColumns
from fractal_omezarr_converters.core.pixel_types import holds
from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsUserError
from fractal_omezarr_converters.models.blocks import named_axes
from fractal_omezarr_converters.models.loaders import SourceFile
from fractal_omezarr_converters.pipelines.image_steps import pixel_steps

Image = TiledImage[Any, Any]

ALL_HEADERS_UP_TO = 5000
"""Up to so many distinct sources of one image every header is read; beyond, an even sample (pixels are checked when read)."""


@dataclass
class SourceReport:
    """Files behind an image, and everything that is wrong with them."""

    sources: list[SourceFile] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    missing: int = 0
    """How many of the problems, the first ones, are sources that cannot be found or opened."""
    narrowed: dict[str, int] = field(default_factory=dict)


def expected_shape(image: Image) -> npt.NDArray[np.int64]:
    """Pixels of every tile along t, c, z, y, x, as its position and size state them."""
    columns, steps = image.columns, pixel_steps(image)
    shape = np.maximum(np.rint(columns.length / steps), 1).astype(np.int64)
    for axis in (3, 4):
        first = np.floor(np.round(columns.start[:, axis] / steps[axis], 6) + 0.5)
        stop = np.floor(np.round((columns.start[:, axis] + columns.length[:, axis]) / steps[axis], 6) + 0.5)
        shape[:, axis] = np.maximum(stop - first, 1)
    return shape


def shape_problem(shape: Sequence[int], data_axes: str | None, expected: Sequence[int], axes: str) -> str | None:
    """What is wrong with the shape of a source, as the end of a sentence; None when it fits the tile.

    Axes are named by the very function that names them when the pixels are read.
    """
    lengths = [int(size) for size in expected]
    try:
        named_axes(shape, axes=data_axes, image_axes=axes, lengths=lengths, source="It")
    except ConvertersToolsUserError as error:
        return str(error).removeprefix("It ").removesuffix(".")
    return None


def missing_sources(loaders: LoaderColumns, resource: Any = None) -> list[str]:
    """One sentence for every source that is not there."""
    return _look_for(loaders, _distinct_rows(loaders), resource, SourceReport()).problems


def check_sources(image: Image, resource: Any = None, *, headers: bool = True) -> SourceReport:
    """Look for every distinct source of an image and, with ``headers``, compare its header with the tiles."""
    loaders = image.columns.loaders
    rows = _distinct_rows(loaders)
    report = _look_for(loaders, rows, resource, SourceReport())
    if headers and not report.problems:
        _compare_headers(image, rows, resource, report)
    return report


def _distinct_rows(loaders: LoaderColumns) -> npt.NDArray[np.int64]:
    """One row of every distinct description of a source."""
    key = loaders.block * (int(loaders.row.max(initial=0)) + 1) + loaders.row
    return np.sort(np.unique(key, return_index=True)[1])


def _look_for(loaders: LoaderColumns, rows: npt.NDArray[np.int64], resource: Any, report: SourceReport) -> SourceReport:
    seen: dict[str, SourceFile] = {}
    for row in rows.tolist():
        loader = loaders.loader(row)
        try:
            files = loader.sources(resource)
            if not files:
                loader.shape_and_dtype(resource)  # says what is wrong when there should be a file
        except (OSError, ConvertersToolsError) as error:
            text = _sentence(error)
            if text not in report.problems:
                report.problems.append(text)
            continue
        for file in files:
            seen.setdefault(file.path, file)
    report.sources = list(seen.values())
    report.missing = len(report.problems)
    return report


def _compare_headers(image: Image, rows: npt.NDArray[np.int64], resource: Any, report: SourceReport) -> None:
    """Compare headers with tiles: all, or beyond a few thousand an even sample with several of every tile shape."""
    columns = image.columns
    expected = expected_shape(image)
    stride = len(rows) // ALL_HEADERS_UP_TO + 1
    shapes: dict[tuple[int, ...], int] = {}
    for number, row in enumerate(rows.tolist()):
        key = tuple(expected[row].tolist())
        shapes[key] = shapes.get(key, 0) + 1
        if number % stride and shapes[key] > 3:
            continue
        loader = columns.loaders.loader(row)
        problem = _header_problem(image, loader, resource, expected[row], report)
        if problem is not None:
            report.problems.append(
                f"{loader.describe_source(resource)} (field of view '{columns.fov_name(row)}') {problem}."
            )


def _header_problem(
    image: Image, loader: Any, resource: Any, expected: npt.NDArray[np.int64], report: SourceReport
) -> str | None:
    """What is wrong with one source; types wider than the image's are counted, because their values may still fit."""
    axes = "".join(image.axes)
    try:
        header = loader.shape_and_dtype(resource)
        data_axes = loader.data_axes(resource) if header is not None else None
    except (OSError, ConvertersToolsError) as error:
        return f"cannot be read: {_sentence(error)}"
    if header is None:
        return None
    shape, dtype = header
    problem = shape_problem(shape, data_axes, expected.tolist(), axes)
    if problem is None and not holds(image.data_type, dtype):
        report.narrowed[dtype] = report.narrowed.get(dtype, 0) + 1
    return problem


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError) and not isinstance(error, ConvertersToolsError) and error.filename is not None:
        return f"The source '{error.filename}' cannot be read: {error.strerror or error}; check the path."
    return str(error)
