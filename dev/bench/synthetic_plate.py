"""A seeded synthetic plate: one TIFF per plane, with tiles.csv and acquisition_details.toml, as a microscope would leave it.

Cells are rendered spots below vignetting, with shot noise and camera read noise, so that compression behaves as on real data.

    python dev/bench/synthetic_plate.py OUT --wells 1 --grid 3x3 --channels 2 --z 5 --size 2160 --overlap 0 --kind tif
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

PIXEL_SIZE, Z_SPACING = 0.325, 2.0


def plane(rng: np.random.Generator, size: int, focus: float) -> np.ndarray:
    """One plane of 16-bit pixels: cells, vignetting, noise."""
    import numpy as np

    signal = np.zeros((size, size), np.float32)
    radius = 14
    offsets = np.mgrid[-3 * radius : 3 * radius + 1, -3 * radius : 3 * radius + 1]
    spot = np.exp(-(offsets**2).sum(axis=0) / (2 * (radius * focus) ** 2)).astype(np.float32)
    for y, x in rng.integers(0, size, (max(1, size * size // 12000), 2)):
        top, left = max(0, y - 3 * radius), max(0, x - 3 * radius)
        bottom, right = min(size, y + 3 * radius + 1), min(size, x + 3 * radius + 1)
        cut = spot[top - y + 3 * radius : bottom - y + 3 * radius, left - x + 3 * radius : right - x + 3 * radius]
        signal[top:bottom, left:right] += cut * rng.uniform(200, 1500)
    across = np.linspace(-1, 1, size, dtype=np.float32) ** 2
    signal *= 1 - 0.15 * (across[:, None] + across[None, :])
    noisy = signal + 20 + rng.standard_normal((size, size), np.float32) * np.sqrt(signal + 20 + 4)
    return np.clip(noisy + 100, 0, 65535).astype(np.uint16)


def write_plate(
    out: Path,
    *,
    wells: int,
    grid: tuple[int, int],
    channels: int,
    z: int,
    size: int,
    overlap: float,
    kind: str,
    seed: int = 0,
) -> None:
    """Write the planes and their tables; fields of a well share a few rendered planes to keep generation short."""
    import numpy as np
    import tifffile

    out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    rendered = [plane(rng, size, 1 + 0.3 * k) for k in range(5)]
    rows = []
    pitch = size * (1 - overlap) * PIXEL_SIZE
    for well in range(wells):
        for index in range(grid[0] * grid[1]):
            for channel in range(channels):
                for slice_ in range(z):
                    name = f"W{well:03d}_F{index:03d}_C{channel}_Z{slice_:03d}.{kind}"
                    pixels = np.roll(
                        rendered[(well + index + channel + slice_) % 5], (37 * index, 91 * slice_ + channel), (0, 1)
                    )
                    if kind == "png":
                        import imagecodecs

                        (out / name).write_bytes(imagecodecs.png_encode(pixels))
                    else:
                        tifffile.imwrite(out / name, pixels)
                    place = (index % grid[1] * pitch, index // grid[1] * pitch, slice_ * Z_SPACING)
                    row, column = chr(ord("A") + well // 12), well % 12 + 1
                    rows.append([name, row, column, f"FOV_{index + 1}", *place, channel, size, size, 1, 1])
    heads = "file_path row column fov_name start_x start_y start_z start_c length_x length_y length_z length_c".split()
    with (out / "tiles.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(heads)
        writer.writerows(rows)
    names = ", ".join(f'"channel_{channel}"' for channel in range(channels))
    (out / "acquisition_details.toml").write_text(
        f'channel_names = [{names}]\nxy_pixel_size = {PIXEL_SIZE}\nz_spacing = {Z_SPACING}\naxes = ["c", "z", "y", "x"]\n'
        'start_z_space = "world"\n'
    )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    for name, default in (("wells", 1), ("channels", 2), ("z", 5), ("size", 2160), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--grid", default="3x3", help="rows x columns of fields")
    parser.add_argument("--overlap", type=float, default=0.0, help="part of a field that the next one covers")
    parser.add_argument("--kind", choices=["tif", "png"], default="tif")
    given = vars(parser.parse_args())
    rows, columns = given.pop("grid").split("x")
    write_plate(given.pop("out"), grid=(int(rows), int(columns)), **given)


if __name__ == "__main__":
    main()
