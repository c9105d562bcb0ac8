"""What is in the artificial export of a plate microscope: its settings, and functions for the truth.

Fields overlap and show the same specimen there, so a mosaic can be checked pixel by pixel. A writer for one vendor takes a
:class:`SyntheticPlate` (or a subclass with what is special to the vendor) and writes the files that its instrument would.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fractal_omezarr_converters.models.well_names import parse_well, row_index
from fractal_omezarr_converters.testing.synthetic_world import specimen

if TYPE_CHECKING:
    from numpy.typing import NDArray


class SyntheticChannel(NamedTuple):
    """One channel: its number in the index, name, emission in nm (0: brightfield) and focus offset in µm."""

    number: int
    name: str
    emission: float = 0.0
    z_offset: float = 0.0


class PlaneKey(NamedTuple):
    """One plane of the measurement; field from 1, channel, z and t from 0."""

    well: str
    field: int
    channel: int = 0
    z: int = 0
    t: int = 0
    acquisition: int = 0


CHANNELS = (SyntheticChannel(1, "DAPI", 456, -5.0), SyntheticChannel(3, "Alexa 647", 706, -2.0))


@dataclass(frozen=True)
class SyntheticPlate:
    """The settings of an artificial plate, and functions for the truth.

    ``missing`` planes are named in the metadata but have no file, ``empty`` ones are listed without a file name,
    ``absent`` ones are not listed. Fields are numbered from 1 in a snake. With ``linked`` the planes of all wells after
    the second are hard links of the second one's files: large plates whose metadata matter and not their pixels.
    """

    folder: Path
    plate_name: str = "Synthetic Plate"
    wells: tuple[str, ...] = ("B03", "C05")
    layout: tuple[int, int] = (2, 2)
    field_shape: tuple[int, int] = (48, 64)
    overlap: int = 8
    channels: tuple[SyntheticChannel, ...] = CHANNELS
    planes: int = 2
    z_step: float = 1.5
    times: int = 1
    seconds: float = 30.0
    pixel_size: float = 0.65
    pixel_size_y: float | None = None
    acquisitions: int = 1
    missing: frozenset[PlaneKey] = field(default_factory=frozenset)
    empty: frozenset[PlaneKey] = field(default_factory=frozenset)
    absent: frozenset[PlaneKey] = field(default_factory=frozenset)
    dtype: str = "uint16"
    linked: bool = False

    @property
    def folders(self) -> list[Path]:
        """Folder of each acquisition, in their order."""
        return [self.folder / self.folder_name(number) for number in range(self.acquisitions)]

    def folder_name(self, acquisition: int) -> str:
        """Name of the folder of one acquisition."""
        return f"{self.plate_name}_{acquisition + 1}"

    @property
    def fields(self) -> range:
        """Numbers of the fields, from 1."""
        return range(1, self.layout[0] * self.layout[1] + 1)

    @property
    def mosaic_shape(self) -> tuple[int, int]:
        """Height and width of a well's mosaic in pixels."""
        (rows, columns), (height, width) = self.layout, self.field_shape
        return height + (rows - 1) * (height - self.overlap), width + (columns - 1) * (width - self.overlap)

    def corner(self, number: int) -> tuple[int, int]:
        """Place (y, x) of a field's first pixel in the mosaic; fields are numbered in a snake, as Harmony does."""
        row, column = divmod(number - 1, self.layout[1])
        if row % 2:
            column = self.layout[1] - 1 - column
        return row * (self.field_shape[0] - self.overlap), column * (self.field_shape[1] - self.overlap)

    def centre_um(self, number: int) -> tuple[float, float]:
        """Centre (x, y) of a field in µm from the centre of the well, y downwards, in image space."""
        y, x = self.corner(number)
        height, width = self.mosaic_shape
        size_y = self.pixel_size_y or self.pixel_size
        return (
            (x + self.field_shape[1] / 2 - width / 2) * self.pixel_size,
            (y + self.field_shape[0] / 2 - height / 2) * size_y,
        )

    def is_there(self, key: PlaneKey) -> bool:
        """Say whether the plane has a file."""
        return key not in self.missing and key not in self.empty and key not in self.absent

    def original(self, key: PlaneKey) -> PlaneKey:
        """Plane whose file that of this plane is: itself, or with ``linked`` its like in the second well."""
        return key._replace(well=self.wells[1]) if self.linked and key.well not in self.wells[:2] else key

    def link(self, path: Path, original: Path) -> bool:
        """Link a file to the one that it repeats; False when it repeats none and must be written."""
        if path != original:
            os.link(original, path)
        return path != original

    def specimen(self, key: PlaneKey, y: int, x: int, height: int, width: int) -> NDArray[np.uint16]:
        """Pixels of the mosaic from (y, x) on, for the well, channel, z and t of a plane."""
        return specimen(
            y, x, height, width, channel=key.channel, z=key.z, t=key.t, seed=_seed(key.well) + 31 * key.acquisition
        )

    def plane(
        self, well: str, field: int, channel: int = 0, z: int = 0, *, t: int = 0, acquisition: int = 0
    ) -> NDArray[np.generic]:
        """Pixels of one file, before any correction."""
        return self.pixels(PlaneKey(well, field, channel, z, t, acquisition))

    def pixels(self, key: PlaneKey) -> NDArray[np.generic]:
        """Pixels of one file, before any correction."""
        return self.specimen(key, *self.corner(key.field), *self.field_shape).astype(self.dtype)

    def mosaic(
        self, well: str, channel: int = 0, z: int = 0, *, t: int = 0, acquisition: int = 0
    ) -> NDArray[np.generic]:
        """Pixels of a well's mosaic: the specimen where a field was imaged, zeros elsewhere."""
        found = np.zeros(self.mosaic_shape, dtype=self.dtype)
        for number in self.fields:
            if self.is_there(PlaneKey(well, number, channel, z, t, acquisition)):
                y, x = self.corner(number)
                part = found[y : y + self.field_shape[0], x : x + self.field_shape[1]]
                part[:] = self.plane(well, number, channel, z, t=t, acquisition=acquisition)
        return found

    def listed(self, acquisition: int = 0) -> list[PlaneKey]:
        """All planes of one acquisition that the index lists, in its order."""
        return [
            key
            for well in self.wells
            for t in range(self.times)
            for number in self.fields
            for z in range(self.planes)
            for channel in range(len(self.channels))
            if (key := PlaneKey(well, number, channel, z, t, acquisition)) not in self.absent
        ]


def row_and_column(well: str) -> tuple[int, int]:
    """Row and column of a well, both from 1: ``B03`` is (2, 3)."""
    row, column = parse_well(well)
    return row_index(row) + 1, column


def _seed(well: str) -> int:
    row, column = row_and_column(well)
    return (row + 64) * 100 + column
