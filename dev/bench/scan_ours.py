"""What metadata cost in our package: init of a tile table, or the part of compute before pixels are read. Figures as JSON.

python scan_ours.py init TABLE OUT --warm SMALL [--no-headers]
python scan_ours.py compute OUT --warm SMALL
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path

from resident import Growth


def init(table: str, out: str, *, headers: bool) -> dict[str, float]:
    """CPU seconds of scanning, planning and preparing; what compute is handed; everything written to OUT."""
    from fractal_omezarr_converters.core.paused_collection import paused_collection
    from fractal_omezarr_converters.formats.tile_table import TileTableFormat
    from fractal_omezarr_converters.fractal.init import setup_images_for_conversion
    from fractal_omezarr_converters.models.options import ConverterOptions
    from fractal_omezarr_converters.pipelines import AcquisitionRequest, read_acquisitions

    options, growth = ConverterOptions(), Growth()
    began = time.process_time()
    request = AcquisitionRequest(table, "tile_table", "Plate", format_options={"read_headers": headers})
    images, report = read_acquisitions([request], options)
    read = time.process_time()
    jobs = setup_images_for_conversion(
        images, zarr_dir=out, converter_options=options, overwrite_mode="Overwrite", plate_facts=report.plate_facts
    )
    ready = time.process_time()
    memory = growth.megabytes()
    again = time.process_time()
    with paused_collection():  # as in read_acquisitions
        TileTableFormat().scan(table, options={"read_headers": headers}, plate_name="Plate")
    scan = time.process_time() - again
    Path(out, "job.json").write_text(json.dumps(jobs[0]))
    handed = len(json.dumps(jobs)) + sum(path.stat().st_size for path in Path(out).rglob("handover-*.json"))
    return {"scan": scan, "plan": read - began - scan, "init": ready - read, "handed": handed, "memory": memory}


def compute(out: str) -> dict[str, float]:
    """CPU seconds of parsing and planning the first image."""
    from fractal_omezarr_converters.fractal.compute import registration_steps
    from fractal_omezarr_converters.fractal.handover import tiled_image_from_json, tiled_image_from_json_str
    from fractal_omezarr_converters.fractal.job import ConvertParallelInitArgs
    from fractal_omezarr_converters.pipelines.plan import plan_image

    handed, growth = json.loads(Path(out, "job.json").read_text()), Growth()
    began = time.process_time()
    job = ConvertParallelInitArgs.model_validate(handed["init_args"])
    if job.tiled_image_json_str is not None:
        image = tiled_image_from_json_str(job.tiled_image_json_str)
    else:
        image = tiled_image_from_json(str(job.tiled_image_json_dump_url), digest=job.digest)
    parsed = time.process_time()
    steps = registration_steps(job.converter_options)
    plan_image(image, converter_options=job.converter_options, registration_pipeline=steps)
    planned = time.process_time()
    return {"parse": parsed - began, "plan": planned - parsed, "memory": growth.megabytes()}


def main() -> None:
    """Read the command line; a small table goes first, so that what is loaded on demand is loaded."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["init", "compute"])
    parser.add_argument("places", nargs="+")
    parser.add_argument("--warm", required=True)
    parser.add_argument("--no-headers", action="store_true")
    given = parser.parse_args()
    out = given.places[-1]
    warm = f"{out}-warm"
    init(given.warm, warm, headers=not given.no_headers)
    if given.step == "compute":
        compute(warm)
    shutil.rmtree(warm)
    found = compute(out) if given.step == "compute" else init(given.places[0], out, headers=not given.no_headers)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
