"""Read the two descriptions of an ImageXpress HCS.ai acquisition: protocol (``.jdce``, JSON) and images (CSV).

Facts (MetaXpress Acquire 2025.2, 2026.1): ``PixelWidth`` is µm per binned pixel. The geometry of the plate is in mm, which
the older one labels ``"Unit": "µm"``. The ``Ms`` of the time schedule are 0, 1, 2, whatever the interval. ``PositionXUm``,
``PositionYUm`` are the centre of the field from the plate's corner, y downwards: the centre of the well plus
``FieldOffsetPointX``, ``Y``. ``Row`` and ``Column`` count from 1, everything else from 0. ``TimeStampSec`` is seconds since
1970 UTC; ``TimeZoneOffset`` is 0 whatever the zone.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsUserError, raise_together
from fractal_omezarr_converters.formats.units import exact_factor

MAX_PROBLEMS = 20
MAX_ID = 1 << 31
MAX_POSITION_UM = 1e6
_LARGEST_WELL_PITCH_MM = 100.0
REQUIRED = ("Row", "Column", "Field", "Wavelength", "ImageFileName")


@dataclass(frozen=True)
class Protocol:
    """One parsed ``.jdce`` file, asked by the way to a value, such as ``ImageStack.PlateId``."""

    path: Path
    document: dict[str, Any]

    def at(self, way: str) -> Any:
        """Give the value at a way of keys; None when any of them is not there."""
        found: Any = self.document
        for key in way.split("."):
            found = found.get(key) if isinstance(found, dict) else None
        return found

    def text(self, way: str) -> str:
        """Give a text, empty when there is none."""
        found = self.at(way)
        return " ".join(found.split()) if isinstance(found, str) else ""

    def number(self, way: str, *, least: float, most: float) -> float | None:
        """Give a number; None when there is none.

        Raises:
            ConvertersToolsUserError: it is no number, or out of bounds.
        """
        found = self.at(way)
        if found is None:
            return None
        value = _finite(found)
        if value is None or not least <= value <= most:
            raise ConvertersToolsUserError(
                f"{self.path}: {way} is {found!r}, not a number from {least:g} to {most:g}; export the acquisition again."
            )
        return value

    @property
    def pixel_size(self) -> tuple[float, float]:
        """Pixel size along x and y in µm.

        Raises:
            ConvertersToolsUserError: the calibration is missing, or in an unknown unit.
        """
        calibration = "ImageStack.AutoLeadAcquisitionProtocol.ObjectiveCalibration"
        unit = self.text(f"{calibration}.Unit") or "µm"
        factor = exact_factor(unit, "µm")
        sizes = [self.number(f"{calibration}.Pixel{side}", least=1e-6, most=1e6) for side in ("Width", "Height")]
        if factor is None or any(size is None for size in sizes):
            raise ConvertersToolsUserError(
                f"{self.path}: {calibration} has PixelWidth {sizes[0]}, PixelHeight {sizes[1]}, Unit '{unit}', so the pixel size"
                " is not known; export the acquisition again."
            )
        x, y = (size * float(factor) for size in sizes if size is not None)
        return x, y

    @property
    def well_pitch_um(self) -> tuple[float, float] | None:
        """Distance of neighbouring wells along x and y in µm; the file labels millimetres as µm."""
        spacing = self.at("ImageStack.AutoLeadAcquisitionProtocol.Plate.WellSpacing")
        pair = [_finite(spacing.get(key)) for key in ("Horizontal", "Vertical")] if isinstance(spacing, dict) else []
        if len(pair) != 2 or pair[0] is None or pair[1] is None:
            return None
        # no wells lie 100 µm apart, none 100 mm
        factor = 1000.0 if max(pair[0], pair[1]) < _LARGEST_WELL_PITCH_MM else 1.0
        return pair[0] * factor, pair[1] * factor

    @property
    def wavelengths(self) -> dict[int, dict[str, Any]]:
        """The described wavelengths by their index."""
        listed = self.at("ImageStack.AutoLeadAcquisitionProtocol.Wavelengths")
        found = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
        return {
            each["Index"] if isinstance(each.get("Index"), int) else number: each for number, each in enumerate(found)
        }


def read_protocol(path: Path) -> Protocol:
    """Read a ``.jdce`` file.

    Raises:
        ConvertersToolsUserError: it is no JSON, or of another kind.
    """
    try:
        document = json.loads(path.read_text("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ConvertersToolsUserError(f"'{path}' is not text in UTF-8; copy or export it again.") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise ConvertersToolsUserError(
            f"'{path}' is not valid JSON ({error}); it may be cut off: copy or export it again."
        ) from error
    if not isinstance(document, dict) or not isinstance(document.get("ImageStack"), dict):
        raise ConvertersToolsUserError(f"'{path}' has no ImageStack; it is no description of an HCS.ai acquisition.")
    return Protocol(path, document)


class ImageTable:
    """One table of images, row by row: cells by the name of their column; numbers that occur again are checked once."""

    def __init__(self, path: Path, header: list[str]) -> None:
        """Remember the places of the columns."""
        self.path = path
        self.line = 1
        self.cells: list[str] = []
        self._places = {name.strip(): place for place, name in enumerate(header)}
        self._numbers: dict[tuple[str, str], float] = {}
        missing = [name for name in REQUIRED if name not in self._places]
        if missing:
            raise ConvertersToolsUserError(
                f"'{path}' has no column {', '.join(missing)}; it is cut off or of another version: export it again."
            )

    def text(self, name: str) -> str:
        """Give a cell of the row, empty when the column or the cell is not there."""
        place = self._places.get(name)
        return self.cells[place].strip() if place is not None and place < len(self.cells) else ""

    def integer(self, name: str, *, least: int = 0, most: int = MAX_ID) -> int:
        """Give a whole number.

        Raises:
            ConvertersToolsUserError: it is not there, or out of bounds.
        """
        value = self.number(name, least=least, most=most)
        if value is None or not value.is_integer():
            raise self._problem(name, f"'{self.text(name)}', not a whole number from {least} to {most}")
        return int(value)

    def number(self, name: str, *, least: float = -MAX_POSITION_UM, most: float = MAX_POSITION_UM) -> float | None:
        """Give a number; None when the cell is empty.

        Raises:
            ConvertersToolsUserError: it is no number, or out of bounds.
        """
        text = self.text(name)
        if not text:
            return None
        known = self._numbers.get((name, text))
        if known is not None:
            return known
        value = _finite(text)
        if value is None or not least <= value <= most:
            raise self._problem(name, f"'{text}', not a number from {least:g} to {most:g}")
        self._numbers[name, text] = value
        return value

    def _problem(self, name: str, what: str) -> ConvertersToolsUserError:
        return ConvertersToolsUserError(
            f"{self.path}, line {self.line}: {name} is {what}; export the acquisition again."
        )


@dataclass
class ImageTables:
    """The files that list the images, and what is to be said of them."""

    paths: list[Path] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def each[Record](self, make: Callable[[ImageTable], Record]) -> list[Record]:
        """Make a record of every row.

        Raises:
            ConvertersToolsUserError: columns are missing, or rows are wrong; all problems together.
        """
        made: list[Record] = []
        problems: list[str] = []
        for path in self.paths:
            try:
                for row in _rows(path):
                    try:
                        made.append(make(row))
                    except ConvertersToolsUserError as error:
                        problems.append(str(error))
                        if len(problems) == MAX_PROBLEMS:
                            break
            except ConvertersToolsUserError as error:
                problems.append(str(error))
        raise_together(problems[:MAX_PROBLEMS], f"The images in '{self.paths[0].parent}' are described wrongly")
        return made


def find_tables(protocol: Protocol) -> ImageTables:
    """Find the tables of images: those the protocol lists, and others beside it that an aborted run left unlisted.

    Raises:
        ConvertersToolsUserError: there is none.
    """
    folder = protocol.path.parent
    tables = ImageTables()
    listed = protocol.at("ImageStack.ImageMetadataFiles")
    names = [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []
    there = sorted(folder.glob("image_metadata*.csv"), key=lambda path: (len(path.name), path.name))
    beside = {path.name for path in folder.iterdir()}
    lost = [name for name in names if name not in beside]
    tables.paths = [folder / name for name in dict.fromkeys(names) if name in beside]
    unlisted = [path for path in there if path not in tables.paths]
    tables.paths += unlisted
    if lost:
        tables.warnings.append(
            f"'{protocol.path}' lists {', '.join(lost)}, which is not there; images described in it are not converted."
        )
    if unlisted:
        shown = ", ".join(path.name for path in unlisted)
        tables.warnings.append(f"'{protocol.path}' does not list {shown}; it is read as well.")
    if not tables.paths:
        raise ConvertersToolsUserError(
            f"'{folder}' holds no table of images (image_metadata_1.csv); copy or export the acquisition again."
        )
    return tables


def _rows(path: Path) -> Iterator[ImageTable]:
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        reader = csv.reader(line.replace("\0", "") for line in stream)
        try:
            table = ImageTable(path, next(reader, []))
            for cells in reader:
                if any(cells):
                    table.cells, table.line = cells, reader.line_num
                    yield table
        except csv.Error as error:
            raise ConvertersToolsUserError(
                f"'{path}', line {reader.line_num}: {error}; copy or export it again."
            ) from error


def _finite(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
