"""What can be known of the sources without reading a pixel: are they there, and do their headers say what the tiles say?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fractal_omezarr_converters.core.pixel_types import holds
from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import ConvertersToolsError
from fractal_omezarr_converters.models.loaders import SourceFile
from fractal_omezarr_converters.pipelines.image_steps import pixel_steps

Image = TiledImage[Any, Any]

ALL_HEADERS_UP_TO = 5000
"""Up to so many distinct sources every header is read; beyond, one of every file size and an even sample."""


@dataclass
class SourceReport:
    """Files behind an image, and everything that is wrong with them."""

    sources: list[SourceFile] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
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

    Axes that the source names are compared by name; otherwise they are the image's last axes, and missing leading ones
    have length 1.
    """
    wanted = {axis: int(expected["tczyx".index(axis)]) for axis in axes}
    text = " x ".join(f"{axis} {size}" for axis, size in wanted.items() if size > 1 or axis in "yx")
    found = f"{' x '.join(str(size) for size in shape)} pixels{f' ({data_axes})' if data_axes else ''}"
    if data_axes is not None and len(data_axes) == len(shape):
        sizes = dict(zip(data_axes, shape))
        fits = all(sizes.get(axis, 1) == size for axis, size in wanted.items()) and all(
            size == 1 or axis in wanted for axis, size in sizes.items()
        )
    else:
        right = list(wanted.values())
        extra = len(shape) - len(right)
        fits = list(shape[max(extra, 0) :]) == right[-len(shape) :] if len(shape) <= len(right) else False
        fits = fits and all(size == 1 for size in right[: len(right) - len(shape)])
        fits = fits or (extra > 0 and all(size == 1 for size in shape[:extra]) and list(shape[extra:]) == right)
    return None if fits else f"has {found}, but its tile is {text}"


def check_sources(image: Image, resource: Any = None, *, headers: bool = True) -> SourceReport:
    """Look for every distinct source of an image and, with ``headers``, compare its header with the tiles."""
    columns = image.columns
    report = SourceReport()
    expected = expected_shape(image) if headers else None
    identity = columns.loaders.identity()
    _, firsts = np.unique(identity, return_index=True)
    rows = np.sort(firsts)
    seen: dict[str, SourceFile] = {}
    missing: set[str] = set()
    sizes: dict[tuple[int, ...], int] = {}
    for number, row in enumerate(rows.tolist()):
        loader = columns.loaders.loader(row)
        try:
            files = loader.sources(resource)
        except (OSError, ConvertersToolsError) as error:
            text = _sentence(error)
            if text not in missing:
                missing.add(text)
                report.problems.append(text)
            continue
        for file in files:
            seen.setdefault(file.path, file)
        if not headers or expected is None:
            continue
        if len(rows) > ALL_HEADERS_UP_TO:
            key = tuple(file.size for file in files)
            sizes[key] = sizes.get(key, 0) + 1
            if sizes[key] > 3 and number % (len(rows) // ALL_HEADERS_UP_TO + 1):
                continue
        problem = _header_problem(image, loader, resource, expected[row], report)
        if problem is not None:
            name = columns.fov_names[columns.fov[row]]
            report.problems.append(f"{loader.describe_source(resource)} (field of view '{name}') {problem}.")
    report.sources = list(seen.values())
    return report


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
