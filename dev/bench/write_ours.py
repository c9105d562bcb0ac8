"""One well through our tasks, as Fractal runs them.

python write_ours.py init PLATE OUT --options '{...}'       metadata, and the job as OUT/job.json
python write_ours.py compute OUT --threads 1                the part that is measured
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def init(given: argparse.Namespace) -> None:
    """What the init task does for a tile table."""
    from fractal_omezarr_converters.fractal.acquisition_inputs import AcquisitionInput
    from fractal_omezarr_converters.fractal.init import init_acquisitions
    from fractal_omezarr_converters.models.options import ConverterOptions

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
    (out / "job.json").write_text(json.dumps(found["parallelization_list"]))


def compute(given: argparse.Namespace) -> None:
    """What the compute task does."""
    from fractal_omezarr_converters.tasks.convert_compute import convert_compute

    for job in json.loads((Path(given.out) / "job.json").read_text()):
        convert_compute(**job)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(required=True)
    first = steps.add_parser("init")
    first.add_argument("plate")
    first.add_argument("out")
    first.add_argument("--options", default="{}", help="ConverterOptions as JSON")
    first.add_argument("--threads", type=int, default=1)
    first.set_defaults(run=init)
    second = steps.add_parser("compute")
    second.add_argument("out")
    second.set_defaults(run=compute)
    given = parser.parse_args()
    given.run(given)


if __name__ == "__main__":
    main()
