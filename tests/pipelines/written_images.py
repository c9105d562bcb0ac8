"""The whole way from tiles to images on disk, and what lies there, for tests."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import zarr

from fractal_omezarr_converters.models import ConverterOptions, OverwriteMode
from fractal_omezarr_converters.pipelines import (
    setup_ome_zarr_collection,
    tiled_image_creation_pipeline,
    tiles_aggregation_pipeline,
)


def convert(tiles, zarr_dir: Path, options=None, mode=OverwriteMode.NO_OVERWRITE, writer=None, **setup):
    options = options or ConverterOptions()
    images = tiles_aggregation_pipeline(tiles, converter_options=options)
    version = options.omezarr_options.ngff_version
    setup_ome_zarr_collection(
        tiled_images=images, zarr_dir=zarr_dir, ngff_version=version, overwrite_mode=mode, **setup
    )
    made = [
        tiled_image_creation_pipeline(
            zarr_url=f"{zarr_dir}/{image.path}",
            tiled_image=image,
            registration_pipeline=None,
            converter_options=options,
            writer_mode=writer,
            overwrite_mode=mode,
        )
        for image in images
    ]
    return images, made


def level_zero(path: Path) -> np.ndarray:
    return np.asarray(zarr.open_group(path, mode="r")["0"])


def attributes(path: Path) -> dict:
    zattrs = path / ".zattrs"
    if zattrs.exists():
        return json.loads(zattrs.read_text())
    return json.loads((path / "zarr.json").read_text())["attributes"]
