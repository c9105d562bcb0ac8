"""What is in an artificial export of an Operetta or Opera Phenix, beyond what every artificial plate has.

Stage positions are those an instrument with the given orientation matrix would state, so only calibrated placing puts the
fields on whole pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from fractal_omezarr_converters.testing.synthetic_plate import PlaneKey, SyntheticPlate, row_and_column

if TYPE_CHECKING:
    from numpy.typing import NDArray

MATRIX = ((1.006463, 0.003011), (0.002440, -1.006450))
PROFILE = ((1.15,), (0.05, -0.03), (-0.5, 0.1, -0.6), (0.1, 0.05, -0.1, 0.2), (-0.2, 0.1, -0.3, 0.05, -0.4))


@dataclass(frozen=True)
class SyntheticOperetta(SyntheticPlate):
    """What is in the artificial export: the settings, and functions for the truth."""

    flavour: Literal["V5", "V7"] = "V5"
    matrix: tuple[tuple[float, float], tuple[float, float]] | None = MATRIX
    profile: tuple[tuple[float, ...], ...] | None = None
    images_folder: str = "Images"

    def folder_name(self, acquisition: int) -> str:
        """Name of a measurement's folder, as Harmony makes it."""
        return f"{self.plate_name}__2024-05-0{acquisition + 1}T10_00_00-Measurement {acquisition + 1}"

    def stage_um(self, number: int) -> tuple[float, float]:
        """Position (x, y) that the instrument states for a field, in µm."""
        x, y = self.centre_um(number)
        if self.matrix is None:
            return x, -y
        (a, b), (c, d) = self.matrix
        return a * x + b * y, c * x + d * y

    def pixels(self, key: PlaneKey) -> NDArray[np.generic]:
        """Pixels of one file, before any correction."""
        pixels = self.specimen(key, *self.corner(key.field), *self.field_shape)
        if self.profile is not None:
            return np.rint(pixels * self.profile_values()).astype(self.dtype)
        return pixels.astype(self.dtype)

    def profile_values(self) -> NDArray[np.float64]:
        """Brightness of the illumination over a field, with mean 1, by the plain formula of the vendor."""
        height, width = self.field_shape
        values = np.zeros(self.field_shape)
        for row in range(height):
            for column in range(width):
                y, x = (row - (height - 1) / 2) / height, (column - (width - 1) / 2) / width
                for n, terms in enumerate(self.profile or ()):
                    values[row, column] += sum(term * x ** (n - j) * y**j for j, term in enumerate(terms))
        found: NDArray[np.float64] = values / values.mean()
        return found

    def url(self, key: PlaneKey) -> str:
        """Name of a plane's file."""
        row, column = row_and_column(key.well)
        number = self.channels[key.channel].number
        return f"r{row:02d}c{column:02d}f{key.field:02d}p{key.z + 1:02d}-ch{number}sk{key.t + 1}fk1fl1.tiff"
