"""Crop tiles of several planes or frames to the range that a filter keeps, where their loader can read parts."""

from __future__ import annotations

from typing import Any

import numpy as np

from fractal_omezarr_converters.core.loader_columns import LoaderColumns
from fractal_omezarr_converters.core.tile_table import TileTable
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.acquisition import AcquisitionDetails
from fractal_omezarr_converters.models.axes import AXES
from fractal_omezarr_converters.models.blocks import named_axes
from fractal_omezarr_converters.pipelines.cropped_loader import CroppedLoader
from fractal_omezarr_converters.pipelines.filter_masks import within

UNNAMED = "q"
"""The letter of an axis that a file has without naming it: the pages of a plain TIFF."""
CROPPING = {"Z Range Filter": ("z", 2), "Time Range Filter": ("t", 0)}


def crop_to_range(
    table: TileTable, params: Any, resource: Any = None, *, unreadable: list[str] | None = None
) -> tuple[TileTable, int]:
    """The tiles with those cropped that lie partly in the range, and how many were cropped.

    Tiles without a plane in the range, and tiles whose loader reads only the whole, stay as they are. So do tiles whose source
    cannot be read; what is wrong with each is appended to ``unreadable``.
    """
    axis, column = CROPPING[params.name]
    low = getattr(params, f"min_{axis}")
    high = getattr(params, f"max_{axis}")
    counts = np.ones(len(table), dtype=np.int64)
    steps = np.ones(len(table))
    for index, details in enumerate(table.acquisitions):
        rows = table.acquisition == index
        steps[rows] = _spacing(details, axis) if getattr(details, f"start_{axis}_space") == "world" else 1.0
        counts[rows] = _planes(table.length[rows, column], details, axis)
    several = np.flatnonzero(counts > 1)
    start, length = table.start.copy(), table.length.copy()
    loaders = table.loaders
    changed: dict[int, CroppedLoader] = {}
    for row in several.tolist():
        positions = start[row, column] + np.arange(counts[row]) * steps[row]
        kept = np.flatnonzero(within(positions, low, high))
        loader = loaders.loader(row)
        if not len(kept) or len(kept) == len(positions):
            continue
        if not loader.reads_parts() and not isinstance(loader, CroppedLoader):
            continue
        try:
            stated = loader.data_axes(resource)
            axes = stated or _axes_in_order(table, row, resource)
        except ConvertersToolsUserError as error:
            if unreadable is not None:
                unreadable.append(str(error))
            continue
        own = axis if axis in axes else _unnamed_axis(table, row, axes, axis, resource)
        if own is None:
            continue
        first, stop = int(kept[0]), int(kept[-1]) + 1
        changed[row] = CroppedLoader.of(loader, {own: (first, stop)}, axes=None if stated else axes)
        start[row, column] = positions[first]
        length[row, column] *= (stop - first) / counts[row]
    if not changed:
        return table, 0
    added = LoaderColumns.concat([loaders, LoaderColumns.from_loaders(list(changed.values()))])
    order = np.arange(len(table))
    order[list(changed)] = len(table) + np.arange(len(changed))
    return _with(table, start, length, added.select(order)), len(changed)


def _axes_in_order(table: TileTable, row: int, resource: Any) -> str:
    """Axes of a source that names none, by their order: the last ones of the image."""
    header = table.loaders.loader(row).shape_and_dtype(resource)
    axes = "".join(table.acquisitions[int(table.acquisition[row])].axes)
    return "" if header is None or len(header[0]) > len(axes) else axes[len(axes) - len(header[0]) :]


def _unnamed_axis(table: TileTable, row: int, axes: str, wanted: str, resource: Any) -> str | None:
    """The letter of the pages of a plain TIFF file, when they are the tile's planes or frames; else None."""
    if UNNAMED not in axes:
        return None
    loader, details = table.loaders.loader(row), table.acquisitions[int(table.acquisition[row])]
    lengths = {letter: int(_planes(table.length[row, column], details, letter)) for letter, column in CROPPING.values()}
    lengths["c"] = round(table.length[row, 1])
    try:
        shape = (loader.shape_and_dtype(resource) or ((), ""))[0]
        lengths |= {letter: size for letter, size in zip(axes, shape) if letter in "yx"}
        named = named_axes(
            shape,
            axes=axes,
            image_axes=details.axes,
            lengths=[lengths.get(letter, 1) for letter in AXES],
            source=loader.describe_source(resource),
        )
    except ConvertersToolsUserError:  # told where headers are compared with tiles
        return None
    return UNNAMED if wanted in named else None


def _planes(lengths: Any, details: AcquisitionDetails, axis: str) -> Any:
    in_pixels = getattr(details, f"length_{axis}_space") == "pixel"
    return np.maximum(np.rint(lengths if in_pixels else lengths / _spacing(details, axis)), 1).astype(np.int64)


def _spacing(details: AcquisitionDetails, axis: str) -> float:
    return float(details.z_spacing if axis == "z" else details.t_spacing)


def _with(table: TileTable, start: Any, length: Any, loaders: LoaderColumns) -> TileTable:
    moments = table.moments
    if moments is not None:  # those of frames within a tile are not known
        moments = moments.without(start[:, 0] != table.start[:, 0])
    return table.replaced(start=start, length=length, loaders=loaders, moments=moments)
