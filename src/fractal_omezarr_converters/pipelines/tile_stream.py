"""The tiles of a registered image as the writer asks for them: boxes of whole pixels that are read on demand."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fractal_omezarr_converters.core import pixels
from fractal_omezarr_converters.core.pixel_types import cast_exactly
from fractal_omezarr_converters.core.placement import Placement
from fractal_omezarr_converters.core.tiled_image import TiledImage

Part = tuple[slice, slice, slice, slice, slice]
AXES = "tczyx"


class ImageTiles:
    """The regions of an image in the order in which they are laid; each is read from its loader when asked for."""

    def __init__(self, image: TiledImage[Any, Any], placement: Placement, resource: Any = None) -> None:
        self._rows = np.asarray(placement.order, dtype=np.int64)
        self.start: npt.NDArray[np.int64] = placement.start[self._rows]
        self.length: npt.NDArray[np.int64] = placement.length[self._rows]
        self._columns = image.columns
        self._axes = "".join(image.axes)
        self._dtype = str(image.data_type)
        self._resource = resource

    def read(self, index: int) -> npt.NDArray[Any]:
        """All pixels of one tile, five axes, checked against its place and cast without loss."""
        row = int(self._rows[index])
        loader = self._columns.loaders.loader(row)
        name = self._columns.fov_name(row)
        lengths = [int(size) for size in self.length[index]]
        block = pixels.load_block(loader, self._axes, lengths, resource=self._resource, fov_name=name)
        return cast_exactly(block, self._dtype, f"{loader.describe_source(self._resource)} (field of view '{name}')")

    def read_part(self, index: int, part: Part) -> npt.NDArray[Any] | None:
        """A part of one tile; None when its loader can only read whole tiles."""
        row = int(self._rows[index])
        loader = self._columns.loaders.loader(row)
        if not loader.reads_parts():
            return None
        region = {axis: part[AXES.index(axis)] for axis in self._axes}
        data = loader.load_region(region, self._resource)
        if data is None:
            return None
        name = self._columns.fov_name(row)

        def where() -> str:
            return f"{loader.describe_source(self._resource)} (field of view '{name}')"

        block = pixels.five_axes(np.asarray(data), self._axes, loader.data_axes(self._resource), where)
        wanted = tuple(len(range(*cut.indices(int(size)))) for cut, size in zip(part, self.length[index]))
        return None if block.shape != wanted else cast_exactly(block, self._dtype, where())
