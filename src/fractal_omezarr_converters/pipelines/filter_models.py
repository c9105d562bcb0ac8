"""What a user can choose to keep or leave out: one model per filter, told apart by their names."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, field_validator, model_validator

from fractal_omezarr_converters.models.older_names import newer_filter
from fractal_omezarr_converters.models.user_facing import UserFacingModel

FilterMode = Literal["Include", "Exclude"]
FARTHEST = 1e12
"""No position and no time of a microscope is farther away."""


class FilterModel(UserFacingModel):
    """The base of every filter; custom filters derive from it and add their parameters."""

    name: str
    """Name of the filter."""


class _PatternFilter(FilterModel):
    """A filter with a regular expression."""

    mode: FilterMode = "Include"
    """Keep what matches (Include) or leave it out (Exclude)."""
    regex: str = Field(title="Pattern")
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
    """Keep or leave out images by their path in the output, such as Plate.zarr/A/01/0."""

    model_config = ConfigDict(title="Paths")

    name: Literal["Path Regex Filter"] = Field(default="Path Regex Filter", title="Filter")
    """What the filter looks at."""


class WellFilter(FilterModel):
    """Keep or leave out wells of a plate."""

    model_config = ConfigDict(title="Wells")

    name: Literal["Well Filter"] = Field(default="Well Filter", title="Filter")
    """What the filter looks at."""
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

    model_config = ConfigDict(title="Fields of View")

    name: Literal["FOV Name Filter"] = Field(default="FOV Name Filter", title="Filter")
    """What the filter looks at."""


class AcquisitionFilter(FilterModel):
    """Keep or leave out acquisitions of a plate."""

    model_config = ConfigDict(title="Acquisitions")

    name: Literal["Acquisition Filter"] = Field(default="Acquisition Filter", title="Filter")
    """What the filter looks at."""
    mode: FilterMode = "Include"
    """Keep these acquisitions (Include) or leave them out (Exclude)."""
    acquisitions: list[int]
    """Numbers of the acquisitions, as given above."""


class BoolValue(UserFacingModel):
    """The condition is true or false."""

    model_config = ConfigDict(title="Yes or No")

    type: Literal["Bool"] = Field(default="Bool", title="Kind of Value")
    """What the condition is compared with."""
    value: bool = True
    """True or false."""


class StringValue(UserFacingModel):
    """The condition is this text."""

    model_config = ConfigDict(title="Text")

    type: Literal["String"] = Field(default="String", title="Kind of Value")
    """What the condition is compared with."""
    value: str
    """Text to compare with."""


class IntValue(UserFacingModel):
    """The condition is this whole number."""

    model_config = ConfigDict(title="Whole Number")

    type: Literal["Integer"] = Field(default="Integer", title="Kind of Value")
    """What the condition is compared with."""
    value: int
    """Number to compare with."""


class FloatValue(UserFacingModel):
    """The condition is this number."""

    model_config = ConfigDict(title="Number")

    type: Literal["Float"] = Field(default="Float", title="Kind of Value")
    """What the condition is compared with."""
    value: float
    """Number to compare with."""


class IsNoneValue(UserFacingModel):
    """The condition is empty."""

    model_config = ConfigDict(title="Empty")

    type: Literal["Is None"] = Field(default="Is None", title="Kind of Value")
    """What the condition is compared with."""


class IsNotNoneValue(UserFacingModel):
    """The condition is not empty."""

    model_config = ConfigDict(title="Not Empty")

    type: Literal["Is Not None"] = Field(default="Is Not None", title="Kind of Value")
    """What the condition is compared with."""


AttributeValue = Annotated[
    BoolValue | StringValue | IntValue | FloatValue | IsNoneValue | IsNotNoneValue, Field(discriminator="type")
]


class AttributeFilter(FilterModel):
    """Keep or leave out images by a condition of their well, such as the drug."""

    model_config = ConfigDict(title="Conditions")

    name: Literal["Attribute Filter"] = Field(default="Attribute Filter", title="Filter")
    """What the filter looks at."""
    mode: FilterMode = "Include"
    """Keep what has these values (Include) or leave it out (Exclude)."""
    key: str = Field(title="Condition")
    """Name of the condition: the heading of its column in the table, such as drug."""
    values: list[AttributeValue]
    """Values of the condition; one of them must be met."""


class ChannelFilter(FilterModel):
    """Keep or leave out channels."""

    model_config = ConfigDict(title="Channels")

    name: Literal["Channel Filter"] = Field(default="Channel Filter", title="Filter")
    """What the filter looks at."""
    mode: FilterMode = "Include"
    """Keep these channels (Include) or leave them out (Exclude)."""
    channel_labels: list[str] = Field(title="Channels")
    """Labels of the channels, as they are in the metadata, for example DAPI."""


class ZRangeFilter(FilterModel):
    """Keep a range of z positions, both ends included."""

    model_config = ConfigDict(title="Z Range")

    name: Literal["Z Range Filter"] = Field(default="Z Range Filter", title="Filter")
    """What the filter looks at."""
    min_z: float | None = Field(default=None, ge=-FARTHEST, le=FARTHEST, title="Lowest Z")
    """Lowest z that is kept, in the unit in which the acquisition states z."""
    max_z: float | None = Field(default=None, ge=-FARTHEST, le=FARTHEST, title="Highest Z")
    """Highest z that is kept, in the unit in which the acquisition states z."""

    @model_validator(mode="after")
    def _ordered(self) -> ZRangeFilter:
        if self.min_z is not None and self.max_z is not None and self.min_z > self.max_z:
            raise ValueError(f"min_z ({self.min_z:g}) is above max_z ({self.max_z:g}); exchange them.")
        return self


class TRangeFilter(FilterModel):
    """Keep a range of times, both ends included."""

    model_config = ConfigDict(title="Time Range")

    name: Literal["Time Range Filter"] = Field(default="Time Range Filter", title="Filter")
    """What the filter looks at."""
    min_t: float | None = Field(default=None, ge=-FARTHEST, le=FARTHEST, title="Earliest Time")
    """Earliest time that is kept, in the unit in which the acquisition states time."""
    max_t: float | None = Field(default=None, ge=-FARTHEST, le=FARTHEST, title="Latest Time")
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
