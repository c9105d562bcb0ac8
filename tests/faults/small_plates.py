"""Small plates for the tests of faults: tiles on disk, the two steps of a conversion, and the truth about the output."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from fractal_omezarr_converters.core.tile import Tile
from fractal_omezarr_converters.fractal.init import setup_images_for_conversion
from fractal_omezarr_converters.models.acquisition import AcquisitionDetails
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.models.loaders import DefaultImageLoader
from fractal_omezarr_converters.models.options import ConverterOptions, OverwriteMode
from fractal_omezarr_converters.ngff import completion
from fractal_omezarr_converters.ngff.stores import open_store
from fractal_omezarr_converters.ngff.zarr_arrays import open_array
from fractal_omezarr_converters.pipelines.aggregation import tiles_aggregation_pipeline

HEIGHT, WIDTH = 40, 56
NO, OVER, EXTEND = OverwriteMode.NO_OVERWRITE, OverwriteMode.OVERWRITE, OverwriteMode.EXTEND
MODES = (NO, OVER, EXTEND)
OPTIONS: dict[str, Any] = {
    "grouping": {"mode": "Mosaic", "tiling_strategy": {"mode": "Inplace"}},
    "omezarr_options": {"levels": {"mode": "Number of Levels", "num_levels": 2}},
}
AS_FILES = {"runtime_settings": {"temp_json_options": {"serialization": "JSON"}}}


def options(**more: Any) -> ConverterOptions:
    """Options of the tests."""
    return ConverterOptions.model_validate({**OPTIONS, **more})


def pixels(name: str) -> np.ndarray:
    """What the file of this name holds."""
    return np.random.default_rng(zlib.crc32(name.encode())).integers(1, 60000, (HEIGHT, WIDTH)).astype("uint16")


def details(**fields: Any) -> AcquisitionDetails:
    """An acquisition whose tiles state pixels."""
    spaces = {f"start_{axis}_space": "pixel" for axis in "xyzt"}
    return AcquisitionDetails(**{**spaces, "axes": list("czyx"), **fields})


def tiles(
    folder: Path,
    wells: str = "A",
    *,
    acquisition: int = 0,
    plate: str = "Plate",
    column: int = 1,
    about: Any = None,
    **fields: Any,
) -> list[Tile]:
    """Two fields side by side in a column of every row; their files are written."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for row in wells:
        for field in range(2):
            name = _file(row, column, acquisition, field)
            tifffile.imwrite(folder / name, pixels(name))
            made.append(
                Tile(
                    **{
                        "fov_name": f"F{field}",
                        "start_x": field * WIDTH,
                        "start_y": 0,
                        "length_x": WIDTH,
                        "length_y": HEIGHT,
                        "collection": ImageInPlate(plate_name=plate, row=row, column=column, acquisition=acquisition),
                        "acquisition_details": about or details(),
                        "image_loader": DefaultImageLoader(file_path=str(folder / name)),
                        **(fields if field else {}),
                    }
                )
            )
    return made


def init(some: list[Tile], out: Path, mode: OverwriteMode = NO, **more: Any) -> list[dict[str, Any]]:
    """The first step: jobs for the images that the tiles make."""
    chosen = options(**more)
    images = tiles_aggregation_pipeline(some, converter_options=chosen)
    return setup_images_for_conversion(images, zarr_dir=str(out), converter_options=chosen, overwrite_mode=mode)


def _file(row: str, column: int, acquisition: int, field: int) -> str:
    return f"{row}{column}_{acquisition}_{field}.tif" if column > 1 else f"{row}_{acquisition}_{field}.tif"


def place(out: Path, row: str = "A", acquisition: int = 0, plate: str = "Plate", column: int = 1) -> Path:
    """Where the image of a well lies."""
    return out / f"{plate}.zarr" / row / f"{column:02}" / str(acquisition)


def is_exact(out: Path, row: str = "A", acquisition: int = 0, plate: str = "Plate", column: int = 1) -> bool:
    """Whether an image is complete: both fields in level 0, level 1 and the tables there, the completion mark set."""
    image = place(out, row, acquisition, plate, column)
    if not completion.is_complete(open_store(image)):
        return False
    written = np.asarray(open_array(open_store(image), "0")[...])
    truth = np.hstack([pixels(_file(row, column, acquisition, field)) for field in range(2)])
    tables = {name for name in ("FOV_ROI_table", "well_ROI_table") if (image / "tables" / name).is_dir()}
    coarse = np.asarray(open_array(open_store(image), "1")[...])
    return bool(np.array_equal(written[0, 0], truth)) and len(tables) == 2 and bool(coarse.any())


def files_below(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its content."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
