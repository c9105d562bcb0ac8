"""Seeds that are written: small synthetic acquisitions of every format, image files, and what this package writes itself."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fractal_omezarr_converters import testing

SMALL = {"wells": ("B03",), "layout": (1, 2), "field_shape": (20, 24), "overlap": 0}
Writer = Callable[[Path], object]
"""Writes seeds into an empty folder."""


def written_seeds() -> dict[str, Writer]:
    """Writers of all seeds by the name of their target."""
    return {
        "operetta": partial(testing.write_operetta, **SMALL),
        "cellvoyager": testing.write_cellvoyager,
        "imagexpress_hcsai": testing.write_hcsai,
        "incell": testing.write_incell,
        "metaxpress": testing.write_metaxpress,
        "micromanager": testing.write_micromanager,
        "named_images": testing.write_named_images,
        "ome_plate": testing.write_ome_plate,
        "scanr": testing.write_scanr,
        "squid": testing.write_squid,
        "tile_table": _tile_table,
        "tiff": lambda folder: _tiff(folder, "a.ome.tif", compression="zlib", metadata={"axes": "ZYX"}),
        "tiff-big": lambda folder: _tiff(folder, "a.tif", bigtiff=True, tile=(16, 16), byteorder=">"),
        "tiff-imagej": lambda folder: _tiff(folder, "a.tif", imagej=True),
        "png": lambda folder: _pillow(folder / "a.png", _image()[0]),
        "jpeg": lambda folder: _pillow(folder / "a.jpg", _image()[0].astype("uint8")),
        "npy": lambda folder: np.save(folder / "a.npy", _image()),
        "handover": partial(_documents, name="handover"),
        "job": partial(_documents, name="job"),
        "output": _output,
        "output-shards": partial(
            _output,
            omezarr_options={
                "ngff_version": "0.5",
                "chunks": {"mode": "Fixed Size", "xy_chunk": 16},
                "shards": {"mode": "Multiple of Chunks", "xy_factor": 2},
                "levels": {"mode": "Number of Levels", "num_levels": 2},
            },
        ),
        "output-fields": partial(
            _output,
            grouping={"mode": "Per-FOV"},
            omezarr_options={"ngff_version": "0.6", "table_backend": "json"},
        ),
    }


def _tile_table(folder: Path) -> None:
    import tifffile

    table = folder / "acquisition"
    table.mkdir(parents=True)
    tifffile.imwrite(table / "a.tif", np.arange(72, dtype="uint16").reshape(8, 9))
    (table / "tiles.csv").write_text(
        "file_path,row,column,fov_name,start_x,start_y,start_z,start_c,start_t,length_x,length_y,drug\n"
        "a.tif,A,1,F1,0,0,0,0,0,9,8,x\na.tif,A,1,F2,9.0,0,0,0,0,9,8,x\n"
    )
    (table / "acquisition_details.toml").write_text(
        'pixelsize = 0.65\naxes = ["c", "z", "y", "x"]\nchannel_names = ["DAPI"]\n'
    )


def _image() -> Any:
    return np.random.default_rng(1).integers(0, 60000, (3, 16, 32)).astype("uint16")


def _tiff(folder: Path, name: str, **how: Any) -> None:
    import tifffile

    tifffile.imwrite(folder / name, _image(), **how)


def _pillow(path: Path, pixels: Any) -> None:
    from PIL import Image

    Image.fromarray(pixels).save(path)


def _source(folder: Path) -> str:
    """A measurement beside the folder of seeds, of which these are made."""
    return str(testing.write_operetta(folder.parent / "source", **SMALL).folders[0])


def _documents(folder: Path, name: str) -> None:
    from fractal_omezarr_converters.fractal.acquisition_inputs import AcquisitionInput
    from fractal_omezarr_converters.fractal.init import init_acquisitions
    from fractal_omezarr_converters.models.options import ConverterOptions

    (job,) = init_acquisitions(
        "operetta",
        zarr_dir=str(folder.parent / "aside"),
        acquisitions=[AcquisitionInput(path=_source(folder))],
        converter_options=ConverterOptions(),
    )["parallelization_list"]
    if name == "handover":
        (folder / "image.json").write_text(job["init_args"]["tiled_image_json_str"])
    else:
        (folder / "job.json").write_text(json.dumps(job["init_args"]))
        (folder.parent / "url.txt").write_text(job["zarr_url"])  # never changed: nothing is written anywhere else


def _output(folder: Path, **options: Any) -> None:
    from fractal_omezarr_converters.convert import convert

    convert(_source(folder), folder, workers=1, converter_options=options)
