"""Rows and columns of a plate: the whole physical plate is declared, also the wells that hold no image.

Source: OME-NGFF 0.4 to 0.6 section "plate": rows and columns list the physical plate; names match `^[A-Za-z0-9]+$`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from fractal_omezarr_converters.errors import ConvertersToolsUserError

# Rows and columns of the plates that are sold, by number of wells: 6, 12, 24, 48, 96, 384, 1536, 3456.
STANDARD_PLATES = ((2, 3), (3, 4), (4, 6), (6, 8), (8, 12), (16, 24), (32, 48), (48, 72))
#: Of our own attributes of a plate: the numbers of rows and columns that it was made with, so that a lost one is noticed.
PLATE_SIZE = "plate_size"
_NAME = re.compile(r"[A-Za-z0-9]+")


def row_label(number: int) -> str:
    """Name row 1 as A, row 26 as Z, row 27 as AA, row 32 as AF."""
    letters = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def row_number(label: str) -> int | None:
    """Return 1 for A, 27 for AA; None for a name that is not made of letters."""
    if not re.fullmatch(r"[A-Za-z]{1,3}", label):
        return None
    number = 0
    for letter in label.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def column_label(number: int) -> str:
    """Name column 1 as 01, column 100 as 100."""
    return f"{number:02d}"


@dataclass(frozen=True)
class PlateGrid:
    """Names of all rows and columns of a plate, in order."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]

    def well_path(self, row: str, column: str) -> str:
        """Return ``row/column`` of a well that lies on the plate."""
        return f"{self.rows[self.rows.index(row)]}/{self.columns[self.columns.index(column)]}"


def plate_grid(
    rows: Iterable[int],
    columns: Iterable[int],
    size: tuple[int, int] | None = None,
    *,
    plate: str = "",
) -> PlateGrid:
    """Name the rows and columns of a plate that holds these wells, counted from 1.

    Args:
        rows: Rows with images.
        columns: Columns with images.
        size: Rows and columns of the physical plate; None: the smallest standard plate that holds the wells.
        plate: Name of the plate for errors.

    Raises:
        ConvertersToolsUserError: a well lies outside the stated plate.
    """
    last_row, last_column = max(rows, default=1), max(columns, default=1)
    if size is not None:
        if last_row > size[0] or last_column > size[1]:
            raise ConvertersToolsUserError(
                f"Plate '{plate}' is said to have {size[0]} rows and {size[1]} columns, but a well lies in row "
                f"{row_label(last_row)}, column {last_column}; correct the plate type or the well."
            )
    else:
        fits = [known for known in STANDARD_PLATES if known[0] >= last_row and known[1] >= last_column]
        size = fits[0] if fits else (last_row, last_column)
    return PlateGrid(
        tuple(row_label(number) for number in range(1, size[0] + 1)),
        tuple(column_label(number) for number in range(1, size[1] + 1)),
    )


def merged_names(old: Sequence[str], new: Sequence[str], *, what: str, plate: str, used: Iterable[str]) -> list[str]:
    """Merge the names of an existing plate's rows (or columns) with those of this run, keeping what is there.

    Args:
        old: Names in the existing plate.
        new: Names that this run declares.
        what: ``row`` or ``column``.
        plate: Name of the plate for errors.
        used: Names of this run that hold images.

    Raises:
        ConvertersToolsUserError: the existing plate spells a row or column with images differently (``1`` for ``01``).
    """
    spelled = {_meaning(name): name for name in old}
    for name in sorted(set(used)):
        other = spelled.get(_meaning(name), name)
        if other != name:
            raise ConvertersToolsUserError(
                f"Plate '{plate}' calls a {what} '{other}' which this run would call '{name}'; "
                "the plate was made by another program and cannot be extended: choose another output folder."
            )
    added = [name for name in new if _meaning(name) not in spelled]
    if all(isinstance(_meaning(name), int) for name in [*old, *added]):
        return sorted([*old, *added], key=_order)
    return [*old, *added]


def check_name(name: str, what: str) -> None:
    """Refuse names of rows and columns that the specification does not allow.

    Raises:
        ConvertersToolsUserError: the name has other characters than letters and digits.
    """
    if not _NAME.fullmatch(name):
        raise ConvertersToolsUserError(f"The {what} '{name}' of a plate must be made of letters A to Z and digits.")


def _meaning(name: str) -> int | str:
    if name.isascii() and name.isdecimal():
        return int(name)
    number = row_number(name)
    return name if number is None else number


def _order(name: str) -> tuple[int, str]:
    meaning = _meaning(name)
    return (meaning, name) if isinstance(meaning, int) else (0, name)
