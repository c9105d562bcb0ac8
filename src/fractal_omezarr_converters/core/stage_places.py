"""Where tiles lie in world units on the image's axes, from what they state in the spaces of their acquisition."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from fractal_omezarr_converters.core.geometry import AXES, Floats, axis_steps, orient, settle, to_world
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.acquisition import AcquisitionDetails
from fractal_omezarr_converters.models.loaders import ImageLoaderInterface

Five = tuple[float, float, float, float, float]


class StatedTile(Protocol):
    """What is read of a tile to place it."""

    fov_name: str
    start_x: float
    start_y: float
    start_z: float
    start_t: float
    start_c: int
    length_x: float
    length_y: float
    length_z: float
    length_t: float
    length_c: int

    @property
    def image_loader(self) -> ImageLoaderInterface: ...

    @property
    def acquisition_details(self) -> AcquisitionDetails: ...


class StatedPlaces(NamedTuple):
    """Starts and lengths of n tiles (n x 5, ``tczyx``) as they state them, and the acquisition of each."""

    start: Floats
    length: Floats
    acquisitions: Sequence[AcquisitionDetails]
    acquisition: NDArray[np.int32]

    @classmethod
    def of_tile(cls, tile: StatedTile) -> StatedPlaces:
        """Take one tile."""
        start, length = np.array([stated_start(tile)]), np.array([stated_length(tile)])
        return cls(start, length, [tile.acquisition_details], np.zeros(1, dtype=np.int32))

    def steps(self) -> Floats:
        """Give the size of a pixel (s, 1, µm, µm, µm) along ``tczyx`` for every tile."""
        return np.broadcast_to(self._steps(), self.start.shape)

    def start_on_stage(self) -> Floats:
        """Give starts in µm and seconds, as the instrument states them."""
        return to_world(self.start, self._in_pixels("start"), self._steps())

    def length_on_stage(self) -> Floats:
        """Give lengths in µm and seconds, as the instrument states them."""
        return to_world(self.length, self._in_pixels("length"), self._steps())

    def world(self, words: Callable[[int], str]) -> tuple[Floats, Floats]:
        """Give starts and lengths in µm and seconds on the image's axes, after orientation of the stage.

        Starts within 0.01 px of the pixel grid are put on it. Axes that the acquisition lacks are 0 with the length of
        one pixel. ``words`` names a tile in an error.

        Raises:
            ConvertersToolsUserError: A tile is longer than a pixel along an axis that its acquisition lacks.
        """
        steps = self._steps()
        start, length = self.start_on_stage(), self.length_on_stage()
        for number, details in enumerate(self.acquisitions):
            orientation = details.stage_orientation
            if orientation.swap_xy or orientation.flip_x or orientation.flip_y:
                rows = self.acquisition == number
                start[rows] = orient(
                    start[rows],
                    length[rows],
                    swap_xy=orientation.swap_xy,
                    flip_x=orientation.flip_x,
                    flip_y=orientation.flip_y,
                )
        start = settle(start, steps)
        lacking = self._per_acquisition(lambda details: [axis not in details.axes for axis in AXES]) > 0
        if not lacking.any():
            return start, length
        too_long = lacking & (length > 1.5 * steps)
        if too_long.any():
            i, axis = (int(found[0]) for found in np.nonzero(too_long))
            raise ConvertersToolsUserError(
                f"{words(i)} has length_{AXES[axis]} {self.length[i, axis]:g}, but the acquisition has no axis "
                f"{AXES[axis]}: add it to the axes, or give the tile length 1."
            )
        return np.where(lacking, 0.0, start), np.where(lacking, steps, length)

    def _steps(self) -> Floats:
        return self._per_acquisition(steps_of)

    def _in_pixels(self, what: str) -> NDArray[np.bool_]:
        return self._per_acquisition(lambda details: _in_pixels(details, what)) > 0

    def _per_acquisition(self, values: Callable[[AcquisitionDetails], Any]) -> Floats:
        """Give five values for every tile, or once for all tiles of a single acquisition."""
        rows = np.array([values(details) for details in self.acquisitions], dtype=np.float64).reshape(-1, 5)
        return rows if len(rows) == 1 else rows[self.acquisition]


def stated_start(tile: StatedTile) -> Five:
    """Give the start of a tile along ``t, c, z, y, x``, as it states it."""
    return tile.start_t, tile.start_c, tile.start_z, tile.start_y, tile.start_x


def stated_length(tile: StatedTile) -> Five:
    """Give the length of a tile along ``t, c, z, y, x``, as it states it."""
    return tile.length_t, tile.length_c, tile.length_z, tile.length_y, tile.length_x


def tile_words(fov_name: str, loader: ImageLoaderInterface) -> str:
    """Name a tile at the beginning of an error message."""
    return f"The tile of field of view '{fov_name}' from {loader.describe_source()}"


def steps_of(details: AcquisitionDetails) -> Floats:
    """Give the size of a pixel of an acquisition along ``tczyx``."""
    return axis_steps(t=details.t_spacing, z=details.z_spacing, y=details.pixel_size_y, x=details.pixel_size_x)


def _in_pixels(details: AcquisitionDetails, what: str) -> list[bool]:
    return [axis != "c" and getattr(details, f"{what}_{axis}_space") == "pixel" for axis in AXES]
