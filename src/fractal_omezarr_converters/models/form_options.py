"""The few options that the form shows; every other option is accepted too, from files and from arguments of older converters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import ConfigDict, Field, ModelWrapValidatorHandler, PrivateAttr, model_validator

from fractal_omezarr_converters.models.grouping import Grouping, MosaicGrouping, StagePositionCorrections
from fractal_omezarr_converters.models.levels import NumberOfLevels
from fractal_omezarr_converters.models.options import ConverterOptions, DefaultNgffVersion, NgffVersions
from fractal_omezarr_converters.models.user_facing import UserFacingModel


class ConverterFormOptions(UserFacingModel):
    """How fields of view become images, and how the images are stored."""

    model_config = ConfigDict(title="Options")

    grouping: Grouping = Field(
        default_factory=MosaicGrouping,
        title="Grouping",
        description="What becomes one image: all fields of view of a well together, or each field of view by itself.",
    )
    stage_position_corrections: StagePositionCorrections = Field(
        default_factory=StagePositionCorrections,
        title="Stage Positions",
        description="What is taken away from stage positions before the fields of view are placed.",
    )
    num_levels: int | None = Field(
        default=None,
        ge=1,
        le=32,
        title="Resolution Levels",
        description="Number of resolution levels. Leave empty for as many as the size of the image needs.",
    )
    ngff_version: NgffVersions = Field(
        default=DefaultNgffVersion,
        title="OME-Zarr Version",
        description="Version of OME-Zarr of plates and images.",
    )

    _complete: ConverterOptions | None = PrivateAttr(default=None)

    @model_validator(mode="wrap")
    @classmethod
    def _accept_every_option(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Options that the form does not show go into the complete options; what both know is taken from there."""
        if isinstance(values, ConverterOptions):
            complete = values
        elif isinstance(values, Mapping):
            complete = complete_options(values)
        else:
            return handler(values)
        form = handler(
            {
                "grouping": complete.grouping,
                "stage_position_corrections": complete.stage_position_corrections,
                "num_levels": getattr(complete.omezarr_options.levels, "num_levels", None),
                "ngff_version": complete.omezarr_options.ngff_version,
            }
        )
        form._complete = complete
        return form

    def to_converter_options(self) -> ConverterOptions:
        """All options: those of the form, the rest as given elsewhere or by default."""
        complete = self._complete or ConverterOptions()
        storage = complete.omezarr_options
        changes: dict[str, Any] = {"ngff_version": self.ngff_version}
        if self.num_levels is not None:
            changes["levels"] = NumberOfLevels(num_levels=self.num_levels)
        stated = {name: getattr(storage, name) for name in type(storage).model_fields}
        return complete.model_copy(
            update={
                "grouping": self.grouping,
                "stage_position_corrections": self.stage_position_corrections,
                "omezarr_options": type(storage)(**(stated | changes)),
            }
        )


def complete_options(values: Mapping[str, Any]) -> ConverterOptions:
    """Complete options from a mapping with keys of the form, of the complete options, or of an older converter."""
    rest = dict(values)
    storage: dict[str, Any] = {}
    if "num_levels" in rest:
        levels = rest.pop("num_levels")
        if levels is not None:
            storage["levels"] = {"mode": "Number of Levels", "num_levels": levels}
    if "ngff_version" in rest:
        storage["ngff_version"] = rest.pop("ngff_version")
    if storage:
        given = rest.get("omezarr_options") or {}
        stated = (
            dict(given)
            if isinstance(given, Mapping)
            else {name: getattr(given, name) for name in given.model_fields_set}
        )
        clash = [key for key in storage if key in stated and stated[key] != storage[key]]
        if clash:
            raise ValueError(f"{clash[0]} is given twice with different values: beside and inside omezarr_options.")
        rest["omezarr_options"] = {**stated, **storage}
    return ConverterOptions.model_validate(rest)
