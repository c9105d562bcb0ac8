"""Read ``experiment_descriptor.xml`` of ScanR: size of the plate, names of wells, field grid, calibration, interval.

Facts: LabVIEW's XML, pairs of ``<Name>key</Name><Val>value</Val>``, often with a wrong or no declared encoding: read as Latin-1.
The block after ``format typedef`` states ``Rows`` and ``Columns`` of the plate; ``well selection table + cDNA`` lists number and
label of wells in turn; ``subposition list`` lists x and y of the fields in turn, in µm, y upwards; channels that were not taken
say ``idle`` 1. Every key may be absent.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.well_names import parse_well, row_index

MAX_BYTES = 256 << 20
MAX_ROWS, MAX_COLUMNS = 32, 48
MAX_SHOWN = 6
_PAIR = re.compile(r"<Name>([^<]*)</Name>\s*(?:<Dimsize>(\d+)</Dimsize>|<Val>([^<]*)</Val>)?")
_VALUE = re.compile(r"<Val>([^<]*)</Val>")
_WELLS = re.compile(r"<Name>well selection table \+ cDNA</Name>(.*?)</Array>", re.DOTALL)
_PLACES = re.compile(r"<Name>subposition list</Name>\s*(?:<Dimsize>\d+</Dimsize>\s*)?(.*?)</Array>", re.DOTALL)


@dataclass
class Descriptor:
    """What the descriptor states; µm and seconds. ``fields`` are centres by number, y upwards.

    ``labels`` are what wells are called, by number; ``places`` are row and column (from 1) of those that are called by a place.
    """

    plate_name: str | None = None
    rows: int | None = None
    columns: int | None = None
    pixel_size: float | None = None
    t_step: float | None = None
    channels: list[str] = field(default_factory=list)
    fields: dict[int, tuple[float, float]] = field(default_factory=dict)
    labels: dict[int, str] = field(default_factory=dict)
    places: dict[int, tuple[int, int]] = field(default_factory=dict)

    def take_labels(self, stated: Sequence[tuple[int, str]], where: str, warnings: list[str]) -> None:
        """Learn the labels of the wells that were imaged, by number: a label that names a well of the plate is its place.

        Labels are free text. One that is no name of a well, such as that of a treatment, or of none on this plate (P21 of 96
        wells) says nothing of the place; where two wells have the same one (C1, the first control), none does.
        """
        own = {number: label for number, label in stated if label}
        numbers = {number for number, _ in stated}
        self.labels = {number: label for number, label in self.labels.items() if number in numbers} | own
        called = {number: place for number, label in self.labels.items() if (place := _place_of(label)) is not None}
        places = {number: place for number, place in called.items() if self._has(*place)}
        if len(places) < len(called):
            first = min(called.keys() - places.keys())
            warnings.append(
                f"Labels of {len(called) - len(places)} wells in '{where}' (for example '{self.labels[first]}') name no well of"
                f" a plate of {self.rows or MAX_ROWS} rows and {self.columns or MAX_COLUMNS} columns; they are taken for free"
                " text, and the numbers of the wells count. Set plate_type if the plate is larger."
            )
        every = [place for number in numbers if (place := places.get(number) or self._by_number(number)) is not None]
        if places and len(set(every)) < len(every):
            warnings.append(
                f"'{where}' calls several wells by the same place, so labels of wells say nothing of places here; their"
                " numbers are used."
            )
            return
        self.places = places
        other = [number for number, place in places.items() if self.columns and place != self._by_number(number)]
        if other:
            first = min(other)
            warnings.append(
                f"Labels of {len(other)} wells in '{where}' contradict their numbers on a plate of {self.columns} columns (for"
                f" example, well number {first} is labelled '{self.labels[first]}'); the labels are used."
            )

    def _has(self, row: int, column: int) -> bool:
        return row <= (self.rows or MAX_ROWS) and column <= (self.columns or MAX_COLUMNS)

    def well(self, number: int, where: str) -> tuple[int, int]:
        """Row and column of a well, from 1: by its label, else by its number and the columns of the plate.

        Raises:
            ConvertersToolsUserError: neither is known, or the plate has no such well.
        """
        return self.places.get(number) or self._numbered_well(self.labels.get(number, ""), number, where)

    def _by_number(self, number: int) -> tuple[int, int] | None:
        if not self.columns or not 1 <= number <= (self.rows or MAX_ROWS) * self.columns:
            return None
        row, column = divmod(number - 1, self.columns)
        return row + 1, column + 1

    def _numbered_well(self, label: str, number: int, where: str) -> tuple[int, int]:
        if self.columns is None:
            naming = f"and calls them '{label}' and the like" if label else "without naming them"
            raise ConvertersToolsUserError(
                f"'{where}' numbers wells (W{number:05d}) {naming}, and the size of the plate is not known; set plate_type"
                " in the options of the format."
            )
        place = self._by_number(number)
        if place is None:
            raise ConvertersToolsUserError(
                f"'{where}' holds images of well number {number}, which a plate of {self.rows or MAX_ROWS} rows and"
                f" {self.columns} columns does not have; set the right plate_type in the options of the format."
            )
        return place

    def check_fields(self, positions: Collection[int], where: str) -> None:
        """See that the places of several fields are known.

        Raises:
            ConvertersToolsUserError: they are not, or not of all of them.
        """
        lacking = sorted(set(positions) - set(self.fields))
        if len(set(positions)) > 1 and lacking:
            what = (
                f"holds fields {lacking[:MAX_SHOWN]}, whose places the experiment descriptor does not state (it has"
                f" {len(self.fields)} fields)"
                if self.fields
                else "states no positions of its fields"
            )
            raise ConvertersToolsUserError(
                f"'{where}' {what}; set field_grid (number of columns, order, overlap) in the options of the format."
            )


def _place_of(label: str) -> tuple[int, int] | None:
    """Row and column that a label names, from 1; None when it names no well of any plate, such as TP53."""
    try:
        letters, column = parse_well(label)
        row = row_index(letters) + 1
    except ValueError:
        return None
    return (row, column) if row <= MAX_ROWS and 1 <= column <= MAX_COLUMNS else None


def read_descriptor(path: Path) -> Descriptor:
    """Read a descriptor; keys that are absent or hold no number are left out.

    Raises:
        ConvertersToolsUserError: the file is far too large to be one.
    """
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ConvertersToolsUserError(f"'{path}' has {size} bytes; this is no experiment descriptor.")
    text = path.read_bytes().decode("latin-1")
    found = Descriptor()
    values = _first_values(text)
    found.plate_name = values.get("plate name") or None
    plate = _first_values(text[text.index("format typedef") :]) if "format typedef" in text else {}
    found.rows, found.columns = _whole(plate.get("Rows"), MAX_ROWS), _whole(plate.get("Columns"), MAX_COLUMNS)
    size_um, delay = _number(values.get("conversion factor um/pixel")), _number(values.get("timeloop delay [ms]"))
    found.pixel_size = size_um if size_um and 1e-3 <= size_um <= 1e3 else None
    found.t_step = delay / 1000 if delay and delay > 0 else None
    found.channels = _channels(text)
    wells, places = _WELLS.search(text), _PLACES.search(text)
    if wells:
        listed = _values(wells.group(1))
        pairs = zip(listed[::2], listed[1::2], strict=False)
        found.labels = {int(number): label for number, label in pairs if number.isdecimal() and label}
    if places:
        numbers = [_number(each) for each in _values(places.group(1))]
        points = list(zip(numbers[::2], numbers[1::2], strict=False))
        if points and all(x is not None and y is not None for x, y in points):
            found.fields = {n: (x, y) for n, (x, y) in enumerate(points, start=1) if x is not None and y is not None}
    return found


def _first_values(text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    for match in _PAIR.finditer(text):
        if match[3] is not None:
            values.setdefault(html.unescape(match[1]).strip(), html.unescape(match[3]).strip())
    return values


def _channels(text: str) -> list[str]:
    """Names of the channels that were taken, in order: a ``name`` that is followed by ``idle`` 0."""
    found, name = [], ""
    for match in _PAIR.finditer(text):
        key, value = match[1].strip(), html.unescape(match[3] or "").strip()
        if key == "name":
            name = value
        elif key == "idle":
            if value == "0" and name and name != "Autofocus":
                found.append(name)
            name = ""
    return found


def _values(text: str) -> list[str]:
    return [html.unescape(each).strip() for each in _VALUE.findall(text)]


def _number(text: str | None) -> float | None:
    try:
        found = float((text or "").replace(",", "."))
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _whole(text: str | None, most: int) -> int | None:
    number = _number(text)
    return int(number) if number is not None and 1 <= number <= most and number == int(number) else None
