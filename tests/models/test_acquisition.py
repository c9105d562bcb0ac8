"""Acquisition details, channels, colours."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
from pydantic import ValidationError

from fractal_omezarr_converters.errors import ConvertersToolsWarning
from fractal_omezarr_converters.models.acquisition import (
    AcquisitionDetails,
    ChannelInfo,
    DataTypeEnum,
    StageOrientation,
    default_axes_builder,
    default_channels,
    rgb_channels,
)
from fractal_omezarr_converters.models.colors import (
    COLOR_CYCLE,
    NAMED_COLORS,
    DefaultColors,
    color_of_label,
    color_of_wavelength,
    parse_color,
)


def channels(*labels: str, **more: Any) -> list[ChannelInfo]:
    return [ChannelInfo(channel_label=label, **more) for label in labels]


def test_f05_y_pixel_size_may_differ() -> None:
    square = AcquisitionDetails(xy_pixel_size=0.5)
    assert (square.pixel_size_x, square.pixel_size_y) == (0.5, 0.5)
    other = AcquisitionDetails(xy_pixel_size=0.5, y_pixel_size=0.7)
    assert (other.pixel_size_x, other.pixel_size_y) == (0.5, 0.7)


@pytest.mark.parametrize("field", ["xy_pixel_size", "y_pixel_size", "z_spacing", "t_spacing"])
@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf")])
def test_f64_impossible_sizes_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValidationError):
        AcquisitionDetails(**{field: value})


@pytest.mark.parametrize("axes", ["xyc", "yxz", "zx", "cz", "czyxx", "abyx", [], ["y"]])
def test_f63_wrong_axes_are_refused(axes: Any) -> None:
    with pytest.raises(ValidationError, match="axes"):
        AcquisitionDetails(axes=axes)


def test_axes_defaults() -> None:
    assert AcquisitionDetails().axes == ["t", "c", "z", "y", "x"]
    assert default_axes_builder(True) == ["t", "c", "z", "y", "x"]
    assert default_axes_builder(False) == ["c", "z", "y", "x"]


def test_details_are_frozen_and_survive_json() -> None:
    details = AcquisitionDetails(
        channels=channels("a", "b"), stage_orientation=StageOrientation(flip_x=True), axes=["y", "x"]
    )
    with pytest.raises(ValidationError):
        details.z_spacing = 3
    with pytest.raises(ValidationError):
        AcquisitionDetails(pixel_sise=3)
    assert AcquisitionDetails.model_validate_json(details.model_dump_json()) == details


def test_f62_channels_that_were_handed_in_stay_as_they_are() -> None:
    handed = channels("GFP", "GFP")
    with pytest.warns(ConvertersToolsWarning):
        AcquisitionDetails(channels=handed)
    assert [channel.channel_label for channel in handed] == ["GFP", "GFP"]


@pytest.mark.parametrize("value", [None, "autodetect", DataTypeEnum.AUTODETECT])
def test_f19_no_type_means_autodetect(value: Any) -> None:
    assert AcquisitionDetails(data_type=value).stated_data_type is None
    assert AcquisitionDetails(data_type="float32").stated_data_type == "float32"


@pytest.mark.parametrize(
    ("wavelength", "color"),
    [
        ("350", "magenta"), ("405", "blue"), ("450", "cyan"), ("488 nm", "cyan"), ("500", "green"), ("532", "lime"),
        ("561", "yellow"), ("600", "orange"), ("640", "red"), ("750", "red"), ("785", "magenta"), ("F488-Z7", "cyan"),
    ],
)  # fmt: skip
def test_f40_color_by_wavelength(wavelength: str, color: str) -> None:
    assert ChannelInfo(channel_label="?", wavelength_id=wavelength).color == f"#{NAMED_COLORS[color]}"


@pytest.mark.parametrize(
    ("label", "color"),
    [
        ("DAPI", "blue"),
        ("GFP 50 ms", "green"),
        ("my_mCherry", "red"),
        ("mScarlet", "red"),
        ("Alexa 647", "magenta"),
        ("Texas Red", "red"),
    ],
)
def test_f40_color_by_dye_that_is_a_word_of_the_label(label: str, color: str) -> None:
    assert ChannelInfo(channel_label=label).color == f"#{NAMED_COLORS[color]}"


def test_f40_unknown_labels_get_distinct_colors_of_the_cycle() -> None:
    found = AcquisitionDetails(channels=channels(*(f"unknownthing{n}" for n in range(30)))).channels or []
    colors = [channel.color for channel in found]
    assert colors[: len(COLOR_CYCLE)] == list(COLOR_CYCLE)
    assert len(set(colors)) == 30


def test_f40_equal_colors_only_when_asked() -> None:
    found = AcquisitionDetails(channels=channels("GFP one", "GFP two", "DAPI")).channels or []
    assert found[0].color == "#00FF00"
    assert found[2].color == "#0000FF"
    assert len({channel.color for channel in found}) == 3
    asked = AcquisitionDetails(channels=channels("a", "b", color="#123456")).channels or []
    assert [channel.color for channel in asked] == ["#123456", "#123456"]


def test_colors_stay_when_details_travel() -> None:
    details = AcquisitionDetails(channels=channels("x", "y", "GFP", "GFP a"))
    assert AcquisitionDetails.model_validate(details.model_dump()).channels == details.channels
    assert AcquisitionDetails(channels=details.channels).channels == details.channels


def test_f41_labels_are_made_unique() -> None:
    with pytest.warns(ConvertersToolsWarning, match="'GFP' occurs more than once"):
        found = AcquisitionDetails(channels=channels("GFP", "GFP", "GFP_2", "", "GFP")).channels or []
    assert [channel.channel_label for channel in found] == ["GFP", "GFP_3", "GFP_2", "channel_3", "GFP_4"]


def test_default_channels() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [channel.channel_label for channel in default_channels(3)] == ["channel_0", "channel_1", "channel_2"]
    assert len({channel.color for channel in default_channels(3)}) == 3
    assert [(c.channel_label, c.color_digits) for c in rgb_channels()] == [
        ("red", "FF0000"),
        ("green", "00FF00"),
        ("blue", "0000FF"),
    ]


@pytest.mark.parametrize(
    "text", ["#00f", "0000FF", "blue", "Blue (#0000FF)", "Blue (0000FF)", DefaultColors.blue, " #0000ff "]
)
def test_colors_are_read_as_people_and_older_files_write_them(text: str) -> None:
    assert parse_color(text) == "#0000FF"
    channel = ChannelInfo(channel_label="GFP", colors=text)
    assert (channel.color, channel.color_digits, channel.colors) == ("#0000FF", "0000FF", "#0000FF")


def test_unknown_color_is_refused() -> None:
    with pytest.raises(ValidationError, match="bluish"):
        ChannelInfo(channel_label="a", color="bluish")


def test_colors_of_the_first_generation() -> None:
    assert DefaultColors.violet.to_hex() == "8000FF"
    assert {color.name for color in DefaultColors} == set(NAMED_COLORS)


def test_older_names_of_an_acquisition() -> None:
    old = AcquisitionDetails(
        pixelsize=0.3, start_x_coo="pixel", length_t_coo="world", stage_corrections={"swap_xy": True}, data_type=None
    )
    new = AcquisitionDetails(
        xy_pixel_size=0.3,
        start_x_space="pixel",
        length_t_space="world",
        stage_orientation=StageOrientation(swap_xy=True),
    )
    assert old == new
    assert (old.pixelsize, old.start_x_coo, old.stage_corrections.swap_xy) == (0.3, "pixel", True)
    assert AcquisitionDetails(pixelsize=0.3, xy_pixel_size=0.3) == AcquisitionDetails(pixelsize=0.3)
    with pytest.raises(ValidationError, match="keep only 'xy_pixel_size'"):
        AcquisitionDetails(pixelsize=0.3, xy_pixel_size=0.4)


def test_a_copy_with_changes_is_checked_like_a_new_object() -> None:
    details = AcquisitionDetails(z_spacing=3, channels=channels("a"))
    assert details.model_copy(update={"pixelsize": 0.3}) == AcquisitionDetails(
        xy_pixel_size=0.3, z_spacing=3, channels=channels("a")
    )
    assert details.model_copy() == details
    for wrong in ({"xy_pixel_size": -1}, {"axes": ["x", "y"]}, {"pixel_sise": 1.0}):
        with pytest.raises(ValidationError):
            details.model_copy(update=wrong)


def test_equal_values_under_both_names_pass_however_they_are_written() -> None:
    assert ChannelInfo(channel_label="a", color="#0000ff", colors="Blue (0000FF)").color == "#0000FF"
    with pytest.raises(ValidationError, match="keep only 'color'"):
        ChannelInfo(channel_label="a", color="#0000FF", colors=DefaultColors.red)
    both = AcquisitionDetails(stage_corrections=StageOrientation(flip_x=True), stage_orientation={"flip_x": True})
    assert both.stage_orientation == StageOrientation(flip_x=True)


@pytest.mark.parametrize(
    ("nanometres", "color"),
    [
        (199, None), (200, "magenta"), (379.9, "magenta"), (380, "blue"), (449.9, "blue"), (450, "cyan"), (494, "cyan"),
        (495, "green"), (519, "green"), (520, "lime"), (559, "lime"), (560, "yellow"), (589, "yellow"), (590, "orange"),
        (619, "orange"), (620, "red"), (750, "red"), (751, "magenta"), (1500, "magenta"), (1501, None),
    ],
)  # fmt: skip
def test_f40_edges_of_the_bands(nanometres: float, color: str | None) -> None:
    assert color_of_wavelength(nanometres) == (color and f"#{NAMED_COLORS[color]}")


def test_f40_only_the_first_number_of_a_wavelength_counts() -> None:
    assert ChannelInfo(channel_label="DAPI", wavelength_id="A01_C561").color == f"#{NAMED_COLORS['blue']}"
    assert ChannelInfo(channel_label="?", wavelength_id="em 525/50").color == f"#{NAMED_COLORS['lime']}"


@pytest.mark.parametrize("label", ["unknownthing", "gfpx", "DAPI2000", "bluebell", "Cy35", "mScarletX"])
def test_f40_a_part_of_a_word_is_no_dye(label: str) -> None:
    assert color_of_label(label) is None


def test_named_colors_are_those_of_the_form() -> None:
    assert NAMED_COLORS == {
        "blue": "0000FF", "red": "FF0000", "yellow": "FFFF00", "magenta": "FF00FF", "cyan": "00FFFF", "gray": "808080",
        "green": "00FF00", "orange": "FF8000", "purple": "8000FF", "teal": "008080", "lime": "00FF80", "amber": "FFBF00",
        "pink": "FF0080", "navy": "000080", "maroon": "800000", "olive": "808000", "coral": "FF7F50", "violet": "EE82EE",
    }  # fmt: skip
    assert {color.name: color.to_hex() for color in DefaultColors} == {**NAMED_COLORS, "violet": "8000FF"}
