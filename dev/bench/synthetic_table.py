"""A seeded tile table with as many planes as asked for. Its files are links to one small TIFF: only metadata are of interest.

python dev/bench/synthetic_table.py OUT --planes 10000
python dev/bench/synthetic_table.py OUT --planes 20000 --one-image
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import shutil
from pathlib import Path

PIXEL_SIZE, Z_SPACING, SIDE, CHANNELS = 0.325, 2.0, 32, 4
LINKS_OF_ONE_FILE = 60_000  # file systems of Linux allow 65,000


def shape(planes: int, *, one_image: bool) -> tuple[int, int, int]:
    """Wells, fields and slices that make about this many planes."""
    wells = 1 if one_image else 384 if planes >= 50_000 else max(1, min(96, planes // 100))
    fields = max(1, planes // 200) if one_image else 9
    return wells, fields, max(1, round(planes / (wells * fields * CHANNELS)))


class Links:
    """Files that all have the same content and take no room."""

    def __init__(self, folder: Path) -> None:
        import numpy as np
        import tifffile

        self.folder, self.number, self.first = folder, 0, folder / "first.tif"
        tifffile.imwrite(self.first, np.arange(SIDE * SIDE, dtype="u2").reshape(SIDE, SIDE))

    def add(self, name: str) -> None:
        """One more."""
        self.number += 1
        if self.number % LINKS_OF_ONE_FILE == 0:
            another = self.folder / f"first-{self.number}.tif"
            shutil.copyfile(self.first, another)
            self.first = another
        os.link(self.first, self.folder / name)


def main() -> None:
    """Read the command line and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--planes", type=int, default=10_000)
    parser.add_argument("--one-image", action="store_true", help="all planes in one well")
    given = parser.parse_args()
    wells, fields, slices = shape(given.planes, one_image=given.one_image)
    random.seed(0)
    side = max(1, round(fields**0.5))
    (given.out / "images").mkdir(parents=True, exist_ok=True)
    links = Links(given.out / "images")
    with (given.out / "tiles.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            "file_path row column fov_name start_x start_y start_z start_c length_x length_y length_z length_c drug".split()
        )
        for well in range(wells):
            row, column = chr(ord("A") + well // 24), well % 24 + 1
            for number in range(fields):
                y, x = (place * SIDE * PIXEL_SIZE + random.uniform(-0.05, 0.05) for place in divmod(number, side))
                for channel in range(CHANNELS):
                    for z in range(slices):
                        name = f"{row}{column:02d}_F{number + 1:03d}_C{channel + 1}_Z{z + 1:03d}.tif"
                        links.add(name)
                        place = (f"{x:.4f}", f"{y:.4f}", z * Z_SPACING, channel)
                        drug = "DMSO" if well % 2 else "compound A"
                        writer.writerow(
                            (f"images/{name}", row, column, f"FOV_{number + 1}", *place, SIDE, SIDE, 1, 1, drug)
                        )
    names = ", ".join(f'"channel_{channel}"' for channel in range(CHANNELS))
    (given.out / "acquisition_details.toml").write_text(
        f'channel_names = [{names}]\nxy_pixel_size = {PIXEL_SIZE}\nz_spacing = {Z_SPACING}\naxes = ["c", "z", "y", "x"]\n'
        'start_z_space = "world"\n'
    )
    (given.out / "planes").write_text(str(wells * fields * CHANNELS * slices))


if __name__ == "__main__":
    main()
