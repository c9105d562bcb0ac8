"""Where every tile of a registered image lies in whole pixels: made once, after registration."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fractal_omezarr_converters.core.geometry import AXES, C, Integers, T, Y, Z
from fractal_omezarr_converters.core.lazy_pixels import whole_pixels
from fractal_omezarr_converters.errors import ConvertersToolsUserError

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from fractal_omezarr_converters.core.tiled_image import TiledImage

ON_GRID_PX = 1e-3


class Placement(NamedTuple):
    """Whole-pixel boxes of all tiles (n x 5, ``tczyx``), shape of the image, and the order in which they are written.

    Tiles are written in ``order``; where two overlap, the later one wins: in all planes the same field of view.
    """

    start: Integers
    length: Integers
    shape: tuple[int, int, int, int, int]
    axes: str
    order: Integers

    @property
    def image_shape(self) -> tuple[int, ...]:
        """Shape on the image's own axes."""
        return tuple(self.shape[AXES.index(axis)] for axis in self.axes)


def place(image: TiledImage[Any, Any]) -> Placement:
    """Give the whole-pixel boxes of a registered image.

    Raises:
        ConvertersToolsUserError: no tiles, a start beside the pixel grid or below 0, or two sources in one place.
    """
    columns, steps, axes = image.columns, image.steps, "".join(image.axes)
    if not len(columns):
        raise ConvertersToolsUserError(f"The image '{image.path}' has no tiles: check filters and input.")
    used = [AXES.index(axis) for axis in axes]
    pixels = columns.start / steps
    beside = np.abs(pixels - np.rint(pixels)) > ON_GRID_PX
    for wrong, words, remedy in (
        (beside, "lies beside the pixel grid", "run the registration step align_to_pixel_grid"),
        (pixels < -0.5, "begins before 0", "remove offsets (Global), or correct the positions"),
    ):
        rows = np.flatnonzero(wrong[:, used].any(axis=1))
        if len(rows):
            row = int(rows[0])
            where = ", ".join(f"{AXES[i]}={pixels[row, i]:g} px" for i in used if wrong[row, i])
            raise ConvertersToolsUserError(
                f"Field of view '{columns.fov_name(row)}' of image '{image.path}' {words} ({where}): {remedy}."
            )
    start, length = whole_pixels(columns, axes, steps)
    _refuse_two_in_one_place(image, start, length)
    shape = (start + length).max(axis=0).tolist()
    if image.channels is not None and "c" in axes:
        if shape[C] > len(image.channels):
            raise ConvertersToolsUserError(
                f"The image '{image.path}' has tiles of channel {shape[C] - 1}, but lists only {len(image.channels)} "
                "channels: add the missing channels."
            )
        shape[C] = len(image.channels)
    t, c, z, y, x = shape
    return Placement(start, length, (t, c, z, y, x), axes, _writing_order(columns.fov, start))


def _writing_order(fov: NDArray[np.int32], start: Integers) -> Integers:
    """Give the tiles as they are listed; field by field when fields do not follow each other alike in all planes.

    A field whose first image is missing appears later than it is listed in other planes, and would lie over its neighbour in
    one channel and under it in another.
    """
    as_listed = np.arange(len(fov), dtype=np.int64)
    if (fov[1:] >= fov[:-1]).all():
        return as_listed
    _, channels, depth = (start[:, :Y].max(axis=0) + 1).tolist()
    plane = (start[:, T] * channels + start[:, C]) * depth + start[:, Z]
    planes = np.argsort(plane, kind="stable")
    if ((np.diff(plane[planes]) > 0) | (np.diff(fov[planes]) >= 0)).all():
        return as_listed
    return np.argsort(fov, kind="stable").astype(np.int64)


def _refuse_two_in_one_place(image: TiledImage[Any, Any], start: Integers, length: Integers) -> None:
    """Raise when a tile would be overwritten completely by another source."""
    boxes = np.concatenate([start, length], axis=1)
    order = np.lexsort(boxes.T)
    same = np.flatnonzero((boxes[order][1:] == boxes[order][:-1]).all(axis=1))
    if not len(same):
        return
    columns = image.columns
    involved = np.unique(np.concatenate([order[same], order[same + 1]]))
    identity = np.full(len(columns), -1, dtype=np.int64)
    identity[involved] = columns.loaders.select(involved).identity()
    for first, second in zip(order[same].tolist(), order[same + 1].tolist()):
        if identity[first] != identity[second]:
            box = ", ".join(f"{axis}={start[first, AXES.index(axis)]}" for axis in image.axes)
            raise ConvertersToolsUserError(
                f"Two sources lie in the same place of image '{image.path}' ({box}): "
                f"{columns.loaders.loader(first).describe_source()} (field of view '{columns.fov_name(first)}') and "
                f"{columns.loaders.loader(second).describe_source()} (field of view '{columns.fov_name(second)}'); "
                "correct the positions, or remove one of them."
            )
