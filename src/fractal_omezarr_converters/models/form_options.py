"""The options of a conversion that a biologist decides: the part of the converter options that the web form shows."""

from __future__ import annotations

from pydantic import ConfigDict, Field

from fractal_omezarr_converters.models.grouping import Grouping, MosaicGrouping, StagePositionCorrections
from fractal_omezarr_converters.models.options import ConverterOptions, DefaultNgffVersion, NgffVersions
from fractal_omezarr_converters.models.user_facing import UserFacingModel


class ConverterFormOptions(UserFacingModel):
    """What becomes one image, where fields are placed, and what the written image is like."""

    model_config = ConfigDict(title="Converter Options")

    grouping: Grouping = Field(default_factory=MosaicGrouping, title="Grouping")
    """What becomes one image: all fields of view of a well together, or each by itself."""
    stage_position_corrections: StagePositionCorrections = Field(
        default_factory=StagePositionCorrections, title="Stage Position Corrections"
    )
    """What is taken away from stage positions before fields are placed."""
    ngff_version: NgffVersions = Field(default=DefaultNgffVersion, title="OME-Zarr Version")
    """Version of OME-Zarr for plates and images alike. `0.4` is read by most viewers."""

    def to_converter_options(self) -> ConverterOptions:
        """Give the complete options."""
        return ConverterOptions()
