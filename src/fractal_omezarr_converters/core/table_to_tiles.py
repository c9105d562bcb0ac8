"""Tiles from a table with one row per tile: any kind of table, columns in any order, all mistakes told at once.

Columns are found by their names: the fields of :class:`Tile`, ``file_path`` and what to select in the file, the well
or image, pixel sizes and channels. Every other column is an attribute.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from fractal_omezarr_converters.core.coded_cells import CodedCells, combined
from fractal_omezarr_converters.core.frame_sources import read_frame
from fractal_omezarr_converters.core.frames import Frame
from fractal_omezarr_converters.core.loader_columns import LoaderColumns
from fractal_omezarr_converters.core.moments import Moments
from fractal_omezarr_converters.core.table_attributes import attributes_of_rows
from fractal_omezarr_converters.core.table_details import (
    CHANNEL_COLUMNS,
    OLDER_SIZE_COLUMN,
    SIZE_COLUMNS,
    details_of_rows,
)
from fractal_omezarr_converters.core.table_lengths import fill_lengths, stated_lengths
from fractal_omezarr_converters.core.table_places import Places, places_in_plates, places_of_images
from fractal_omezarr_converters.core.tile import Tile
from fractal_omezarr_converters.core.tile_table import TileTable
from fractal_omezarr_converters.errors import ConvertersToolsWarning
from fractal_omezarr_converters.models.acquisition import AcquisitionDetails, default_axes_builder
from fractal_omezarr_converters.models.axes import AXES

if TYPE_CHECKING:
    import numpy.typing as npt

    type Floats = npt.NDArray[np.float64]

FILE_COLUMN = "file_path"
# What to select in a file, and the field of the loader. Only page and series go by their own names: tables of
# existing users have attributes that are called channel, level, z or t.
SELECTIONS = {"page": "page", "series": "series"} | {
    f"file_{name}": name for name in ("level", "channel", "z", "t", "plane")
}
PLACE_COLUMNS = {"plate": ("well", "row", "column", "plate_name", "acquisition"), "images": ("image_path",)}
MOMENT_COLUMN = "acquired_at"
GEOMETRY_COLUMNS = ("fov_name", *(f"start_{axis}" for axis in AXES), *(f"length_{axis}" for axis in AXES))
KNOWN_COLUMNS = frozenset(
    [FILE_COLUMN, MOMENT_COLUMN, OLDER_SIZE_COLUMN, *SELECTIONS, *GEOMETRY_COLUMNS, *SIZE_COLUMNS, *CHANNEL_COLUMNS]
)
LOADER = "DefaultImageLoader"

type Kind = Literal["plate", "images"]


def hcs_images_from_dataframe(
    *,
    tiles_table: Any,
    acquisition_details: AcquisitionDetails,
    plate_name: str | None = None,
    acquisition_id: int = 0,
    resource: Any = None,
) -> list[Tile[Any, Any]]:
    """Make one tile per row for images in plates.

    Args:
        tiles_table: pandas or polars frame, list of dicts, dict of lists, or path of a CSV or Parquet file.
        acquisition_details: what is known of the acquisition; columns of the table override it.
        plate_name: plate of the rows when the table has no column ``plate_name``; None means ``Plate``.
        acquisition_id: acquisition of the rows when the table has no column ``acquisition``.
        resource: folder of relative paths; asked only for lengths that the table leaves out.

    Raises:
        ConvertersToolsUserError: the table cannot be used; every wrong row and column is listed.
    """
    table = tile_table_from_columns(
        tiles_table,
        acquisition_details=acquisition_details,
        kind="plate",
        plate_name=plate_name,
        acquisition_id=acquisition_id,
        resource=resource,
    )
    return list(table)


def single_images_from_dataframe(
    *, tiles_table: Any, acquisition_details: AcquisitionDetails, resource: Any = None
) -> list[Tile[Any, Any]]:
    """Make one tile per row for images of their own, named by the column ``image_path``.

    Args:
        tiles_table: pandas or polars frame, list of dicts, dict of lists, or path of a CSV or Parquet file.
        acquisition_details: what is known of the acquisition; columns of the table override it.
        resource: folder of relative paths; asked only for lengths that the table leaves out.

    Raises:
        ConvertersToolsUserError: the table cannot be used; every wrong row and column is listed.
    """
    table = tile_table_from_columns(
        tiles_table, acquisition_details=acquisition_details, kind="images", resource=resource
    )
    return list(table)


def tile_table_from_columns(
    tiles_table: Any,
    *,
    acquisition_details: AcquisitionDetails,
    kind: Kind,
    plate_name: str | None = None,
    acquisition_id: int = 0,
    image_name: str | None = None,
    resource: Any = None,
) -> TileTable:
    """Make the tiles of a table without an object per row; notes for the user are given as warnings.

    Raises:
        ConvertersToolsUserError: the table cannot be used; every wrong row and column is listed.
    """
    frame = read_frame(tiles_table)
    tiles = tiles_of_frame(
        frame,
        details=acquisition_details,
        places=places_of_frame(frame, kind, plate_name, acquisition_id, image_name),
        loaders=loaders_of_frame(frame),
        kind=kind,
        resource=resource,
    )
    for note in dict.fromkeys(frame.notes):
        warnings.warn(note, ConvertersToolsWarning, stacklevel=2)
    return tiles


def places_of_frame(
    frame: Frame, kind: Kind, plate_name: str | None, acquisition_id: int, image_name: str | None
) -> Places:
    """Give the image of every row; wrong cells are recorded in the frame."""
    if kind == "plate":
        return places_in_plates(frame, plate_name, acquisition_id)
    return places_of_images(frame, image_name)


def loaders_of_frame(frame: Frame) -> LoaderColumns:
    """Give the loader of every row; wrong cells are recorded in the frame.

    Raises:
        ConvertersToolsUserError: there is no column of files, or no row at all.
    """
    if FILE_COLUMN not in frame.columns:
        near = difflib.get_close_matches(FILE_COLUMN, [name.lower() for name in frame.columns], n=1, cutoff=0.5)
        meant = f"; is it '{near[0]}'?" if near else "."
        frame.problems.append(
            f"{frame.name} has no column '{FILE_COLUMN}' with the image file of every tile"
            f" (columns found: {', '.join(frame.columns) or 'none'}){meant}"
        )
        frame.raise_problems()
    if not len(frame):
        frame.problems.append(f"{frame.name} has no rows; give one row per tile.")
        frame.raise_problems()
    columns: dict[str, list[Any]] = {FILE_COLUMN: frame.needed_text(FILE_COLUMN)}
    for column, field in SELECTIONS.items():
        if column in frame:
            numbers = frame.integers(column, at_least=0).tolist()
            columns[field] = [None if number < 0 else number for number in numbers]
    return LoaderColumns.from_columns(LOADER, columns)


def check_numbers(frame: Frame, details: AcquisitionDetails) -> None:
    """Record the wrong cells of positions, lengths, sizes and times, for a table that is refused for another reason already."""
    _starts(frame)
    stated_lengths(frame)
    _steps(frame, details)
    if MOMENT_COLUMN in frame:
        frame.times(MOMENT_COLUMN)


def tiles_of_frame(
    frame: Frame,
    *,
    details: AcquisitionDetails,
    places: Places,
    loaders: LoaderColumns,
    kind: Kind,
    resource: Any = None,
    headers: Mapping[str, Floats] | None = None,
    axes_stated: bool = True,
    absent: npt.NDArray[np.bool_] | None = None,
) -> TileTable:
    """Put the tiles together.

    Args:
        frame: the table; notes for the user are added to its notes.
        details: what is known of the acquisition.
        places: image of every row.
        loaders: loader of every row.
        kind: plate, or images of their own.
        resource: what the loaders need to find their files.
        headers: pixel sizes that files state, by field of the details; NaN where unknown.
        axes_stated: False makes the axes ``czyx``, or ``tczyx`` when the table has several time points.
        absent: rows whose file is not there; lengths that the table leaves out count as one for them.

    Raises:
        ConvertersToolsUserError: the table cannot be used; every wrong row and column is listed.
    """
    attribute_sets, attribute_set = attributes_of_rows(frame, KNOWN_COLUMNS | {*PLACE_COLUMNS[kind]})
    starts = _starts(frame)
    lengths = stated_lengths(frame)
    if absent is not None:
        lengths[absent] = np.nan_to_num(lengths[absent], nan=1)
    fill_lengths(
        frame,
        lengths,
        loaders,
        details=details,
        steps=partial(_steps, frame, details),
        image=places.image,
        resource=resource,
    )
    if not axes_stated:
        several = (lengths[:, 0] > 1).any() or len(np.unique(starts[:, 0])) > 1
        details = details.model_copy(update={"axes": default_axes_builder(bool(several))})
    first, length = starts[:, 1].astype(np.int64), np.nan_to_num(lengths[:, 1], nan=1).astype(np.int64)
    own = details_of_rows(frame, places, details, (first, length), headers)
    _check_channels(frame, own.details, own.number, first + length)
    fields = _fields(frame, places, starts)
    moments = Moments.of_times(frame.times(MOMENT_COLUMN)) if MOMENT_COLUMN in frame else None
    frame.raise_problems()
    return TileTable(
        fov_names=fields.values,
        fov=fields.codes,
        start=starts,
        length=lengths,
        loaders=loaders,
        collections=places.collections,
        collection=places.image,
        acquisitions=own.details,
        acquisition=own.number,
        attribute_sets=attribute_sets,
        attribute_set=attribute_set,
        moments=moments,
    )


def _starts(frame: Frame) -> Floats:
    starts = np.zeros((len(frame), len(AXES)))
    for number, axis in enumerate(AXES):
        name = f"start_{axis}"
        if name in frame and axis == "c":
            starts[:, number] = frame.integers(name, at_least=0, needed=True, empty=0)
        elif name in frame:
            starts[:, number] = np.nan_to_num(frame.numbers(name, needed=True))
    return starts


def _steps(frame: Frame, details: AcquisitionDetails) -> Floats:
    """Give the size of a pixel along ``tczyx`` for every row, for lengths in world units."""
    values = {name: np.full(len(frame), getattr(details, name) or np.nan) for name in SIZE_COLUMNS}
    for column in (*SIZE_COLUMNS, OLDER_SIZE_COLUMN):
        if column in frame:
            cells = frame.numbers(column, above=0)
            field = "xy_pixel_size" if column == OLDER_SIZE_COLUMN else column
            values[field] = np.where(np.isnan(cells), values[field], cells)
    x, y = values["xy_pixel_size"], values["y_pixel_size"]
    ones = np.ones(len(frame))
    return np.stack([values["t_spacing"], ones, values["z_spacing"], np.where(np.isnan(y), x, y), x], axis=1)


def _check_channels(
    frame: Frame, details: list[AcquisitionDetails], index: npt.NDArray[np.int32], stop: npt.NDArray[np.int64]
) -> None:
    counts = np.array([len(each.channels) if each.channels else np.iinfo(np.int64).max for each in details])
    beyond = np.flatnonzero(stop > counts[index]).tolist()
    if beyond:
        channels = details[int(index[beyond[0]])].channels or []
        labels = ", ".join(channel.channel_label for channel in channels)
        name = "start_c" if "start_c" in frame.columns else "length_c"
        why = f"the tile reaches beyond the {len(channels)} channels that are named ({labels}); name all channels"
        frame.wrong(name, beyond, why)


def _fields(frame: Frame, places: Places, starts: Floats) -> CodedCells:
    """Give the FOV of every row; without a column, one name per distinct position within an image."""
    if "fov_name" in frame:
        return frame.needed_coded_text("fov_name")
    image = CodedCells(range(int(places.image.max(initial=-1)) + 1), places.image)
    columns = [CodedCells(*_distinct_numbers(starts[:, axis])) for axis in (4, 3)]
    positions = combined([image, *columns])
    number_in_image: dict[int, int] = {}
    names = []
    for key, _, _ in positions.values:
        number_in_image[key] = number_in_image.get(key, 0) + 1
        names.append(f"FOV_{number_in_image[key]}")
    return CodedCells(names, positions.codes).mapped(str)


def _distinct_numbers(values: Floats) -> tuple[range, npt.NDArray[np.int32]]:
    found, codes = np.unique(values, return_inverse=True)
    return range(len(found)), codes.ravel().astype(np.int32)
