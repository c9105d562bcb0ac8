"""What a user may state better than the microscope: channels, pixel size, axes, orientation, filters of one acquisition."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.acquisition import (
    AcquisitionDetails,
    ChannelInfo,
    DataTypeEnum,
    StageOrientation,
)
from fractal_omezarr_converters.models.colors import COLOR_CYCLE
from fractal_omezarr_converters.models.older_names import (
    newer_acquisition_options,
    newer_filter,
    older_name,
)
from fractal_omezarr_converters.models.pixel_size import PixelSizeModel
from fractal_omezarr_converters.models.user_facing import UserFacingModel
from fractal_omezarr_converters.pipelines.filter_models import ImplementedFilters

__all__ = ["AcquisitionOptions", "ChannelInfoUI", "ColorMenu", "OrientationMode", "PixelSizeModel"]

OrientationMode = Literal["check", "auto", "as read"]
AXES = "tczyx"


def _at_height_of(stated: ChannelInfo, present: ChannelInfo) -> ChannelInfo:
    """The channel as the user names it, at the height that the instrument states."""
    return stated.model_copy(update={"z_offset": present.z_offset})


class ColorMenu(StrEnum):
    """Colours to choose from; Auto takes the colour from the wavelength or the name of the channel."""

    Auto = "Auto"
    Blue = "Blue (#0000FF)"
    Red = "Red (#FF0000)"
    Yellow = "Yellow (#FFFF00)"
    Magenta = "Magenta (#FF00FF)"
    Cyan = "Cyan (#00FFFF)"
    Gray = "Gray (#808080)"
    Green = "Green (#00FF00)"
    Orange = "Orange (#FF8000)"
    Purple = "Purple (#8000FF)"
    Teal = "Teal (#008080)"
    Lime = "Lime (#00FF80)"
    Amber = "Amber (#FFBF00)"
    Pink = "Pink (#FF0080)"
    Navy = "Navy (#000080)"
    Maroon = "Maroon (#800000)"
    Olive = "Olive (#808000)"
    Coral = "Coral (#FF7F50)"
    Violet = "Violet (#EE82EE)"

    @classmethod
    def _missing_(cls, value: object) -> ColorMenu | None:
        """Accept what older forms wrote, ``Blue (0000FF)``, and the bare name of a colour."""
        if not isinstance(value, str):
            return None
        text = re.sub(r"\((?=[0-9A-Fa-f]{6}\))", "(#", value.strip()).casefold()
        for member in cls:
            if text in (member.value.casefold(), member.name.casefold()):
                return member
        return cls.Violet if text == "violet (#8000ff)" else None

    def to_hexstr(self) -> str | None:
        """The colour as ``#RRGGBB``; None for Auto."""
        return None if self is ColorMenu.Auto else self.value[-8:-1]


class ChannelInfoUI(UserFacingModel):
    """One channel: its name, its second name, its colour."""

    model_config = ConfigDict(title="Channel")

    channel_label: str = Field(title="Channel Label")
    """Name of the channel, for example DAPI. The position in the list decides which channel is meant."""
    wavelength_id: str | None = Field(default=None, title="Wavelength ID")
    """Second name by which Fractal tasks can choose the channel, for example A01_C01 or 488. Empty: as in the metadata."""
    color: ColorMenu = Field(default=ColorMenu.Auto, title="Colour")
    """Colour in which viewers show the channel. Auto: by its wavelength or name."""

    @model_validator(mode="before")
    @classmethod
    def _older_forms(cls, data: Any) -> Any:
        if isinstance(data, ChannelInfo):
            color = data.color if data.color_was_asked_for and data.color not in COLOR_CYCLE else None
            data = {"channel_label": data.channel_label, "wavelength_id": data.wavelength_id, "color": color}
        if not isinstance(data, dict):
            return data
        stated = dict(data)
        if "colors" in stated:
            stated.setdefault("color", stated.pop("colors"))
        if stated.get("color") is None:
            stated.pop("color", None)
        return stated

    @field_validator("color", mode="before")
    @classmethod
    def _color_of_the_menu(cls, color: Any) -> Any:
        if color is None:
            return ColorMenu.Auto
        return _menu_entry(color) if isinstance(color, str) and re.fullmatch(r"#?[0-9A-Fa-f]{6}", color) else color

    colors: ClassVar[Any] = older_name("color")

    def to_channel_info(self) -> ChannelInfo:
        """The channel as the acquisition knows it."""
        return ChannelInfo(
            channel_label=self.channel_label, wavelength_id=self.wavelength_id, color=self.color.to_hexstr()
        )


def _menu_entry(color: str) -> str:
    wanted = f"#{color.lstrip('#').upper()}"
    matching = [member.value for member in ColorMenu if member.to_hexstr() == wanted]
    if not matching:
        raise ValueError(f"The colour {color} is not on the menu; choose one of {', '.join(ColorMenu)}.")
    return matching[0]


class AcquisitionOptions(UserFacingModel):
    """What replaces the metadata of one acquisition, and which part of it is converted."""

    model_config = ConfigDict(title="Corrections")

    channels: list[ChannelInfoUI] | None = Field(default=None, title="Channels")
    """New names and colours of the channels, one entry per channel in the order of the metadata. To change the colour of some
    only, list those with the labels they have now."""
    pixel_info: PixelSizeModel | None = Field(default=None, title="Pixel Size and Intervals")
    """Pixel size and intervals instead of those in the metadata."""
    condition_table_path: str | None = Field(default=None, title="Condition Table")
    """Full path of a table (CSV or Parquet) with a column `well` (or `row` and `column`) and a column for each condition, such as
    drug and dose. Images can then be filtered by them."""
    axes: str | None = Field(default=None, title="Axes")
    """Axes of the written images, letters of `tczyx` in this order, for example `czyx`. Empty: as the data need."""
    data_type: DataTypeEnum = Field(default=DataTypeEnum.AUTODETECT, title="Pixel Type")
    """Type of the pixels in the output. `autodetect`: as in the files."""
    stage_orientation: StageOrientation = Field(default_factory=StageOrientation, title="Stage Orientation")
    """Mirror or exchange the positions of the stage, where fields of view end up in the wrong place. Pixels stay as they are."""
    orientation: OrientationMode = Field(default="check", title="Check of Positions")
    """Whether fields of view fit together where they lie, seen in the overlaps of one well:

    - `check`: warn when they fit clearly better mirrored or exchanged.
    - `auto`: put them as they fit together.
    - `as read`: do not look.
    """
    copy_metadata: bool = Field(default=False, title="Copy Metadata Files")
    """Keep copies of the instrument's own metadata files in the plate, in the folder `metadata`."""
    filters: list[ImplementedFilters] = Field(default_factory=list, title="Filters")
    """Convert a part of the data: keep or leave out wells, fields of view, channels, planes or time points. Several filters apply
    one after the other."""

    @model_validator(mode="before")
    @classmethod
    def _older_names(cls, data: Any) -> Any:
        return newer_acquisition_options(data) if isinstance(data, dict) else data

    @field_validator("filters", mode="before")
    @classmethod
    def _newer_filters(cls, filters: Any) -> Any:
        if not isinstance(filters, list):
            return filters
        return [newer_filter(one) if isinstance(one, dict) else one for one in filters]

    @field_validator("data_type", mode="before")
    @classmethod
    def _not_stated(cls, data_type: Any) -> Any:
        return DataTypeEnum.AUTODETECT if data_type is None else data_type

    stage_corrections: ClassVar[Any] = older_name("stage_orientation")

    def to_axes_list(self) -> list[str] | None:
        """The axes as a list of letters.

        Raises:
            ConvertersToolsUserError: a letter is no axis, occurs twice, is out of order, or y or x is missing.
        """
        if self.axes is None or not self.axes.strip():
            return None
        letters = [letter for letter in self.axes.lower() if letter not in " ,"]
        right = [axis for axis in AXES if axis in letters]
        if letters != right or "y" not in letters or "x" not in letters:
            raise ConvertersToolsUserError(
                f"The axes '{self.axes}' cannot be used: they must be letters of tczyx in this order, each once, with y and x; "
                "write for example czyx."
            )
        return letters

    def update_acquisition_details(self, acquisition_details: AcquisitionDetails) -> AcquisitionDetails:
        """A copy of the details with everything replaced that is stated here.

        Raises:
            ConvertersToolsUserError: what is stated does not fit the acquisition.
        """
        changes: dict[str, Any] = {}
        if self.channels is not None:
            changes["channels"] = self._merged_channels(acquisition_details.channels)
        if self.pixel_info is not None:
            changes |= self.pixel_info.changes()
        if self.condition_table_path:
            changes["condition_table_path"] = self.condition_table_path
        axes = self.to_axes_list()
        if axes is not None:
            changes["axes"] = axes
        if self.data_type != DataTypeEnum.AUTODETECT:
            changes["data_type"] = self.data_type
        if self.stage_orientation != StageOrientation():
            changes["stage_orientation"] = self.stage_orientation.model_copy()
        stated = {name: getattr(acquisition_details, name) for name in type(acquisition_details).model_fields}
        try:
            return type(acquisition_details)(**(stated | changes))
        except ValidationError as error:
            wrong = "; ".join(
                f"{'.'.join(map(str, each['loc']))} is {each['input']!r}: {str(each['msg']).removeprefix('Value error, ')}"
                for each in error.errors(include_url=False)
            )
            raise ConvertersToolsUserError(
                f"The options of the acquisition do not fit its metadata ({wrong}); correct the options."
            ) from error

    def _merged_channels(self, present: list[ChannelInfo] | None) -> list[ChannelInfo]:
        """The stated list when it is complete; a shorter list renames or recolours channels by label, else by position."""
        stated = [channel.to_channel_info() for channel in self.channels or ()]
        if present is None:
            return stated
        if len(stated) == len(present):
            return [_at_height_of(one, there) for one, there in zip(stated, present)]
        labels = [channel.channel_label for channel in present]
        if not stated or len(stated) > len(present):
            raise ConvertersToolsUserError(
                f"{len(stated)} channels are stated in the options, but the acquisition has {len(present)}: "
                f"{', '.join(labels)}; state one entry per channel."
            )
        merged = list(present)
        by_label = [label for label in labels if label in {one.channel_label for one in stated}]
        for position, one in enumerate(stated):
            known = one.channel_label in labels
            place = labels.index(one.channel_label) if known else position
            merged[place] = _at_height_of(one, present[place])
        if by_label and any(one.channel_label not in labels for one in stated):
            raise ConvertersToolsUserError(
                f"The options state {len(stated)} of {len(present)} channels, some by a label that exists and some by another; "
                f"the labels are {', '.join(labels)}. State one entry per channel, or only labels that exist, or only new ones."
            )
        return merged
