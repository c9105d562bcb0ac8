"""The compute step of every converter: write one image, as init described it."""

import os
from typing import Any

if __name__ == "__main__":  # one process per image: pydantic need not search every installed distribution for plugins
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

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

    run_as_fractal_task(convert_compute)
