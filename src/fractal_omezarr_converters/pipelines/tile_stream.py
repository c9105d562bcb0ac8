"""The tiles of a registered image as the writer asks for them: boxes of whole pixels that are read on demand."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fractal_omezarr_converters.core import pixels
from fractal_omezarr_converters.core.pixel_types import cast_exactly
from fractal_omezarr_converters.core.placement import Placement
from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.models.blocks import load_part

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

    def read_into(self, index: int, out: npt.NDArray[Any]) -> bool:
        """Read a tile that is one plane straight into its place; False, with nothing done, when it must be read and copied."""
        whole = out.shape == tuple(self.length[index].tolist()) and out.shape[:3] == (1, 1, 1)
        if not whole or not out.flags.c_contiguous or out.dtype != self._dtype:
            return False
        return self._columns.loaders.loader(int(self._rows[index])).load_into(out[0, 0, 0], self._resource)

    def reads_parts(self, index: int) -> bool:
        """Whether a part of a tile can be read without the rest."""
        return self._columns.loaders.loader(int(self._rows[index])).reads_parts()

    def read_part(self, index: int, part: Part) -> npt.NDArray[Any] | None:
        """A part of one tile; None when its loader can only read whole tiles."""
        row = int(self._rows[index])
        loader = self._columns.loaders.loader(row)
        lengths = [int(size) for size in self.length[index]]
        block = load_part(loader, part, image_axes=self._axes, lengths=lengths, resource=self._resource)
        if block is None:
            return None
        name = self._columns.fov_name(row)
        return cast_exactly(block, self._dtype, f"{loader.describe_source(self._resource)} (field of view '{name}')")
