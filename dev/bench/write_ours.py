"""One well through our writer alone: a tile table on a grid, pixels, all levels, documents, windows, completion mark.

The time from a tile table to a plan is measured elsewhere; here the table is read with csv and the tiles lie where it says.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
from pathlib import Path

import numpy as np
from synthetic_plate import PIXEL_SIZE, Z_SPACING

from fractal_omezarr_converters.ngff import completion
from fractal_omezarr_converters.ngff.documents import group_document, image_attributes
from fractal_omezarr_converters.ngff.layout import plan_layout
from fractal_omezarr_converters.ngff.rendering import omero, windows_from_histograms
from fractal_omezarr_converters.ngff.single_pass import write_pixels
from fractal_omezarr_converters.ngff.staging import StagedImage


class Planes:
    """Files of one plane each, as a stream of tiles."""

    def __init__(self, plate: Path) -> None:
        with (plate / "tiles.csv").open() as file:
            rows = list(csv.DictReader(file))
        self.paths = [f"{plate}/{row['file_path']}" for row in rows]
        size = int(rows[0]["length_x"])
        steps = (("start_c", 1.0), ("start_z", Z_SPACING), ("start_y", PIXEL_SIZE), ("start_x", PIXEL_SIZE))
        pixel = [[0, *(round(float(row[name]) / step) for name, step in steps)] for row in rows]
        self.start = np.array(pixel, np.int64)
        self.length = np.broadcast_to(np.array([1, 1, 1, size, size], np.int64), self.start.shape)

    def read(self, index: int) -> np.ndarray:
        """One plane."""
        path = self.paths[index]
        if path.endswith(".png"):
            import imagecodecs

            return imagecodecs.png_decode(Path(path).read_bytes())[None, None, None]
        import tifffile

        return tifffile.imread(path)[None, None, None]

    def read_into(self, index: int, out: np.ndarray) -> bool:
        """An uncompressed plane straight into its place; the pixels are the last bytes of these files."""
        if self.paths[index].endswith(".png") or not out.flags.c_contiguous:
            return False
        import tifffile

        with tifffile.TiffFile(self.paths[index]) as tiff:
            page = tiff.pages.first
            if not page.is_memmappable or page.shape != out.shape[-2:] or page.dtype != out.dtype:
                return False
            tiff.filehandle.seek(page.dataoffsets[0])
            return tiff.filehandle.readinto(out.reshape(-1).view("u1")) == out.nbytes

    def read_part(self, index: int, part: tuple) -> np.ndarray | None:
        """Rows and columns of an uncompressed plane."""
        if self.paths[index].endswith(".png"):
            return None
        import tifffile

        return tifffile.memmap(self.paths[index], mode="r")[None, None, None][part]


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plate", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--options", default="{}", help="ConverterOptions as JSON")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    from fractal_omezarr_converters.models.options import OmeZarrOptions

    options = OmeZarrOptions.model_validate(json.loads(given.options).get("omezarr_options", {}))
    version = options.ngff_version
    tiles = Planes(given.plate)
    shape = (tiles.start + tiles.length).max(axis=0)
    layout = plan_layout(
        version=version, axes="czyx", shape5=shape, dtype="u2", pixel_size=(1, 1, Z_SPACING, PIXEL_SIZE, PIXEL_SIZE),
        origin=(0,) * 5, omezarr_options=options, fov_shape_yx=tiles.length[0, 3:],
    )  # fmt: skip
    with StagedImage(given.out, "image") as staged:
        report = write_pixels(staged.store, layout, tiles, threads=given.threads)
        attributes = image_attributes(
            version, name="image", axes="czyx",
            level_paths=[level.path for level in layout.levels],
            scales=[layout.on_axes(level.scale) for level in layout.levels],
            translations=[layout.on_axes(level.translation) for level in layout.levels],
            omero=omero(None, windows_from_histograms(report.histograms)), method=layout.method_document(),
        )  # fmt: skip
        for key, document in group_document(version, attributes).items():
            staged.store.put(key, document)
        levels = report.levels(
            [level.path for level in layout.levels], [layout.on_axes(level.shape) for level in layout.levels]
        )
        completion.mark(staged.store, "", completion.Completion("bench", levels))
        staged.commit()
    if os.environ.get("BENCH_VERBOSE"):
        print(
            layout.chunks,
            report.chunk_counts,
            f"held {report.largest_memory / 1e6:.0f} MB, estimate {layout.memory_estimate(given.threads) / 1e6:.0f} MB",
        )


if __name__ == "__main__":
    main()
