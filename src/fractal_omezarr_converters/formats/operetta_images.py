"""The ``Image`` records of an Operetta index: one by one from elements, or many at once from rows of values.

What is read from rows is what :func:`plane_of` would read from the elements; rows with a value that this function should see
(because it is wrong, or says that there is no file) are not read. Units are read from the ``Unit`` attribute; Harmony writes
m, nm and s.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.clock_times import many_seconds_of, seconds_of
from fractal_omezarr_converters.formats.operetta_columns import IndexedPlane
from fractal_omezarr_converters.formats.plane_table import NO_PAGE
from fractal_omezarr_converters.formats.row_columns import MOST_DIGITS, Known
from fractal_omezarr_converters.formats.units import Target
from fractal_omezarr_converters.formats.xml_layouts import Repeated
from fractal_omezarr_converters.formats.xml_records import XmlRecord, converted

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fractal_omezarr_converters.formats.plane_table import Ints
    from fractal_omezarr_converters.formats.xml_rows import XmlRows

MAX_ROW, MAX_COLUMN = 32, 48
MAX_ID = 1 << 31
MAX_SIZE = 100_000
MAX_POSITION_UM = 1e6
PIXEL_SIZES_UM = (1e-3, 1e3)


_WHOLE: dict[str, tuple[int, int, int | None]] = {
    "Row": (1, MAX_ROW, None),
    "Col": (1, MAX_COLUMN, None),
    "FieldID": (0, MAX_ID, None),
    "PlaneID": (0, MAX_ID, 1),
    "TimepointID": (0, MAX_ID, 0),
    "SequenceID": (0, MAX_ID, 1),
    "FlimID": (0, MAX_ID, 1),
    "ChannelID": (0, MAX_ID, None),
    "ImageSizeX": (1, MAX_SIZE, None),
    "ImageSizeY": (1, MAX_SIZE, None),
}
"""Whole numbers: least, most, and what stands for an absent one."""

_POSITION, _PIXEL = (-MAX_POSITION_UM, MAX_POSITION_UM), PIXEL_SIZES_UM
_QUANTITIES: dict[str, tuple[Target, str, tuple[float, float], bool]] = {
    "PositionX": ("µm", "m", _POSITION, True),
    "PositionY": ("µm", "m", _POSITION, True),
    "PositionZ": ("µm", "m", _POSITION, True),
    "AbsPositionZ": ("µm", "m", _POSITION, True),
    "MeasurementTimeOffset": ("s", "s", (-math.inf, math.inf), True),
    "ImageResolutionX": ("µm", "m", _PIXEL, False),
    "ImageResolutionY": ("µm", "m", _PIXEL, False),
}
"""Numbers with units: the unit they are turned into, that of numbers without one, bounds, and whether they may be absent."""

WANTED = Repeated(
    (*_WHOLE, *_QUANTITIES, "AbsTime", "State", "URL", "URL@BufferNo", "ChannelName"),
    fixed=("@id", *(f"{name}@Unit" for name in _QUANTITIES)),
)


def channel_of(record: XmlRecord) -> int:
    """Give the number of the channel of a record.

    Raises:
        ConvertersToolsUserError: it is missing or impossible.
    """
    return _whole(record, "ChannelID")


def plane_of(record: XmlRecord) -> IndexedPlane:
    """Read one record.

    Raises:
        ConvertersToolsUserError: a value is missing or impossible.
    """
    page = _page(record)
    # A record without a file name may lack everything but its place in the plate.
    there = record.get("URL") is not None
    row, column, field, plane, time, sequence, _, channel = (_whole(record, name) for name in list(_WHOLE)[:8])
    x, y = (_quantity(record, f"Position{axis}") if there else 0.0 for axis in "XY")
    z, abs_z, offset = (_quantity(record, name) for name in ("PositionZ", "AbsPositionZ", "MeasurementTimeOffset"))
    width, height = (_whole(record, f"ImageSize{axis}") if there else 0 for axis in "XY")
    pixel_x, pixel_y = (_quantity(record, f"ImageResolution{axis}") if there else 0.0 for axis in "XY")
    taken, state, url = seconds_of(record.get("AbsTime")), record.get("State") or "Ok", record.get("URL")
    known = (x, y, z, abs_z, offset, pixel_x, pixel_y, taken)
    x, y, z, abs_z, offset, pixel_x, pixel_y, taken = (math.nan if each is None else each for each in known)
    return IndexedPlane(
        *(row, column, field, plane, time, sequence, channel, width, height),
        *(x, y, z, abs_z, offset, pixel_x, pixel_y, taken),
        state,
        url,
        page,
        record.line,
    )


def _whole(record: XmlRecord, name: str) -> int:
    least, most, default = _WHOLE[name]
    return record.integer(name, least=least, most=most, default=default)


def _quantity(record: XmlRecord, name: str) -> float | None:
    target, unit, (least, most), may_be_absent = _QUANTITIES[name]
    if may_be_absent and record.get(name) is None:
        return None
    value = record.quantity(name, target, default_unit=unit)
    if least <= value <= most:
        return value
    if name.startswith("Image"):
        raise record.problem(name, f"is {value:g} µm; a pixel has {least:g} to {most:g} µm")
    raise record.problem(name, f"is {value:g} µm, more than a metre away; no plate is that large")


def _page(record: XmlRecord) -> int:
    page = url.attributes.get("BufferNo") if (url := record.child("URL")) is not None else None
    if page is not None and not (page.isdecimal() and len(page) <= MOST_DIGITS):
        why = ", and no file has so many pages" if page.isdecimal() else ", which is not a whole number"
        raise record.problem("URL", f"has the BufferNo '{page[:40]}'{why}")
    return int(page) if page is not None else NO_PAGE


class ImageRows:
    """Reads rows of ``Image`` records; ``entries`` are the facts of channels that records lack (``Maps/Map``)."""

    def __init__(self, entries: Mapping[int, Mapping[str, XmlRecord]]) -> None:
        """Begin with no value known."""
        self._entries = entries
        self._known: dict[tuple[str, str | None], Known[Any]] = {}

    def columns(self, rows: XmlRows) -> list[Any] | None:
        """Give the columns of ``IndexedPlanes``, None for rows that :func:`plane_of` should read one by one."""
        texts = dict(zip(WANTED.fields, rows.columns(), strict=True))
        units = dict(zip(WANTED.fixed, rows.fixed, strict=True))
        if units.pop("@id") is not None or None in texts["ChannelID"]:
            return None
        try:
            channel = self._read("ChannelID", None).column(texts["ChannelID"], np.int64)
            found = {"ChannelID": channel}
            for name in (*_WHOLE, *_QUANTITIES, "AbsTime"):
                if name != "ChannelID":
                    known = self._read(name, units.get(f"{name}@Unit"))
                    kind = np.int64 if name in _WHOLE else np.float64
                    found[name] = self._column(name, known, kind, texts[name], channel)
            urls = [text.strip() if text else "" for text in texts["URL"]]
            states = [(text.strip() if text else "") or "Ok" for text in texts["State"]]
            pages = self._read("URL@BufferNo", None).column(texts["URL@BufferNo"], np.int64)
        except (ValueError, OverflowError, ConvertersToolsUserError):
            return None
        if not all(urls) or (None in texts["State"] and any("State" in each for each in self._entries.values())):
            return None
        whole = [name for name in _WHOLE if name != "FlimID"]
        return [*(found[name] for name in (*whole, *_QUANTITIES, "AbsTime")), states, urls, pages, rows.lines()]

    def _read(self, name: str, unit: str | None) -> Known[Any]:
        """What the texts of one field mean, in one unit."""
        known = self._known.get((name, unit))
        if known is None:
            known = self._known[name, unit] = Known(_reader(name, unit), repeat=name != "AbsTime")
        return known

    def _column(
        self, name: str, known: Known[Any], kind: type[np.generic], texts: Sequence[str | None], channel: Ints
    ) -> NDArray[Any]:
        """Values of one field; where a record lacks it, that of its channel."""
        if None not in texts:
            times = [text.strip() if text else "" for text in texts] if name == "AbsTime" else None
            return known.column(texts, kind) if times is None else many_seconds_of(times)
        values = np.zeros(len(texts), kind)
        absent = np.array([text is None for text in texts])
        values[~absent] = known.column([text for text in texts if text is not None], kind)
        for number in np.unique(channel[absent]).tolist():
            record = XmlRecord("Image", {}, "", 0)
            record.children.extend(self._entries.get(number, {}).values())
            values[absent & (channel == number)] = _value(record, name)
        return values


def _value(record: XmlRecord, name: str) -> float | None:
    if name in _WHOLE:
        return _whole(record, name)
    return _quantity(record, name) if name in _QUANTITIES else seconds_of(record.get(name))


def _reader(name: str, unit: str | None) -> Callable[[str | None], float]:
    """Give a function that reads one text of a field, and raises ValueError where a record has to be looked at."""
    if name == "AbsTime":
        return lambda text: math.nan if (found := seconds_of(text and text.strip())) is None else found
    if name == "URL@BufferNo":
        return lambda text: NO_PAGE if text is None else _digits(text)
    if name in _WHOLE:
        smallest, largest, default = _WHOLE[name]

        def whole(text: str | None) -> int:
            stated = (text or "").strip()
            return _within(int(stated) if stated or default is None else default, smallest, largest)

        return whole
    target, default_unit, (least, most), may_be_absent = _QUANTITIES[name]

    def quantity(text: str | None) -> float:
        stated = (text or "").strip()
        if not stated and may_be_absent:
            return math.nan
        value = converted(stated, (unit or "").strip() or default_unit, target)
        if value is None:
            raise ValueError(stated)
        return _within(value, least, most)

    return quantity


def _within[Number: float](value: Number, least: Number, most: Number) -> Number:
    if not least <= value <= most:
        raise ValueError(value)
    return value


def _digits(text: str) -> int:
    if not text.isdecimal() or len(text) > MOST_DIGITS:
        raise ValueError(text)
    return int(text)
