"""Documents that converters of both earlier generations wrote: descriptions of images, jobs, options."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from fractal_omezarr_converters.fractal import (
    AcquisitionOptions,
    ConvertParallelInitArgs,
    PixelSizeModel,
    generic_compute_task,
    tiled_image_from_json,
    tiled_image_from_json_str,
)
from fractal_omezarr_converters.models import (
    AcquisitionDetails,
    AutoTiling,
    ChannelInfo,
    ConverterOptions,
    DefaultImageLoader,
    ImageInPlate,
    MosaicGrouping,
    PerFovGrouping,
    RuntimeSettings,
    StageOrientation,
    ThreadScheduler,
)
from fractal_omezarr_converters.ngff.reader import open_image
from fractal_omezarr_converters.pipelines import RegexFilter, WellFilter


def region(file: Path, name: str, axes: str, **edges: tuple[float, float]) -> dict[str, Any]:
    """One region as both generations wrote it: ngio's ROI with named slices, and the fields of its loader."""
    slices = [{"axis_name": axis, "start": edges[axis][0], "length": edges[axis][1]} for axis in axes]
    originals = {f"{axis}_micrometer_original": edges[axis][0] + 1000.0 for axis in "zyx"}
    return {
        "roi": {"name": name, "slices": slices, "label": None, "space": "world", **originals},
        "image_loader": {"file_path": str(file), "a_field_of_later_versions": 1},
    }


@pytest.fixture
def sources(tmp_path: Path) -> list[Path]:
    files = [tmp_path / f"{name}.tif" for name in "ab"]
    for number, file in enumerate(files):
        tifffile.imwrite(file, np.full((6, 8), 100 * (number + 1), dtype="uint16"))
    return files


def first_generation(sources: list[Path]) -> dict[str, Any]:
    edges = {"c": (0.0, 1.0), "z": (0.0, 2.0), "y": (50.0, 3.0)}
    return {
        "regions": [
            region(sources[0], "F1", "czyx", x=(100.0, 4.0), **edges),
            region(sources[1], "F2", "czyx", x=(104.0, 4.0), **edges),
        ],
        "path": "Plate.zarr/B/03/0",
        "name": None,
        "pixelsize": 0.5,
        "z_spacing": 2.0,
        "t_spacing": 1.0,
        "data_type": "uint16",
        "axes": ["c", "z", "y", "x"],
        "collection": {"plate_name": "Plate", "row": "B", "column": 3, "acquisition": 0},
        "channels": [{"channel_label": "DAPI", "wavelength_id": "405", "colors": "Red (FF0000)"}],
        "attributes": {"drug": ["DMSO"]},
    }


def second_generation(sources: list[Path]) -> dict[str, Any]:
    document = first_generation(sources)
    document["xy_pixel_size"] = document.pop("pixelsize")
    document["channels"] = [{"channel_label": "DAPI", "wavelength_id": "405", "color": "#FF0000"}]
    document["translation"] = None
    for each in document["regions"]:
        each["roi"]["slices"].insert(0, {"axis_name": "t", "start": 0.0, "length": 1.0})
    document["axes"] = ["t", "c", "z", "y", "x"]
    return document


OPTIONS_OF_THE_FIRST = {
    "tiling_mode": "Auto",
    "tiling_tolerance": 0.0,
    "writer_mode": "By FOV (Using Dask)",
    "alignment_correction": {"align_xy": False, "align_z": False, "align_t": False},
    "omezarr_options": {
        "num_levels": 1,
        "chunks": {"mode": "Fixed Size", "xy_chunk": 4096, "z_chunk": 10, "c_chunk": 1, "t_chunk": 1},
        "ngff_version": "0.4",
        "table_backend": "csv",
    },
    "temp_json_options": {"temp_url": "{zarr_dir}/_tmp_json"},
}
OPTIONS_OF_THE_SECOND = {
    "writer_mode": "By FOV",
    "grouping": {"mode": "Mosaic", "tiling_strategy": {"mode": "Auto", "tolerance": 1}},
    "stage_position_corrections": {
        "remove_xy_offset": "Global",
        "remove_z_offset": "Global",
        "remove_t_offset": "Global",
        "remove_xy_jitter": True,
        "reindex_channels": True,
    },
    "omezarr_options": {
        "levels": {"mode": "Number of Levels", "num_levels": 1},
        "chunks": {"mode": "Same as FOV", "xy_scaling": "1", "z_chunk": 10, "c_chunk": 1, "t_chunk": 1},
        "shards": {"mode": "None"},
        "ngff_version": "0.4",
        "table_backend": "csv",
    },
    "runtime_settings": {
        "use_zarrs_codec": False,
        "dask_scheduler": {"mode": "Default"},
        "temp_json_options": {
            "temp_url": "{zarr_dir}/_tmp_json",
            "serialization": "JSON",
            "max_in_memory_bytes": 10485760,
        },
    },
}
GENERATIONS = [(first_generation, OPTIONS_OF_THE_FIRST), (second_generation, OPTIONS_OF_THE_SECOND)]


@pytest.mark.parametrize(("document", "options"), GENERATIONS, ids=["first", "second"])
@pytest.mark.parametrize("as_file", [True, False])
def test_a_job_of_an_older_init_step_is_done(document, options, as_file, sources, tmp_path) -> None:
    text = json.dumps(document(sources))
    file = tmp_path / "0f0e.json"
    file.write_text(text)
    how = {"tiled_image_json_dump_url": str(file)} if as_file else {"tiled_image_json_str": text}
    url = str(tmp_path / "Plate.zarr/B/03/0")
    update = generic_compute_task(
        zarr_url=url,
        init_args={**how, "converter_options": options, "overwrite_mode": "No Overwrite"},
        collection_type=ImageInPlate,
        image_loader_type=DefaultImageLoader,
    )
    place = {"plate": "Plate.zarr", "well": "B03", "acquisition": 0}
    assert update == {
        "image_list_updates": [{"zarr_url": url, "types": {"is_3D": False}, "attributes": {"drug": "DMSO", **place}}]
    }
    image = open_image(url)
    pixels = image.read(0).reshape(6, 16)
    np.testing.assert_array_equal(pixels, np.repeat([[100] * 8 + [200] * 8], 6, axis=0))
    assert (image.pixel_size()["x"], image.pixel_size()["z"]) == (0.5, 2.0)
    assert image.channels[0]["color"] == "FF0000"
    rois = image.table("FOV_ROI_table")
    assert rois["FieldIndex"] == ["F1", "F2"]
    assert rois["x_micrometer_original"] == [1100.0, 1104.0]
    assert image.levels[0].geometry.translation[-2:] == (50.0, 100.0)


@pytest.mark.parametrize("document", [first_generation, second_generation])
def test_descriptions_load_by_position_and_by_keyword(document, sources, tmp_path) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps(document(sources)))
    for image in (
        tiled_image_from_json(str(file), ImageInPlate, DefaultImageLoader),
        tiled_image_from_json(
            tiled_image_json_dump_url=str(file), collection_type=ImageInPlate, image_loader_type=DefaultImageLoader
        ),
        tiled_image_from_json_str(file.read_text(), ImageInPlate, DefaultImageLoader),
        tiled_image_from_json_str(
            json_str=file.read_text(), collection_type=ImageInPlate, image_loader_type=DefaultImageLoader
        ),
    ):
        assert (image.path, len(image.regions), image.pixelsize) == ("Plate.zarr/B/03/0", 2, 0.5)
        assert image.regions[1].image_loader == DefaultImageLoader(file_path=str(sources[1]))


def test_arguments_of_compute_jobs_load() -> None:
    older = {"tiled_image_json_dump_url": "/x.json", "converter_options": OPTIONS_OF_THE_FIRST}
    args = ConvertParallelInitArgs(**older)
    assert args.converter_options.tiling_tolerance == 0
    assert (args.converter_options.alignment_correction.align_xy, args.overwrite_mode.value) == (False, "No Overwrite")
    assert not args.converter_options.alignment_correction.align_z
    assert not args.converter_options.alignment_correction.align_t
    newer = ConvertParallelInitArgs.model_validate_json(args.model_dump_json())
    assert newer == args


def test_generations_may_be_mixed_in_one_call() -> None:
    settings = RuntimeSettings(dask_scheduler=ThreadScheduler(num_workers=2))
    mixed = ConverterOptions(runtime_settings=settings, temp_json_options={"temp_url": "/tmp/x"})
    assert mixed.runtime_settings.dask_scheduler == ThreadScheduler(num_workers=2)
    assert mixed.runtime_settings.temp_json_options.temp_url == "/tmp/x"
    assert ConverterOptions(grouping=PerFovGrouping(), tiling_mode="No Tiling").grouping == PerFovGrouping()
    mosaic = MosaicGrouping(tiling_strategy=AutoTiling(tolerance=3))
    assert ConverterOptions(grouping=mosaic, tiling_mode="Auto").grouping == mosaic
    assert ConverterOptions(tiling_mode="Auto", tiling_tolerance=3, grouping=mosaic).grouping == mosaic
    with pytest.raises(ValueError, match="keep only 'grouping'"):
        ConverterOptions(tiling_mode="Auto", tiling_tolerance=2, grouping=mosaic)
    with pytest.raises(ValueError, match="keep the latter"):
        ConverterOptions(
            runtime_settings={"temp_json_options": {"temp_url": "/a"}}, temp_json_options={"temp_url": "/b"}
        )


def test_options_of_an_acquisition_of_the_first_generation() -> None:
    text = """{"channels": [{"channel_label": "a", "wavelength_id": null, "colors": "Blue (0000FF)"}],
        "pixel_info": {"pixelsize": 0.3, "z_spacing": 1.5, "t_spacing": 2.5}, "condition_table_path": null,
        "axes": "czyx", "data_type": null,
        "stage_corrections": {"flip_x": true, "flip_y": false, "swap_xy": false},
        "filters": [{"name": "Well Include Filter", "wells_to_include": ["A01"]},
                    {"name": "Path Regex Exclude Filter", "regex": "B"}]}"""
    options = AcquisitionOptions.model_validate_json(text)
    assert options.filters == [WellFilter(wells=["A01"]), RegexFilter(regex="B", mode="Exclude")]
    assert options.stage_corrections == StageOrientation(flip_x=True)
    assert options.pixel_info == PixelSizeModel(pixelsize=0.3, z_spacing=1.5, t_spacing=2.5)
    changed = options.update_acquisition_details(AcquisitionDetails(pixelsize=1, channels=[{"channel_label": "x"}]))
    assert (changed.pixelsize, changed.z_spacing, changed.t_spacing) == (0.3, 1.5, 2.5)
    assert changed.stage_corrections.flip_x and changed.axes == ["c", "z", "y", "x"]
    assert changed.channels[0].channel_label == "a" and changed.channels[0].color == "#0000FF"
    assert AcquisitionOptions.model_validate_json(options.model_dump_json()) == options


def test_channels_of_the_first_generation_are_models_of_the_acquisition() -> None:
    """A colour that was chosen, not stated, need not be on the form's menu."""
    given = [ChannelInfo(channel_label="unknownthing"), ChannelInfo(channel_label="b", colors="Red (FF0000)")]
    given += [ChannelInfo(channel_label="c", wavelength_id="405", color="#FFFF00")]
    given[:1] = AcquisitionDetails(channels=given[:1]).channels
    found = AcquisitionOptions(channels=given).channels
    assert [(one.channel_label, one.color.name) for one in found] == [
        ("unknownthing", "Auto"),
        ("b", "Red"),
        ("c", "Yellow"),
    ]
    assert found[2].wavelength_id == "405"
