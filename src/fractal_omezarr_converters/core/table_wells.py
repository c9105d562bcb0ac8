"""Wells in a table: one column ``well``, or ``row`` and ``column``."""

from __future__ import annotations

import numpy as np

from fractal_omezarr_converters.core.coded_cells import CodedCells, combined
from fractal_omezarr_converters.core.frames import Frame
from fractal_omezarr_converters.models.well_names import parse_row, parse_well

type Well = tuple[str, int]

MOST_COLUMNS = 48
NO_WELL: Well = ("", 0)


def names_wells(frame: Frame) -> bool:
    """Say whether the table has columns that name a well."""
    return any(name in frame.columns for name in ("well", "row", "column"))


def well_of_rows(frame: Frame) -> CodedCells:
    """Give row letter and column number of the well of every row; wrong cells are recorded in the frame."""
    has_pair = "row" in frame.columns and "column" in frame.columns
    if "well" in frame.columns:
        wells = _wells(frame)
        if has_pair:
            _compare(frame, wells, _pairs(frame))
        return wells
    if not has_pair:
        missing = [name for name in ("row", "column") if name not in frame.columns]
        frame.problems.append(
            f"{frame.name} has no column {' and no column '.join(map(repr, missing))}"
            f" (columns found: {', '.join(frame.columns)}); give 'row' and 'column', or 'well' (such as A01)."
        )
        return CodedCells.constant(NO_WELL, len(frame))
    return _pairs(frame)


def _wells(frame: Frame) -> CodedCells:
    texts = frame.needed_coded_text("well")
    bad = texts.rows(lambda text: text and _parsed(text) is None)
    frame.wrong("well", bad, "is not a well; write A01, a1, A - 1 or R01C01")
    return texts.mapped(lambda text: _parsed(text) or NO_WELL)


def _pairs(frame: Frame) -> CodedCells:
    rows = frame.needed_coded_text("row")
    columns = frame.integers("column", at_least=1, needed=True, empty=1)
    bad = rows.rows(lambda text: text and _row_letter(text) is None)
    frame.wrong("row", bad, "is not a row of a plate; write a letter (A to AF) or a number")
    too_far = np.flatnonzero(columns > MOST_COLUMNS).tolist()
    frame.wrong("column", too_far, f"no plate has more than {MOST_COLUMNS} columns")
    return combined([rows.mapped(lambda text: _row_letter(text) or ""), CodedCells.of_integers(columns)])


def _compare(frame: Frame, wells: CodedCells, pairs: CodedCells) -> None:
    both = combined([wells, pairs])
    differ = both.rows(lambda cells: NO_WELL != cells[0] != cells[1])
    frame.wrong("well", differ, "disagrees with the columns 'row' and 'column'; keep one of both")


def _parsed(text: str) -> Well | None:
    try:
        return parse_well(text)
    except ValueError:
        return None


def _row_letter(text: str) -> str | None:
    """Turn a letter (A, a) or a number (1, 01) into the letter of the row; 1 is A."""
    try:
        return parse_row(text)
    except ValueError:
        return None
