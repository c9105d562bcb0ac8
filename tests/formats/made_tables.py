"""Folders with tile tables for tests."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from fractal_omezarr_converters.formats.contract import Scan
from fractal_omezarr_converters.formats.tile_table import TileTableFormat

TOML = 'xy_pixel_size = 0.65\nz_spacing = 2.0\nchannel_names = ["DAPI", "GFP"]\nwavelengths = ["405", "488"]\n'
OLDER_TOML = (
    'pixelsize = 0.65\nz_spacing = 2.0\nchannel_names = ["DAPI", "GFP"]\nwavelengths = ["405", "488"]\n'
    'start_x_coo = "world"\nlength_x_coo = "pixel"\n[stage_corrections]\nflip_x = false\n'
)


def write_image(path: Path, shape: tuple[int, ...] = (30, 40), **options: Any) -> None:
    """A TIFF file with some numbers."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = np.arange(np.prod(shape), dtype=options.pop("dtype", np.uint16)).reshape(shape)
    axes = {2: "YX", 3: "ZYX", 4: "CZYX"}[len(shape)]
    tifffile.imwrite(path, data, **{"metadata": {"axes": axes}, "ome": len(shape) > 2, **options})


def plate_rows() -> list[dict[str, Any]]:
    """Two wells, two fields of 30 x 40 px in each, two channels; the second well lacks a field."""
    return [
        {
            "file_path": f"data/{row}{column}_F{field}_C{channel}.tif",
            "row": row,
            "column": column,
            "fov_name": f"F{field}",
            "start_x": field * 26.0,
            "start_y": 0,
            "start_c": channel,
            "drug": "DMSO",
        }
        for row, column, fields in (("A", 1, 2), ("C", 12, 1))
        for field in range(fields)
        for channel in range(2)
    ]


def write_folder(
    folder: Path, rows: list[dict[str, Any]], toml: str | None = TOML, *, kind: str = "csv", images: bool = True
) -> Path:
    """An acquisition with its table, details and images."""
    folder.mkdir(parents=True, exist_ok=True)
    if images:
        for name in {str(row["file_path"]).strip() for row in rows}:
            write_image(folder / name)
    if kind == "parquet":
        pytest.importorskip("pandas").DataFrame(rows).to_parquet(folder / "tiles.parquet")
    else:
        with (folder / "tiles.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)))
            writer.writeheader()
            writer.writerows(rows)
    if toml is not None:
        (folder / "acquisition_details.toml").write_text(toml)
    return folder


def scan(folder: Path, **options: Any) -> Scan:
    """What the format finds in a folder."""
    return TileTableFormat().scan(str(folder), **options)
