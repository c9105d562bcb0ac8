"""Plates of small images for the tests of init and compute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from fractal_omezarr_converters.core.aggregation import tiled_image_from_tiles
from fractal_omezarr_converters.core.tile import Tile
from fractal_omezarr_converters.models.acquisition import AcquisitionDetails, ChannelInfo
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.models.loaders import DefaultImageLoader
from fractal_omezarr_converters.models.options import ConverterOptions
from fractal_omezarr_converters.models.runtime import RuntimeSettings, TempJsonOptions

DETAILS = AcquisitionDetails(
    xy_pixel_size=0.5,
    z_spacing=2.0,
    channels=[ChannelInfo(channel_label="DAPI")],
    start_x_space="world",
    start_y_space="world",
)


def tile(file: Path, collection: Any, **more: Any) -> Tile:
    pixels = np.arange(6 * 8, dtype="uint16").reshape(6, 8) + len(str(file.name))
    file.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(file, pixels)
    chosen = {"start_x": 0.0, "start_y": 0.0, "length_x": 8, "length_y": 6, "fov_name": "F1", **more}
    return Tile(
        collection=collection,
        image_loader=DefaultImageLoader(file_path=str(file)),
        acquisition_details=DETAILS,
        **chosen,
    )


def plate_images(folder: Path, wells: str = "ABC") -> list[Any]:
    tiles = [
        tile(folder / f"{row}.tif", ImageInPlate(plate_name="P", row=row, column=1), attributes={"dose": [0.5]})
        for row in wells
    ]
    return tiled_image_from_tiles(tiles=tiles)


def as_files() -> ConverterOptions:
    return ConverterOptions(runtime_settings=RuntimeSettings(temp_json_options=TempJsonOptions(serialization="JSON")))
