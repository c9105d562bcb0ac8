"""Open plates and wells of any version, written by anyone."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.ngff.groups import join, require_group
from fractal_omezarr_converters.ngff.plate_grid import row_number
from fractal_omezarr_converters.ngff.reader import Multiscale, Place, open_image
from fractal_omezarr_converters.ngff.stores import Store, open_store
from fractal_omezarr_converters.ngff.tables import list_tables, read_table


@dataclass(frozen=True)
class Well:
    """One well: its place on the plate and its images."""

    store: Store
    path: str
    row: str
    column: str
    images: tuple[Mapping[str, Any], ...]
    own: Mapping[str, Any] = field(default_factory=dict)

    def image_paths(self, acquisition: int | None = None) -> list[str]:
        """Return the paths of the images in the well, of one acquisition or of all."""
        wanted = [image for image in self.images if acquisition in (None, image.get("acquisition", 0))]
        return [str(image["path"]) for image in wanted]

    def image(self, path: str | int | None = None, *, acquisition: int | None = None, field: int = 0) -> Multiscale:
        """Open an image by its path, or the n-th field of an acquisition.

        Raises:
            ConvertersToolsUserError: there is no such image; the message lists those that are there.
        """
        paths = self.image_paths(acquisition)
        chosen = str(path) if path is not None else (paths[field] if 0 <= field < len(paths) else None)
        if chosen is None or chosen not in self.image_paths():
            raise ConvertersToolsUserError(
                f"Well {self.row}{self.column} has no image {path if path is not None else f'number {field}'!r}; "
                f"it has {', '.join(self.image_paths()) or 'none'}."
            )
        return open_image(self.store, join(self.path, chosen))


@dataclass(frozen=True)
class Plate:
    """One plate: rows, columns, acquisitions, wells."""

    store: Store
    path: str
    version: str
    name: str | None
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    acquisitions: tuple[Mapping[str, Any], ...]
    well_paths: tuple[str, ...]
    attributes: Mapping[str, Any]

    def __repr__(self) -> str:
        """Describe the plate in one block."""
        return (
            f"OME-Zarr {self.version} plate '{self.name or self.path or '.'}': {len(self.rows)} x {len(self.columns)}, "
            f"{len(self.well_paths)} wells with images, {len(self.acquisitions)} acquisitions"
        )

    def __iter__(self) -> Iterator[Well]:
        """Go through the wells with images."""
        return (self._open(path) for path in self.well_paths)

    def __getitem__(self, name: str) -> Well:
        """Open a well by name, ``A01`` or ``A/1``."""
        found = re.fullmatch(r"([A-Za-z]+)\s*[/-]?\s*([0-9]+)", name.strip())
        if found is None:
            raise KeyError(f"'{name}' is no name of a well; write it as A01. Wells: {', '.join(self.well_paths)}.")
        return self.well(found[1], found[2])

    def well(self, row: str, column: int | str) -> Well:
        """Open a well by row and column; leading zeros and upper or lower case do not matter.

        Raises:
            KeyError: there is no such well with images; the message lists those that are there.
        """
        for path in self.well_paths:
            own_row, _, own_column = path.partition("/")
            same_row = own_row.lower() == row.lower() or (row_number(own_row) or row) == row_number(row)
            if same_row and own_column.lstrip("0").lower() == str(column).lstrip("0").lower():
                return self._open(path)
        raise KeyError(
            f"Plate '{self.name or self.path or '.'}' has no well {row}{column}; it has {', '.join(self.well_paths)}."
        )

    def images(self, acquisition: int | None = None) -> Iterator[Multiscale]:
        """Open every image of the plate, or those of one acquisition."""
        for well in self:
            for path in well.image_paths(acquisition):
                yield well.image(path)

    def image_paths(self) -> list[str]:
        """Return the paths of all images in the plate, ``A/01/0``."""
        return [join(path, image) for path in self.well_paths for image in self._open(path).image_paths()]

    def tables(self) -> list[str]:
        """Return the names of the plate's tables."""
        return list_tables(self.store, self.path)

    def table(self, name: str) -> dict[str, list[Any]]:
        """Read one table of the plate as columns."""
        return read_table(self.store, self.path, name)

    def _open(self, path: str) -> Well:
        group = require_group(self.store, join(self.path, path))
        well = group.ome.get("well")
        images = well.get("images") if isinstance(well, Mapping) else None
        if not isinstance(images, list) or not all(isinstance(each, Mapping) and "path" in each for each in images):
            raise ConvertersToolsUserError(
                f"'{path}' of plate '{self.name}' in {self.store.url} is no well: its images are not listed; convert it again."
            )
        row, _, column = path.partition("/")
        return Well(self.store, group.path, row, column, tuple(images), group.own)


def open_plate(place: Place, path: str = "") -> Plate:
    """Open a plate in a folder, URL or store.

    Raises:
        ConvertersToolsFileNotFoundError: nothing is there.
        ConvertersToolsUserError: what is there is no plate.
    """
    store = open_store(place)
    group = require_group(store, path)
    plate = group.ome.get("plate")
    if not isinstance(plate, Mapping):
        raise ConvertersToolsUserError(f"'{path or '.'}' in {store.url} is no plate: it has no 'plate' metadata.")
    try:
        return Plate(
            store=store,
            path=path,
            version=group.version or "0.4",
            name=plate.get("name"),
            rows=tuple(str(row["name"]) for row in plate["rows"]),
            columns=tuple(str(column["name"]) for column in plate["columns"]),
            acquisitions=tuple(dict(each) for each in plate.get("acquisitions") or ()),
            well_paths=tuple(str(well["path"]) for well in plate["wells"]),
            attributes=group.attributes,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ConvertersToolsUserError(
            f"The plate '{path or '.'}' in {store.url} does not list rows, columns and wells as it must ({error!r})."
        ) from error
