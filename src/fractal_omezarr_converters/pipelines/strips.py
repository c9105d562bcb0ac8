"""Rectangles of one reference plane of each field of view, read through the loaders: what stitching looks at.

Loaders that can read parts read only the rectangle; of the others whole planes are kept for the next rectangle, up to a limit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fractal_omezarr_converters.core.pixels import load_block
from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.blocks import load_part
from fractal_omezarr_converters.pipelines.image_steps import C, T, X, Y, Z, pixel_steps

type Image = TiledImage[Any, Any]
Plane = npt.NDArray[np.float32]
Integers = npt.NDArray[np.int64]

CACHE_BYTES = 512 * 2**20


def channel_index(image: Image, channel: str | None) -> int:
    """Index of a channel by its label or wavelength; the first one when none is named.

    Raises:
        ConvertersToolsUserError: the image has no such channel; those that it has are named.
    """
    if not channel:
        return int(np.rint(image.columns.start[:, C]).min())
    channels = image.channels or []
    for attribute in ("channel_label", "wavelength_id"):
        found = [index for index, one in enumerate(channels) if getattr(one, attribute) == channel]
        if found:
            return found[0]
    known = ", ".join(f"'{one.channel_label}'" for one in channels) or "none"
    raise ConvertersToolsUserError(
        f"The reference channel '{channel}' for stitching does not exist; the channels of the image are {known}."
    )


class ReferencePlanes:
    """The reference plane of every field of view: one channel, the first frame that most have, the middle of the z stack."""

    def __init__(self, image: Image, channel: int, resource: Any = None) -> None:
        self._image = image
        self._axes = "".join(image.axes)
        self._resource = resource
        steps = pixel_steps(image)
        self.start: Integers = np.rint(image.columns.start / steps).astype(np.int64)
        self.length: Integers = np.maximum(np.rint(image.columns.length / steps).astype(np.int64), 1)
        stop = self.start + self.length
        self._usable = (self.start[:, C] <= channel) & (channel < stop[:, C])
        shown = np.flatnonzero(self._usable)
        frame = _frame_of_most(image.columns.fov[shown], self.start[shown, T], stop[shown, T])
        self._at = {T: frame, C: channel}
        self._usable &= (self.start[:, T] <= frame) & (frame < stop[:, T])
        self._middle = int(self.start[:, Z].min() + stop[:, Z].max() - 1) // 2
        self._planes: dict[tuple[int, int], npt.NDArray[Any]] = {}
        self._bytes = 0

    def row_of(self, rows: Integers) -> int | None:
        """The region among these that holds the reference plane, or the plane next to it; None if none has channel and frame."""
        mine = rows[self._usable[rows]]
        if not len(mine):
            return None
        below = self.start[mine, Z] - self._middle
        above = self._middle - (self.start[mine, Z] + self.length[mine, Z] - 1)
        return int(mine[np.argmin(np.maximum(np.maximum(below, above), 0))])

    def read(self, row: int, y: slice, x: slice) -> Plane:
        """A rectangle of the reference plane in the region's own pixels."""
        z = int(np.clip(self._middle - self.start[row, Z], 0, self.length[row, Z] - 1))
        lengths = [int(size) for size in self.length[row]]
        loader = self._image.columns.loaders.loader(row)
        if (row, z) not in self._planes:
            t, c = (self._at[axis] - int(self.start[row, axis]) for axis in (T, C))
            part = (slice(t, t + 1), slice(c, c + 1), slice(z, z + 1), y, x)
            block = load_part(loader, part, image_axes=self._axes, lengths=lengths, resource=self._resource)
            if block is not None:
                return np.asarray(block[0, 0, 0], dtype=np.float32)
            name = self._image.columns.fov_name(row)
            whole = load_block(loader, self._axes, lengths, resource=self._resource, fov_name=name)
            self._keep((row, z), np.array(whole[t, c, z]))
        return np.asarray(self._planes[row, z][y, x], dtype=np.float32)

    def _keep(self, key: tuple[int, int], plane: npt.NDArray[Any]) -> None:
        while self._planes and self._bytes + plane.nbytes > CACHE_BYTES:
            self._bytes -= self._planes.pop(next(iter(self._planes))).nbytes
        self._planes[key] = plane
        self._bytes += plane.nbytes

    def size(self, row: int) -> tuple[int, int]:
        """Width and height of a region."""
        return int(self.length[row, X]), int(self.length[row, Y])


def _frame_of_most(fov: npt.NDArray[np.int32], first: Integers, stop: Integers) -> int:
    """The earliest frame that most fields of view have: where the image of one is missing, it cannot be compared."""
    fields, most, chosen = len(np.unique(fov)), 0, 0
    for frame in np.unique(first).tolist():
        there = len(np.unique(fov[(first <= frame) & (frame < stop)]))
        if there > most:
            most, chosen = there, frame
        if most == fields:
            break
    return chosen
