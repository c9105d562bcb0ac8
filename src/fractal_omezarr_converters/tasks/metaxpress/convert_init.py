"""Init step of the MetaXpress converter: read the metadata, prepare the plates, give one job per image."""

from typing import Any

from pydantic import Field, validate_call

from fractal_omezarr_converters.formats.metaxpress import MetaxpressOptions
from fractal_omezarr_converters.fractal.acquisition_inputs import AcquisitionInput
from fractal_omezarr_converters.fractal.init import init_acquisitions
from fractal_omezarr_converters.models.form_options import ConverterFormOptions
from fractal_omezarr_converters.models.options import OverwriteMode


class MetaxpressAcquisition(AcquisitionInput):
    """One acquisition of MetaXpress: an exported plate, or a folder of the database."""

    options: MetaxpressOptions = Field(
        default_factory=MetaxpressOptions,
        title="MetaXpress Options",
        description="Stacks or projections, and what files without MetaXpress properties leave open.",
    )


@validate_call
def convert_init(
    *,
    zarr_dir: str,
    acquisitions: list[MetaxpressAcquisition],
    converter_options: ConverterFormOptions = ConverterFormOptions(),  # noqa: B008  (the form shows the defaults)
    overwrite: OverwriteMode = OverwriteMode.NO_OVERWRITE,
) -> dict[str, Any]:
    """Read MetaXpress plates and prepare their plates.

    Args:
        zarr_dir: Folder for the output. Set by Fractal.
        acquisitions: The measurements to convert. Each becomes an acquisition of a plate.
        converter_options: How the fields of view of a well become images, and how the images are written.
        overwrite: What to do with a plate or image that exists already. "No Overwrite" stops before any work. "Extend" adds what
            is missing and keeps what is complete. "Overwrite" replaces all of it, also wells, labels and tables that this
            run does not make, but no acquisition that it does not make; the old data stays until the new is complete.
    """
    return init_acquisitions(
        "metaxpress",
        zarr_dir=zarr_dir,
        acquisitions=acquisitions,
        converter_options=converter_options,
        overwrite=overwrite,
    )


if __name__ == "__main__":
    from fractal_omezarr_converters.fractal.task_process import run_as_fractal_task

    run_as_fractal_task(convert_init)
