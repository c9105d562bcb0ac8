"""Where and when Squid took its planes: ``coordinates.csv``, and the wells that regions stand for."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from fractal_omezarr_converters.formats.clock_times import seconds_of
from fractal_omezarr_converters.models.well_names import parse_well, row_index, well_name

COORDINATES = "coordinates.csv"
MAX_PROBLEMS = 20
MAX_NAMED = 24
MAX_MM = 1000.0
#: Row, column and plane of a field, and names of files, of versions before regions had fields by number.
OLDER = ("i", "j", "k")
OLDER_NAMES = r"(?P<t>\d+)/(?P<well>[A-Z]+\d+)_(?P<field>\d+_\d+)_(?P<z>\d+)_(?P<channel>.+)\."
_WELL = re.compile(r"[A-Za-z]{1,2}\d{1,3}")
_LETTERS = re.compile(r"[A-Za-z]*")


class Place(NamedTuple):
    """Centre of a field in µm (y down), height in µm and moment in s since 1970, where they are known."""

    x: float
    y: float
    height: float | None = None
    clock: float | None = None


@dataclass
class Coordinates:
    """One ``coordinates.csv``: places by region, field and plane, and by region and field."""

    planes: dict[tuple[str, int, int], Place] = field(default_factory=dict)
    fields: dict[tuple[str, int], Place] = field(default_factory=dict)
    lines: dict[tuple[str, int, int], int] = field(default_factory=dict)


def read_coordinates(path: Path, problems: list[str]) -> Coordinates:
    """Read the places of one time point, or the planned ones; what is wrong is added to the problems.

    Planned places have no column for the field: fields count from 0 in each region. Without a column for the plane, a
    row is the place of a field only.
    """
    found = Coordinates()
    counted: dict[str, int] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, skipinitialspace=True)
            names = [(name or "").strip() for name in reader.fieldnames or ()]
            reader.fieldnames = names
            lacking = [name for name in ("region", "x (mm)", "y (mm)") if name not in names]
            if lacking and set(OLDER) <= set(names):
                problems.append(
                    f"'{path}' was written by an older version of Squid (columns i, j, k), whose files are named otherwise;"
                    f" convert the folder as 'named_images' with the pattern {OLDER_NAMES}, the pixel size, and the places of the"
                    " fields."
                )
                return found
            if lacking:
                problems.append(f"'{path}' lacks the column '{lacking[0]}'; copy the file again from the instrument.")
                return found
            for row in reader:
                try:
                    _add_row(found, row, counted, reader.line_num)
                except ValueError as error:
                    problems.append(f"{path}, line {reader.line_num}: {error}; expected a number.")
                    if len(problems) >= MAX_PROBLEMS:
                        break
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        problems.append(f"'{path}' cannot be read ({error}); copy the file again from the instrument.")
    return found


def _add_row(found: Coordinates, row: Mapping[str, str | None], counted: dict[str, int], line: int) -> None:
    region = (row["region"] or "").strip()
    if "fov" in row:
        number = int(_number(row, "fov", most=1e9))
    else:
        number = counted[region] = counted.get(region, -1) + 1
    x, y = _number(row, "x (mm)") * 1000, _number(row, "y (mm)") * 1000
    if not row.get("z_level"):
        found.fields.setdefault((region, number), Place(x, y))
        return
    height = _number(row, "z (um)", most=1e7) if row.get("z (um)") else None
    if height is not None and row.get("z_piezo (um)"):
        height += _number(row, "z_piezo (um)", most=1e7)
    place = Place(x, y, height, _clock(row.get("time")))
    key = region, number, int(_number(row, "z_level", most=1e9))
    found.planes[key] = place
    found.lines[key] = line
    found.fields.setdefault(key[:2], Place(x, y))


def _number(row: Mapping[str, str | None], name: str, most: float = MAX_MM) -> float:
    text = row.get(name) or ""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= most:
        raise ValueError(f"'{name}' is '{text}'")
    return value


def _clock(text: str | None) -> float | None:
    """Seconds since 1970 of a time such as ``2026-07-01_10-30-00.250000``, in the zone of this computer."""
    if not text or "_" not in text:
        return None
    day, _, hour = text.strip().partition("_")
    return seconds_of(f"{day}T{hour.replace('-', ':')}")


def _letters(name: str) -> str:
    """The letters that a name begins with, in capitals; none is an empty text."""
    found = _LETTERS.match(name)
    return found.group().upper() if found else ""


def wells_of(
    regions: Iterable[str], warnings: list[str], *, free: bool, rows: int | None
) -> dict[str, tuple[int, int]]:
    """Give row and column (from 1) of every region; those that are no wells get wells of row A, in their order.

    A region is a well when its name is one. Free regions can look like wells, too (``R0``, ``R1``): names that have their
    letters in common with one that is no well are none, and row R exists on plates of 1536 wells only.
    """
    names = list(dict.fromkeys(regions))
    wells = {name: well for name in names if not free and (well := _well(name)) is not None}
    odd = {_letters(name) for name in names if name not in wells}
    if rows is None and names and all(name[:1] in "Rr" and name[1:].isdecimal() for name in names):
        odd.add("R")
    wells = {name: well for name, well in wells.items() if _letters(name) not in odd}
    loose = [name for name in names if name not in wells]
    if not loose:
        return wells
    taken, column = set(wells.values()), 0
    for name in loose:
        column += 1
        while (1, column) in taken:
            column += 1
        wells[name] = 1, column
    shown = ", ".join(f"{name} in {well_name('A', wells[name][1])}" for name in loose[:MAX_NAMED])
    more = ", ..." if len(loose) > MAX_NAMED else ""
    warnings.append(f"{len(loose)} regions are no wells; they are put into wells of row A: {shown}{more}.")
    return wells


def _well(name: str) -> tuple[int, int] | None:
    try:
        row, column = parse_well(name) if _WELL.fullmatch(name) else parse_well("")
    except ValueError:
        return None
    return row_index(row) + 1, column


def place_of(coordinates: Sequence[Coordinates], region: str, number: int, z: int) -> Place | None:
    """Look a plane up: the first are those of its time point, the others tell where its field lies."""
    for rank, each in enumerate(coordinates):
        found = each.planes.get((region, number, z)) if rank == 0 else None
        found = found or each.fields.get((region, number))
        if found is not None:
            return found
    return None
