"""Plate maps: rows A, B, ... downwards and columns 1, 2, ... to the right, one condition per map, as CSV or Parquet."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from fractal_omezarr_converters.core.attributes import RESERVED_ATTRIBUTES
from fractal_omezarr_converters.core.frame_sources import PARQUET_SUFFIXES, Sheet, parquet_columns, read_sheet
from fractal_omezarr_converters.core.frames import Frame, Scalar
from fractal_omezarr_converters.core.table_wells import MOST_COLUMNS, Well
from fractal_omezarr_converters.errors import raise_together
from fractal_omezarr_converters.models.well_names import parse_row


class PlateMaps(NamedTuple):
    """The wells that have a value in any map of a file, and one list per map with a value for each of them."""

    wells: list[Well]
    conditions: dict[str, list[Scalar]]
    notes: list[str]


def read_plate_maps(path: Path, name: str) -> PlateMaps | None:
    """Read the plate maps of a file; None when it is not a plate map.

    Args:
        path: CSV or Parquet file; a CSV file may hold several maps below each other.
        name: what to call the file in messages.

    Raises:
        ConvertersToolsUserError: rows or titles are wrong; all of them are listed.
    """
    sheet = _sheet_of_parquet(path) if path.suffix.lower() in PARQUET_SUFFIXES else read_sheet(path)
    if sheet is None or not _is_map_header(sheet.rows[0]):
        return None
    return _read(name, path.stem, sheet)


def _is_map_header(row: Sequence[str]) -> bool:
    numbers = _without_end(row)[1:]
    if not numbers or not all(cell.isascii() and cell.isdecimal() for cell in numbers):
        return False
    found = [int(cell) for cell in numbers]
    return found[0] >= 1 and found[-1] <= MOST_COLUMNS and found == sorted(set(found))


def _without_end(row: Sequence[str]) -> list[str]:
    cells = [cell.strip() for cell in row]
    while cells and not cells[-1]:
        cells.pop()
    return cells


def _read(name: str, stem: str, sheet: Sheet) -> PlateMaps:
    numbers = [int(cell) for cell in _without_end(sheet.rows[0])[1:]]
    maps: dict[str, dict[Well, str]] = {}
    cells: dict[Well, str] = {}
    problems: list[str] = []
    for row, line in zip(sheet.rows, sheet.lines):
        label = row[0].strip()
        if _without_end(row)[1:] == _without_end(sheet.rows[0])[1:] and _row_letter(label) is None:
            title = label if label else stem if not maps else f"{stem}_{len(maps) + 1}"
            problems.extend(_title_problems(name, title, maps, line))
            cells = maps.setdefault(title, {})
            continue
        letter = _row_letter(label)
        if letter is None:
            problems.append(f"{name}, row {line}: '{label}' is not the letter of a plate row; write A, B, ....")
            continue
        problems.extend(
            f"{name}, row {line}: '{cell.strip()}' stands right of column {numbers[-1]}; number its column or remove it."
            for cell in row[len(numbers) + 1 :]
            if cell.strip()
        )
        for number, cell in zip(numbers, row[1:]):
            key = (letter, number)
            if key in cells:
                problems.append(f"{name}, row {line}: well {letter}{number} stands in this map twice; remove one.")
            if cell.strip():
                cells[key] = cell.strip()
    raise_together(problems, f"{name} cannot be used")
    keys = sorted({key for each in maps.values() for key in each}, key=lambda key: (len(key[0]), *key))
    columns: dict[str, Any] = {title: [each.get(key) for key in keys] for title, each in maps.items()}
    frame = Frame(name, columns, untyped=True, decimal_comma=sheet.decimal_comma)
    return PlateMaps(keys, {title: frame.values(title) for title in columns}, frame.notes)


def _title_problems(name: str, title: str, maps: dict[str, Any], line: int) -> list[str]:
    if title in RESERVED_ATTRIBUTES:
        return [
            f"{name}, row {line}: a condition cannot be called '{title}', because Fractal uses this name; rename it."
        ]
    return [f"{name}, row {line}: two maps are called '{title}'; rename one."] if title in maps else []


def _row_letter(text: str) -> str | None:
    try:
        return parse_row(text) if text.isalpha() and len(text) <= 2 else None
    except ValueError:
        return None


def _sheet_of_parquet(path: Path) -> Sheet | None:
    """Give a plate map in a Parquet file as a sheet of text; None when the columns are not those of a plate map."""
    columns = parquet_columns(path)
    labels = [label for label, _ in columns]
    names = [label for label in labels if not label.strip().isdecimal()]
    if len(names) != 1 or len(labels) < 2:
        return None
    ordered = [names[0], *sorted((label for label in labels if label != names[0]), key=int)]
    frame = Frame(str(path), {label: list(cells) for label, cells in columns})
    corner = "" if names[0].startswith("__index") or names[0] in RESERVED_ATTRIBUTES else names[0]
    cells = zip(*(["" if cell is None else cell for cell in frame.text(label)] for label in ordered))
    rows = [[corner, *ordered[1:]], *(list(row) for row in cells)]
    return Sheet(rows, range(1, len(rows) + 1), False)
