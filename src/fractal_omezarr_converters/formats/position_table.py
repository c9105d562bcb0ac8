"""A table of positions that a user wrote: field, x, y in µm, and the well where wells differ."""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fractal_omezarr_converters.errors import (
    ConvertersToolsFileNotFoundError,
    ConvertersToolsUserError,
    raise_together,
)
from fractal_omezarr_converters.models.urls import is_file_there
from fractal_omezarr_converters.models.well_names import parse_well, row_index

MAX_PROBLEMS = 20
Place = tuple[float, float]


@dataclass(frozen=True)
class Positions:
    """Centres of fields (x, y) in µm, y downwards; by well and field, else by field for all wells."""

    path: str
    of_all: dict[int, Place]
    of_well: dict[tuple[int, int, int], Place]
    names: Mapping[int, str]

    def of(self, row: int, column: int, field: int) -> Place:
        """Give the centre of a field.

        Raises:
            ConvertersToolsUserError: the table has no row for it.
        """
        found = self.of_well.get((row, column, field)) or self.of_all.get(field)
        if found is None:
            raise ConvertersToolsUserError(
                f"The table of positions '{self.path}' has no row for field {self.names.get(field, field)}; add it, or filter"
                " the field out."
            )
        return found


def read_positions(folder: Path, name: str, fields: Mapping[str, int]) -> Positions:
    """Read a table of positions; a relative path is taken from the folder of the images.

    Args:
        folder: the folder of the images.
        name: path of the table.
        fields: numbers of the fields that have names.

    Raises:
        ConvertersToolsUserError: columns are missing or values are wrong; all of them together.
    """
    path = folder / Path(name).expanduser()
    if not is_file_there(path):
        raise ConvertersToolsFileNotFoundError(f"The table of positions '{path}' is not there; check position_table.")
    of_all: dict[int, Place] = {}
    of_well: dict[tuple[int, int, int], Place] = {}
    problems: list[str] = []
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream)
        lacking = {"field", "x", "y"} - set(reader.fieldnames or ())
        if lacking:
            raise ConvertersToolsUserError(
                f"The table of positions '{path}' has no column {', '.join(sorted(lacking))}; it has"
                f" {', '.join(reader.fieldnames or ['none'])}."
            )
        for line, row in enumerate(reader, start=2):
            try:
                field, x, y = _field(row["field"], fields), float(row["x"]), float(row["y"])
                if not (math.isfinite(x) and math.isfinite(y)):
                    raise ValueError("a position is not a finite number")
                if (row.get("well") or "").strip():
                    letters, column = parse_well(row["well"])
                    of_well[row_index(letters) + 1, column, field] = (x, y)
                else:
                    of_all[field] = (x, y)
            except (TypeError, ValueError) as error:
                problems.append(f"{path}, line {line}: {error}.")
                if len(problems) == MAX_PROBLEMS:
                    break
    raise_together(problems, f"The table of positions '{path}' cannot be used")
    return Positions(str(path), of_all, of_well, {number: word for word, number in fields.items()})


def _field(text: str | None, fields: Mapping[str, int]) -> int:
    stated = (text or "").strip()
    if stated in fields:
        return fields[stated]
    try:
        return int(stated)
    except ValueError:
        raise ValueError(f"'{stated}' is neither the number nor the name of a field") from None
