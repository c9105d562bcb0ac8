"""Open OME-Zarr images of any version, written by anyone: axes, levels, pixel sizes, channels, lazy arrays.

Source: OME-NGFF 0.1 to 0.6. Images of 0.1 and 0.2 are always t, c, z, y, x; up to 0.3 no pixel sizes are stated.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.rights_to_read import refusals_to_read
from fractal_omezarr_converters.ngff.array_headers import ArrayHeader, read_array_header
from fractal_omezarr_converters.ngff.axes import Axes, in_own_unit
from fractal_omezarr_converters.ngff.groups import Group, join, read_group, require_group
from fractal_omezarr_converters.ngff.stores import Store, open_store
from fractal_omezarr_converters.ngff.tables import list_tables, read_table
from fractal_omezarr_converters.ngff.transforms import LevelGeometry, read_geometry
from fractal_omezarr_converters.ngff.zarr_arrays import DECODE_ERRORS, open_array, read_part

if TYPE_CHECKING:
    import numpy as np
    import zarr

Place = str | os.PathLike[str] | Store


@dataclass(frozen=True)
class ImageLevel:
    """One resolution level: where its array lies and how its pixels lie in space."""

    path: str
    header: ArrayHeader
    geometry: LevelGeometry

    @property
    def shape(self) -> tuple[int, ...]:
        """Pixels per axis."""
        return self.header.shape


@dataclass(frozen=True)
class Multiscale:
    """An image (or label) with all its levels; nothing but metadata is read until pixels are asked for."""

    store: Store
    path: str
    version: str
    name: str | None
    axes: Axes
    levels: tuple[ImageLevel, ...]
    attributes: Mapping[str, Any]
    ome: Mapping[str, Any]

    def __repr__(self) -> str:
        """Describe the image in one block."""
        sizes = ", ".join(f"{axis.name} {size}" for axis, size in zip(self.axes, self.shape))
        return (
            f"OME-Zarr {self.version} image '{self.name or self.path or '.'}': {sizes}; {self.dtype}; "
            f"{len(self.levels)} levels; channels {', '.join(self.channel_labels) or 'not named'}"
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Pixels per axis at full resolution."""
        return self.levels[0].shape

    @property
    def dtype(self) -> str:
        """Type of the pixels."""
        return self.levels[0].header.dtype

    @property
    def channels(self) -> list[dict[str, Any]]:
        """Channels as `omero` states them."""
        omero = self.ome.get("omero")
        found = omero.get("channels") if isinstance(omero, Mapping) else None
        return [dict(channel) for channel in found if isinstance(channel, Mapping)] if isinstance(found, list) else []

    @property
    def channel_labels(self) -> list[str]:
        """Labels of the channels, by number where there is none."""
        return [str(channel.get("label", f"channel_{index}")) for index, channel in enumerate(self.channels)]

    def pixel_size(self, level: int = 0) -> dict[str, float]:
        """Return the pixel size per axis in µm and seconds, whatever the units of the document."""
        return _in_own_units(self.axes, self.levels[level].geometry.scale)

    def translation(self, level: int = 0) -> dict[str, float]:
        """Return the position of the first pixel's centre per axis in µm and seconds."""
        return _in_own_units(self.axes, self.levels[level].geometry.translation)

    def level(self, number: int | str = 0) -> zarr.Array[Any]:
        """Open the array of a level, by number or path; pixels are read when it is indexed."""
        return open_array(self.store, join(self.path, self._level(number).path))

    def read(self, number: int | str = 0, **parts: slice | int) -> np.ndarray[Any, Any]:
        """Read the pixels of a level; parts by axis, such as ``read(0, c=1, y=slice(0, 64))``."""
        unknown = sorted(parts.keys() - set(self.axes.names))
        if unknown:
            raise ConvertersToolsUserError(
                f"The image '{self.path or '.'}' has no axis {', '.join(unknown)}; it has {', '.join(self.axes.names)}."
            )
        region = tuple(parts.get(name, slice(None)) for name in self.axes.names)
        array = self.level(number)
        with refusals_to_read():
            try:
                return read_part(array, region)
            except (IndexError, PermissionError):
                raise  # the region is wrong, or the user may not read: the chunks are not damaged
            except DECODE_ERRORS as error:
                raise ConvertersToolsUserError(
                    f"Level '{self._level(number).path}' of the image '{self.path or '.'}' in {self.store.url} cannot be "
                    f"read ({error}): a chunk is damaged; convert the image again."
                ) from error

    def labels(self) -> list[str]:
        """Return the names of the image's label images."""
        group = read_group(self.store, join(self.path, "labels"))
        names = group.ome.get("labels") if group is not None else None
        return [str(name) for name in names] if isinstance(names, list) else []

    def label(self, name: str) -> Multiscale:
        """Open one label image."""
        return open_image(self.store, join(self.path, "labels", name))

    def tables(self) -> list[str]:
        """Return the names of the image's tables."""
        return list_tables(self.store, self.path)

    def table(self, name: str) -> dict[str, list[Any]]:
        """Read one table as columns."""
        return read_table(self.store, self.path, name)

    def _level(self, number: int | str) -> ImageLevel:
        if isinstance(number, int) and -len(self.levels) <= number < len(self.levels):
            return self.levels[number]
        for level in self.levels:
            if level.path == number:
                return level
        paths = ", ".join(level.path for level in self.levels)
        raise ConvertersToolsUserError(f"The image '{self.path or '.'}' has no level {number!r}; it has {paths}.")


def open_image(place: Place, path: str = "") -> Multiscale:
    """Open an image or label.

    Args:
        place: A folder, URL or store.
        path: Path of the image below it.

    Raises:
        ConvertersToolsFileNotFoundError: nothing is there, or an array is missing.
        ConvertersToolsUserError: what is there is no image, or its metadata are damaged.
    """
    store = open_store(place)
    group = require_group(store, path)
    multiscales = group.ome.get("multiscales")
    if not (isinstance(multiscales, list) and multiscales and isinstance(multiscales[0], Mapping)):
        raise ConvertersToolsUserError(
            f"'{path or '.'}' in {store.url} is {kind_of(group)}, not an image: it has no 'multiscales'; check the path."
        )
    first: Mapping[str, Any] = multiscales[0]
    datasets = first.get("datasets")
    if not (isinstance(datasets, list) and datasets and all(_is_level(entry) for entry in datasets)):
        raise ConvertersToolsUserError(
            f"The image '{path or '.'}' in {store.url} lists no levels, or one without a path; convert it again."
        )
    headers = [read_array_header(store, join(path, str(dataset["path"]))) for dataset in datasets]
    axes = _axes(first, len(headers[0].shape))
    where = f"Image '{path or '.'}' in {store.url}"
    if any(len(header.shape) != len(axes) for header in headers):
        raise ConvertersToolsUserError(
            f"{where} states {len(axes)} axes, its arrays have {[len(header.shape) for header in headers]}; convert it again."
        )
    levels = tuple(
        ImageLevel(str(dataset["path"]), header, _geometry(first, dataset, len(axes), where))
        for dataset, header in zip(datasets, headers)
    )
    name = first.get("name")
    return Multiscale(
        store=store,
        path=path,
        version=group.version or "0.4",
        name=str(name) if name is not None else None,
        axes=axes,
        levels=levels,
        attributes=group.attributes,
        ome=group.ome,
    )


def read_level(place: Place, level: int | str = 0, path: str = "") -> np.ndarray[Any, Any]:
    """Read all pixels of one level of an image."""
    return open_image(place, path).read(level)


def read_attributes(place: Place, path: str = "") -> dict[str, Any]:
    """Read all attributes of a group or array."""
    return require_group(open_store(place), path).attributes


def _is_level(entry: Any) -> bool:
    return isinstance(entry, Mapping) and isinstance(entry.get("path"), str)


def _axes(multiscale: Mapping[str, Any], ndim: int) -> Axes:
    stated = multiscale.get("axes")
    systems = _objects(multiscale.get("coordinateSystems"))
    if systems:
        stated = _system(multiscale, systems).get("axes")
    if isinstance(stated, list) and stated:
        return Axes.from_json(stated)
    return Axes.from_json(list("tczyx"[-ndim:]))


def _system(multiscale: Mapping[str, Any], systems: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return the coordinate system that the levels lead to (0.6)."""
    wanted: list[Any] = []
    for dataset in _objects(multiscale.get("datasets")):
        for transformation in _objects(dataset.get("coordinateTransformations")):
            output = transformation.get("output")
            wanted.append(output.get("name") if isinstance(output, Mapping) else output)
    return next((system for system in systems if system.get("name") in wanted), systems[0])


def _objects(listed: Any) -> list[Mapping[str, Any]]:
    """The objects of what should be a list of them."""
    return [each for each in listed if isinstance(each, Mapping)] if isinstance(listed, list) else []


def _geometry(multiscale: Mapping[str, Any], dataset: Mapping[str, Any], ndim: int, where: str) -> LevelGeometry:
    geometry = read_geometry(dataset.get("coordinateTransformations"), ndim, where)
    if multiscale.get("coordinateSystems"):
        return geometry
    return geometry.after(read_geometry(multiscale.get("coordinateTransformations"), ndim, where))


def _in_own_units(axes: Axes, values: Sequence[float]) -> dict[str, float]:
    return {axis.name: value * in_own_unit(axis.unit) for axis, value in zip(axes, values)}


def kind_of(group: Group) -> str:
    """What a group is, in words."""
    if "bioformats2raw.layout" in group.ome:
        return "a collection of images that bioformats2raw wrote (open one of its folders: 0, 1, ...)"
    for key, words in (("plate", "a plate"), ("well", "a well"), ("labels", "a list of labels")):
        if key in group.ome:
            return words
    return "an array" if group.array is not None else "a group without OME-Zarr metadata"
