"""One piece of source that a loader delivers at once, with its place on the stage."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic

from pydantic import ConfigDict, Field, SerializeAsAny, model_validator

from fractal_omezarr_converters.core.attributes import AttributeType
from fractal_omezarr_converters.core.tile_slice import TileSlice
from fractal_omezarr_converters.models.acquisition import AcquisitionDetails
from fractal_omezarr_converters.models.checked_model import CheckedModel
from fractal_omezarr_converters.models.collections import CollectionInterfaceType
from fractal_omezarr_converters.models.loaders import ImageLoaderInterfaceType

if TYPE_CHECKING:
    from ngio import Roi


class Tile(CheckedModel, Generic[CollectionInterfaceType, ImageLoaderInterfaceType]):  # noqa: UP046
    """One piece of source: a plane, a stack or a whole field of view.

    Starts are the position of the tile's first corner (smallest coordinate), in the space that the acquisition
    states for them (world: µm and seconds, or pixel); channels are indices from 0.
    """

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, defer_build=True)

    fov_name: str
    start_x: float
    start_y: float
    start_z: float = 0.0
    start_t: float = 0.0
    start_c: int = Field(default=0, ge=0)
    length_x: float = Field(gt=0)
    length_y: float = Field(gt=0)
    length_z: float = Field(default=1.0, gt=0)
    length_t: float = Field(default=1.0, gt=0)
    length_c: int = Field(default=1, gt=0)
    attributes: dict[str, AttributeType] = Field(default_factory=dict)
    collection: SerializeAsAny[CollectionInterfaceType]
    image_loader: SerializeAsAny[ImageLoaderInterfaceType]
    acquisition_details: AcquisitionDetails
    acquired_at: datetime | None = None
    """When the first plane of the tile was acquired, for the table of time points."""

    @model_validator(mode="after")
    def _channels_exist(self) -> Tile[Any, Any]:
        channels = self.acquisition_details.channels
        if channels is not None and self.start_c + self.length_c > len(channels):
            raise ValueError(
                f"The tile of field of view '{self.fov_name}' has the channels {self.start_c} to "
                f"{self.start_c + self.length_c - 1}, but the acquisition lists {len(channels)} channels (0 to "
                f"{len(channels) - 1}): add the missing channels or correct start_c."
            )
        return self

    def to_roi(self) -> Roi:
        """Give position and size in world units on the acquisition's axes, named after the field of view."""
        return TileSlice.from_tile(self).roi

    def find_data_type(self, resource: Any = None) -> str:
        """Give the stated type of the pixels, else the loader's."""
        stated = self.acquisition_details.data_type.value
        return str(self.image_loader.find_data_type(resource)) if stated == "autodetect" else str(stated)
