"""The compute step of every converter: write one image, as init described it."""

from typing import Any

if __name__ == "__main__":  # before anything heavy is imported
    from fractal_omezarr_converters.fractal.fast_start import settle, start_fast

    start_fast()

from pydantic import validate_call

from fractal_omezarr_converters.fractal.compute import generic_compute_task
from fractal_omezarr_converters.fractal.image_list import ImageListUpdateDict


@validate_call
def convert_compute(*, zarr_url: str, init_args: dict[str, Any]) -> ImageListUpdateDict:
    """Write one OME-Zarr image.

    Args:
        zarr_url: Where the image will lie. Set by Fractal.
        init_args: What the init step hands over. Set by Fractal.
    """
    return generic_compute_task(zarr_url=zarr_url, init_args=init_args)


if __name__ == "__main__":
    from fractal_omezarr_converters.fractal.task_process import run_as_fractal_task

    settle()
    run_as_fractal_task(convert_compute)
