"""One output image: its regions as columns, its pixel sizes, channels, attributes, and where it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self

from pydantic import (
    ConfigDict,
    Field,
    PrivateAttr,
    SerializerFunctionWrapHandler,
    field_serializer,
    field_validator,
    model_serializer,
    model_validator,
)

from fractal_omezarr_converters.core import lazy_pixels, ngio_views, stored_images
from fractal_omezarr_converters.core.attributes import AttributeType, union_of_attributes
from fractal_omezarr_converters.core.columns import RegionColumns
from fractal_omezarr_converters.core.fov_group import TileFOVGroup
from fractal_omezarr_converters.core.geometry import AXES, C, Floats, axis_steps, union
from fractal_omezarr_converters.core.regions import Regions
from fractal_omezarr_converters.core.source_stamps import stamps_of
from fractal_omezarr_converters.core.tile_slice import TileSlice
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.acquisition import ChannelInfo, rgb_channels
from fractal_omezarr_converters.models.axes import CANONICAL_AXES_TYPE, checked_axes
from fractal_omezarr_converters.models.checked_model import CheckedModel
from fractal_omezarr_converters.models.collections import CollectionInterfaceType
from fractal_omezarr_converters.models.loaders import ImageLoaderInterfaceType
from fractal_omezarr_converters.models.older_names import older_name
from fractal_omezarr_converters.models.source_files import SourceFile

if TYPE_CHECKING:
    import dask.array
    from ngio import PixelSize, Roi
    from numpy.typing import NDArray

    from fractal_omezarr_converters.core.tile import Tile

__all__ = ["AttributeType", "TiledImage"]


class TiledImage(CheckedModel, Generic[CollectionInterfaceType, ImageLoaderInterfaceType]):  # noqa: UP046
    """One image to be written.

    ``regions`` reads and changes like a list of :class:`TileSlice`, but is kept as columns (:attr:`columns`).
    ``translation`` is the position of the image's first pixel in world units, one number per axis.
    Copies are independent of each other.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, defer_build=True)

    regions: Regions = Field(default_factory=Regions)
    path: str
    name: str | None = None
    xy_pixel_size: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    y_pixel_size: float | None = Field(default=None, gt=0, allow_inf_nan=False)
    z_spacing: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    t_spacing: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    data_type: str
    axes: list[CANONICAL_AXES_TYPE]
    collection: CollectionInterfaceType
    channels: list[ChannelInfo] | None = None
    translation: list[float] | None = None
    attributes: dict[str, AttributeType] = Field(default_factory=dict)
    provenance: list[dict[str, Any]] = Field(default_factory=list)
    """Registration steps that were applied, in order, with their parameters."""
    notes: list[str] = Field(default_factory=list)
    """What a user should read about this image."""
    remarks: list[str] = Field(default_factory=list)
    """What is worth knowing about this image, but asks nobody to do anything."""
    numbered_frames: bool = False
    """Times were stated as numbers of frames: a number between others that no image has is a frame, too, and stays empty."""
    source_stamps: Any = None
    """What the files behind the regions were when they were looked at, so that others in their place are noticed."""

    _stamped_loaders: Any = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _read_document(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        collection, loader = stored_images.type_arguments(cls)
        return stored_images.newer_document(values, collection=collection, loader=loader)

    @field_validator("regions", mode="before")
    @classmethod
    def _read_regions(cls, value: Any) -> Any:
        if isinstance(value, Regions):
            return value
        if isinstance(value, RegionColumns):
            return Regions(value)
        if isinstance(value, Sequence) and not isinstance(value, str):
            return Regions.from_slices(value)
        return value

    @field_validator("data_type")
    @classmethod
    def _check_data_type(cls, value: str) -> str:
        import numpy as np

        try:
            is_number = np.dtype(value).kind in "buif"
        except (TypeError, ValueError):
            is_number = False
        if not is_number:
            raise ValueError(f"'{value}' is no type of pixels; give one such as uint16.")
        return value

    @field_validator("axes", mode="before")
    @classmethod
    def _check_axes(cls, value: Any) -> Any:
        return checked_axes(value)

    @model_validator(mode="after")
    def _bind_regions(self) -> Self:
        if self.translation is not None and len(self.translation) != len(self.axes):
            raise ValueError(
                f"The translation of image '{self.path}' has {len(self.translation)} numbers for the axes "
                f"{''.join(self.axes)}: give one per axis."
            )
        self.regions.bind("".join(self.axes), self.steps)
        return self

    @field_serializer("regions")
    def _write_regions(self, regions: Regions) -> Any:
        return regions.columns.to_json()

    @field_serializer("collection")
    def _write_collection(self, collection: Any) -> Any:
        return stored_images.collection_document(collection)

    @model_serializer(mode="wrap")
    def _write_document(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {"document": stored_images.DOCUMENT, "version": stored_images.VERSION, **handler(self)}

    def __copy__(self) -> Self:
        """Give an image of its own: changing it leaves this one as it is."""
        return self._copy(self.regions.copy())

    def _copy(self, regions: Regions) -> Self:
        made = super().__copy__()
        values = made.__dict__
        values["regions"] = regions
        values["axes"] = list(self.axes)
        values["attributes"] = {key: list(column) for key, column in self.attributes.items()}
        values["provenance"] = [dict(step) for step in self.provenance]
        values["notes"] = list(self.notes)
        values["remarks"] = list(self.remarks)
        values["channels"] = None if self.channels is None else [channel.model_copy() for channel in self.channels]
        values["translation"] = None if self.translation is None else list(self.translation)
        return made

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Give an image of its own; loaders are shared, because they do not change."""
        return self.__copy__()

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:  # noqa: ARG002
        """Give an independent copy with some fields changed; changes are checked like assignments."""
        made = self.__copy__()
        for name, value in (update or {}).items():
            setattr(made, name, value)
        return made

    def copy_with(self, columns: RegionColumns | None = None, **update: Any) -> Self:
        """Give an independent copy with other columns; the other columns are taken as they are, not copied."""
        if columns is None:
            return self.model_copy(update=update)
        made = self._copy(Regions(columns))
        for name, value in {**update, "regions": made.regions}.items():
            setattr(made, name, value)
        return made

    @property
    def columns(self) -> RegionColumns:
        """Regions as columns; changing an array of them changes the image."""
        return self.regions.columns

    @property
    def pixel_size_x(self) -> float:
        """µm per pixel along x."""
        return self.xy_pixel_size

    @property
    def pixel_size_y(self) -> float:
        """µm per pixel along y."""
        return self.xy_pixel_size if self.y_pixel_size is None else self.y_pixel_size

    pixelsize: ClassVar[Any] = older_name("xy_pixel_size")

    @property
    def steps(self) -> Floats:
        """Size of a pixel along ``tczyx``: seconds, 1, µm, µm, µm."""
        return axis_steps(t=self.t_spacing, z=self.z_spacing, y=self.pixel_size_y, x=self.pixel_size_x)

    @property
    def pixel_size(self) -> PixelSize:
        """Size of a pixel as ngio's PixelSize."""
        return ngio_views.make_pixel_size(self.steps)

    def stamp_sources(self, sources: Sequence[SourceFile]) -> None:
        """Keep what the files behind the regions are now."""
        # any JSON value is right: checking the whole image again costs as much as all its stamps
        self.__dict__["source_stamps"] = stamps_of(sources)
        self.__pydantic_fields_set__.add("source_stamps")
        self._stamped_loaders = self.columns.loaders

    def has_stamps_of_its_sources(self) -> bool:
        """Say whether the files were stamped in this process, and the loaders are still the same."""
        return self.source_stamps is not None and self._stamped_loaders is self.columns.loaders

    def group_by_fov(self) -> list[TileFOVGroup[ImageLoaderInterfaceType]]:
        """Give the fields of view in order of first appearance."""
        columns = self.columns
        return [
            TileFOVGroup(
                fov_name=name,
                regions=Regions(columns.select(rows)),
                axes=self.axes,
                pixel_size=self.steps,
                data_type=self.data_type,
            )
            for name, rows in columns.rows_by_fov()
        ]

    def add_tile(self, tile: Tile[Any, Any], add_translation: bool = False) -> None:
        """Add one tile.

        With ``add_translation`` the image's translation becomes the smallest x, y, z of its tiles.

        Raises:
            ConvertersToolsUserError: axes, channels or pixel sizes of the tile are not those of the image.
        """
        details = tile.acquisition_details
        unnamed = details.channels is None and _labels(self.channels) == _labels(rgb_channels())
        stated_channels = self.channels if unnamed else details.channels  # those of a colour image were named here
        differing = [
            f"{name} {theirs} instead of {ours}"
            for name, ours, theirs in (
                ("axes", "".join(self.axes), "".join(details.axes)),
                ("channels", _labels(self.channels), _labels(stated_channels)),
                ("x pixel size", self.pixel_size_x, details.pixel_size_x),
                ("y pixel size", self.pixel_size_y, details.pixel_size_y),
                ("z spacing", self.z_spacing, details.z_spacing),
                ("t spacing", self.t_spacing, details.t_spacing),
            )
            if ours != theirs
        ]
        if differing:
            loader = tile.image_loader.describe_source()
            first = "" if not self.regions else f" and '{self.regions[0].fov_name}' ({self.regions[0].image_loader!r})"
            raise ConvertersToolsUserError(
                f"The tiles '{tile.fov_name}' ({loader}){first} of image '{self.path}' do not belong together: "
                f"{'; '.join(differing)}. Give them different places or acquisitions."
            )
        self.regions.append(TileSlice.from_tile(tile))
        self.attributes = union_of_attributes([self.attributes, tile.attributes], f"image '{self.path}'")
        if add_translation:
            self.translation = self.translation_of_regions()

    def translation_of_regions(self) -> list[float]:
        """Give the smallest x, y, z of all regions, 0 for t and c, one number per axis."""
        smallest = self.columns.start.min(axis=0)
        return [float(smallest[AXES.index(axis)]) if axis in "zyx" else 0.0 for axis in self.axes]

    def shape(self) -> tuple[int, ...]:
        """Give the size in pixels of the box around all regions, along the image's axes."""
        _, shape = lazy_pixels.extent(self.columns, "".join(self.axes), self.steps)
        return tuple(shape[AXES.index(axis)] for axis in self.axes)

    def output_shape(self) -> tuple[int, ...]:
        """Give the size in pixels from 0 to the last stop, with as many channels as are declared."""
        origin, shape = lazy_pixels.extent(self.columns, "".join(self.axes), self.steps)
        stop = [first + size for first, size in zip(origin, shape)]
        if self.channels is not None:
            stop[C] = len(self.channels)
        return tuple(stop[AXES.index(axis)] for axis in self.axes)

    def roi(self) -> Roi:
        """Give the union of all regions in world units, named after the image."""
        start, length = union(self.columns.start, self.columns.length)
        axes = "".join(self.axes)
        return ngio_views.make_roi(name=self.name or self.path, axes=axes, start=start, length=length)

    def load_data(self, resource: Any = None) -> NDArray[Any]:
        """Read the whole image; gaps are 0, the last tile wins."""
        return lazy_pixels.load_all(self.columns, "".join(self.axes), self.steps, self.data_type, resource)

    def load_data_dask(self, resource: Any = None, chunks: Any = None) -> dask.array.Array:
        """Give the whole image as a dask array that reads nothing until it is computed."""
        return lazy_pixels.load_lazily(self.columns, "".join(self.axes), self.steps, self.data_type, resource, chunks)


def _labels(channels: list[ChannelInfo] | None) -> list[tuple[str, str | None]] | None:
    return None if channels is None else [(channel.channel_label, channel.wavelength_id) for channel in channels]
