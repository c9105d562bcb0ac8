"""What can be known of the sources without reading a pixel: are they there, and do their headers say what the tiles say?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fractal_omezarr_converters.core.loader_columns import LoaderColumns
from fractal_omezarr_converters.core.pixel_types import holds
from fractal_omezarr_converters.core.source_survey import (
    Header,
    HeaderChoice,
    ask_each,
    distinct_rows,
    file_columns,
    header_of_row,
)
from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsUserError
from fractal_omezarr_converters.models.blocks import named_axes
from fractal_omezarr_converters.models.loaders import ImageLoaderInterface
from fractal_omezarr_converters.models.source_files import SourceFile, SourceFiles
from fractal_omezarr_converters.pipelines.image_steps import pixel_steps

type Image = TiledImage[Any, Any]


@dataclass
class SourceReport:
    """Files behind an image, and everything that is wrong with them."""

    sources: Sequence[SourceFile] = ()
    problems: list[str] = field(default_factory=list)
    missing: int = 0
    """How many of the problems, the first ones, are sources that cannot be found or opened."""
    narrowed: dict[str, int] = field(default_factory=dict)


def expected_shape(image: Image, rows: npt.NDArray[np.int64] | slice = slice(None)) -> npt.NDArray[np.int64]:
    """Pixels of tiles along t, c, z, y, x, as their positions and sizes state them."""
    steps, start, length = pixel_steps(image), image.columns.start[rows], image.columns.length[rows]
    shape = np.maximum(np.rint(length / steps), 1).astype(np.int64)
    corner = start[:, 3:]
    edges = np.stack([corner, corner + length[:, 3:]]) / steps[3:]
    first, stop = np.floor(np.round(edges, 6) + 0.5)
    shape[:, 3:] = np.maximum(stop - first, 1)
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


def missing_sources(loaders: LoaderColumns, resource: Any = None, *, fresh: bool = True) -> list[str]:
    """One sentence for every source that is not there; ``fresh``: files that were looked at before are looked at again."""
    rows = distinct_rows(loaders)
    if (file_columns(loaders, rows, resource, fresh=fresh)[1] >= 0).all():
        return []
    return _look_for(loaders, resource, SourceReport(), fresh=False).problems


def sources_of(image: Image, resource: Any = None) -> Sequence[SourceFile]:
    """Give the files of an image that are there, as they were when they were last looked at."""
    return _look_for(image.columns.loaders, resource, SourceReport(), fresh=False).sources


def check_sources(
    image: Image, resource: Any = None, *, headers: bool = True, choice: HeaderChoice | None = None
) -> SourceReport:
    """Look for every distinct source of an image and, with ``headers``, compare its header with the tiles.

    Args:
        image: The image.
        resource: Handed to the loaders.
        headers: Compare headers; of many sources those of ``choice``, or some of every size when it is not given.
        choice: Made for the table of tiles that the image comes from, which has just been looked through.
    """
    loaders = image.columns.loaders
    report = _look_for(loaders, resource, SourceReport(), fresh=choice is None)
    if headers and not report.problems:
        chosen = choice or HeaderChoice(loaders, np.zeros(len(loaders), np.int64), resource)
        _compare_headers(image, chosen.rows(loaders), resource, report)
    return report


def _look_for(loaders: LoaderColumns, resource: Any, report: SourceReport, *, fresh: bool) -> SourceReport:
    """Collect the files; those that cannot be looked at together with others are asked for, of a store several at once."""
    rows = distinct_rows(loaders)
    paths, size, mtime = file_columns(loaders, rows, resource, fresh=fresh)
    if (size >= 0).all() and len(set(paths)) == len(paths):
        report.sources = SourceFiles([path for path in paths if path is not None], size, mtime)
        return report
    lacking = [at for at, (path, bytes_) in enumerate(zip(paths, size.tolist())) if path is None or bytes_ < 0]
    asked = dict(zip(lacking, ask_each(rows[lacking], lambda row: _files_of(loaders.loader(row), resource))))
    seen: dict[str, SourceFile] = {}
    problems: dict[str, None] = {}
    for at, (path, bytes_, when) in enumerate(zip(paths, size.tolist(), mtime.tolist())):
        files = asked[at] if at in asked else [SourceFile(str(path), bytes_, when)]
        if isinstance(files, str):
            problems[files] = None
            continue
        for each in files:
            seen.setdefault(each.path, each)
    report.problems += problems
    report.missing = len(report.problems)
    report.sources = SourceFiles.taken(list(seen.values()))
    return report


def _files_of(loader: ImageLoaderInterface, resource: Any) -> list[SourceFile] | str:
    """Files of a loader, or what is wrong with them."""
    try:
        files = loader.sources(resource)
        if not files:
            loader.shape_and_dtype(resource)  # says what is wrong when there should be a file
    except (OSError, ConvertersToolsError) as error:
        return _sentence(error)
    return files


def _compare_headers(image: Image, rows: npt.NDArray[np.int64], resource: Any, report: SourceReport) -> None:
    """Compare the headers of some rows with their tiles."""
    columns = image.columns
    expected = expected_shape(image, rows)
    found = ask_each(rows, lambda row: _header(columns.loaders, row, resource))
    axes = "".join(image.axes)
    known: dict[Any, str | None] = {}
    for row, size, header in zip(rows.tolist(), map(tuple, expected.tolist()), found):
        if header is None:
            continue
        if isinstance(header, str):
            problem: str | None = header
        else:
            shape, dtype, data_axes = header
            if (size, shape, data_axes) not in known:
                known[size, shape, data_axes] = shape_problem(shape, data_axes, size, axes)
            problem = known[size, shape, data_axes]
            if problem is None and not holds(image.data_type, dtype):
                report.narrowed[dtype] = report.narrowed.get(dtype, 0) + 1
        if problem is not None:
            described = columns.loaders.loader(row).describe_source(resource)
            report.problems.append(f"{described} (field of view '{columns.fov_name(row)}') {problem}.")


def _header(loaders: LoaderColumns, row: int, resource: Any) -> Header | str:
    """Shape, type and axes of a source; or why it cannot be read; None when its header does not say."""
    try:
        return header_of_row(loaders, row, resource)
    except (OSError, ConvertersToolsError) as error:
        return f"cannot be read: {_sentence(error)}"


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError) and not isinstance(error, ConvertersToolsError) and error.filename is not None:
        return f"The source '{error.filename}' cannot be read: {error.strerror or error}; check the path."
    return str(error)
