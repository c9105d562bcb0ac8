"""What the form asks for each acquisition: where it lies, to which plate it belongs, and what to override."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ConfigDict, Field, field_validator, model_validator

from fractal_omezarr_converters.formats.contract import FormatOptions
from fractal_omezarr_converters.models.older_names import newer_acquisition_input
from fractal_omezarr_converters.models.user_facing import UserFacingModel
from fractal_omezarr_converters.models.well_names import safe_plate_name
from fractal_omezarr_converters.pipelines.acquisition_options import AcquisitionOptions, ChannelInfoUI, PixelSizeModel

__all__ = ["AcquisitionInput", "AcquisitionOptions", "ChannelInfoUI", "PixelSizeModel"]

MOST_ACQUISITIONS = 99_999


class AcquisitionInput(UserFacingModel):
    """One measurement: where its files lie, to which plate it belongs, and what to correct."""

    model_config = ConfigDict(title="Acquisition")

    path: str = Field(
        title="Path",
        description="Folder of the measurement, as the microscope's software exported it, or the folder of your table. "
        "Give the full path as the Fractal server sees it, for example `/data/screens/plate 1`.",
        min_length=1,
    )
    plate_name: str | None = Field(
        default=None,
        title="Plate Name",
        description="Name of the plate in the output. Leave empty to use the name in the metadata. "
        "Acquisitions with the same plate name become one plate.",
    )
    acquisition: int = Field(
        default=0,
        ge=0,
        le=MOST_ACQUISITIONS,
        title="Acquisition Number",
        description="Number of this acquisition of the plate: 0 for the first, 1 for the second (the next staining "
        "cycle, for example), and so on.",
    )
    options: FormatOptions = Field(
        default_factory=FormatOptions, title="Reading Options", description="How to read the files of the measurement."
    )
    advanced: AcquisitionOptions = Field(
        default_factory=AcquisitionOptions,
        title="Corrections",
        description="Only if something in the metadata is wrong or missing, or if you want a part of the data: "
        "channel names, pixel size, stage orientation, conditions of the wells, filters.",
    )

    @field_validator("plate_name")
    @classmethod
    def _can_be_a_folder(cls, name: str | None) -> str | None:
        """Refused here, and not by the format, which would blame its metadata file."""
        if name and name.strip():
            safe_plate_name(name)
        return name

    @model_validator(mode="before")
    @classmethod
    def _newer_names(cls, values: Any) -> Any:
        return newer_acquisition_input(values) if isinstance(values, Mapping) else values
