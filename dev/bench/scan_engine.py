"""What metadata cost in the established engine; the same figures as scan_ours.py. Run it with the engine's Python.

python scan_engine.py init TABLE OUT --warm SMALL
python scan_engine.py compute OUT --warm SMALL
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
import tomllib
from pathlib import Path

from resident import Growth


def init(table: str, out: str) -> dict[str, float]:
    """CPU seconds of the table, the images and the collection; what compute is handed."""
    import pandas as pd
    from ome_zarr_converters_tools.core import hcs_images_from_dataframe
    from ome_zarr_converters_tools.fractal import setup_images_for_conversion
    from ome_zarr_converters_tools.models import AcquisitionDetails, ChannelInfo, ConverterOptions, OverwriteMode
    from ome_zarr_converters_tools.pipelines import tiles_aggregation_pipeline

    options, growth = ConverterOptions(), Growth()
    began = time.process_time()
    frame = pd.read_csv(Path(table) / "tiles.csv")
    frame["file_path"] = f"{table}/" + frame["file_path"]
    details = tomllib.loads((Path(table) / "acquisition_details.toml").read_text())
    details["channels"] = [ChannelInfo(channel_label=name) for name in details.pop("channel_names")]
    tiles = hcs_images_from_dataframe(
        tiles_table=frame, acquisition_details=AcquisitionDetails(**details), plate_name="Plate"
    )
    scanned = time.process_time()
    images = tiles_aggregation_pipeline(tiles, converter_options=options)
    planned = time.process_time()
    Path(out).mkdir(parents=True, exist_ok=True)
    jobs = setup_images_for_conversion(
        images,
        zarr_dir=out,
        collection_type="ImageInPlate",
        converter_options=options,
        overwrite_mode=OverwriteMode.OVERWRITE,
    )
    ready = time.process_time()
    memory = growth.megabytes()
    listed = json.dumps(jobs, default=str)
    Path(out, "job.json").write_text(json.dumps(jobs[0], default=str))
    handed = len(listed) + sum(path.stat().st_size for path in Path(out, "_tmp_json").rglob("*.json"))
    return {
        "scan": scanned - began,
        "plan": planned - scanned,
        "init": ready - planned,
        "handed": handed,
        "memory": memory,
    }


def compute(out: str) -> dict[str, float]:
    """CPU seconds of parsing and registering the first image, and of its places in pixels."""
    from ome_zarr_converters_tools.fractal._json_utils import tiled_image_from_json, tiled_image_from_json_str
    from ome_zarr_converters_tools.fractal._models import ConvertParallelInitArgs
    from ome_zarr_converters_tools.models import DefaultImageLoader, ImageInPlate
    from ome_zarr_converters_tools.pipelines import apply_registration_pipeline, build_default_registration_pipeline
    from ome_zarr_converters_tools.pipelines._write_ome_zarr import _region_to_pixel_coordinates

    handed, growth = json.loads(Path(out, "job.json").read_text()), Growth()
    began = time.process_time()
    job = ConvertParallelInitArgs.model_validate(handed["init_args"])
    types = {"collection_type": ImageInPlate, "image_loader_type": DefaultImageLoader}
    if job.tiled_image_json_str is not None:
        image = tiled_image_from_json_str(json_str=job.tiled_image_json_str, **types)
    else:
        image = tiled_image_from_json(tiled_image_json_dump_url=job.tiled_image_json_dump_url, **types)
    parsed = time.process_time()
    options = job.converter_options
    steps = build_default_registration_pipeline(
        alignment_corrections=options.stage_position_corrections,
        tiling_strategy=options.grouping.tiling_for_registration(),
    )
    image = apply_registration_pipeline(image, steps)
    image.regions = _region_to_pixel_coordinates(image.regions, image.pixel_size)
    image.output_shape()
    for group in image.group_by_fov():
        group.roi()
    planned = time.process_time()
    return {"parse": parsed - began, "plan": planned - parsed, "memory": growth.megabytes()}


def main() -> None:
    """Read the command line; a small table goes first, so that what is loaded on demand is loaded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["init", "compute"])
    parser.add_argument("places", nargs="+")
    parser.add_argument("--warm", required=True)
    given = parser.parse_args()
    out = given.places[-1]
    warm = f"{out}-warm"
    init(given.warm, warm)
    if given.step == "compute":
        compute(warm)
    shutil.rmtree(warm)
    print(json.dumps(compute(out) if given.step == "compute" else init(given.places[0], out)))


if __name__ == "__main__":
    main()
