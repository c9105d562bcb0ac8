"""One region of an image: where a piece of source lies, and the loader that reads it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, cast

import numpy as np

from fractal_omezarr_converters.core import ngio_views, pixels
from fractal_omezarr_converters.core.columns import LoaderColumns, RegionColumns
from fractal_omezarr_converters.core.geometry import AXES, round_intervals
from fractal_omezarr_converters.core.moments import Moments
from fractal_omezarr_converters.core.stage_places import StatedPlaces, StatedTile, tile_words
from fractal_omezarr_converters.models.loaders import ImageLoaderInterface, ImageLoaderInterfaceType

if TYPE_CHECKING:
    from ngio import Roi
    from numpy.typing import NDArray


class TileSlice(Generic[ImageLoaderInterfaceType]):  # noqa: UP046
    """A view on one row of region columns; what is assigned to it takes effect there."""

    __slots__ = ("_axes", "_columns", "_row", "_steps")

    def __init__(self, *, roi: Roi | Mapping[str, Any], image_loader: ImageLoaderInterfaceType) -> None:
        """Make a region of its own from a Roi in world units."""
        self._steps: NDArray[np.float64] | None = None
        self._columns = RegionColumns(
            fov_names=[""],
            fov=[0],
            start=np.zeros((1, 5)),
            length=np.ones((1, 5)),
            original=np.zeros((1, 3)),
            loaders=LoaderColumns.from_loaders([image_loader]),
        )
        self._row = 0
        self._axes = "".join(axis for axis in AXES if axis in _axes_of(roi))
        original = np.full(3, np.nan)
        start, length = self._columns.start[0], self._columns.length[0]
        self._columns.fov_names[0] = ngio_views.read_roi(roi, start, length, original) or ""
        self._columns.original[0] = np.where(np.isnan(original), start[2:], original)

    @classmethod
    def view(
        cls, columns: RegionColumns, row: int, axes: str, steps: NDArray[np.float64] | None
    ) -> TileSlice[ImageLoaderInterfaceType]:
        """Give a view on one row of an image's columns; ``steps`` are the sizes of a pixel along ``tczyx``."""
        made = cls.__new__(cls)
        made._columns, made._row, made._axes, made._steps = columns, row, axes, steps
        return made

    @classmethod
    def from_tile(cls, tile: StatedTile) -> TileSlice[Any]:
        """Give the region of one tile, in world units."""
        stated = StatedPlaces.of_tile(tile)
        start, length = stated.world(lambda _: tile_words(tile.fov_name, tile.image_loader))
        columns = RegionColumns(
            fov_names=[tile.fov_name],
            fov=[0],
            start=start,
            length=length,
            original=stated.start_on_stage()[:, 2:],
            loaders=LoaderColumns.from_loaders([tile.image_loader]),
            moments=Moments.of_times([getattr(tile, "acquired_at", None)]),
        )
        made: TileSlice[Any] = cls.view(columns, 0, "".join(tile.acquisition_details.axes), stated.steps()[0])
        return made

    @property
    def roi(self) -> Roi:
        """Position and size in world units, as ngio's Roi; assigning one moves the region."""
        columns, row = self._columns, self._row
        return ngio_views.make_roi(
            name=columns.fov_name(row),
            axes=self._axes,
            start=columns.start[row],
            length=columns.length[row],
            original=columns.original[row],
        )

    @roi.setter
    def roi(self, roi: Roi) -> None:
        columns, row = self._columns, self._row
        start, length, original = columns.start[row].copy(), columns.length[row].copy(), columns.original[row].copy()
        name = ngio_views.read_roi(roi, start, length, original)
        columns.start[row], columns.length[row], columns.original[row] = start, length, original
        if name is not None and name != columns.fov_name(row):
            columns.set_fov_name(row, name)

    @property
    def image_loader(self) -> ImageLoaderInterfaceType:
        """Loader of the pixels; assigning one replaces it for this region."""
        return cast(ImageLoaderInterfaceType, self._columns.loaders.loader(self._row))

    @image_loader.setter
    def image_loader(self, loader: ImageLoaderInterface) -> None:
        self._columns.set_loader(self._row, loader)

    @property
    def fov_name(self) -> str:
        """Name of the field of view."""
        return self._columns.fov_name(self._row)

    def columns(self) -> RegionColumns:
        """Give this region alone as columns."""
        return self._columns.select([self._row])

    def load_data(self, *, axes: Iterable[str], resource: Any = None) -> NDArray[Any]:
        """Read the pixels, with leading axes added so that there is one dimension per axis of the image.

        Raises:
            ConvertersToolsUserError: the source has another shape than the region.
        """
        lengths = None
        if self._steps is not None:
            row = slice(self._row, self._row + 1)
            _, whole = round_intervals(self._columns.start[row], self._columns.length[row], self._steps)
            lengths = whole[0].tolist()
        block = pixels.load_block(self.image_loader, "".join(axes), lengths, resource=resource, fov_name=self.fov_name)
        return pixels.on_axes(block, "".join(axes))

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> TileSlice[Any]:  # noqa: ARG002
        """Give an independent region, with another ``roi`` or ``image_loader`` if wanted."""
        made: TileSlice[Any] = TileSlice.view(self.columns(), 0, self._axes, self._steps)
        for name, value in (update or {}).items():
            setattr(made, name, value)
        return made

    def __eq__(self, other: object) -> bool:
        """Compare place and loader."""
        return self.columns() == other.columns() if isinstance(other, TileSlice) else NotImplemented

    def __repr__(self) -> str:
        """Name field, place and loader."""
        row = self._row
        place = ", ".join(
            f"{axis}={self._columns.start[row, i]:g}+{self._columns.length[row, i]:g}"
            for i, axis in enumerate(AXES)
            if axis in self._axes
        )
        return f"TileSlice('{self.fov_name}', {place}, {self.image_loader!r})"


def _axes_of(roi: Roi | Mapping[str, Any]) -> list[str]:
    if isinstance(roi, Mapping):
        return [entry["axis_name"] for entry in roi["slices"]]
    return [entry.axis_name for entry in roi.slices]
