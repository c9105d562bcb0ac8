"""What a user can choose to keep or leave out: one model per filter, told apart by their names."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from fractal_omezarr_converters.models.older_names import newer_filter
from fractal_omezarr_converters.models.user_facing import UserFacingModel

FilterMode = Literal["Include", "Exclude"]


class FilterModel(UserFacingModel):
    """The base of every filter; custom filters derive from it and add their parameters."""

    name: str
    """Name of the filter."""


class _PatternFilter(FilterModel):
    """A filter with a regular expression."""

    mode: FilterMode = "Include"
    """Keep the tiles that match (Include) or leave them out (Exclude)."""
    regex: str
    """Regular expression; a match anywhere in the text counts."""

    @field_validator("regex")
    @classmethod
    def _compiles(cls, value: str) -> str:
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"'{value}' is not a regular expression: {error}; correct the pattern.") from error
        return value


class RegexFilter(_PatternFilter):
    """Keep or leave out tiles by the output path of their image, such as Plate.zarr/A/01/0."""

    name: Literal["Path Regex Filter"] = "Path Regex Filter"
    """Name of the filter."""


class WellFilter(FilterModel):
    """Keep or leave out wells of a plate."""

    name: Literal["Well Filter"] = "Well Filter"
    """Name of the filter."""
    mode: FilterMode = "Include"
    """Keep these wells (Include) or leave them out (Exclude)."""
    wells: list[str]
    """Wells such as A01 or a1, ranges such as A01-B03, or patterns such as *01 and B*."""


class RegexIncludeFilter(FilterModel):
    """The first generation's :class:`RegexFilter` that keeps tiles."""

    name: Literal["Path Regex Include Filter"] = "Path Regex Include Filter"
    regex: str


class RegexExcludeFilter(FilterModel):
    """The first generation's :class:`RegexFilter` that leaves tiles out."""

    name: Literal["Path Regex Exclude Filter"] = "Path Regex Exclude Filter"
    regex: str


class WellIncludeFilter(FilterModel):
    """The first generation's :class:`WellFilter` that keeps wells."""

    name: Literal["Well Include Filter"] = "Well Include Filter"
    wells_to_include: list[str]


class WellExcludeFilter(FilterModel):
    """The first generation's :class:`WellFilter` that leaves wells out."""

    name: Literal["Well Exclude Filter"] = "Well Exclude Filter"
    wells_to_remove: list[str]


class FovNameFilter(_PatternFilter):
    """Keep or leave out fields of view by their names."""

    name: Literal["FOV Name Filter"] = "FOV Name Filter"
    """Name of the filter."""


class AcquisitionFilter(FilterModel):
    """Keep or leave out acquisitions of a plate."""

    name: Literal["Acquisition Filter"] = "Acquisition Filter"
    """Name of the filter."""
    mode: FilterMode = "Include"
    """Keep these acquisitions (Include) or leave them out (Exclude)."""
    acquisitions: list[int]
    """Numbers of the acquisitions."""


class BoolValue(UserFacingModel):
    """The attribute is this truth value."""

    type: Literal["Bool"] = "Bool"
    """Kind of value."""
    value: bool = True
    """True or false."""


class StringValue(UserFacingModel):
    """The attribute is this text."""

    type: Literal["String"] = "String"
    """Kind of value."""
    value: str
    """Text to compare with."""


class IntValue(UserFacingModel):
    """The attribute is this whole number."""

    type: Literal["Integer"] = "Integer"
    """Kind of value."""
    value: int
    """Number to compare with."""


class FloatValue(UserFacingModel):
    """The attribute is this number."""

    type: Literal["Float"] = "Float"
    """Kind of value."""
    value: float
    """Number to compare with."""


class IsNoneValue(UserFacingModel):
    """The attribute is empty."""

    type: Literal["Is None"] = "Is None"
    """Kind of value."""


class IsNotNoneValue(UserFacingModel):
    """The attribute is not empty."""

    type: Literal["Is Not None"] = "Is Not None"
    """Kind of value."""


AttributeValue = Annotated[
    BoolValue | StringValue | IntValue | FloatValue | IsNoneValue | IsNotNoneValue, Field(discriminator="type")
]


class AttributeFilter(FilterModel):
    """Keep or leave out tiles by an attribute, such as the drug of their well."""

    name: Literal["Attribute Filter"] = "Attribute Filter"
    """Name of the filter."""
    mode: FilterMode = "Include"
    """Keep the tiles with these values (Include) or leave them out (Exclude)."""
    key: str
    """Name of the attribute."""
    values: list[AttributeValue]
    """Values; one of them must be met."""


class ChannelFilter(FilterModel):
    """Keep or leave out channels."""

    name: Literal["Channel Filter"] = "Channel Filter"
    """Name of the filter."""
    mode: FilterMode = "Include"
    """Keep these channels (Include) or leave them out (Exclude)."""
    channel_labels: list[str]
    """Labels of the channels."""


class ZRangeFilter(FilterModel):
    """Keep a range of z positions, both ends included."""

    name: Literal["Z Range Filter"] = "Z Range Filter"
    """Name of the filter."""
    min_z: float | None = None
    """Lowest z that is kept, in the unit in which the acquisition states z."""
    max_z: float | None = None
    """Highest z that is kept, in the unit in which the acquisition states z."""

    @model_validator(mode="after")
    def _ordered(self) -> ZRangeFilter:
        if self.min_z is not None and self.max_z is not None and self.min_z > self.max_z:
            raise ValueError(f"min_z ({self.min_z:g}) is above max_z ({self.max_z:g}); exchange them.")
        return self


class TRangeFilter(FilterModel):
    """Keep a range of times, both ends included."""

    name: Literal["Time Range Filter"] = "Time Range Filter"
    """Name of the filter."""
    min_t: float | None = None
    """Earliest time that is kept, in the unit in which the acquisition states time."""
    max_t: float | None = None
    """Latest time that is kept, in the unit in which the acquisition states time."""

    @model_validator(mode="after")
    def _ordered(self) -> TRangeFilter:
        if self.min_t is not None and self.max_t is not None and self.min_t > self.max_t:
            raise ValueError(f"min_t ({self.min_t:g}) is above max_t ({self.max_t:g}); exchange them.")
        return self


ImplementedFilters = Annotated[
    RegexFilter
    | WellFilter
    | FovNameFilter
    | AcquisitionFilter
    | AttributeFilter
    | ChannelFilter
    | ZRangeFilter
    | TRangeFilter,
    Field(discriminator="name"),
    BeforeValidator(newer_filter),
]
