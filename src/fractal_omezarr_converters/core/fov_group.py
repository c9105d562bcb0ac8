"""All regions of one field of view of one image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Generic

import numpy as np

from fractal_omezarr_converters.core import lazy_pixels, ngio_views
from fractal_omezarr_converters.core.columns import RegionColumns
from fractal_omezarr_converters.core.geometry import AXES, union
from fractal_omezarr_converters.core.regions import Regions
from fractal_omezarr_converters.core.tile_slice import TileSlice
from fractal_omezarr_converters.models.loaders import ImageLoaderInterfaceType

if TYPE_CHECKING:
    import dask.array
    from ngio import PixelSize, Roi
    from numpy.typing import NDArray


class TileFOVGroup(Generic[ImageLoaderInterfaceType]):  # noqa: UP046
    """One field of view: its regions, and how to read them as one array.

    The array begins, per axis, at the smallest start of all regions: a field whose channels cover different planes
    keeps every plane in its place.
    """

    def __init__(
        self,
        *,
        fov_name: str,
        regions: Sequence[TileSlice[Any]] | Regions,
        axes: Iterable[str],
        pixel_size: PixelSize | NDArray[np.float64],
        data_type: str | None = None,
    ) -> None:
        """Join regions; ``pixel_size`` is ngio's, or five steps along ``tczyx``."""
        self.fov_name = fov_name
        self.axes = list(axes)
        self.steps = ngio_views.read_pixel_size(pixel_size)
        self.regions = regions if isinstance(regions, Regions) else Regions.from_slices(regions)
        self.regions.bind("".join(self.axes), self.steps)
        self._data_type = data_type

    @property
    def columns(self) -> RegionColumns:
        """The regions as columns."""
        return self.regions.columns

    @property
    def pixel_size(self) -> PixelSize:
        """Size of a pixel as ngio's PixelSize."""
        return ngio_views.make_pixel_size(self.steps)

    @property
    def data_type(self) -> str:
        """Numpy name of the pixel type; asked of the first loader when nobody stated it."""
        if self._data_type is None:
            self._data_type = str(self.columns.loaders.loader(0).find_data_type())
        return self._data_type

    def shape(self) -> tuple[int, ...]:
        """Give the size in pixels along the image's axes."""
        _, shape = lazy_pixels.extent(self.columns, "".join(self.axes), self.steps)
        return tuple(shape[AXES.index(axis)] for axis in self.axes)

    def roi(self) -> Roi:
        """Give the union of all regions in world units, named after the field of view."""
        start, length = union(self.columns.start, self.columns.length)
        original = self.columns.original.min(axis=0)
        return ngio_views.make_roi(
            name=self.fov_name, axes="".join(self.axes), start=start, length=length, original=original
        )

    def ref_slice(self) -> TileSlice[ImageLoaderInterfaceType]:
        """Give the region nearest to the origin over all axes."""
        used = [AXES.index(axis) for axis in self.axes]
        distance = (self.columns.start[:, used] ** 2).sum(axis=1)
        return self.regions[int(distance.argmin())]

    def load_data(self, resource: Any = None) -> NDArray[Any]:
        """Read all regions into one array; gaps are 0, the last region wins."""
        return lazy_pixels.load_all(self.columns, "".join(self.axes), self.steps, self.data_type, resource)

    def load_data_dask(self, resource: Any = None, chunks: Any = None) -> dask.array.Array:
        """Give the same as a dask array that reads nothing until it is computed."""
        return lazy_pixels.load_lazily(self.columns, "".join(self.axes), self.steps, self.data_type, resource, chunks)
