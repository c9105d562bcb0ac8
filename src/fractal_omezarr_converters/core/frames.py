"""Any table as typed columns: text, numbers, integers, or whatever its cells hold; all wrong cells told at once.

    frame = read_frame("tiles.csv")            # or a DataFrame, a list of dicts, a dict of lists, a Parquet file
    start_x = frame.numbers("start_x")         # float64, empty cells are NaN
    frame.raise_problems()                     # one error that lists every wrong cell with its line

Where tables come from is the business of :mod:`fractal_omezarr_converters.core.frame_sources`.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from fractal_omezarr_converters.core.coded_cells import CodedCells
from fractal_omezarr_converters.errors import raise_together

if TYPE_CHECKING:
    import numpy.typing as npt

type Cells = list[Any] | "npt.NDArray[Any]" | CodedCells
type Scalar = str | int | float | bool | None

WRONG_CELLS_SHOWN = 10
LARGEST_WHOLE = 2**53
"""Beyond, not every whole number is a number of its own."""
LARGEST_NUMBER = sys.float_info.max
NUMBER_WITH_COMMA = re.compile(r"[-+]?[0-9]+(,[0-9]+)?")
TRUE_WORDS = {"true": True, "false": False}


class Frame:
    """A table in memory: its columns by name, and the problems found while reading them.

    Args:
        name: what to call the table in messages, such as its file name.
        columns: cells by column name; lists and coded cells hold None where a cell is empty, arrays are of numbers or booleans.
        lines: the number of each row as its writer sees it.
        untyped: all cells are text, because the file knows no other kind; :meth:`values` finds the kind.
        decimal_comma: numbers written as text may have a comma instead of a point.
    """

    def __init__(
        self,
        name: str,
        columns: dict[str, Cells],
        *,
        lines: Sequence[int] | None = None,
        untyped: bool = False,
        decimal_comma: bool = False,
    ) -> None:
        self.name = name
        self.columns = columns
        #: Cells as their writer knows them, for messages, of columns that were changed since.
        self.shown: dict[str, Cells] = {}
        self.notes: list[str] = []
        self.problems: list[str] = []
        self.lines = lines if lines is not None else range(1, len(self) + 1)
        self._untyped = untyped
        self._decimal_comma = decimal_comma

    def __len__(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values()), ()))

    def __contains__(self, name: str) -> bool:
        """Say whether the column exists and has at least one cell that is not empty."""
        return name in self.columns and not self.is_empty(name)

    def is_empty(self, name: str) -> bool:
        """Say whether every cell of a column is empty."""
        cells = self.columns[name]
        if isinstance(cells, np.ndarray):
            return bool(cells.dtype.kind == "f" and np.isnan(cells).all())
        return set(map(type, cells.values if isinstance(cells, CodedCells) else cells)) <= {type(None)}

    def raise_problems(self) -> None:
        """Raise one error that lists everything found wrong so far; do nothing when all is well.

        Raises:
            ConvertersToolsUserError: something is wrong with the table.
        """
        raise_together(list(dict.fromkeys(self.problems)), f"{self.name} cannot be used")

    def wrong(self, name: str, rows: Sequence[int], why: str) -> None:
        """Record cells of one column that are wrong for one reason; the first ones are shown with their values."""
        if not len(rows):
            return
        cells = self.shown.get(name, self.columns.get(name))
        shown = []
        for row in rows[:WRONG_CELLS_SHOWN]:
            cell = None if cells is None else _plain(cells[row])
            shown.append(f"{self.place(row)}{' (empty)' if cell is None else f' ({cell!r})'}")
        more = f" and {len(rows) - WRONG_CELLS_SHOWN} more" if len(rows) > WRONG_CELLS_SHOWN else ""
        self.problems.append(f"{self.name}, column '{name}', {', '.join(shown)}{more}: {why}.")

    def place(self, row: int) -> str:
        """Say where a row stands, as its writer counts."""
        return f"row {self.lines[row]}"

    def text(self, name: str) -> list[str | None]:
        """Give a column as text; whole numbers are written without a decimal point."""
        cells = self.columns[name]
        if isinstance(cells, list) and set(map(type, cells)) == {str}:
            return cells
        if isinstance(cells, CodedCells):
            return cells.mapped(_as_text).tolist()
        return [_as_text(cell) for cell in (cells.tolist() if isinstance(cells, np.ndarray) else cells)]

    def coded_text(self, name: str) -> CodedCells:
        """Give a column as text, distinct cells and their numbers."""
        cells = self.columns[name]
        return cells.mapped(_as_text) if isinstance(cells, CodedCells) else CodedCells.of(self.text(name))

    def needed_text(self, name: str) -> list[str]:
        """Give a column as text and record every empty cell as wrong."""
        if isinstance(self.columns[name], CodedCells):
            return self.needed_coded_text(name).tolist()
        cells = self.text(name)
        if None not in cells:
            return cast("list[str]", cells)
        self.wrong(name, [row for row, cell in enumerate(cells) if cell is None], "the cell is empty; fill it in")
        return ["" if cell is None else cell for cell in cells]

    def needed_coded_text(self, name: str) -> CodedCells:
        """Give a column as text, distinct cells and their numbers, and record every empty cell as wrong."""
        cells = self.coded_text(name)
        self.wrong(name, cells.rows(lambda cell: cell is None), "the cell is empty; fill it in")
        return cells.mapped(lambda cell: "" if cell is None else cell)

    def numbers(
        self, name: str, *, above: float | None = None, at_least: float | None = None, needed: bool = False
    ) -> npt.NDArray[np.float64]:
        """Give a column as numbers, NaN where a cell is empty; record what is not a finite number or out of range.

        Args:
            name: the column.
            above: numbers must be greater than this.
            at_least: numbers must not be smaller than this.
            needed: record empty cells as wrong.
        """
        found = self._parsed(name)
        if needed:
            self.wrong(name, self._empty_rows(name, found), "the cell is empty; fill it in")
        if above is not None:
            self.wrong(name, np.flatnonzero(found <= above).tolist(), f"must be greater than {above:g}")
        if at_least is not None:
            self.wrong(name, np.flatnonzero(found < at_least).tolist(), f"must be at least {at_least:g}")
        return found

    def integers(
        self, name: str, *, at_least: int | None = None, needed: bool = False, empty: int = -1
    ) -> npt.NDArray[np.int64]:
        """Give a column as whole numbers, ``empty`` where a cell is empty; record numbers that are not whole."""
        found = self.numbers(name, at_least=at_least, needed=needed)
        huge = np.abs(found) > LARGEST_WHOLE
        self.wrong(name, np.flatnonzero(huge).tolist(), "is too large")
        found = np.where(huge, np.nan, found)
        blank = np.isnan(found)
        self.wrong(name, np.flatnonzero(~blank & (found != np.rint(found))).tolist(), "must be a whole number")
        return np.where(blank, empty, np.rint(np.where(blank, 0, found))).astype(np.int64)

    def times(self, name: str) -> list[datetime | None]:
        """Give a column as points in time, None where a cell is empty; record what is none."""
        cells = self.columns[name]
        if isinstance(cells, CodedCells):
            found = cells.mapped(_time).tolist()
        else:
            found = [_time(cell) for cell in (cells.tolist() if isinstance(cells, np.ndarray) else cells)]
        bad = [row for row, (time, cell) in enumerate(zip(found, cells)) if time is None and _plain(cell) is not None]
        self.wrong(name, bad, "is no date and time; write for example 2024-05-31T14:05:00+02:00")
        return found

    def values(self, name: str) -> list[Scalar]:
        """Give a column as scalars of one kind: booleans, integers, numbers, or else text; None where empty."""
        cells = self.columns[name]
        if isinstance(cells, CodedCells):
            return self.coded_values(name).tolist()
        return self._noted(name, self._values(cells))

    def coded_values(self, name: str) -> CodedCells:
        """Give a column as scalars of one kind, as :meth:`values` does: distinct ones and their numbers."""
        cells = self.columns[name]
        if isinstance(cells, CodedCells):
            return CodedCells(self._noted(name, self._values(cells.values)), cells.codes)
        keys = CodedCells.of([(type(cell), cell) for cell in self._noted(name, self._values(cells))])
        return CodedCells([cell for _, cell in keys.values], keys.codes)

    def _values(self, cells: list[Any] | npt.NDArray[Any]) -> list[Scalar]:
        if isinstance(cells, np.ndarray):
            found = cells.tolist()
            return [None if math.isnan(value) else value for value in found] if cells.dtype.kind == "f" else found
        kinds = {type(cell) for cell in cells if cell is not None}
        if kinds <= {bool} or kinds <= {int}:
            return cells
        if kinds <= {int, float} and not any(isinstance(cell, int) and abs(cell) > LARGEST_NUMBER for cell in cells):
            return [None if cell is None else float(cell) for cell in cells]
        if kinds == {str} and self._untyped:
            return self._typed_text(cells)
        return [_as_text(cell) for cell in cells]

    def _noted(self, name: str, found: list[Scalar]) -> list[Scalar]:
        """Say that numbers with a decimal comma stay text: between commas or tabs, 1,000 may as well be a thousand."""
        texts = {cell for cell in found if isinstance(cell, str)} if self._untyped else set()
        commas = sorted(cell for cell in texts if "," in cell)
        if commas and all(NUMBER_WITH_COMMA.fullmatch(cell) for cell in texts):
            self.notes.append(
                f"{self.name}: column '{name}' is taken as text, because its numbers have a comma ('{commas[0]}'); write them "
                "with a point, or separate the columns by semicolons."
            )
        return found

    def _typed_text(self, cells: list[str | None]) -> list[Scalar]:
        distinct = {cell for cell in cells if cell is not None}
        # numbers with leading zeros are names: barcodes, identifiers
        named = any(cell.removeprefix("-").isdecimal() and _integer(cell) is None for cell in distinct)
        for parse in (_boolean, _integer, self._float):
            if named and parse == self._float:
                break
            parsed = {cell: parse(cell) for cell in distinct}
            if all(value is not None for value in parsed.values()):
                return [None if cell is None else parsed[cell] for cell in cells]
        return list(cells)

    def _parsed(self, name: str) -> npt.NDArray[np.float64]:
        cells = self.columns[name]
        if isinstance(cells, np.ndarray) and cells.dtype.kind in "iuf":
            found = cells.astype(np.float64)
            self.wrong(name, np.flatnonzero(np.isinf(found)).tolist(), "is not a finite number")
            return found
        if isinstance(cells, list) and set(map(type, cells)) == {str}:
            try:
                found = np.array(list(map(float, cells)), dtype=np.float64)
            except ValueError:
                found = np.array([np.nan])
            if np.isfinite(found).all() and "_" not in "".join(cells):
                return found
        if isinstance(cells, CodedCells):
            return self._parsed_codes(name, cells)
        parsed = [math.nan if cell is None else self._number(_plain(cell)) for cell in cells]
        bad = [row for row, value in enumerate(parsed) if value is None]
        self.wrong(name, bad, "is not a number")
        return np.array([math.nan if value is None else value for value in parsed], dtype=np.float64)

    def _parsed_codes(self, name: str, cells: CodedCells) -> npt.NDArray[np.float64]:
        parsed = [math.nan if cell is None else self._number(_plain(cell)) for cell in cells.values]
        bad = [code for code, value in enumerate(parsed) if value is None]
        if bad:
            self.wrong(name, np.flatnonzero(np.isin(cells.codes, bad)).tolist(), "is not a number")
        numbers = np.array([math.nan if value is None else value for value in parsed], dtype=np.float64)
        return numbers[cells.codes]

    def _empty_rows(self, name: str, found: npt.NDArray[np.float64]) -> list[int]:
        cells = self.columns[name]
        blank = np.flatnonzero(np.isnan(found)).tolist()
        return blank if isinstance(cells, np.ndarray) else [row for row in blank if cells[row] is None]

    def _number(self, cell: object) -> float | None:
        if isinstance(cell, str):
            return self._float(cell)
        if isinstance(cell, int | float) and not isinstance(cell, bool) and abs(cell) <= LARGEST_NUMBER:
            return float(cell)
        return None

    def _float(self, text: str) -> float | None:
        if self._decimal_comma and "." not in text:
            text = text.replace(",", ".")
        try:
            found = float(text)
        except ValueError:
            return None
        return found if math.isfinite(found) and "_" not in text else None


def _boolean(text: str) -> bool | None:
    return TRUE_WORDS.get(text.lower())


def _integer(text: str) -> int | None:
    """Read an integer; text such as 007 or +5 is a name, not a number."""
    digits = text.removeprefix("-")
    if digits.isascii() and digits.isdecimal() and (digits == "0" or not digits.startswith("0")):
        return int(text)
    return None


def _time(cell: object) -> datetime | None:
    """Read a point in time, as text in ISO 8601 or as an object of a table library."""
    if isinstance(cell, datetime):
        return cell
    try:
        return datetime.fromisoformat(cell) if isinstance(cell, str) else None
    except ValueError:
        return None


def _plain(cell: object) -> Any:
    """Turn a numpy scalar into Python's own, and NaN into None."""
    value = cell.item() if isinstance(cell, np.generic) else cell
    return None if isinstance(value, float) and math.isnan(value) else value


def _as_text(cell: object) -> str | None:
    value = _plain(cell)
    if value is None:
        return None
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    isoformat: Callable[[], str] | None = getattr(value, "isoformat", None)
    return isoformat() if isoformat else str(value)
