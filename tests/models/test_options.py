"""Options of every generation, and how they look in the web form."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from fractal_omezarr_converters.models import (
    AlignmentCorrections,
    AutoTiling,
    ChunkMultipleSharding,
    CompressionOptions,
    ConverterFormOptions,
    ConverterOptions,
    DefaultScheduler,
    FixedSizeChunking,
    FovBasedChunking,
    InplaceTiling,
    MosaicGrouping,
    NamedLevels,
    NoTiling,
    NumberOfLevels,
    OmeZarrOptions,
    PerFovGrouping,
    ProcessScheduler,
    RuntimeSettings,
    Scalings,
    SnapToCornersTiling,
    SnapToGridTiling,
    StagePositionCorrections,
    SynchronousScheduler,
    TempJsonOptions,
    ThreadScheduler,
    TilingMode,
    WriterMode,
)


def load(**values: Any) -> ConverterOptions:
    """The same from Python and from JSON."""
    found = ConverterOptions(**values)
    plain = json.loads(json.dumps(values, default=lambda model: model.model_dump(mode="json")))
    assert ConverterOptions.model_validate_json(json.dumps(plain)) == found
    assert ConverterOptions.model_validate_json(found.model_dump_json()) == found
    return found


@pytest.mark.parametrize(
    ("older", "grouping"),
    [
        ({"tiling_mode": "Auto"}, MosaicGrouping()),
        ({"tiling_mode": "Auto", "tiling_tolerance": 0}, MosaicGrouping(tiling_strategy=AutoTiling(tolerance=0))),
        ({"tiling_tolerance": 3}, MosaicGrouping(tiling_strategy=AutoTiling(tolerance=3))),
        (
            {"tiling_mode": TilingMode.SNAP_TO_GRID, "tiling_tolerance": 2},
            MosaicGrouping(tiling_strategy=SnapToGridTiling(tolerance=2)),
        ),
        (
            {"tiling_mode": "Snap to Corners", "tiling_tolerance": 2},
            MosaicGrouping(tiling_strategy=SnapToCornersTiling()),
        ),
        ({"tiling_mode": "Inplace"}, MosaicGrouping(tiling_strategy=InplaceTiling())),
        ({"tiling_mode": "No Tiling"}, PerFovGrouping()),
        ({"tiling_strategy": NoTiling()}, PerFovGrouping()),
        ({"tiling_strategy": {"mode": "No Tiling"}}, PerFovGrouping()),
        (
            {"tiling_strategy": {"mode": "Snap to Grid", "tolerance": 4}},
            MosaicGrouping(tiling_strategy=SnapToGridTiling(tolerance=4)),
        ),
        ({"tiling_strategy": InplaceTiling()}, MosaicGrouping(tiling_strategy=InplaceTiling())),
        ({"tiling_mode": "No Tiling", "grouping": {"mode": "Per-FOV"}}, PerFovGrouping()),
    ],
)
def test_older_tiling_keys(older: dict[str, Any], grouping: Any) -> None:
    assert load(**older).grouping == grouping


def test_contradictions_between_generations_are_errors() -> None:
    with pytest.raises(ValidationError, match="keep only 'grouping'"):
        ConverterOptions(tiling_mode="Inplace", grouping={"mode": "Per-FOV"})
    with pytest.raises(ValidationError, match="keep only 'levels'"):
        OmeZarrOptions(num_levels=3, levels=NumberOfLevels(num_levels=4))


@pytest.mark.parametrize(("given", "said"), [({"align_z": True, "align_t": True}, 2), ({"align_t": False}, 0), ({}, 0)])
def test_older_corrections_without_effect_are_said(
    given: dict[str, bool], said: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="fractal_omezarr_converters"):
        assert StagePositionCorrections(**given) == StagePositionCorrections()
    assert len([record for record in caplog.records if "never had an effect" in record.getMessage()]) == said
    assert all(record.levelname == "INFO" for record in caplog.records)


def test_older_corrections() -> None:
    for key in ("alignment_correction", "stage_position_corrections"):
        old = load(**{key: {"align_xy": False, "align_z": True, "align_t": True}})
        assert old.stage_position_corrections == StagePositionCorrections(remove_xy_jitter=False)
    assert StagePositionCorrections(remove_xy_offset="False", remove_z_offset="Per-FOV").remove_xy_offset == "Keep"
    assert AlignmentCorrections is StagePositionCorrections
    assert StagePositionCorrections().align_xy is True
    assert ConverterOptions().alignment_correction == StagePositionCorrections()


def test_older_hand_over_and_schedulers() -> None:
    options = load(
        temp_json_options={"temp_url": "{zarr_dir}/x"},
        runtime_settings={"dask_scheduler": {"type": "Threads", "num_workers": 3}},
    )
    assert options.runtime_settings.dask_scheduler == ThreadScheduler(num_workers=3)
    assert options.temp_json_options.temp_url == "{zarr_dir}/x"
    assert load(
        runtime_settings={"dask_scheduler": ProcessScheduler()}
    ).runtime_settings.dask_scheduler.get_config() == {
        "scheduler": "processes",
        "num_workers": 8,
    }


def test_schedulers_give_the_settings_of_dask() -> None:
    for scheduler, settings in (
        (ThreadScheduler(num_workers=3), {"scheduler": "threads", "num_workers": 3}),
        (ProcessScheduler(num_workers=2), {"scheduler": "processes", "num_workers": 2}),
        (SynchronousScheduler(), {"scheduler": "synchronous"}),
        (DefaultScheduler(), {}),
    ):
        assert scheduler.get_config() == settings


def test_older_levels() -> None:
    assert load(omezarr_options={"num_levels": 3}).omezarr_options.levels == NumberOfLevels(num_levels=3)
    assert OmeZarrOptions(num_levels=3).num_levels == 3


def test_a_complete_file_of_the_first_generation_loads() -> None:
    options = ConverterOptions.model_validate(
        {
            "tiling_mode": "Auto",
            "tiling_tolerance": 0.0,
            "writer_mode": "By FOV",
            "alignment_correction": {"align_xy": False, "align_z": False, "align_t": False},
            "omezarr_options": {
                "num_levels": 5,
                "chunks": {"mode": "Same as FOV", "xy_scaling": "1", "z_chunk": 10, "c_chunk": 1, "t_chunk": 1},
                "ngff_version": "0.4",
                "table_backend": "anndata",
            },
            "temp_json_options": {"temp_url": "{zarr_dir}/_tmp_json"},
        }
    )
    assert options.omezarr_options.table_backend == "anndata"
    assert not options.stage_position_corrections.remove_xy_jitter
    assert options.tiling_mode == "Auto"
    assert options.tiling_strategy == AutoTiling(tolerance=0)


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ValidationError, match="tiling_moode"):
        ConverterOptions(tiling_moode="Auto")


@pytest.mark.parametrize("settings", [3, "x", [1], True])
def test_settings_that_are_none_are_refused_beside_older_keys(settings: Any) -> None:
    with pytest.raises(ValidationError, match="runtime_settings"):
        ConverterOptions(runtime_settings=settings, temp_json_options={"temp_url": "/a"})


def test_grouping() -> None:
    assert not MosaicGrouping().split_per_fov
    assert MosaicGrouping().tiling_for_registration() == AutoTiling(tolerance=1)
    assert PerFovGrouping().split_per_fov
    assert PerFovGrouping().tiling_for_registration() == InplaceTiling()


def test_f48_shards_need_a_version() -> None:
    with pytest.raises(ValidationError, match="shards need OME-Zarr"):
        OmeZarrOptions(shards=ChunkMultipleSharding())
    for version in ("0.5", "0.6"):
        assert OmeZarrOptions(shards={"mode": "Multiple of Chunks"}, ngff_version=version).shards.get_factor("x") == 4
    assert ChunkMultipleSharding(z_factor=3).get_factor("z") == 3
    assert ChunkMultipleSharding().get_factor("q") == 1


def test_f55_levels_are_a_wish() -> None:
    assert OmeZarrOptions().levels.num_levels is None
    assert NumberOfLevels(num_levels=3).to_ngio_levels() == 3
    assert NamedLevels(level_names=["s0", "s1"]).to_ngio_levels() == ["s0", "s1"]
    for names in ([], ["a", "a"], ["a/b"], [" a"], [""], [".."]):
        with pytest.raises(ValidationError):
            NamedLevels(level_names=names)


def test_f57_chunks() -> None:
    assert FovBasedChunking(xy_scaling=Scalings.QUARTER).get_xy_chunk(2) == 1
    assert FovBasedChunking(xy_scaling="2").get_xy_chunk(100) == 200
    assert FixedSizeChunking().get_xy_chunk(77) == 4096
    with pytest.raises(ValidationError):
        FixedSizeChunking(z_chunk=0)


def test_f58_compression_is_selectable() -> None:
    options = load(omezarr_options={"compression": {"codec": "lz4", "level": 5}})
    assert options.omezarr_options.compression == CompressionOptions(codec="lz4", level=5)
    assert CompressionOptions().codec == "zstd"


def test_writer_modes() -> None:
    assert [mode.is_parallel for mode in WriterMode] == [False, True, False, True, True]


def test_hand_over_choice() -> None:
    options = TempJsonOptions(max_in_memory_bytes=10)
    assert options.use_in_memory(10)
    assert not options.use_in_memory(11)
    assert TempJsonOptions(serialization="Memory").use_in_memory(10**9)
    assert not TempJsonOptions(serialization="JSON").use_in_memory(1)
    assert options.format_temp_url("/data/out/") == "/data/out/_tmp_json"
    assert options.format_temp_url("s3://bucket/out") == "s3://bucket/out/_tmp_json"


def test_runtime_settings_are_set_and_restored() -> None:
    import dask

    before = dask.config.get("scheduler", None)
    with RuntimeSettings(dask_scheduler={"mode": "Synchronous"}, use_zarrs_codec=True).apply():
        assert dask.config.get("scheduler") == "synchronous"
    assert dask.config.get("scheduler", None) == before


def test_the_zarrs_pipeline_is_used_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import zarr

    before = zarr.config.get("codec_pipeline.path")
    settings = RuntimeSettings(use_zarrs_codec=True)
    if importlib.util.find_spec("zarrs") is None:
        with settings.apply():
            assert zarr.config.get("codec_pipeline.path") == before
        (tmp_path / "zarrs").mkdir()
        (tmp_path / "zarrs" / "__init__.py").touch()
        monkeypatch.syspath_prepend(tmp_path)
    with settings.apply():
        assert zarr.config.get("codec_pipeline.path") == "zarrs.ZarrsCodecPipeline"
    assert zarr.config.get("codec_pipeline.path") == before


# -------------------------------------------------------------------------------------------------------------- the form


def test_form_options_keep_what_the_form_does_not_show() -> None:
    form = ConverterFormOptions.model_validate(
        {
            "writer_mode": "In Memory",
            "omezarr_options": {"num_levels": 3, "ngff_version": "0.5"},
            "tiling_mode": "No Tiling",
        }
    )
    options = form.to_converter_options()
    assert options.writer_mode is WriterMode.IN_MEMORY
    assert options.omezarr_options.ngff_version == form.ngff_version == "0.5"
    assert options.omezarr_options.num_levels == 3
    assert options.grouping == PerFovGrouping()
    assert ConverterFormOptions().to_converter_options() == ConverterOptions()
    assert ConverterFormOptions.model_validate(options).to_converter_options() == options


def test_form_options_refuse_contradictions_and_unknown_keys() -> None:
    for values in (
        {"ngff_version": "0.4", "omezarr_options": {"ngff_version": "0.5"}},
        {"num_levels": 3, "omezarr_options": {"num_levels": 4}},
        {"omezarr_options": {"shards": {"mode": "Multiple of Chunks"}}},
        {"wrong": 1},
        {"runtime_settings": {"wrong": 1}},
    ):
        with pytest.raises(ValidationError):
            ConverterFormOptions.model_validate(values)


@pytest.mark.parametrize("part", ["omezarr_options", "runtime_settings", "stage_position_corrections", "grouping"])
@pytest.mark.parametrize("value", [None, [1], "none", 0])
def test_form_options_refuse_a_part_that_holds_no_options(part: str, value: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        ConverterFormOptions.model_validate({"num_levels": 2, part: value})
    assert caught.value.errors()[0]["loc"] == (part,)


@pytest.mark.parametrize("model", [ConverterFormOptions, ConverterOptions])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"mode": "Stitch", "max_shift": 7}, {"mode": "Mosaic", "tiling_strategy": {"mode": "Stitch", "max_shift": 7}}),
        ("Inplace", {"mode": "Mosaic", "tiling_strategy": {"mode": "Inplace"}}),
        ({"tiling_strategy": {"mode": "Inplace"}}, {"mode": "Mosaic", "tiling_strategy": {"mode": "Inplace"}}),
        ({"mode": "Per-FOV"}, {"mode": "Per-FOV"}),
        (MosaicGrouping(tiling_strategy={"mode": "Snap to Grid", "tolerance": 3}), None),
        (PerFovGrouping(), None),
    ],
)
def test_the_arrangement_of_the_form_and_the_grouping_of_files_mean_the_same(
    model: Any, given: Any, expected: Any
) -> None:
    found = model.model_validate({"grouping": given})
    options = found.to_converter_options() if model is ConverterFormOptions else found
    assert options.grouping == (given if expected is None else ConverterOptions(grouping=expected).grouping)
    shown = ConverterFormOptions.model_validate(options).model_dump(mode="json")
    assert "tiling_strategy" not in shown["grouping"]
    assert ConverterFormOptions.model_validate(shown).to_converter_options() == options


@pytest.mark.parametrize(
    "grouping",
    [
        {"mode": "Mosaic", "tolerance": -1},
        {"mode": "Mosaic", "wrong": 1},
        {"mode": "Mosaic", "tiling_strategy": AutoTiling(), "wrong": 1},
        {"mode": "Per-FOV", "tiling_strategy": {"mode": "Auto"}},
        {"mode": "Snap"},
    ],
)
def test_an_arrangement_that_is_none_is_refused(grouping: Any) -> None:
    with pytest.raises(ValidationError):
        ConverterFormOptions.model_validate({"grouping": grouping})


@pytest.mark.parametrize("model", [ConverterFormOptions, ConverterOptions])
def test_form_shows_the_options(model: Any, project_root: Path) -> None:
    check = importlib.util.spec_from_file_location("check_form", project_root / "dev" / "check_form.py")
    assert check is not None
    assert check.loader is not None
    module = importlib.util.module_from_spec(check)
    sys.modules["check_form"] = module
    check.loader.exec_module(module)
    schema = model.model_json_schema()
    definitions = schema.pop("$defs")
    whole = {"type": "object", "properties": {"options": schema}, "$defs": definitions, "additionalProperties": False}
    assert module.check_schema(whole) == []


def test_everything_in_the_form_has_title_description_and_default() -> None:
    schema = ConverterFormOptions.model_json_schema()
    for model in [schema, *schema["$defs"].values()]:
        if "properties" not in model:
            continue
        assert model["title"]
        for name, field in model["properties"].items():
            target = schema["$defs"].get(str(field.get("$ref", "")).rpartition("/")[2], {})
            assert field.get("description") or target.get("description"), name
            assert field.get("title") or target.get("title"), name
            assert "default" in field, name


def test_importing_a_model_leaves_the_image_readers_alone() -> None:
    code = (
        "import sys; from fractal_omezarr_converters.models import AcquisitionDetails, ConverterOptions, DefaultImageLoader, "
        "ImageInPlate; AcquisitionDetails(); ConverterOptions(); DefaultImageLoader(file_path='a');"
        "print([m for m in ('numpy', 'tifffile', 'imagecodecs', 'PIL', 'zarr', 'fsspec', 'dask') if m in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
