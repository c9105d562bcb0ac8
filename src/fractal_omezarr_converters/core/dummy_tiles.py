"""Tiles for tests and documentation: their picture shows their name in a frame, and they need no file."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fractal_omezarr_converters.core.geometry import AXES
from fractal_omezarr_converters.core.tile import Tile
from fractal_omezarr_converters.models.acquisition import AcquisitionDetails
from fractal_omezarr_converters.models.collections import CollectionInterface
from fractal_omezarr_converters.models.loaders import ImageLoaderInterface


class StartPosition(NamedTuple):
    """First corner of a dummy tile."""

    x: float = 0
    y: float = 0
    z: float = 0
    c: int = 0
    t: float = 0


class TileShape(NamedTuple):
    """Size of a dummy tile in pixels."""

    x: int = 256
    y: int = 256
    z: int = 1
    c: int = 1
    t: int = 1


class DummyLoader(ImageLoaderInterface):
    """Draws a picture instead of reading one."""

    shape: TileShape
    text: str
    font_scale: float = 0.22

    def load_data(self, resource: Any = None) -> NDArray[np.uint8]:  # noqa: ARG002
        """Give the picture, repeated for every frame, channel and plane; leading axes of length 1 are left out."""
        picture = self._picture()
        full = np.broadcast_to(picture, (self.shape.t, self.shape.c, self.shape.z, *picture.shape))
        return np.ascontiguousarray(full.reshape(full.shape[5 - len(self.data_axes()) :]))

    def find_data_type(self, resource: Any = None) -> str:  # noqa: ARG002
        """Dummy pictures have 8 bits."""
        return "uint8"

    def shape_and_dtype(self, resource: Any = None) -> tuple[tuple[int, ...], str]:  # noqa: ARG002
        """Give shape and type without drawing."""
        sizes = self.shape._asdict()
        return tuple(int(sizes[axis]) for axis in self.data_axes()), "uint8"

    def data_axes(self, resource: Any = None) -> str:  # noqa: ARG002
        """Name the axes that are longer than 1, with all that follow them."""
        sizes = self.shape._asdict()
        first = next((i for i, axis in enumerate(AXES[:3]) if sizes[axis] > 1), 3)
        return AXES[first:]

    def describe_source(self, resource: Any = None) -> str:  # noqa: ARG002
        """Name the picture."""
        return f"dummy picture '{self.text}'"

    def _picture(self) -> NDArray[np.uint8]:
        from PIL import Image, ImageDraw, ImageFont

        width, height = int(self.shape.x), int(self.shape.y)
        picture = Image.new("L", (width, height), 40)
        draw = ImageDraw.Draw(picture)
        draw.rectangle((0, 0, width - 1, height - 1), outline=255, width=max(1, min(width, height) // 64))
        size = max(6, int(self.font_scale * min(width, height) / 2))
        font = ImageFont.load_default(size=size)
        draw.multiline_text((width / 2, height / 2), self.text, fill=255, font=font, anchor="mm", align="center")
        return np.asarray(picture, dtype=np.uint8)


def build_dummy_tile(  # noqa: PLR0917
    fov_name: str,
    start: StartPosition,
    shape: TileShape,
    collection: CollectionInterface,
    acquisition_details: AcquisitionDetails,
    font_scale: float = 0.22,
) -> Tile[Any, Any]:
    """Make a tile whose picture shows its name."""
    start, shape = StartPosition(*start), TileShape(*shape)
    return Tile(
        fov_name=fov_name,
        start_x=start.x,
        start_y=start.y,
        start_z=start.z,
        start_c=start.c,
        start_t=start.t,
        length_x=shape.x,
        length_y=shape.y,
        length_z=shape.z,
        length_c=shape.c,
        length_t=shape.t,
        collection=collection,
        image_loader=DummyLoader(shape=shape, text=fov_name, font_scale=font_scale),
        acquisition_details=acquisition_details,
    )
