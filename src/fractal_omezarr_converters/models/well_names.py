"""Names of wells, rows and columns, sizes of plates, and which names of plates and images can be folders."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from enum import StrEnum
from functools import lru_cache

_LETTERS_AND_NUMBER = re.compile(r"\s*([A-Za-z]{1,2})\s*[-_ ,/]?\s*0*([1-9]\d{0,3})\s*")
_ROW_AND_COLUMN = re.compile(
    r"\s*R(?:OW)?\s*0*([1-9]\d{0,2}|[A-Z]{1,2})\s*[-_ ,/]?\s*C(?:OL(?:UMN)?)?\s*0*([1-9]\d{0,3})\s*", re.IGNORECASE
)
_ROWS_BY_COLUMNS = re.compile(r"\s*([1-9]\d?)\s*[x×*]\s*([1-9]\d?)\s*", re.IGNORECASE)
_WELLS = re.compile(r"\s*(\d{1,5})(?:\s*-?\s*wells?)?\s*", re.IGNORECASE)
_MOST_ROWS = 26 + 26 * 26


class PlateType(StrEnum):
    """Number of wells of the common plates (ANSI SLAS 4-2004 and its smaller relatives)."""

    WELLS_6 = "6"
    WELLS_12 = "12"
    WELLS_24 = "24"
    WELLS_48 = "48"
    WELLS_96 = "96"
    WELLS_384 = "384"
    WELLS_1536 = "1536"

    @property
    def rows(self) -> int:
        """Number of rows."""
        return _PLATE_SHAPES[int(self)][0]

    @property
    def columns(self) -> int:
        """Number of columns."""
        return _PLATE_SHAPES[int(self)][1]

    @classmethod
    def holding(cls, rows: int, columns: int) -> PlateType | None:
        """Give the smallest common plate with at least so many rows and columns; None if there is none."""
        return next((plate for plate in cls if plate.rows >= rows and plate.columns >= columns), None)


_PLATE_SHAPES = {6: (2, 3), 12: (3, 4), 24: (4, 6), 48: (6, 8), 96: (8, 12), 384: (16, 24), 1536: (32, 48)}


def plate_shape(text: str) -> tuple[int, int]:
    """Read the size of a plate as rows and columns: ``384``, ``96 wells``, or ``16 x 24``.

    Raises:
        ValueError: It is neither the number of wells of a common plate nor rows x columns.
    """
    stated = _ROWS_BY_COLUMNS.fullmatch(text)
    if stated is not None:
        return int(stated.group(1)), int(stated.group(2))
    wells = _WELLS.fullmatch(text)
    if wells is None or int(wells.group(1)) not in _PLATE_SHAPES:
        known = ", ".join(plate.value for plate in PlateType)
        raise ValueError(f"plate type {text!r} is not known; give the number of wells ({known}), or rows x columns.")
    return _PLATE_SHAPES[int(wells.group(1))]


def row_name(number: int) -> str:
    """Name the row: 1 is ``A``, 26 ``Z``, 27 ``AA``.

    Raises:
        ValueError: No row has this number.
    """
    if not 1 <= number <= _MOST_ROWS:
        raise ValueError(f"row {number} does not exist; rows count from 1 (A) to {_MOST_ROWS} (ZZ).")
    first, second = divmod(number - 1, 26)
    return (chr(ord("A") + first - 1) if first else "") + chr(ord("A") + second)


@lru_cache(maxsize=1024)
def row_index(name: str) -> int:
    """Give the place of a row counted from zero: ``A`` is 0, ``AA`` is 26.

    Raises:
        ValueError: The name is not one or two letters.
    """
    letters = name.strip().upper()
    if not re.fullmatch(r"[A-Z]{1,2}", letters):
        raise ValueError(f"row {name!r} is not a row of a plate; rows are A to Z, then AA, AB and on.")
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1


def parse_row(value: str | int) -> str:
    """Read a row given as a letter or a number: ``a``, ``"1"``, ``"01"`` and 1 are ``A``.

    Raises:
        ValueError: It is no row.
    """
    if isinstance(value, bool):
        raise ValueError(f"row {value!r} is not a row of a plate; give a letter such as A or a number from 1.")
    if isinstance(value, int):
        return row_name(value)
    text = value.strip()
    return row_name(int(text)) if re.fullmatch(r"\d+", text) else row_name(row_index(text) + 1)


def column_name(number: int, width: int = 2) -> str:
    """Name the column with at least ``width`` digits: 1 is ``01``, 100 is ``100``.

    Raises:
        ValueError: No column has this number.
    """
    if number < 1:
        raise ValueError(f"column {number} does not exist; columns count from 1.")
    return f"{number:0{width}d}"


def well_name(row: str | int, column: int) -> str:
    """Name the well of a row and a column: ``A01``."""
    return f"{parse_row(row)}{column_name(column)}"


def parse_well(text: str) -> tuple[str, int]:
    """Read a well as instruments and people write it: ``A01``, ``a1``, ``AB12``, ``A - 1``, ``R02C03``.

    Returns:
        Row letters and column number.

    Raises:
        ValueError: It is no well.
    """
    found = _ROW_AND_COLUMN.fullmatch(text) if any(digit.isdecimal() for digit in text) else None
    if found and (found.group(1).isdecimal() or "ROW" in text.upper()):
        return parse_row(found.group(1)), int(found.group(2))
    found = _LETTERS_AND_NUMBER.fullmatch(text)
    if found is None:
        raise ValueError(f"well {text!r} is not a well; write row and column, such as A01 or R01C01.")
    return parse_row(found.group(1)), int(found.group(2))


@lru_cache(maxsize=2048)
def place_of_label(label: str) -> tuple[int, int] | None:
    """Give row and column, both from 1, that the label of a well means; None when it is no name of a well."""
    try:
        row, column = parse_well(label)
        return row_index(row) + 1, column
    except ValueError:
        return None


def safe_plate_name(name: str) -> tuple[str, str | None]:
    """Give a name that can be a plate's folder, and a sentence when it differs from what was asked for.

    Letters, digits, ``_ . -`` and inner spaces stay; ``.zarr`` at the end is left away; anything else becomes ``_``.

    Raises:
        ValueError: The name is empty.
    """
    return _safe(name, "Plate name", _letter_of_plate)


def safe_image_name(name: str) -> tuple[str, str | None]:
    """Give a name that can be one folder of an image's path, and a sentence when it differs from what was asked for.

    Only what file systems and object stores cannot take is replaced by ``_``.
    """
    return _safe(name, "Image name", _letter_of_image)


LONGEST_NAME = 200
"""Bytes of a name; disks allow 255, and hidden files beside a plate or image carry its name and more."""


def _safe(name: str, what: str, allowed: Callable[[str], bool]) -> tuple[str, str | None]:
    asked = unicodedata.normalize("NFC", name).strip()
    if asked.lower().endswith(".zarr"):
        asked = asked[:-5].rstrip()
    if not asked:
        raise ValueError(f"{what} {name!r} is empty; give at least one letter or digit.")
    good = "".join(letter if allowed(letter) else "_" for letter in asked)
    if not good.strip("."):
        good = "_" * len(good)
    if good.startswith("__"):
        good = "_" + good.lstrip("_")
    length = len(good.encode())
    if length > LONGEST_NAME:
        raise ValueError(
            f"{what} '{good[:40]}...' has {length} bytes, and a folder's name here may have {LONGEST_NAME}; give a shorter one."
        )
    if good == asked:
        return good, None
    return good, f"{what} '{name}' has letters that a folder's name cannot have; the name '{good}' is used instead."


def _letter_of_plate(letter: str) -> bool:
    return letter.isalnum() or letter in "_.- "


def _letter_of_image(letter: str) -> bool:
    return letter.isprintable() and letter not in '/\\:*?"<>|#%'
