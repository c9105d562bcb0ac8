"""The true height of every plane, for the table ``z_positions``: µm from the lowest, where planes are not evenly spaced."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.pipelines.image_steps import C, T, Z
from fractal_omezarr_converters.pipelines.sequence_steps import even_places, group_ids

type Image = TiledImage[Any, Any]
Columns = dict[str, list[Any]]

INDEX = "FieldIndex"
SAME = 0.01
"""Heights that differ by less than this share of the z spacing are the same."""
_DECIMALS = 9


def z_positions_table(before: Image, after: Image, plane: npt.NDArray[np.int64]) -> Columns | None:
    """The true height of every plane, in µm from the lowest; per field of view when they differ.

    None when the planes of every stack are multiples of the z spacing apart, or the image has one plane.

    Args:
        before: The image as it was stated, with true heights.
        after: The registered image with the same tiles.
        plane: Number of the plane in which every tile begins.
    """
    stated, placed, spacing = before.columns, after.columns, before.z_spacing
    stacks = group_ids(stated.fov, stated.start[:, C], stated.start[:, T])
    if "z" not in after.axes or even_places(stated.start[:, Z], stacks, spacing) is not None:
        return None
    if len(stated) != len(placed) or not np.array_equal(stated.fov, placed.fov):
        return None
    if not np.array_equal(stated.loaders.row, placed.loaders.row):
        return None
    counts = np.maximum(np.rint(stated.length[:, Z] / spacing), 1).astype(np.int64)
    tile = np.repeat(np.arange(len(counts)), counts)
    within = np.arange(len(tile)) - (np.cumsum(counts) - counts)[tile]
    heights = stated.start[tile, Z] + within * spacing - stated.start[:, Z].min()
    empty = int(plane.min())  # planes that a kept offset leaves below the lowest
    planes = plane[tile] + within - empty
    number = int(planes.max()) + 1
    if number < 2:
        return None
    lowest = np.full((len(stated.fov_names), number), np.inf)
    np.minimum.at(lowest, (stated.fov[tile], planes), heights)
    there = np.isfinite(lowest)
    first = np.min(lowest, axis=0)
    if np.all(np.abs(lowest - first[None, :])[there] <= SAME * after.z_spacing):
        return {"z_index": list(range(empty, empty + number)), "z_micrometer": np.round(first, _DECIMALS).tolist()}
    fields, indices = np.nonzero(there)
    return {
        INDEX: [stated.fov_names[index] for index in fields],
        "z_index": [int(index) + empty for index in indices],
        "z_micrometer": np.round(lowest[fields, indices], _DECIMALS).tolist(),
    }
