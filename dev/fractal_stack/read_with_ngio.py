"""Read a converted plate and its projection with ngio, and compare them; runs in the environment of fractal-tasks-core.

python read_with_ngio.py PLATE PROJECTED_PLATE FIELDS
"""

from __future__ import annotations

import sys
from importlib.metadata import version

import numpy as np
from ngio import open_ome_zarr_plate


def main(converted: str, projected: str, number: str) -> None:
    """Every projected image is the maximum of its converted one along z, and its tables can be read."""
    before = open_ome_zarr_plate(converted).get_images()
    after = open_ome_zarr_plate(projected).get_images()
    if before.keys() != after.keys() or not before:
        raise SystemExit(f"{sorted(before)} were converted, {sorted(after)} projected")
    for path, image in before.items():
        source, flat = image.get_image(), after[path].get_image()
        pixels = source.get_as_numpy(axes_order=("c", "z", "y", "x"))
        found = flat.get_as_numpy(axes_order=("c", "z", "y", "x"))
        if not np.array_equal(pixels.max(axis=1, keepdims=True), found):
            raise SystemExit(f"{path}: the projection is not the maximum along z")
        if source.channel_labels != flat.channel_labels or source.pixel_size.x != flat.pixel_size.x:
            raise SystemExit(f"{path}: channels or pixel size differ")
        fields = after[path].get_roi_table("FOV_ROI_table").rois()
        if len(fields) != int(number):
            raise SystemExit(f"{path}: {len(fields)} fields of view instead of {number}")
        conditions = image.get_table("condition_table").dataframe
        if "drug" not in conditions.columns:
            raise SystemExit(f"{path}: the condition table has the columns {list(conditions.columns)}")
    print(f"ngio {version('ngio')} reads {len(before)} converted and {len(after)} projected images; all pixels agree")


if __name__ == "__main__":
    main(*sys.argv[1:4])
