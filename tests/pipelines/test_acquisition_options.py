"""What a user states instead of the metadata."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models import ChannelInfo, DataTypeEnum, StageOrientation
from fractal_omezarr_converters.models.colors import NAMED_COLORS, DefaultColors
from fractal_omezarr_converters.pipelines import (
    AcquisitionOptions,
    ChannelInfoUI,
    ColorMenu,
    PixelSizeModel,
    WellFilter,
)


def labels(details) -> list[str]:
    return [channel.channel_label for channel in details.channels]


def test_everything_stated_replaces_the_metadata(details):
    options = AcquisitionOptions(
        channels=[
            ChannelInfoUI(channel_label="A", color=ColorMenu.Red),
            ChannelInfoUI(channel_label="B", wavelength_id="488"),
        ],
        pixel_info=PixelSizeModel(z_spacing=0.3),
        axes="czyx",
        data_type=DataTypeEnum.UINT8,
        stage_orientation=StageOrientation(flip_y=True),
        condition_table_path="c.csv",
    )
    changed = options.update_acquisition_details(details)
    assert labels(changed) == ["A", "B"]
    assert changed.channels[0].color == "#FF0000"
    assert (changed.xy_pixel_size, changed.z_spacing, changed.t_spacing) == (0.5, 0.3, 10.0)
    assert list(changed.axes) == list("czyx")
    assert changed.data_type == DataTypeEnum.UINT8
    assert changed.condition_table_path == "c.csv"


def test_f61_the_stage_orientation_is_applied(details):
    assert (
        AcquisitionOptions(stage_orientation={"swap_xy": True})
        .update_acquisition_details(details)
        .stage_orientation.swap_xy
    )
    older = AcquisitionOptions(stage_corrections={"flip_x": True})
    assert older.update_acquisition_details(details).stage_orientation.flip_x


def test_f62_nothing_is_shared_with_the_original(details):
    changed = AcquisitionOptions(pixel_info={"pixelsize": 2}).update_acquisition_details(details)
    assert changed is not details
    assert details.xy_pixel_size == 0.5
    assert changed.xy_pixel_size == 2


@pytest.mark.parametrize("axes", ["xyc", "xy", "cx", "yyx", "czyxq", "zcyx"])
def test_f63_impossible_axes_are_refused(details, axes):
    with pytest.raises(ConvertersToolsUserError, match="tczyx in this order"):
        AcquisitionOptions(axes=axes).update_acquisition_details(details)


def test_axes_as_people_write_them():
    assert AcquisitionOptions(axes="C, Z, Y, X").to_axes_list() == list("czyx")
    assert AcquisitionOptions().to_axes_list() is None


@pytest.mark.parametrize("value", [0, -1, float("nan"), float("inf"), 1e9, 1e-12])
def test_f64_impossible_pixel_sizes_are_refused(value):
    with pytest.raises(ValidationError):
        PixelSizeModel(xy_pixel_size=value)


def test_f64_every_number_is_optional():
    assert PixelSizeModel().model_dump(exclude_none=True) == {}


def test_a_shorter_list_renames_by_position_or_recolours_by_label(details):
    renamed = AcquisitionOptions(channels=[ChannelInfoUI(channel_label="Nuclei")]).update_acquisition_details(details)
    assert labels(renamed) == ["Nuclei", "GFP"]
    coloured = AcquisitionOptions(channels=[ChannelInfoUI(channel_label="GFP", color="Red (#FF0000)")])
    changed = coloured.update_acquisition_details(details)
    assert labels(changed) == ["DAPI", "GFP"]
    assert changed.channels[1].color == "#FF0000"


def test_a_list_that_does_not_fit_is_refused_with_the_labels(details):
    three = [ChannelInfoUI(channel_label=label) for label in "abc"]
    with pytest.raises(ConvertersToolsUserError, match=r"3 channels are stated .* has 2: DAPI, GFP"):
        AcquisitionOptions(channels=three).update_acquisition_details(details)


@pytest.mark.parametrize("text", ["Blue (#0000FF)", "Blue (0000FF)", "blue"])
def test_colours_of_all_generations(text):
    assert ColorMenu(text).to_hexstr() == "#0000FF"
    assert ChannelInfoUI(channel_label="a", colors=text).color is ColorMenu.Blue
    assert ColorMenu.Auto.to_hexstr() is None


def test_the_menu_has_the_named_colours_and_takes_what_older_forms_wrote():
    menu = {entry.name.lower(): entry.to_hexstr() for entry in ColorMenu if entry is not ColorMenu.Auto}
    assert menu == {name: f"#{digits}" for name, digits in NAMED_COLORS.items()}
    for older in DefaultColors:
        assert ColorMenu(older.value).name.lower() == older.name
    with pytest.raises(ValidationError):
        ChannelInfoUI(channel_label="a", color="Octarine (#123456)")


def test_filters_of_all_generations():
    options = AcquisitionOptions(filters=[{"name": "Well Include Filter", "wells_to_include": ["A1"]}])
    assert options.filters == [WellFilter(wells=["A1"])]


def test_json_round_trip():
    options = AcquisitionOptions(channels=[ChannelInfoUI(channel_label="a")], filters=[WellFilter(wells=["A1"])])
    assert AcquisitionOptions.model_validate_json(options.model_dump_json()) == options


def test_channels_of_the_first_generation_are_accepted_with_the_colours_that_were_asked_for() -> None:
    given = [ChannelInfo(channel_label="GFP", colors="Blue (0000FF)"), ChannelInfo(channel_label="Foo", z_offset=3)]
    stated = AcquisitionOptions(channels=given).channels or []
    assert [(one.channel_label, one.color) for one in stated] == [("GFP", ColorMenu.Blue), ("Foo", ColorMenu.Auto)]
