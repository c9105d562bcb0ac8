"""Values are checked when they are assigned, under newer and older names; what is refused changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from fractal_omezarr_converters.core import build_dummy_tile
from fractal_omezarr_converters.core.dummy_tiles import StartPosition, TileShape
from fractal_omezarr_converters.fractal import AcquisitionOptions, ChannelInfoUI, PixelSizeModel, ThreadedRunner
from fractal_omezarr_converters.models import (
    AcquisitionDetails,
    ChannelInfo,
    ChunkMultipleSharding,
    ConverterOptions,
    FixedSizeChunking,
    ImageInPlate,
    MosaicGrouping,
    NamedLevels,
    NumberOfLevels,
    OmeZarrOptions,
    PerFovGrouping,
    RuntimeSettings,
    SingleImage,
    SnapToGridTiling,
    StagePositionCorrections,
    TempJsonOptions,
    WriterMode,
)
from fractal_omezarr_converters.models.form_options import ConverterFormOptions
from fractal_omezarr_converters.pipelines import WellFilter


@pytest.mark.parametrize(
    ("make", "name", "value"),
    [
        (ConverterOptions, "writer_mode", "by hand"),
        (ConverterOptions, "grouping", {"mode": "Jigsaw"}),
        (ConverterOptions, "tiling_mode", "Jigsaw"),
        (ConverterOptions, "tiling_tolerance", -1),
        (ConverterOptions, "alignment_correction", {"remove_xy_offset": "Sometimes"}),
        (ConverterOptions, "temp_json_options", {"serialization": "Smoke"}),
        (ConverterOptions, "colour", "red"),
        (OmeZarrOptions, "ngff_version", "0.9"),
        (OmeZarrOptions, "num_levels", 0),
        (OmeZarrOptions, "table_backend", "xlsx"),
        (OmeZarrOptions, "downsampling", "average"),
        (lambda: NamedLevels(level_names=["s0"]), "level_names", ["s0", "s0"]),
        (FixedSizeChunking, "xy_chunk", 0),
        (RuntimeSettings, "num_workers", 0),
        (TempJsonOptions, "max_in_memory_bytes", -1),
        (StagePositionCorrections, "align_xy", "perhaps"),
        (SnapToGridTiling, "tolerance", -0.5),
        (PixelSizeModel, "xy_pixel_size", 0),
        (PixelSizeModel, "pixelsize", -1),
        (AcquisitionOptions, "data_type", "uint12"),
        (AcquisitionOptions, "filters", [{"name": "No Such Filter", "regex": 1}]),
        (lambda: ChannelInfoUI(channel_label="DAPI"), "colors", "#123456"),
        (lambda: ChannelInfo(channel_label="DAPI"), "color", "no colour"),
        (lambda: WellFilter(wells=["A01"]), "mode", "Ignore"),
        (ThreadedRunner, "num_threads", 0),
        (ConverterFormOptions, "num_levels", 0),
        (lambda: ImageInPlate(plate_name="P", row="A", column=1), "column", 0),
        (lambda: SingleImage(image_path="a"), "image_path", "../a"),
    ],
)
def test_a_wrong_value_is_refused_and_changes_nothing(make: Callable[[], Any], name: str, value: Any) -> None:
    model = make()
    before, stated = model.model_dump(), set(model.model_fields_set)
    with pytest.raises(ValidationError):
        setattr(model, name, value)
    assert model.model_dump() == before
    assert model.model_fields_set == stated


def test_rules_across_fields_hold_on_assignment() -> None:
    options = OmeZarrOptions()
    with pytest.raises(ValidationError, match=r"shards need OME-Zarr 0\.5"):
        options.shards = ChunkMultipleSharding()
    assert options.shards.mode == "None"
    options.ngff_version = "0.5"
    options.shards = {"mode": "Multiple of Chunks", "xy_factor": 2}  # type: ignore[assignment]  # as in a file
    assert options.shards == ChunkMultipleSharding(xy_factor=2)
    with pytest.raises(ValidationError):
        options.ngff_version = "0.4"
    assert options.ngff_version == "0.5"


def test_a_tile_keeps_its_channels_among_those_of_its_acquisition() -> None:
    tile = build_dummy_tile(
        fov_name="F",
        start=StartPosition(),
        shape=TileShape(x=16, y=8),
        collection=SingleImage(image_path="a"),
        acquisition_details=AcquisitionDetails(channels=[ChannelInfo(channel_label="DAPI")]),
    )
    with pytest.raises(ValidationError, match="lists 1 channels"):
        tile.start_c = 1
    assert tile.start_c == 0
    with pytest.raises(ValidationError):
        tile.length_x = 0
    tile.start_x = "12.5"  # type: ignore[assignment]  # text of a file
    assert tile.start_x == 12.5


def test_values_of_files_become_models_on_assignment() -> None:
    options = ConverterOptions()
    options.writer_mode = "By Tile"  # type: ignore[assignment]  # text of a form
    assert options.writer_mode is WriterMode.BY_TILE
    options.grouping = "Per-FOV"  # type: ignore[assignment]
    assert options.grouping == PerFovGrouping()
    options.omezarr_options.levels = 3  # type: ignore[assignment]
    assert options.omezarr_options.levels == NumberOfLevels(num_levels=3)
    channel = ChannelInfo(channel_label="DAPI")
    channel.color = "Blue (0000FF)"
    assert channel.color == "#0000FF"
    assert channel.color_was_asked_for
    channel.color = None
    assert channel.color is not None
    assert not channel.color_was_asked_for
    image = ImageInPlate(plate_name="P", row="A", column=1)
    image.row = 28  # type: ignore[assignment]
    assert image.path() == "P.zarr/AB/01/0"


def test_older_names_can_be_set() -> None:
    options = ConverterOptions()
    options.tiling_tolerance = 3
    options.tiling_mode = "Snap to Grid"
    assert options.grouping == MosaicGrouping(tiling_strategy=SnapToGridTiling(tolerance=3))
    options.tiling_mode = "No Tiling"
    options.tiling_tolerance = 5  # says nothing about fields that are images of their own
    assert options.grouping == PerFovGrouping()
    options.tiling_strategy = {"type": "Inplace"}
    assert options.tiling_mode == "Inplace"
    options.alignment_correction = {"align_xy": False, "remove_xy_offset": "False"}
    assert options.stage_position_corrections == StagePositionCorrections(
        remove_xy_jitter=False, remove_xy_offset="Keep"
    )
    options.stage_position_corrections.align_xy = True
    options.stage_position_corrections.align_z = True  # never had an effect
    options.stage_position_corrections.remove_z_offset = "False"  # type: ignore[assignment]
    assert options.stage_position_corrections == StagePositionCorrections(
        remove_xy_jitter=True, remove_xy_offset="Keep", remove_z_offset="Keep"
    )
    options.temp_json_options = {"serialization": "JSON"}
    assert options.runtime_settings.temp_json_options == TempJsonOptions(serialization="JSON")
    options.omezarr_options.num_levels = 2
    assert options.omezarr_options.levels == NumberOfLevels(num_levels=2)
    size = PixelSizeModel()
    size.pixelsize = 0.65
    assert size.xy_pixel_size == 0.65
    advanced = AcquisitionOptions()
    advanced.stage_corrections = {"flip_x": True}
    assert advanced.stage_orientation.flip_x
    advanced.data_type = None  # type: ignore[assignment]  # as the first generation said autodetect
    assert advanced.data_type == "autodetect"
    advanced.filters = [{"name": "Well Include Filter", "wells_to_include": ["A01"]}]  # type: ignore[list-item]
    assert advanced.filters == [WellFilter(wells=["A01"])]


@pytest.mark.parametrize(("name", "value"), [("xy_pixel_size", 2.0), ("pixelsize", 2.0), ("start_x_coo", "pixel")])
def test_acquisition_details_never_change(name: str, value: Any) -> None:
    details = AcquisitionDetails()
    with pytest.raises(ValidationError, match="frozen"):
        setattr(details, name, value)
    assert details == AcquisitionDetails()
