"""The init step of one plate through our task; prints where its first image will lie.

python write_ours.py PLATE OUT --options '{...}' --threads 1

The job is OUT/job.json, as Fractal hands it to the compute task: tasks/convert_compute.py --args-json OUT/job.json --out-json ...
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def main() -> None:
    """Read the command line."""
    from fractal_omezarr_converters.fractal.acquisition_inputs import AcquisitionInput
    from fractal_omezarr_converters.fractal.init import init_acquisitions
    from fractal_omezarr_converters.models.options import ConverterOptions

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plate")
    parser.add_argument("out")
    parser.add_argument("--options", default="{}", help="ConverterOptions as JSON")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    options = ConverterOptions.model_validate(json.loads(given.options))
    options.runtime_settings.num_workers = given.threads
    out = Path(given.out).absolute()
    out.mkdir(parents=True, exist_ok=True)
    found = init_acquisitions(
        "tile_table",
        zarr_dir=str(out),
        acquisitions=[AcquisitionInput(path=str(Path(given.plate).absolute()), plate_name="Plate", acquisition=0)],
        converter_options=options,
        overwrite="Overwrite",
    )
    (out / "job.json").write_text(json.dumps(found["parallelization_list"][0]))
    print(found["parallelization_list"][0]["zarr_url"])


if __name__ == "__main__":
    main()
