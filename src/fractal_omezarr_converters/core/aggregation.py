"""Tiles become images: one per well and acquisition, or one per field of view."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractal_omezarr_converters.core.attributes import union_of_attributes
from fractal_omezarr_converters.core.colour_channels import colour_channels
from fractal_omezarr_converters.core.columns import RegionColumns
from fractal_omezarr_converters.core.duplicates import refuse_duplicates
from fractal_omezarr_converters.core.geometry import AXES
from fractal_omezarr_converters.core.source_survey import HeaderChoice, header_choice_of
from fractal_omezarr_converters.core.source_types import data_type_of
from fractal_omezarr_converters.core.stage_places import steps_of
from fractal_omezarr_converters.core.tile import Tile
from fractal_omezarr_converters.core.tile_table import TileTable
from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.collections import CollectionInterface, ImageInPlate

Rows = NDArray[np.int64]


def tiled_image_from_tiles(
    *,
    tiles: Iterable[Tile[Any, Any]] | TileTable,
    split_per_fov: bool = False,
    resource: Any = None,
    converter_options: Any = None,
    headers: HeaderChoice | None = None,
) -> list[TiledImage[Any, Any]]:
    """Group tiles by output path, images in order of first appearance.

    With ``split_per_fov`` every field of view becomes an image. In a plate it is named by number, 0, 1, 2 ...
    through all acquisitions of its well in the order (acquisition, name of the field), its translation is the
    position on the stage, and its name is the field's. Fields that are on disk already keep their numbers when the
    plate is set up. Collections are never changed. ``headers`` says which headers are read, of very many.

    Raises:
        ConvertersToolsUserError: no tiles, tiles of one image that do not belong together, two sources in one place.
    """
    table = tiles if isinstance(tiles, TileTable) else TileTable.from_tiles(tiles)
    if converter_options is not None:
        split_per_fov = bool(converter_options.grouping.split_per_fov)
    if not len(table):
        raise ConvertersToolsUserError(
            "There are no tiles to convert: the table or folder is empty, or the filters removed all of them."
        )
    headers = headers or header_choice(table, resource)
    groups = _groups(table, split_per_fov)
    columns = table.region_columns()
    _refuse_sources_in_one_place(table, columns, groups)
    paths = _field_paths(table, groups) if split_per_fov else None
    return [
        _image(table, columns, rows, resource=resource, path=None if paths is None else paths[number], headers=headers)
        for number, rows in enumerate(groups)
    ]


def header_choice(table: TileTable, resource: Any = None) -> HeaderChoice:
    """Choose the sources of a table whose headers are read: some of every image and size, when there are many."""
    return header_choice_of(table.loaders, table.collection, resource)


def _groups(table: TileTable, split_per_fov: bool) -> list[Rows]:
    """Give the rows of every image, images in order of first appearance."""
    paths = [collection.path() for collection in table.collections]
    numbers = {path: number for number, path in enumerate(dict.fromkeys(paths))}
    key = np.array([numbers[path] for path in paths], dtype=np.int64)[table.collection]
    if split_per_fov:
        key = key * len(table.fov_names) + table.fov
    order = np.argsort(key, kind="stable")
    cuts = np.flatnonzero(np.diff(key[order])) + 1
    groups = [np.asarray(rows, dtype=np.int64) for rows in np.split(order, cuts)]
    return sorted(groups, key=lambda rows: int(rows[0]))


def _image(
    table: TileTable,
    columns: RegionColumns,
    rows: Rows,
    *,
    resource: Any,
    path: str | None,
    headers: HeaderChoice,
) -> TiledImage[Any, Any]:
    """Make one image; ``path`` is given for the image of a single field of view."""
    collection: CollectionInterface = table.collections[int(table.collection[rows[0]])]
    where = path or collection.path()
    details = _agreed_details(table, rows, where)
    regions = columns.part(rows)
    numbers = np.unique(table.acquisition[rows]).tolist() if len(table.acquisitions) > 1 else [0]
    acquisitions = [table.acquisitions[number] for number in numbers]
    data_type, notes = data_type_of(
        acquisitions,
        regions.loaders,
        where=f"image '{where}'",
        resource=resource,
        choice=headers,
    )
    channels = None if details.channels is None else [channel.model_copy() for channel in details.channels]
    if channels is None and "c" in details.axes:
        channels = colour_channels(regions, resource)
    image: TiledImage[Any, Any] = TiledImage(  # a class with parameters could not be pickled
        regions=regions,
        path=where,
        name=None if path is None else regions.fov_names[0],
        xy_pixel_size=details.xy_pixel_size,
        y_pixel_size=details.y_pixel_size,
        z_spacing=details.z_spacing,
        t_spacing=details.t_spacing,
        data_type=data_type,
        axes=list(details.axes),
        collection=collection,
        channels=channels,
        attributes=union_of_attributes(
            [table.attribute_sets[number] for number in dict.fromkeys(table.attribute_set[rows].tolist())],
            f"image '{where}'",
        ),
        notes=notes,
        numbered_frames=all(each.start_t_space == "pixel" for each in acquisitions),
    )
    if path is not None:
        image.translation = image.translation_of_regions()
    return image


def _agreed_details(table: TileTable, rows: Rows, where: str) -> Any:
    """Give the acquisition of all rows; raise when they differ in what an image has only one of."""
    if len(table.acquisitions) == 1:
        return table.acquisitions[0]
    numbers, first_rows = np.unique(table.acquisition[rows], return_index=True)
    ours = table.acquisitions[int(table.acquisition[rows[0]])]
    for number, position in zip(numbers.tolist(), first_rows.tolist()):
        theirs = table.acquisitions[number]
        differing = [
            f"{what} {there} instead of {here}"
            for what, here, there in (
                ("axes", "".join(ours.axes), "".join(theirs.axes)),
                ("channels", ours.channels, theirs.channels),
                ("pixel sizes (t, c, z, y, x)", steps_of(ours).tolist(), steps_of(theirs).tolist()),
            )
            if here != there
        ]
        if differing:
            raise ConvertersToolsUserError(
                f"The tiles {_tile_words(table, int(rows[position]))} and {_tile_words(table, int(rows[0]))} of image "
                f"'{where}' do not belong together: {'; '.join(differing)}. Give them different places, the same "
                "settings, or different acquisition numbers; what lies in one folder is parted by giving the folder "
                "once for each part, each with a filter (such as a Channel Filter) that keeps it alone."
            )
    return ours


def _tile_words(table: TileTable, row: int) -> str:
    return f"'{table.fov_names[int(table.fov[row])]}' ({table.loaders.loader(row).describe_source()})"


def _refuse_sources_in_one_place(table: TileTable, columns: RegionColumns, groups: Sequence[Rows]) -> None:
    image = np.empty(len(table), dtype=np.int64)
    for number, rows in enumerate(groups):
        image[rows] = number
    refuse_duplicates(columns, image, table.steps(), lambda one, other: _apart(table, one, other))


def _apart(table: TileTable, one: int, other: int) -> str:
    """Say how two tiles that fall into one place can be told apart."""
    axes = table.acquisitions[int(table.acquisition[one])].axes
    for axis, first, second in zip(AXES, table.start[one].tolist(), table.start[other].tolist()):
        if axis not in axes and first != second:
            return (
                f"they state {axis}={first:g} and {axis}={second:g}, but the image has the axes {''.join(axes)}: "
                f"add {axis} to them"
            )
    return "remove one, or give them different fields, channels, z, t or acquisitions"


def _field_paths(table: TileTable, groups: Sequence[Rows]) -> list[str]:
    """Give the path of every field's image; collections are asked, never changed."""
    wells: dict[str, list[tuple[int, str, str, int]]] = {}
    paths: dict[int, str] = {}
    for number, rows in enumerate(groups):
        collection = table.collections[int(table.collection[rows[0]])]
        fov_name = table.fov_names[int(table.fov[rows[0]])]
        if isinstance(collection, ImageInPlate):
            well = f"{collection.plate_path()}/{collection.well_path()}"
            wells.setdefault(well, []).append((collection.acquisition, fov_name, collection.path(), number))
        else:
            own = collection.model_copy()
            own.set_suffix("_" + re.sub(r"[^A-Za-z0-9._-]+", "_", fov_name))
            paths[number] = own.path()
    for well, fields in wells.items():
        fields.sort(key=lambda field: (field[0], _natural(field[1]), field[2]))
        for field, (_, _, _, number) in enumerate(fields):
            paths[number] = f"{well}/{field}"
    return [paths[number] for number in range(len(groups))]


def _natural(name: str) -> list[tuple[int, int, str]]:
    """Sort FOV_2 before FOV_10."""
    parts = re.split(r"(\d+)", name)
    return [(1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts if part]
