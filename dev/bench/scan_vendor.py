"""What the metadata of one measurement cost: scanning, planning, preparing the jobs. Figures as JSON.

python scan_vendor.py FORMAT FOLDER OUT --warm SMALL
"""

from __future__ import annotations

import json
import time
from pathlib import Path

from resident import Growth
from warm_start import measure_after_a_small_one


def measured(format_name: str, folder: str, out: str) -> dict[str, float]:
    """CPU seconds of each step, and how far memory rises (MB): in scanning alone, and in all."""
    from fractal_omezarr_converters.core.paused_collection import paused_collection
    from fractal_omezarr_converters.formats import registry
    from fractal_omezarr_converters.fractal.init import setup_images_for_conversion
    from fractal_omezarr_converters.models.options import ConverterOptions
    from fractal_omezarr_converters.pipelines import AcquisitionRequest, read_acquisitions

    options, growth = ConverterOptions(), Growth()
    began = time.process_time()
    with paused_collection():  # as in read_acquisitions
        registry.get(format_name).scan(folder, plate_name="Plate")
    scan = time.process_time() - began
    scan_memory = growth.megabytes()
    again = time.process_time()
    images, report = read_acquisitions([AcquisitionRequest(folder, format_name, "Plate")], options)
    read = time.process_time()
    jobs = setup_images_for_conversion(
        images, zarr_dir=out, converter_options=options, overwrite_mode="Overwrite", plate_facts=report.plate_facts
    )
    ready = time.process_time()
    memory = growth.megabytes()  # the higher of scanning alone and of everything
    handed = len(json.dumps(jobs)) + sum(path.stat().st_size for path in Path(out).rglob("handover-*.json"))
    return {
        "scan": scan,
        "plan": read - again - scan,
        "init": ready - read,
        "handed": handed,
        "memory": memory,
        "scan memory": scan_memory,
    }


if __name__ == "__main__":
    measure_after_a_small_one(measured, "format", __doc__)
