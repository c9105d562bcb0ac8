"""ngio's Roi and PixelSize, made at the moment somebody asks for them; nothing is computed with them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fractal_omezarr_converters.core.geometry import AXES, C, T, X, Y, Z
from fractal_omezarr_converters.errors import ConvertersToolsUserError

if TYPE_CHECKING:
    from ngio import PixelSize, Roi
    from numpy.typing import NDArray

_ORIGINALS = (("x_micrometer_original", 2), ("y_micrometer_original", 1), ("z_micrometer_original", 0))


def make_roi(
    *,
    name: str | None,
    axes: str,
    start: Sequence[float] | NDArray[Any],
    length: Sequence[float] | NDArray[Any],
    original: Sequence[float] | NDArray[Any] | None = None,
) -> Roi:
    """Make a Roi in world units on the axes of an image, with the raw stage position (z, y, x) as extras."""
    from ngio import Roi

    slices = {axis: (float(start[AXES.index(axis)]), float(length[AXES.index(axis)])) for axis in axes}
    extras: dict[str, Any] = {} if original is None else {key: float(original[i]) for key, i in _ORIGINALS}
    return Roi.from_values(slices=slices, name=name, **extras)


def read_roi(
    roi: Any, start: NDArray[np.float64], length: NDArray[np.float64], original: NDArray[np.float64]
) -> str | None:
    """Write the numbers of a Roi into one row of columns, axes that it lacks stay as they are; give its name."""
    values = roi if isinstance(roi, dict) else {**roi.model_dump(), **(roi.model_extra or {})}
    name = values.get("name")
    if values.get("space", "world") != "world":
        raise ConvertersToolsUserError(
            f"The region '{name}' was given in pixels; regions are kept in µm and seconds: "
            "use roi.to_world(pixel_size=image.pixel_size)."
        )
    for entry in values["slices"]:
        axis = entry["axis_name"]
        if axis not in AXES:
            raise ConvertersToolsUserError(
                f"The region '{name}' has an axis '{axis}'; the axes of an image are t, c, z, y and x."
            )
        if entry["start"] is None or entry["length"] is None:
            raise ConvertersToolsUserError(f"The region '{name}' is open-ended along {axis}; give start and length.")
        start[AXES.index(axis)] = entry["start"]
        length[AXES.index(axis)] = entry["length"]
    for key, i in _ORIGINALS:
        if values.get(key) is not None:
            original[i] = values[key]
    return None if name is None else str(name)


def make_pixel_size(steps: NDArray[np.float64]) -> PixelSize:
    """Make a PixelSize from the five steps of an image."""
    from ngio import PixelSize

    return PixelSize(x=float(steps[X]), y=float(steps[Y]), z=float(steps[Z]), t=float(steps[T]))


def read_pixel_size(pixel_size: Any) -> NDArray[np.float64]:
    """Give the five steps of a PixelSize; an array of five passes."""
    if hasattr(pixel_size, "as_dict"):
        steps = np.ones(5)
        for axis, value in pixel_size.as_dict().items():
            steps[AXES.index(axis)] = value
        steps[C] = 1.0
        return steps
    return np.asarray(pixel_size, dtype=np.float64).reshape(5)
