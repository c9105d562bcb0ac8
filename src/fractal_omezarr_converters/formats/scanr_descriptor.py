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
from collections.abc import Collection
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
    """What the descriptor states; µm and seconds. ``fields`` are centres by number, y upwards, ``labels`` wells by number."""

    plate_name: str | None = None
    rows: int | None = None
    columns: int | None = None
    pixel_size: float | None = None
    t_step: float | None = None
    channels: list[str] = field(default_factory=list)
    fields: dict[int, tuple[float, float]] = field(default_factory=dict)
    labels: dict[int, str] = field(default_factory=dict)

    def well(self, label: str, number: int, where: str) -> tuple[int, int]:
        """Row and column of a well, from 1: by its label, else by its number and the columns of the plate.

        Labels are free text: one that is no name of a well, such as that of a treatment, says nothing of the place.

        Raises:
            ConvertersToolsUserError: neither is known, or the plate has no such well.
        """
        named = label or self.labels.get(number, "")
        try:
            letters, column = parse_well(named)
            row = row_index(letters) + 1
        except ValueError:
            return self._numbered_well(named, number, where)
        # TP53 is no well
        is_on_plate = row <= MAX_ROWS and 1 <= column <= MAX_COLUMNS
        return (row, column) if is_on_plate else self._numbered_well(named, number, where)

    def _numbered_well(self, label: str, number: int, where: str) -> tuple[int, int]:
        if self.columns is None:
            naming = f"and calls them '{label}' and the like" if label else "without naming them"
            raise ConvertersToolsUserError(
                f"'{where}' numbers wells (W{number:05d}) {naming}, and the size of the plate is not known; set plate_type"
                " in the options of the format."
            )
        rows = self.rows or MAX_ROWS
        if not 1 <= number <= rows * self.columns:
            raise ConvertersToolsUserError(
                f"'{where}' holds images of well number {number}, which a plate of {rows} rows and {self.columns} columns does"
                " not have; set the right plate_type in the options of the format."
            )
        row_number, column_number = divmod(number - 1, self.columns)
        return row_number + 1, column_number + 1

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
