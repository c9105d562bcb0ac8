"""A converter as people have written it: only the import line is new.

Tiles are made, aggregated, set up and computed through the public names alone; the snapshots are those that the earlier
engine (1.1.1) wrote for the same tiles.
"""

from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from pydantic import Field

from fractal_omezarr_converters import (
    AcquisitionDetails,
    ChannelInfo,
    ConverterOptions,
    DefaultImageLoader,
    ImageInPlate,
    InplaceTiling,
    MosaicGrouping,
    MultiprocessingRunner,
    OmeZarrOptions,
    OverwriteMode,
    PerFovGrouping,
    RuntimeSettings,
    SequentialRunner,
    ShapeDtypeProbeValidator,
    SingleImage,
    TempJsonOptions,
    ThreadedRunner,
    Tile,
    TiledImage,
    WellFilter,
    exec_compound_task,
    generic_compute_task,
    hcs_images_from_dataframe,
    setup_images_for_conversion,
    tiles_aggregation_pipeline,
)
from fractal_omezarr_converters.ngff.reader import open_image
from fractal_omezarr_converters.testing import MultiPlateAssertionModel, compare_snapshots, run_converter_test

DETAILS = AcquisitionDetails(
    xy_pixel_size=0.5,
    z_spacing=2.0,
    channels=[ChannelInfo(channel_label="DAPI", wavelength_id="405"), ChannelInfo(channel_label="GFP")],
    axes=["c", "z", "y", "x"],
)


def parse(folder: Path, plate: bool, wells: str = "B", dtype: str = "uint16") -> list[Tile]:
    folder.mkdir(parents=True, exist_ok=True)
    tiles = []
    for row in wells:
        for field, start_x in (("F1", 100.0), ("F2", 104.0)):
            for channel in range(2):
                file = folder / f"{row}_{field}_{channel}.tif"
                ramp = np.arange(48).reshape(6, 8) * (channel + 1) + (1000 if field == "F2" else 0)
                tifffile.imwrite(file, ramp.astype(dtype))
                tiles.append(
                    Tile(
                        fov_name=field,
                        start_x=start_x,
                        start_y=50.0,
                        start_c=channel,
                        length_x=8,
                        length_y=6,
                        collection=ImageInPlate(plate_name="Plate", row=row, column=3)
                        if plate
                        else SingleImage(image_path="img"),
                        image_loader=DefaultImageLoader(file_path=str(file)),
                        acquisition_details=DETAILS,
                        attributes={"drug": ["DMSO"]},
                    )
                )
    return tiles


def init_task(
    zarr_dir: str,
    tiles: list[Tile],
    converter_options: ConverterOptions,
    overwrite: OverwriteMode = OverwriteMode.NO_OVERWRITE,
    **more: Any,
) -> dict[str, Any]:
    tiled_images = tiles_aggregation_pipeline(tiles, converter_options=converter_options, **more)
    kind = type(tiles[0].collection).__name__
    return {
        "parallelization_list": setup_images_for_conversion(
            tiled_images,
            zarr_dir=zarr_dir,
            collection_type=kind,
            converter_options=converter_options,
            overwrite_mode=overwrite,
        )
    }


def convert(zarr_dir: str, tiles: list[Tile], runner: Any = None, **more: Any) -> list[Any]:
    more.setdefault("converter_options", ConverterOptions())
    return exec_compound_task(
        init_task_fn=init_task,
        compute_task_fn=generic_compute_task,
        init_task_kwargs={"zarr_dir": zarr_dir, "tiles": tiles, **more},
        compute_task_kwargs={
            "collection_type": type(tiles[0].collection),
            "image_loader_type": DefaultImageLoader,
        },
        runner=runner,
    )


def fingerprint(mean: float, std: float, least: float, most: float, digest: str) -> dict[str, Any]:
    return {"mean": mean, "std": std, "min": least, "max": most, "hash": digest}


F1 = fingerprint(35.25, 24.856672, 0.0, 94.0, "f61ccce87dc67e31fffec2b97e550cacbf34674b9b7a45c2dbb1b19f8700e702")
F2 = fingerprint(1035.25, 24.856672, 1000.0, 1094.0, "1f35227c85d0fb9d5347dd17b62e1b328d15daac98d41b44f2774598a796bb55")
WHOLE = fingerprint(535.25, 500.617473, 0.0, 1094.0, "49fe4a9084492acd7defceaf15adb7d616afa5fc9961a266679e5c907f7b840b")
IMAGE: dict[str, Any] = {
    "axes": ["c", "z", "y", "x"],
    "shape": [2, 1, 6, 16],
    "pixelsize": [1.0, 2.0, 0.5, 0.5],
    "channel_labels": ["DAPI", "GFP"],
    "wavelength_ids": ["405", "GFP"],
    "types": {"is_3D": False},
    "tables": {
        "FOV_ROI_table": {
            "rois": {
                "F1": {
                    "slice_repr": "(x: 0.0->8.0, y: 0.0->6.0, z: 0.0->1.0)",
                    "finger_print": F1,
                    "yx_origin": [50.0, 100.0],
                },
                "F2": {
                    "slice_repr": "(x: 8.0->16.0, y: 0.0->6.0, z: 0.0->1.0)",
                    "finger_print": F2,
                    "yx_origin": [50.0, 104.0],
                },
            }
        },
        "condition_table": None,
        "well_ROI_table": {
            "rois": {
                "image": {
                    "slice_repr": "(x: 0.0->16.0, y: 0.0->6.0, z: 0.0->1.0)",
                    "finger_print": WHOLE,
                    "yx_origin": None,
                }
            }
        },
    },
}
VERSIONS = {"ome-zarr-converters-tools": "1.1.1", "numpy": "2.5.5", "dask": None}
PLACE = {"drug": "DMSO", "plate": "Plate.zarr", "well": "B03", "acquisition": 0}
PLATE_SNAPSHOT = {
    "versions": VERSIONS,
    "plates": {
        "Plate.zarr": {
            "wells": ["B/03"],
            "images_common": IMAGE,
            "images": {"B/03/0": {"attributes": PLACE}},
        }
    },
}
SINGLE_SNAPSHOT = {"versions": VERSIONS, "images": {"img.zarr": {**IMAGE, "attributes": {"drug": "DMSO"}}}}


@pytest.mark.parametrize(
    ("snapshot", "output_type"), [(PLATE_SNAPSHOT, "plate"), (SINGLE_SNAPSHOT, "single_image")], ids=["plate", "image"]
)
def test_snapshots_of_the_earlier_engine_pass(snapshot: Any, output_type: Any, tmp_path: Path) -> None:
    stored = tmp_path / "snapshot.json"
    stored.write_text(json.dumps(snapshot))
    keywords: Any = {
        "api_fn": convert,
        "api_kwargs": {"tiles": parse(tmp_path / "raw", output_type == "plate")},
        "snapshot_path": stored,
        "update_snapshots": False,
        "output_type": output_type,
    }
    run_converter_test(tmp_path=tmp_path / "1", **keywords)
    inplace = ConverterOptions(grouping=MosaicGrouping(tiling_strategy=InplaceTiling()))
    run_converter_test(tmp_path=tmp_path / "2", converter_options=inplace, **keywords)
    stored.write_text(json.dumps(snapshot).replace(F2["hash"], F1["hash"]))
    with pytest.raises(AssertionError, match="F2/finger_print/hash"):
        run_converter_test(tmp_path=tmp_path / "3", **keywords)


def test_a_snapshot_states_only_what_it_wants_to_be_compared() -> None:
    actual = copy.deepcopy(PLATE_SNAPSHOT)
    plate = actual["plates"]["Plate.zarr"]  # type: ignore[index]
    trimmed = copy.deepcopy(actual)
    for key in ("channel_labels", "wavelength_ids"):
        del trimmed["plates"]["Plate.zarr"]["images_common"][key]  # type: ignore[index]
    assert compare_snapshots(trimmed, actual) == []  # type: ignore[arg-type]
    assert compare_snapshots(actual, trimmed) != []  # type: ignore[arg-type]
    plate["wells"] = ["B/03", "A/01"]
    trimmed["plates"]["Plate.zarr"]["wells"] = ["A/01", "B/03"]  # type: ignore[index]
    assert compare_snapshots(MultiPlateAssertionModel.model_validate(trimmed), actual) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("runner", "serialization"),
    [
        (None, "Memory"),
        (SequentialRunner(), "JSON"),
        (ThreadedRunner(num_threads=2), "JSON"),
        (MultiprocessingRunner(num_processes=2), "JSON"),
    ],
    ids=["none", "sequential", "threads", "processes"],
)
def test_every_runner_gives_the_same_images_in_order(runner: Any, serialization: Any, tmp_path: Path) -> None:
    options = ConverterOptions(
        runtime_settings=RuntimeSettings(temp_json_options=TempJsonOptions(serialization=serialization))
    )
    tiles = parse(tmp_path / "raw", True, wells="DAC")
    out = str(tmp_path / "out")
    more = {"filters": [WellFilter(wells=["C03"], mode="Exclude")], "validators": [ShapeDtypeProbeValidator()]}
    updates = convert(out, tiles, runner, converter_options=options, **more)
    assert [update["image_list_updates"][0]["zarr_url"] for update in updates] == [
        f"{out}/Plate.zarr/{row}/03/0" for row in "DA"
    ]
    for row in "DA":
        pixels = open_image(f"{out}/Plate.zarr/{row}/03/0").read(0)
        assert (pixels[1, 0, 0, :3].tolist(), pixels[1, 0, 0, 8:11].tolist()) == ([0, 2, 4], [1000, 1002, 1004])


def test_every_field_of_view_an_image(tmp_path: Path) -> None:
    per_field = ConverterOptions(grouping=PerFovGrouping())
    updates = convert(str(tmp_path / "out"), parse(tmp_path / "raw", True), converter_options=per_field)
    urls = [update["image_list_updates"][0]["zarr_url"] for update in updates]
    assert urls == [f"{tmp_path}/out/Plate.zarr/B/03/{number}" for number in (0, 1)]
    assert [open_image(url).levels[0].geometry.translation[-1] for url in urls] == [100.0, 104.0]
    assert [open_image(url).table("FOV_ROI_table")["FieldIndex"] for url in urls] == [["F1"], ["F2"]]


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
def test_f20_output_has_the_type_of_the_source(dtype: str, tmp_path: Path) -> None:
    """Also negative and broken numbers, which unsigned 16 bit would turn into others."""
    file = tmp_path / "a.tif"
    values = {"u": [0, 1, 200], "i": [-300, 0, 31000], "f": [-1.5, 0.25, 1e6]}[np.dtype(dtype).kind]
    pixels = np.array(values * 16, dtype=dtype).reshape(6, 8)
    tifffile.imwrite(file, pixels)
    table = [{"file_path": str(file), "row": "A", "column": 1, "fov_name": "F"}]
    table[0] |= {"start_x": 0, "start_y": 0, "length_x": 8, "length_y": 6}
    tiles = hcs_images_from_dataframe(tiles_table=table, acquisition_details=DETAILS, plate_name="P", acquisition_id=2)
    [update] = convert(str(tmp_path / "out"), tiles)
    written = open_image(update["image_list_updates"][0]["zarr_url"]).read(0)
    assert written.dtype == dtype
    np.testing.assert_array_equal(written.reshape(6, 8), pixels)


def test_images_travel_to_processes_of_a_script_of_its_own(tmp_path: Path) -> None:
    """People write the images of a plate with a process pool of their own, which pickles them."""
    images = tiles_aggregation_pipeline(parse(tmp_path / "raw", True, "BC"), converter_options=ConverterOptions())
    for image in images:
        there = pickle.loads(pickle.dumps(image))
        assert there.model_dump_json() == image.model_dump_json() and type(there) is TiledImage
        assert np.array_equal(there.load_data(), image.load_data())


class OwnOptions(ConverterOptions):
    """Options of a converter of its own: another default, and an option that only its init step knows."""

    omezarr_options: OmeZarrOptions = Field(default_factory=lambda: OmeZarrOptions(ngff_version="0.5"))
    skip_dark: bool = False


@pytest.mark.parametrize("own", [{}, {"skip_dark": True}])
def test_options_that_inherit_ours_reach_compute(tmp_path: Path, own: dict[str, Any]) -> None:
    """The job was refused for the option that it does not know, and took our defaults for those of the converter."""
    tiles = parse(tmp_path / "raw", True)
    updates = convert(str(tmp_path / "out"), tiles, converter_options=OwnOptions(**own))
    written = updates[0]["image_list_updates"][0]["zarr_url"]
    assert json.loads(Path(written, "zarr.json").read_text())["attributes"]["ome"]["version"] == "0.5"
