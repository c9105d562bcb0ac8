"""Write the acquisitions that the stack converts; runs in the environment of the collected package.

    python write_data.py FOLDER

FOLDER/plate    a synthetic Operetta plate with two wells
FOLDER/more     the same plate after one more well was imaged
FOLDER/damaged  the same with two more wells: a file of E07 was damaged while it was copied, F08 is whole
FOLDER/whole    the file as it should be
FOLDER/single   two single images with a table of tiles
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from fractal_omezarr_converters.testing import PlaneKey, write_operetta

WELLS = ("B03", "C05")
FORM: dict[str, Any] = {"layout": (2, 2), "field_shape": (120, 160), "overlap": 0, "planes": 3}
TILES = "file_path,image_path,fov_name,start_x,start_y,start_c,drug\n"
DETAILS = 'xy_pixel_size = 0.5\nz_spacing = 2.0\nchannel_names = ["DAPI", "GFP"]\n'


def write_single_images(folder: Path) -> None:
    """Two images of two fields side by side, two channels each, flat."""
    (folder / "data").mkdir(parents=True)
    random = np.random.default_rng(5)
    rows = []
    for image, drug in (("control", "DMSO"), ("treated/first", "Taxol")):
        for field in range(2):
            for channel in range(2):
                name = f"data/{image.replace('/', '-')}_{field}_{channel}.tif"
                tifffile.imwrite(folder / name, random.integers(0, 4000, (90, 130), dtype=np.uint16))
                rows.append(f"{name},{image},F{field},{65.0 * field},0,{channel},{drug}\n")
    (folder / "tiles.csv").write_text(TILES + "".join(rows))
    (folder / "acquisition_details.toml").write_text(DETAILS)


def main(folder: Path) -> None:
    """Write everything."""
    write_operetta(folder / "plate", wells=WELLS, **FORM)
    write_operetta(folder / "more", wells=(*WELLS, "D04"), **FORM)
    truth = write_operetta(folder / "damaged", wells=(*WELLS, "D04", "E07", "F08"), **FORM)
    damaged = truth.folders[0] / truth.images_folder / truth.url(PlaneKey("E07", 2, 1, 1))
    (folder / "whole").mkdir()
    content = damaged.read_bytes()
    (folder / "whole" / damaged.name).write_bytes(content)
    damaged.write_bytes(content[: len(content) // 2].ljust(len(content), b"\xff"))
    write_single_images(folder / "single")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
