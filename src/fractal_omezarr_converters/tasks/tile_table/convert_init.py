"""Init step of the tile-table converter: read the tables, prepare the plates or images, give one job per image."""

from typing import Any

from pydantic import Field, validate_call

from fractal_omezarr_converters.formats.tile_table import TileTableOptions
from fractal_omezarr_converters.fractal.acquisition_inputs import AcquisitionInput
from fractal_omezarr_converters.fractal.init import init_acquisitions
from fractal_omezarr_converters.models.form_options import ConverterFormOptions
from fractal_omezarr_converters.models.options import OverwriteMode


class TileTableAcquisition(AcquisitionInput):
    """One folder with a table of tiles (tiles.csv or tiles.parquet) and acquisition_details.toml."""

    options: TileTableOptions = Field(
        default_factory=TileTableOptions,
        title="Table Options",
        description="How to read the table.",
    )


@validate_call
def convert_init(
    *,
    zarr_dir: str,
    acquisitions: list[TileTableAcquisition],
    converter_options: ConverterFormOptions = ConverterFormOptions(),  # noqa: B008  (the form shows the defaults)
    overwrite: OverwriteMode = OverwriteMode.NO_OVERWRITE,
) -> dict[str, Any]:
    """Read tables of tiles and prepare their plates or images.

    Args:
        zarr_dir: Folder for the output. Set by Fractal.
        acquisitions: The folders to convert, each with a table of tiles and its images.
        converter_options: How the fields of view of a well become images, and how the images are written.
        overwrite: What to do with a plate or image that exists already. "No Overwrite" stops before any work. "Extend" adds what
            is missing and keeps what is complete. "Overwrite" replaces all of it, also wells, labels and tables that this
            run does not make, but no acquisition that it does not make; the old data stays until the new is complete.
    """
    return init_acquisitions(
        "tile_table",
        zarr_dir=zarr_dir,
        acquisitions=acquisitions,
        converter_options=converter_options,
        overwrite=overwrite,
    )


if __name__ == "__main__":
    from fractal_omezarr_converters.fractal.task_process import run_as_fractal_task

    run_as_fractal_task(convert_init)
