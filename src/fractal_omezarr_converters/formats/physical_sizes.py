"""Pixel sizes that TIFF files state in their headers: OME-XML, ImageJ; in µm and seconds, no pixel is read.

Sources: OME-XML schema 2016-06, element Pixels (PhysicalSizeX/Y/Z, default unit µm; TimeIncrement, default unit s;
schemas up to 2013-06 have no units and mean the same). ImageJ: ImageDescription with ``unit``, ``spacing``,
``finterval``; pixels per unit in the tags XResolution and YResolution (ij.io.FileInfo, TiffEncoder); ``yunit`` and ``zunit``
where y and z are in other units; where ResolutionUnit is centimetre and the unit is ``um``, pixels per centimetre. Resolution
tags without ImageJ's description are print resolutions and say nothing of the specimen.
"""

from __future__ import annotations

import html
import re
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fractal_omezarr_converters.errors import ConvertersToolsError
from fractal_omezarr_converters.formats.units import Target, exact_factor
from fractal_omezarr_converters.models.acquisition import LARGEST_STEP, SMALLEST_STEP
from fractal_omezarr_converters.models.image_files import TIFF_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Mapping

_PIXELS = re.compile(r"<(?:\w+:)?Pixels\s([^>]*)>")
_ATTRIBUTE = re.compile(r"""([\w:]+)\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_INCH = ("inch", "in", "inches")
_CENTIMETRE = 3


class PhysicalSizes(NamedTuple):
    """µm per pixel along x and y, µm per plane, seconds per frame; None where the file does not say."""

    x: float | None = None
    y: float | None = None
    z: float | None = None
    t: float | None = None


def physical_sizes(path: Path, series: int = 0) -> PhysicalSizes:
    """Read what a file says of its pixel sizes; nothing when it is no TIFF, does not say, or cannot be opened.

    Files that cannot be opened are reported by the loaders, which read the same header.
    """
    if path.suffix.lower() not in TIFF_SUFFIXES:
        return PhysicalSizes()
    from fractal_omezarr_converters.models.ome_planes import is_ome_xml
    from fractal_omezarr_converters.models.plain_tiff import plain_header

    plain = plain_header(str(path))
    if plain is not None and not plain.states_sizes:
        return PhysicalSizes()
    from fractal_omezarr_converters.models.tiff_pool import naming, opened

    try:
        with opened(str(path)) as file, file.lock, naming(str(path)):
            first = file.tif.pages.first
            if is_ome_xml(first.description):
                return _of_ome_xml(first.description, series)
            if file.tif.is_imagej:
                return _of_imagej(file.tif.imagej_metadata or {}, first.tags)
    except ConvertersToolsError:
        return PhysicalSizes()
    return PhysicalSizes()


def _of_ome_xml(text: str, series: int) -> PhysicalSizes:
    elements = _PIXELS.findall(text)
    if not elements:
        return PhysicalSizes()
    element = elements[series] if series < len(elements) else elements[0]
    values = {name: html.unescape(first or second) for name, first, second in _ATTRIBUTE.findall(element)}
    x, y, z = [_with_unit(values, f"PhysicalSize{axis}", "µm") for axis in "XYZ"]
    return PhysicalSizes(x, y, z, _with_unit(values, "TimeIncrement", "s"))


def _with_unit(values: Mapping[str, Any], name: str, target: Target, unit: str | None = None) -> float | None:
    """Give a number in µm or seconds; exactly, so that 300 nm are 0.3 µm."""
    scale = exact_factor(unit or values.get(f"{name}Unit", target), target)
    number = _positive(values.get(name))
    return None if scale is None or number is None else _possible(number * scale)


def _of_imagej(values: Mapping[str, Any], tags: Any) -> PhysicalSizes:
    along_x, along_y, along_z = (_imagej_scale(values, name) for name in ("unit", "yunit", "zunit"))
    # ImageJ writes the frame interval in seconds unless "tunit" says otherwise
    t = _with_unit(values, "finterval", "s", str(values.get("tunit", "s")))
    per_centimetre = "ResolutionUnit" in tags and tags["ResolutionUnit"].value == _CENTIMETRE
    if per_centimetre and values.get("unit") == "um":
        along_x, along_y = Decimal(10_000), Decimal(10_000) if along_y == 1 else along_y
    x, y = _pixel_length(tags, "XResolution", along_x), _pixel_length(tags, "YResolution", along_y)
    spacing = _positive(values.get("spacing"))
    return PhysicalSizes(x, y, None if spacing is None or along_z is None else _possible(spacing * along_z), t)


def _imagej_scale(values: Mapping[str, Any], name: str) -> Decimal | None:
    """The µm of an axis' unit; an axis without its own has that of x."""
    unit = _ESCAPED.sub(lambda found: chr(int(found[1], 16)), str(values.get(name, values.get("unit", ""))))
    return Decimal(25400) if unit.lower() in _INCH else exact_factor(unit, "µm")


def _pixel_length(tags: Any, name: str, scale: Decimal | None) -> float | None:
    """Turn pixels per unit, a fraction, into µm per pixel."""
    tag = tags.get(name)
    if tag is None or scale is None:
        return None
    above, below = tag.value
    return _possible(Decimal(below) / Decimal(above) * scale) if above > 0 and below > 0 else None


def _positive(value: object) -> Decimal | None:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() and number > 0 else None


def _possible(number: Decimal) -> float | None:
    """A size that can be; what no microscope has says nothing of the specimen."""
    return float(number) if SMALLEST_STEP <= number <= LARGEST_STEP else None
