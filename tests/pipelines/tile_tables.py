"""Folders with a tile table, for tests of what becomes of acquisitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np


def write_tile_table(source: Path) -> Path:
    """A tile table of two wells with two fields each."""
    source.mkdir()
    lines = ["file_path,row,column,fov_name,start_x,start_y,length_x,length_y,drug"]
    for row in "AB":
        for field in range(2):
            name = f"{row}{field}.npy"
            np.save(source / name, np.full((24, 32), 10 * field + ord(row), dtype=np.uint16))
            lines.append(f"{name},{row},1,F{field},{16.0 * field},0,32,24,d{row}")
    (source / "tiles.csv").write_text("\n".join(lines) + "\n")
    (source / "acquisition_details.toml").write_text(
        'xy_pixel_size = 0.5\nchannel_names = ["DAPI"]\naxes = ["c", "z", "y", "x"]\n'
    )
    return source


def one_well(folder: Path, copy: Path, row: str) -> Path:
    """A copy of the folder with one of its wells alone."""
    copy.mkdir()
    for file in folder.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    lines = (copy / "tiles.csv").read_text().splitlines()
    (copy / "tiles.csv").write_text("\n".join([lines[0], *(line for line in lines[1:] if line.startswith(row))]) + "\n")
    return copy
