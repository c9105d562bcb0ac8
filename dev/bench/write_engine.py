"""One well through the established engine (ome-zarr-converters-tools); run with the Python of an environment that has it.

python write_engine.py init PLATE OUT --version 0.4 ...      metadata, and the job as OUT/job.json
python write_engine.py compute OUT                           the part that is measured
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path


def init(given: argparse.Namespace) -> None:
    """What the engine's init task does for a tile table."""
    import tomllib

    import pandas as pd
    from ome_zarr_converters_tools.core import hcs_images_from_dataframe
    from ome_zarr_converters_tools.fractal import setup_images_for_conversion
    from ome_zarr_converters_tools.models import AcquisitionDetails, ChannelInfo, ConverterOptions, OverwriteMode
    from ome_zarr_converters_tools.pipelines import tiles_aggregation_pipeline

    plate = Path(given.plate).absolute()
    table = pd.read_csv(plate / "tiles.csv")
    table["file_path"] = [str(plate / name) for name in table["file_path"]]
    details = tomllib.loads((plate / "acquisition_details.toml").read_text())
    details["channels"] = [ChannelInfo(channel_label=name) for name in details.pop("channel_names")]
    options = ConverterOptions.model_validate(json.loads(given.options))
    tiles = hcs_images_from_dataframe(
        tiles_table=table, acquisition_details=AcquisitionDetails(**details), plate_name="Plate"
    )
    images = tiles_aggregation_pipeline(tiles, converter_options=options)
    out = Path(given.out).absolute()
    out.mkdir(parents=True, exist_ok=True)
    jobs = setup_images_for_conversion(
        images,
        zarr_dir=str(out),
        collection_type="ImageInPlate",
        converter_options=options,
        overwrite_mode=OverwriteMode.OVERWRITE,
    )
    (out / "job.json").write_text(json.dumps(jobs, default=str))


def compute(given: argparse.Namespace) -> None:
    """What the engine's compute task does."""
    from ome_zarr_converters_tools.fractal import generic_compute_task
    from ome_zarr_converters_tools.models import DefaultImageLoader, ImageInPlate

    for job in json.loads((Path(given.out) / "job.json").read_text()):
        generic_compute_task(**job, collection_type=ImageInPlate, image_loader_type=DefaultImageLoader)


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(required=True)
    first = steps.add_parser("init")
    first.add_argument("plate")
    first.add_argument("out")
    first.add_argument("--options", default="{}", help="ConverterOptions as JSON")
    first.set_defaults(run=init)
    second = steps.add_parser("compute")
    second.add_argument("out")
    second.set_defaults(run=compute)
    given = parser.parse_args()
    given.run(given)


if __name__ == "__main__":
    main()
