"""Where pixels lie: scale and translation of every pyramid level, in the words of each version of OME-Zarr.

Source: OME-NGFF 0.4 and 0.5 "multiscales" (one scale, then at most one translation),
0.6 "coordinateTransformations" (a sequence of both, from a path to a named coordinate system).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from fractal_omezarr_converters.errors import ConvertersToolsUserError

# Name of the coordinate system that all levels of an image share (0.6).
PHYSICAL = "physical"
# What pixel sizes and positions stay below by far, in any unit.
_LARGEST = 1e300


class LevelGeometry(NamedTuple):
    """Size of a pixel and position of the first pixel's centre, one number per axis."""

    scale: tuple[float, ...]
    translation: tuple[float, ...]

    def after(self, outer: LevelGeometry) -> LevelGeometry:
        """Apply another scale and translation on top of this one."""
        pairs = zip(outer.scale, self.scale, self.translation, outer.translation, strict=True)
        both = [(big * small, big * shift + outer_shift) for big, small, shift, outer_shift in pairs]
        return LevelGeometry(tuple(scale for scale, _ in both), tuple(shift for _, shift in both))


def level_transformations(
    version: str, path: str, scale: Sequence[float], translation: Sequence[float]
) -> list[dict[str, Any]]:
    """State one level's geometry as ``datasets[].coordinateTransformations`` of the version.

    Raises:
        ConvertersToolsUserError: a scale is not above zero, or a number is not finite.
    """
    check_geometry(path, scale, translation)
    parts: list[dict[str, Any]] = [
        {"type": "scale", "scale": [float(value) for value in scale]},
        {"type": "translation", "translation": [float(value) for value in translation]},
    ]
    if version != "0.6":
        return parts
    return [{"type": "sequence", "input": {"path": path}, "output": {"name": PHYSICAL}, "transformations": parts}]


def check_geometry(path: str, scale: Sequence[float], translation: Sequence[float]) -> None:
    """Refuse pixel sizes and positions that no image has.

    Raises:
        ConvertersToolsUserError: naming the level and the value.
    """
    for value in scale:
        if not (math.isfinite(value) and value > 0):
            raise ConvertersToolsUserError(
                f"Level '{path}' has the pixel size {value}; give a finite number above zero for every axis."
            )
    for value in translation:
        if not math.isfinite(value):
            raise ConvertersToolsUserError(f"Level '{path}' has the position {value}; give finite numbers only.")
    if len(scale) != len(translation):
        raise ConvertersToolsUserError(
            f"Level '{path}' has {len(scale)} pixel sizes and {len(translation)} positions; give one each per axis."
        )


def read_geometry(transformations: Any, ndim: int, where: str) -> LevelGeometry:
    """Read scale and translation of 0.4, 0.5 or 0.6 transformations; an empty list, or none, is the identity.

    Raises:
        ConvertersToolsUserError: no list, another type of transformation, or a wrong number of values.
    """
    transformations = transformations or []
    if not isinstance(transformations, list):
        raise ConvertersToolsUserError(
            f"{where}: {transformations!r} is no list of transformations; repair the metadata."
        )
    geometry = LevelGeometry((1.0,) * ndim, (0.0,) * ndim)
    for stated in transformations:
        one = stated if isinstance(stated, Mapping) else {"type": stated}
        kind = one.get("type")
        if kind == "sequence":
            inner = read_geometry(one.get("transformations"), ndim, where)
        elif kind == "identity":
            continue
        elif kind in ("scale", "translation") and isinstance(one.get(kind), Sequence):
            if not all(isinstance(value, int | float) and -_LARGEST < value < _LARGEST for value in one[kind]):
                raise ConvertersToolsUserError(
                    f"{where}: a {kind} has the values {one[kind]}, which are not all ordinary numbers; repair the metadata."
                )
            values = tuple(float(value) for value in one[kind])
            if len(values) != ndim:
                raise ConvertersToolsUserError(
                    f"{where}: a {kind} has {len(values)} values, the image has {ndim} axes; repair the metadata."
                )
            still, unit = (0.0,) * ndim, (1.0,) * ndim
            inner = LevelGeometry(values, still) if kind == "scale" else LevelGeometry(unit, values)
        else:
            raise ConvertersToolsUserError(
                f"{where}: a transformation of type '{kind}' cannot be read as pixel size and position; "
                "only scale, translation, identity and sequences of them can."
            )
        geometry = geometry.after(inner)
    return geometry
