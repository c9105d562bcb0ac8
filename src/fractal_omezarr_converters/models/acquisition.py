"""What is known of one acquisition before conversion: pixel size, axes, channels, how stage and image relate."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, ClassVar, Self

from pydantic import ConfigDict, Field, field_validator, model_validator

from fractal_omezarr_converters.errors import ConvertersToolsWarning
from fractal_omezarr_converters.models.axes import (
    CANONICAL_AXES_TYPE,
    SPACE_TYPE,
    canonical_axes,
    checked_axes,
    default_axes_builder,
)
from fractal_omezarr_converters.models.colors import distinct_colors, free_colors, known_color, parse_color
from fractal_omezarr_converters.models.older_names import newer_acquisition_details, newer_channel, older_name
from fractal_omezarr_converters.models.user_facing import UserFacingModel, shown_default

__all__ = [
    "CANONICAL_AXES_TYPE",
    "SPACE_TYPE",
    "AcquisitionDetails",
    "ChannelInfo",
    "DataTypeEnum",
    "StageCorrections",
    "StageOrientation",
    "canonical_axes",
    "default_axes_builder",
    "default_channels",
    "rgb_channels",
    "unique_channels",
]

SMALLEST_STEP = 1e-9
LARGEST_STEP = 1e9
"""Pixel sizes and spacings (µm) and intervals (s) outside of these bounds are mistakes: a femtometre, a kilometre."""


class DataTypeEnum(StrEnum):
    """Type of the pixels; ``autodetect`` asks the files."""

    AUTODETECT = "autodetect"
    UINT8 = "uint8"
    UINT16 = "uint16"
    UINT32 = "uint32"
    INT8 = "int8"
    INT16 = "int16"
    INT32 = "int32"
    UINT64 = "uint64"
    INT64 = "int64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"


class ChannelInfo(UserFacingModel):
    """One channel: its name, its second key, its display colour."""

    model_config = ConfigDict(title="Channel")

    channel_label: str = Field(title="Channel Label")
    """Name of the channel."""
    wavelength_id: str | None = Field(default=None, title="Wavelength ID")
    """Second key by which tasks may select the channel, for example `A01_C01` or `488`."""
    color: str | None = Field(default=None, title="Color")
    """Display colour, such as `#00FF00`. Empty: chosen from the wavelength or the label."""
    z_offset: float | None = Field(default=None, allow_inf_nan=False, title="Z Offset")
    """Height in µm, from the focus that the instrument found, at which the lowest plane of this channel was taken."""

    colors: ClassVar[Any] = older_name("color")

    @model_validator(mode="before")
    @classmethod
    def _newer_names(cls, values: Any) -> Any:
        return newer_channel(values) if isinstance(values, Mapping) else values

    @field_validator("wavelength_id", mode="before")
    @classmethod
    def _number_as_text(cls, value: Any) -> Any:
        return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value

    @field_validator("color", mode="before")
    @classmethod
    def _read_color(cls, value: Any) -> Any:
        return None if value is None or value == "" else parse_color(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _choose_color(self) -> Self:
        if self.color is None:
            chosen = known_color(self.channel_label, self.wavelength_id) or next(free_colors([]))
            self.__dict__["color"] = chosen
            self.__pydantic_fields_set__.discard("color")
        return self

    @property
    def color_was_asked_for(self) -> bool:
        """True when somebody set the colour, False when it was chosen here."""
        return "color" in self.model_fields_set

    @property
    def color_digits(self) -> str:
        """The colour without ``#``, as the ``omero`` metadata wants it."""
        return (self.color or "#FFFFFF").removeprefix("#")


class StageOrientation(UserFacingModel):
    """How stage coordinates relate to the axes of the image.

    Positions are moved, pixels stay as they are. Axes are exchanged first; then positions are mirrored along the axes of
    the output.
    """

    model_config = ConfigDict(title="Stage Orientation", frozen=True)

    flip_x: bool = Field(default=False, title="Flip X")
    """Mirror the positions along x. The pixels of a field stay as they are."""
    flip_y: bool = Field(default=False, title="Flip Y")
    """Mirror the positions along y. The pixels of a field stay as they are."""
    swap_xy: bool = Field(default=False, title="Swap XY")
    """Exchange x and y of the positions, before they are mirrored. The pixels of a field stay as they are."""


StageCorrections = StageOrientation  # its name in generation 1


class AcquisitionDetails(UserFacingModel):
    """What is known of one acquisition; one object is shared by all its tiles and never changes."""

    model_config = ConfigDict(title="Acquisition Details", frozen=True)

    start_x_space: SPACE_TYPE = "world"
    """Space in which tiles state where they start along x: `world` (µm) or `pixel`."""
    start_y_space: SPACE_TYPE = "world"
    """Space in which tiles state where they start along y: `world` (µm) or `pixel`."""
    start_z_space: SPACE_TYPE = "world"
    """Space in which tiles state where they start along z: `world` (µm) or `pixel`."""
    start_t_space: SPACE_TYPE = "world"
    """Space in which tiles state when they start: `world` (seconds) or `pixel` (frames)."""
    length_x_space: SPACE_TYPE = "pixel"
    """Space in which tiles state their length along x."""
    length_y_space: SPACE_TYPE = "pixel"
    """Space in which tiles state their length along y."""
    length_z_space: SPACE_TYPE = "pixel"
    """Space in which tiles state their length along z."""
    length_t_space: SPACE_TYPE = "pixel"
    """Space in which tiles state their length in time."""
    xy_pixel_size: float = Field(default=1.0, gt=0, ge=SMALLEST_STEP, le=LARGEST_STEP, allow_inf_nan=False)
    """µm per pixel along x, and along y unless `y_pixel_size` is given."""
    y_pixel_size: float | None = Field(default=None, gt=0, ge=SMALLEST_STEP, le=LARGEST_STEP, allow_inf_nan=False)
    """µm per pixel along y; empty: as along x."""
    z_spacing: float = Field(default=1.0, gt=0, ge=SMALLEST_STEP, le=LARGEST_STEP, allow_inf_nan=False)
    """µm per plane."""
    t_spacing: float = Field(default=1.0, gt=0, ge=SMALLEST_STEP, le=LARGEST_STEP, allow_inf_nan=False)
    """Seconds per frame."""
    channels: list[ChannelInfo] | None = None
    """One entry per channel index; empty: `channel_0`, `channel_1`, ..."""
    axes: list[CANONICAL_AXES_TYPE] = Field(default_factory=lambda: list(canonical_axes))
    """Axes of the image that is written."""
    data_type: DataTypeEnum = DataTypeEnum.AUTODETECT
    """Type of the pixels."""
    condition_table_path: str | None = None
    """Table of conditions that belongs to the acquisition."""
    stage_orientation: StageOrientation = Field(
        default_factory=StageOrientation, json_schema_extra=shown_default(StageOrientation)
    )
    """How stage coordinates relate to the axes of the image."""

    pixelsize: ClassVar[Any] = older_name("xy_pixel_size")
    stage_corrections: ClassVar[Any] = older_name("stage_orientation")
    start_x_coo: ClassVar[Any] = older_name("start_x_space")
    start_y_coo: ClassVar[Any] = older_name("start_y_space")
    start_z_coo: ClassVar[Any] = older_name("start_z_space")
    start_t_coo: ClassVar[Any] = older_name("start_t_space")
    length_x_coo: ClassVar[Any] = older_name("length_x_space")
    length_y_coo: ClassVar[Any] = older_name("length_y_space")
    length_z_coo: ClassVar[Any] = older_name("length_z_space")
    length_t_coo: ClassVar[Any] = older_name("length_t_space")

    @model_validator(mode="before")
    @classmethod
    def _newer_names(cls, values: Any) -> Any:
        return newer_acquisition_details(values) if isinstance(values, Mapping) else values

    @field_validator("axes", mode="before")
    @classmethod
    def validate_axes(cls, axes: Any) -> Any:
        """Refuse axes that are unknown, repeated, out of order, or without y and x."""
        if isinstance(axes, str | list | tuple):
            return checked_axes(axes)
        return axes

    @field_validator("channels")
    @classmethod
    def _unique_channels(cls, channels: list[ChannelInfo] | None) -> list[ChannelInfo] | None:
        return unique_channels(channels) if channels else None

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """Give a copy with some fields changed; changes are checked like those of a new object, older names count."""
        if not update:
            return super().model_copy(deep=deep)
        own = {name: getattr(self, name) for name in type(self).model_fields}
        changes = newer_acquisition_details(update)
        return type(self).model_validate({**own, **changes})

    @property
    def pixel_size_x(self) -> float:
        """µm per pixel along x."""
        return self.xy_pixel_size

    @property
    def pixel_size_y(self) -> float:
        """µm per pixel along y."""
        return self.xy_pixel_size if self.y_pixel_size is None else self.y_pixel_size

    @property
    def stated_data_type(self) -> str | None:
        """Numpy name of the stated type; None when the files decide."""
        return None if self.data_type is DataTypeEnum.AUTODETECT else str(self.data_type)


def default_channels(count: int) -> list[ChannelInfo]:
    """Give channels for an acquisition that names none: ``channel_0``, ``channel_1``, ..., each in a colour of its own."""
    return unique_channels([ChannelInfo(channel_label=f"channel_{index}") for index in range(count)])


def rgb_channels() -> list[ChannelInfo]:
    """Give the channels of a colour image: red, green and blue in their own colours."""
    named = (("red", "#FF0000"), ("green", "#00FF00"), ("blue", "#0000FF"))
    return [ChannelInfo(channel_label=label, color=color) for label, color in named]


def unique_channels(channels: Sequence[ChannelInfo]) -> list[ChannelInfo]:
    """Give copies with labels of their own (``GFP``, ``GFP_2``) and, where nobody asked for one, a colour of their own.

    Warns:
        ConvertersToolsWarning: A label occurs twice; tasks look channels up by label.
    """
    labels = _unique_labels([channel.channel_label.strip() for channel in channels])
    asked = [channel.color if channel.color_was_asked_for else None for channel in channels]
    known = [known_color(channel.channel_label, channel.wavelength_id) for channel in channels]
    colors = distinct_colors(asked, known)
    return [
        channel.model_copy(update={"channel_label": label, "color": color})
        for channel, label, color in zip(channels, labels, colors)
    ]


def _unique_labels(labels: Sequence[str]) -> list[str]:
    filled = [label or f"channel_{index}" for index, label in enumerate(labels)]
    result: list[str] = []
    for label in filled:
        name, number = label, 1
        while name in result or (number > 1 and name in filled):
            number += 1
            name = f"{label}_{number}"
        if name != label:
            warnings.warn(
                f"Channel label '{label}' occurs more than once; this channel is named '{name}', "
                "because tasks look channels up by their label.",
                ConvertersToolsWarning,
                stacklevel=3,
            )
        result.append(name)
    return result
