"""How many levels an image gets, how large they are, and where their pixels lie."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, Literal, NamedTuple

from fractal_omezarr_converters.errors import ConvertersToolsUserError

Shape5 = tuple[int, int, int, int, int]
Floats5 = tuple[float, float, float, float, float]
Method = Literal["mean", "nearest", "stride", "mode", "max", "min", "median"]
METHODS = ("mean", "nearest", "stride", "mode", "max", "min", "median")
AXES = "tczyx"
LONG_ENOUGH = 256
# An odd side gives the last block of the next level too much weight, which shifts the centre of mass by half a block.
# A level of this size or less is small enough to stop at rather than to pay that price.
SMALL_ENOUGH_WHEN_ODD = 512
SHORTEST = 8
RESERVED = ("labels", "tables", "zarr.json", "OME")
ONES: Shape5 = (1, 1, 1, 1, 1)
# one wish of a caller: nothing, a number, names, factors relative to level 0 (integers for y and x, or one mapping per level)
LevelWish = int | Sequence[str] | Sequence[int] | Sequence[Mapping[str, int]] | None


class Level(NamedTuple):
    """One resolution level; all entries are t, c, z, y, x."""

    path: str
    shape: Shape5
    factors: Shape5  # relative to level 0
    scale: Floats5
    translation: Floats5
    source: int  # the level it is made from; -1 for level 0
    step: Shape5  # factors relative to that level


def as_shape5(values: Sequence[int]) -> Shape5:
    """Five integers as a plain tuple."""
    t, c, z, y, x = (int(value) for value in values)
    return (t, c, z, y, x)


def plan_levels(
    shape: Shape5,
    *,
    wish: LevelWish,
    method: str,
    pixel_size: Floats5,
    origin: Floats5,
    names: Sequence[str] | None = None,
    z_factor: int = 1,
) -> tuple[Level, ...]:
    """All levels of an image, level 0 first.

    Without a wish, y and x are halved until the longer side is at most 256 px, or at most 512 px when one of the sides is odd
    there. A level never gets a side below 8 px, so a wished number is cut short on small images. z is divided by ``z_factor``
    from level to level until one plane is left.
    """
    if method not in METHODS:
        raise ConvertersToolsUserError(
            f"Downsampling method {method!r} is not known; choose one of {', '.join(METHODS)}."
        )
    if isinstance(wish, Sequence) and wish and isinstance(wish[0], str):
        names = _checked_names(wish)
        wish = len(names)
    factors = _explicit_factors(shape, wish) if isinstance(wish, Sequence) else _halvings(shape, wish, z_factor)
    levels: list[Level] = []
    offsets: list[list[float]] = []
    for number, factor in enumerate(factors):
        source = max((k for k in range(number) if all(f % g == 0 for f, g in zip(factor, factors[k]))), default=-1)
        step = ONES if source < 0 else as_shape5([f // g for f, g in zip(factor, factors[source])])
        offset = (
            [0.0] * 5
            if source < 0
            else [o + shift(s, method) * g for o, s, g in zip(offsets[source], step, factors[source])]
        )
        offsets.append(offset)
        levels.append(
            Level(
                path=names[number] if names and number < len(names) else str(number),
                shape=as_shape5([-(-n // f) for n, f in zip(shape, factor)]),
                factors=factor,
                scale=_floats5([size * f for size, f in zip(pixel_size, factor)]),
                translation=_floats5([at + o * size for at, o, size in zip(origin, offset, pixel_size)]),
                source=source,
                step=step,
            )
        )
    return tuple(levels)


def _checked_names(names: Sequence[Any]) -> list[str]:
    """Names of levels as paths below the image, none of which is in another's way.

    Raises:
        ConvertersToolsUserError: one is no path, is another one's, or is needed for something else.
    """
    if isinstance(names, str):
        raise ConvertersToolsUserError(f"Levels {names!r} are one text; give a list of names, or a number of levels.")
    paths = [str(name) for name in names]
    for path in paths:
        parts = path.split("/")
        if any(part.strip(". ") == "" or part != part.strip() or part.startswith("__") for part in parts):
            raise ConvertersToolsUserError(f"Level name {path!r} cannot be the path of a folder; choose another one.")
        if parts[0] in RESERVED or parts[0].startswith("."):
            raise ConvertersToolsUserError(f"Level name {path!r} is reserved by OME-Zarr; choose another one.")
        if sum(other == path or other.startswith(f"{path}/") for other in paths) > 1:
            raise ConvertersToolsUserError(
                f"Level names {', '.join(map(repr, paths))} are in each other's way at {path!r}; give every level its own name."
            )
    return paths


def shift(factor: int, method: str) -> float:
    """How far the centre of a coarse pixel lies from the centre of the first pixel of its block, in pixels."""
    if method == "stride":
        return 0.0
    return float((factor - 1) // 2) if method == "nearest" else (factor - 1) / 2


def _halvings(shape: Shape5, wish: int | None, z_factor: int) -> list[Shape5]:
    if wish is not None and wish < 1:
        raise ConvertersToolsUserError(f"An image has at least one level, not {wish}.")
    if z_factor != int(z_factor) or z_factor < 1:
        raise ConvertersToolsUserError(f"z_factor is {z_factor}; give a whole number of planes, at least 1.")
    found = [ONES]
    y, x = shape[3:]
    while not _is_small_enough(y, x) if wish is None else len(found) < wish:
        y, x = -(-y // 2), -(-x // 2)
        if min(y, x) < SHORTEST:
            break
        factor, z = 2 ** len(found), found[-1][2]
        found.append((1, 1, z * z_factor if shape[2] > z else z, factor, factor))
    return found


def _is_small_enough(y: int, x: int) -> bool:
    odd = y % 2 or x % 2
    return max(y, x) <= (SMALL_ENOUGH_WHEN_ODD if odd else LONG_ENOUGH)


def _explicit_factors(shape: Shape5, wish: Sequence[object]) -> list[Shape5]:
    found = [ONES]
    for entry in wish:
        wanted: Mapping[str, Any] = entry if isinstance(entry, Mapping) else {"y": entry, "x": entry}
        unknown = set(wanted) - set(AXES)
        if unknown or any(not isinstance(f, Integral) or f < 1 for f in wanted.values()):
            raise ConvertersToolsUserError(
                f"Level factors {entry!r} are not whole numbers of at least 1 for axes among t, c, z, y, x."
            )
        factor = as_shape5([min(int(wanted.get(axis, 1)), n) for axis, n in zip(AXES, shape)])
        if factor == found[-1]:
            continue
        if any(f < g for f, g in zip(factor, found[-1])):
            raise ConvertersToolsUserError(
                f"Level factors must grow from level to level: {factor} follows {found[-1]}."
            )
        found.append(factor)
    return found


def _floats5(values: Sequence[float]) -> Floats5:
    t, c, z, y, x = (float(value) for value in values)
    if not all(math.isfinite(value) for value in (t, c, z, y, x)):
        raise ConvertersToolsUserError(f"Pixel sizes and origins must be finite numbers, not {tuple(values)}.")
    return (t, c, z, y, x)
