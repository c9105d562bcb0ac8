"""Write the acquisitions that the stack converts; runs in the environment of the collected package.

    python write_data.py FOLDER           everything but the large plate
    python write_data.py FOLDER WELLS     the large plate with this many of its 384 wells

FOLDER/plate     a synthetic Operetta plate with two wells
FOLDER/more      the same plate after one more well was imaged
FOLDER/damaged   the same with two more wells: a file of E07 was damaged while it was copied, F08 is whole
FOLDER/whole     the file as it should be
FOLDER/fields    the same plate after one more row of fields was imaged in every well
FOLDER/cycles    the same plate again, and a second measurement of it
FOLDER/slow      a plate of two wells that takes long enough to be interrupted
FOLDER/single    two single images with a table of tiles
FOLDER/tiny      two wells, two fields and two channels with a table of tiles, readable by other converters, too
FOLDER/large     many wells with nine small fields each
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from fractal_omezarr_converters.testing import PlaneKey, write_operetta

WELLS = ("B03", "C05")
ALL_WELLS = (*WELLS, "D04", "E07", "F08")
FORM: dict[str, Any] = {"layout": (2, 2), "field_shape": (120, 160), "overlap": 0, "planes": 3}
TILES = "file_path,image_path,fov_name,start_x,start_y,start_c,drug\n"
DETAILS = 'xy_pixel_size = 0.5\nz_spacing = 2.0\nchannel_names = ["DAPI", "GFP"]\n'
TINY_TILES = "file_path,row,column,fov_name,start_x,start_y,start_z,start_c,length_x,length_y,length_z,length_c\n"
TINY_DETAILS = (
    'pixelsize = 0.65\nz_spacing = 2.0\nt_spacing = 1.0\nchannel_names = ["DAPI", "GFP"]\naxes = ["c", "z", "y", "x"]\n'
    'start_x_coo = "pixel"\nstart_y_coo = "pixel"\nstart_z_coo = "pixel"\n'
)
ROWS, COLUMNS = "ABCDEFGHIJKLMNOP", range(1, 25)


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


def write_tiny_plate(folder: Path) -> None:
    """Eight stacks of 3 planes of 32 x 32 pixels, in the form that older converters read as well."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    rows = []
    for row, column in (("A", 1), ("B", 2)):
        for field in range(2):
            for channel in range(2):
                name = f"{row}{column:02d}_F{field}_C{channel}.tif"
                stack = random.integers(0, 4000, (3, 32, 32), dtype=np.uint16)
                tifffile.imwrite(folder / name, stack, metadata={"axes": "ZYX"})
                rows.append(f"{name},{row},{column},FOV_{field},{32 * field},0,0,{channel},32,32,3,1\n")
    (folder / "tiles.csv").write_text(TINY_TILES + "".join(rows))
    (folder / "acquisition_details.toml").write_text(TINY_DETAILS)


def write_large_plate(folder: Path, wells: int) -> None:
    """The first wells of a plate with 16 x 24 of them; nine fields of 32 x 32 pixels, two channels."""
    names = [f"{row}{column:02d}" for row in ROWS for column in COLUMNS][:wells]
    write_operetta(
        folder, plate_name="Large Plate", wells=names, layout=(3, 3), field_shape=(32, 32), overlap=0, planes=1
    )


def main(folder: Path) -> None:
    """Write everything but the large plate."""
    write_operetta(folder / "plate", wells=WELLS, **FORM)
    write_operetta(folder / "more", wells=(*WELLS, "D04"), **FORM)
    truth = write_operetta(folder / "damaged", wells=ALL_WELLS, **FORM)
    damaged = truth.folders[0] / truth.images_folder / truth.url(PlaneKey("E07", 2, 1, 1))
    (folder / "whole").mkdir()
    content = damaged.read_bytes()
    (folder / "whole" / damaged.name).write_bytes(content)
    damaged.write_bytes(content[: len(content) // 2].ljust(len(content), b"\xff"))
    grown = FORM | {"layout": (3, 2)}
    write_operetta(folder / "fields", wells=ALL_WELLS, **grown)
    write_operetta(folder / "cycles", wells=ALL_WELLS, acquisitions=2, **grown)
    write_operetta(folder / "slow", wells=WELLS, layout=(2, 2), field_shape=(1200, 1200), overlap=0, planes=3)
    write_single_images(folder / "single")
    write_tiny_plate(folder / "tiny")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        write_large_plate(Path(sys.argv[1]) / "large", int(sys.argv[2]))
    else:
        main(Path(sys.argv[1]))
