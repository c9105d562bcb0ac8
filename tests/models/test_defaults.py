"""Every default value and every word of a choice: files of users leave them out, or state them."""

from __future__ import annotations

from enum import Enum
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

import fractal_omezarr_converters.models as m

RUNTIME: dict[str, Any] = {
    "use_zarrs_codec": False,
    "dask_scheduler": {"mode": "Default"},
    "temp_json_options": {
        "temp_url": "{zarr_dir}/_tmp_json",
        "serialization": "Auto",
        "max_in_memory_bytes": 10_485_760,
    },
    "num_workers": None,
    "memory_limit_mb": None,
    "divide_above_mb": 2048,
}
CORRECTIONS = {
    "remove_xy_offset": "Global",
    "remove_z_offset": "Global",
    "remove_t_offset": "Global",
    "remove_xy_jitter": True,
    "reindex_channels": True,
    "largest_padding": 4.0,
}
CHUNKS: dict[str, Any] = {"mode": "Same as FOV", "xy_scaling": "1", "z_chunk": 10, "c_chunk": 1, "t_chunk": 1}
STORED: dict[str, Any] = {
    "levels": {"mode": "Number of Levels", "num_levels": None},
    "chunks": CHUNKS,
    "shards": {"mode": "None"},
    "ngff_version": "0.4",
    "table_backend": "csv",
    "compression": {"codec": "zstd", "level": None, "shuffle": "shuffle", "blocksize": 1_048_576},
    "downsampling": "mean",
}
AUTO = {"mode": "Auto", "tolerance": 1.0}


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (
            m.ConverterOptions(),
            {
                "writer_mode": "By FOV",
                "grouping": {"mode": "Mosaic", "tiling_strategy": AUTO},
                "stage_position_corrections": CORRECTIONS,
                "omezarr_options": STORED,
                "runtime_settings": RUNTIME,
            },
        ),
        (m.StagePositionCorrections(), CORRECTIONS),
        (m.OmeZarrOptions(), STORED),
        (m.RuntimeSettings(), RUNTIME),
        (m.MosaicGrouping(), {"mode": "Mosaic", "tiling_strategy": AUTO}),
        (m.PerFovGrouping(), {"mode": "Per-FOV"}),
        (m.AutoTiling(), AUTO),
        (m.SnapToGridTiling(), {"mode": "Snap to Grid", "tolerance": 1.0}),
        (m.SnapToCornersTiling(), {"mode": "Snap to Corners"}),
        (m.InplaceTiling(), {"mode": "Inplace"}),
        (m.FovBasedChunking(), CHUNKS),
        (m.FixedSizeChunking(), {"mode": "Fixed Size", "xy_chunk": 4096, "z_chunk": 10, "c_chunk": 1, "t_chunk": 1}),
        (m.NoSharding(), {"mode": "None"}),
        (
            m.ChunkMultipleSharding(),
            {"mode": "Multiple of Chunks", "xy_factor": 4, "z_factor": 1, "c_factor": 1, "t_factor": 1},
        ),
        (m.NamedLevels(level_names=["a"]), {"mode": "Custom Names", "level_names": ["a"]}),
        (m.ThreadScheduler(), {"mode": "Threads", "num_workers": 8}),
        (m.ProcessScheduler(), {"mode": "Processes", "num_workers": 8}),
        (m.SynchronousScheduler(), {"mode": "Synchronous"}),
        (m.DefaultScheduler(), {"mode": "Default"}),
        (m.StageOrientation(), {"flip_x": False, "flip_y": False, "swap_xy": False}),
        (
            m.AcquisitionDetails(),
            {
                **dict.fromkeys([f"start_{axis}_space" for axis in "xyzt"], "world"),
                **dict.fromkeys([f"length_{axis}_space" for axis in "xyzt"], "pixel"),
                "xy_pixel_size": 1.0,
                "y_pixel_size": None,
                "z_spacing": 1.0,
                "t_spacing": 1.0,
                "channels": None,
                "axes": ["t", "c", "z", "y", "x"],
                "data_type": "autodetect",
                "condition_table_path": None,
                "stage_orientation": {"flip_x": False, "flip_y": False, "swap_xy": False},
            },
        ),
        (
            m.ImageInPlate(plate_name="P", row="A", column=1),
            {"plate_name": "P", "row": "A", "column": 1, "acquisition": 0},
        ),
        (
            m.DefaultImageLoader(file_path="a.tif"),
            {
                "file_path": "a.tif",
                **dict.fromkeys(["series", "page", "level", "channel", "z", "t", "plane"]),
                "rgb": "channels",
                "palette": "auto",
            },
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseModel) else "",
)
def test_defaults(made: BaseModel, expected: dict[str, Any]) -> None:
    assert made.model_dump(mode="json") == expected
    assert type(made).model_validate(expected) == made
    assert type(made).model_validate_json(made.model_dump_json()) == made


def test_defaults_of_a_channel() -> None:
    made = m.ChannelInfo(channel_label="a")
    assert (made.channel_label, made.wavelength_id, made.color_was_asked_for) == ("a", None, False)


def test_default_objects_are_not_shared() -> None:
    first, second = m.ConverterOptions(), m.ConverterOptions()
    first.omezarr_options.chunks.z_chunk = 3
    assert second == m.ConverterOptions()
    assert second.omezarr_options.chunks.z_chunk == 10


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (
            m.WriterMode,
            {
                "BY_TILE": "By Tile",
                "BY_TILE_DASK": "By Tile (Using Dask)",
                "BY_FOV": "By FOV",
                "BY_FOV_DASK": "By FOV (Using Dask)",
                "IN_MEMORY": "In Memory",
            },
        ),
        (m.OverwriteMode, {"NO_OVERWRITE": "No Overwrite", "OVERWRITE": "Overwrite", "EXTEND": "Extend"}),
        (m.BackendType, {"ANNDATA": "anndata", "JSON": "json", "CSV": "csv", "PARQUET": "parquet"}),
        (
            m.TilingMode,
            {
                "AUTO": "Auto",
                "SNAP_TO_GRID": "Snap to Grid",
                "SNAP_TO_CORNERS": "Snap to Corners",
                "INPLACE": "Inplace",
                "NO_TILING": "No Tiling",
            },
        ),
        (m.Scalings, {"QUARTER": "0.25", "HALF": "0.5", "ONE": "1", "DOUBLE": "2", "QUADRUPLE": "4"}),
        (m.UrlType, {"LOCAL": "local", "S3": "s3", "NOT_SUPPORTED": "not_supported"}),
        (
            m.DataTypeEnum,
            {
                "AUTODETECT": "autodetect",
                **{
                    name.upper(): name
                    for name in "uint8 uint16 uint32 int8 int16 int32 uint64 int64 float32 float64".split()
                },
            },
        ),
    ],
)
def test_words_of_choices(kind: type[Enum], words: dict[str, str]) -> None:
    assert {member.name: member.value for member in kind} == words
    assert all(isinstance(member, str) and str(member) == member.value for member in kind)


def test_scalings_are_numbers() -> None:
    assert [scaling.to_float() for scaling in m.Scalings] == [0.25, 0.5, 1, 2, 4]


def test_versions() -> None:
    assert (get_args(m.NgffVersions), m.DefaultNgffVersion) == (("0.4", "0.5", "0.6"), "0.4")
    assert list(m.canonical_axes) == list(get_args(m.CANONICAL_AXES_TYPE)) == ["t", "c", "z", "y", "x"]
    assert get_args(m.SPACE_TYPE) == ("world", "pixel")


@pytest.mark.parametrize(
    ("model", "field", "wrong"),
    [
        (m.AutoTiling, "tolerance", -0.1),
        (m.SnapToGridTiling, "tolerance", -1),
        (m.NumberOfLevels, "num_levels", 0),
        *((m.FixedSizeChunking, f"{axis}_chunk", 0) for axis in ("xy", "z", "c", "t")),
        *((m.FovBasedChunking, f"{axis}_chunk", 0) for axis in "zct"),
        (m.FovBasedChunking, "xy_scaling", "3"),
        *((m.ChunkMultipleSharding, f"{axis}_factor", 0) for axis in ("xy", "z", "c", "t")),
        (m.ThreadScheduler, "num_workers", 0),
        (m.ProcessScheduler, "num_workers", 0),
        (m.TempJsonOptions, "serialization", "YAML"),
        (m.TempJsonOptions, "max_in_memory_bytes", -1),
        (m.StagePositionCorrections, "remove_xy_offset", "Per-FOV"),
        (m.StagePositionCorrections, "largest_padding", 0.5),
        (m.StagePositionCorrections, "remove_z_offset", "All"),
        (m.OmeZarrOptions, "ngff_version", "0.3"),
        (m.OmeZarrOptions, "table_backend", "xlsx"),
        (m.ConverterOptions, "writer_mode", "By Well"),
        (m.ConverterOptions, "grouping", {"mode": "Per-Well"}),
        (m.AcquisitionDetails, "start_x_space", "stage"),
        (m.AcquisitionDetails, "data_type", "uint12"),
        (m.DefaultImageLoader, "page", -1),
        (m.DefaultImageLoader, "rgb", "sepia"),
    ],
)
def test_bounds(model: type[BaseModel], field: str, wrong: Any) -> None:
    needed = {"file_path": "a.tif"} if model is m.DefaultImageLoader else {}
    with pytest.raises(ValidationError, match=field.partition(".")[0]):
        model.model_validate({**needed, field: wrong})


def test_loaders_and_collections_ignore_unknown_keys() -> None:
    known = {"file_path": "a.tif", "plate_name": "P", "row": "A", "column": 1, "image_path": "a", "new_key": 3}
    for model in (m.DefaultImageLoader, m.ImageInPlate, m.SingleImage):
        assert "new_key" not in model.model_validate(known).model_dump()
