"""Read what MetaXpress writes into the header of each TIFF file: MetaSeries properties in the image description.

Facts (MetaXpress 6.5, 6.7): ``spatial-calibration`` is the size of a binned pixel and counts only when its state is ``on``;
``pixel-size-x`` is a number of pixels. ``z-position`` is the middle of the stack for projections. ``Z Step`` counts from 1
and is on planes of stacks and on single planes, ``Z Projection Method`` only on projections. ``acquisition-time-local``
has no time zone.
"""

from __future__ import annotations

import html
import math
import re
import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from fractal_omezarr_converters.formats.units import exact_factor

_PROPERTY = re.compile(r'<(?:custom-)?prop\s+id="([^"]*)"[^<>"]*(?:"[^"]*"[^<>"]*?)?\bvalue="([^"]*)"')
_PIXEL_UM = (1e-3, 1e3)
MAX_POSITION_UM = 1e6


class PlaneTags(NamedTuple):
    """Header of one file; what it does not state is None. Positions and sizes are µm, ``seconds`` local time since 1970."""

    width: int
    height: int
    pixel_x: float | None = None
    pixel_y: float | None = None
    stage: tuple[float, float] | None = None
    offset: tuple[float, float] | None = None
    z: float | None = None
    step: int | None = None
    projection: str | None = None
    time_text: str = ""
    seconds: float | None = None
    name: str = ""
    emission_nm: float | None = None
    software: str = ""
    facts: Mapping[str, Any] = {}

    @property
    def is_stated(self) -> bool:
        """Say whether the file has properties of MetaXpress at all."""
        return bool(self.software or self.stage or self.time_text or self.pixel_x)


def read_tags(path: str) -> PlaneTags | None:
    """Read the header of a file; None when it is no TIFF file or damaged."""
    import tifffile

    from fractal_omezarr_converters.models.placeholders import open_binary

    try:
        with open_binary(path) as stream, tifffile.TiffFile(stream, name=path) as file:
            page = file.pages.first
            width, height, text = int(page.imagewidth), int(page.imagelength), str(page.description)
    except (tifffile.TiffFileError, OSError, ValueError, LookupError, struct.error, TypeError):
        return None
    if width < 1 or height < 1:
        return None
    return tags_of(text, width, height)


def tags_of(text: str, width: int, height: int) -> PlaneTags:
    """Take the properties out of an image description."""
    if "<MetaData>" not in text:
        return PlaneTags(width, height)
    found = dict(_PROPERTY.findall(text))
    pixel = _pixel(found)
    step = _number(found, "Z Step", 0, 1e5)
    time_text = found.get("acquisition-time-local", "")
    return PlaneTags(
        width,
        height,
        pixel_x=pixel[0],
        pixel_y=pixel[1],
        stage=_pair(found, "stage-position-x", "stage-position-y")
        or _pair(found, "ImageXpress Micro X", "ImageXpress Micro Y"),
        offset=_pair(found, "OffsetFromWellCenterUmX", "OffsetFromWellCenterUmY"),
        z=_number(found, "z-position", -MAX_POSITION_UM, MAX_POSITION_UM),
        step=int(step) if step is not None else None,
        projection=found.get("Z Projection Method") or None,
        time_text=time_text,
        seconds=_seconds(time_text),
        name=html.unescape(found.get("_IllumSetting_") or found.get("image-name", "").removeprefix("Copy of ")),
        emission_nm=_number(found, "wavelength", 1, 5000),
        software=html.unescape(f"{found.get('ApplicationName', '')} {found.get('ApplicationVersion', '')}").strip(),
        facts={
            "exposure": html.unescape(found.get("Exposure Time", "")) or None,
            "objective": html.unescape(found.get("_MagSetting_", "")) or None,
            "numerical_aperture": _number(found, "_MagNA_", 0, 10),
            "binning": found.get("camera-binning-x"),
        },
    )


def _pixel(found: Mapping[str, str]) -> tuple[float | None, float | None]:
    if found.get("spatial-calibration-state", "").lower() != "on":
        return None, None
    factor = exact_factor(found.get("spatial-calibration-units", ""), "µm")
    sizes = [_number(found, f"spatial-calibration-{axis}", 0, 1e6) for axis in "xy"]
    if factor is None or any(size is None for size in sizes):
        return None, None
    x, y = (size * float(factor) for size in sizes if size is not None)
    least, most = _PIXEL_UM
    return (x, y) if least <= x <= most and least <= y <= most else (None, None)


def _pair(found: Mapping[str, str], x: str, y: str) -> tuple[float, float] | None:
    pair = [_number(found, key, -MAX_POSITION_UM, MAX_POSITION_UM) for key in (x, y)]
    return (pair[0], pair[1]) if pair[0] is not None and pair[1] is not None else None


def _number(found: Mapping[str, str], key: str, least: float, most: float) -> float | None:
    try:
        value = float(found.get(key, ""))
    except ValueError:
        return None
    return value if math.isfinite(value) and least <= value <= most else None


def _seconds(text: str) -> float | None:
    for form in ("%Y%m%d %H:%M:%S.%f", "%Y%m%d %H:%M:%S"):
        try:
            # Local time without a zone: only differences are used, so any zone will do.
            return datetime.strptime(text, form).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    return None
