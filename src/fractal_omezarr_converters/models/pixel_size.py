"""Pixel size, distance of planes and interval of frames that a user states instead of those in the metadata."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import ConfigDict, Field, model_validator

from fractal_omezarr_converters.models.acquisition import SMALLEST_STEP
from fractal_omezarr_converters.models.older_names import PIXEL_SIZE_NAMES, older_name, renamed
from fractal_omezarr_converters.models.user_facing import UserFacingModel

LARGEST_STEP = 1e6
"""Largest pixel size, z spacing (µm) and interval (s) that is accepted: one metre, eleven days."""


class PixelSizeModel(UserFacingModel):
    """Pixel size and intervals that replace what the metadata states; leave empty what is right."""

    model_config = ConfigDict(title="Pixel Size and Intervals")

    xy_pixel_size: float | None = Field(
        default=None, gt=0, ge=SMALLEST_STEP, le=LARGEST_STEP, allow_inf_nan=False, title="Pixel Size (µm)"
    )
    """Pixel size in x and y in micrometres, with a decimal point, for example 0.65."""
    y_pixel_size: float | None = Field(
        default=None, gt=0, ge=SMALLEST_STEP, le=LARGEST_STEP, allow_inf_nan=False, title="Pixel Size in Y (µm)"
    )
    """Pixel size in y in micrometres, only if it differs from x."""
    z_spacing: float | None = Field(
        default=None, gt=0, ge=SMALLEST_STEP, le=LARGEST_STEP, allow_inf_nan=False, title="Z Spacing (µm)"
    )
    """Distance of neighbouring z planes in micrometres. Planes stay in their order; z positions that a tile table states in
    micrometres stay, too."""
    t_spacing: float | None = Field(
        default=None, gt=0, ge=SMALLEST_STEP, le=LARGEST_STEP, allow_inf_nan=False, title="Time Interval (s)"
    )
    """Interval of neighbouring time points in seconds. Time points stay in their order; times that a tile table states in
    seconds stay, too."""

    @model_validator(mode="before")
    @classmethod
    def _older_names(cls, data: Any) -> Any:
        return renamed(data, PIXEL_SIZE_NAMES, "pixel size") if isinstance(data, dict) else data

    pixelsize: ClassVar[Any] = older_name("xy_pixel_size")

    def changes(self) -> dict[str, float | None]:
        """Give what is stated, by the names of the acquisition's details; a pixel size without one for y is that of y, too."""
        stated: dict[str, float | None] = self.model_dump(exclude_none=True)
        return {"y_pixel_size": None, **stated} if "xy_pixel_size" in stated else stated
