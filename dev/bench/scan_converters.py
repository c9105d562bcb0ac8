"""What the metadata of one measurement cost in the established converter of its instrument: its whole init task.

python scan_converters.py INSTRUMENT FOLDER OUT --warm SMALL      run it with the Python of fractal-uzh-converters
"""

from __future__ import annotations

import importlib
import json
import time
from pathlib import Path

from resident import Growth
from warm_start import measure_after_a_small_one

PACKAGE = "fractal_uzh_converters"


def measured(instrument: str, folder: str, out: str) -> dict[str, float]:
    """CPU seconds of the init task, what it hands over, and how far memory rises (MB)."""
    name = f"convert_{instrument}_init_task"
    task = getattr(importlib.import_module(f"{PACKAGE}.{instrument}.{name}"), name)
    Path(out).mkdir(parents=True, exist_ok=True)
    growth = Growth()
    began = time.process_time()
    made = task(zarr_dir=out, acquisitions=[{"path": folder, "plate_name": "Plate"}])
    ready = time.process_time()
    jobs = made["parallelization_list"]
    handed = len(json.dumps(jobs, default=str)) + sum(
        path.stat().st_size for path in Path(out, "_tmp_json").rglob("*.json")
    )
    return {"whole": ready - began, "images": len(jobs), "handed": handed, "memory": growth.megabytes()}


if __name__ == "__main__":
    measure_after_a_small_one(measured, "instrument", __doc__)
