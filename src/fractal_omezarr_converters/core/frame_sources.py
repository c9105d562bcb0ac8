"""Where tables come from: CSV and Parquet files, pandas and polars frames, lists of dicts, dicts of lists."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fractal_omezarr_converters.core.coded_cells import CodedCells
from fractal_omezarr_converters.core.frames import Cells, Frame
from fractal_omezarr_converters.core.plain_csv import plain_columns
from fractal_omezarr_converters.errors import (
    ConvertersToolsFileNotFoundError,
    ConvertersToolsUserError,
)
from fractal_omezarr_converters.models.urls import refuse_special_file

_MARKS_OF_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
PARQUET_SUFFIXES = (".parquet", ".pq")
# pandas reads these words (all but Nan and NAN) as "no value"; tables of existing users were written with that in mind
EMPTY_WORDS = frozenset(
    "#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|<NA>|N/A|NA|NULL|NaN|Nan|NAN|None|n/a|nan|null|".split(
        "|"
    )
)
_LONGEST_HEAD = 1 << 16
_STATED_SEPARATOR = re.compile(r'"?sep=([^\r\n"])"?[,;\t]*\r?\n', re.IGNORECASE)
"""The first line that programs write for Excel: ``sep=;``."""
NO_NAME = re.compile(r"(Unnamed: \d+|__index_level_\d+__)?")


class Sheet(NamedTuple):
    """The cells of a CSV file as text, header first, with the line each row begins at."""

    rows: list[list[str]]
    lines: Sequence[int]
    decimal_comma: bool


def read_frame(table: Any, *, name: str | None = None) -> Frame:
    """Read a table of any kind.

    Args:
        table: path of a CSV or Parquet file, pandas or polars frame, pyarrow table, list of dicts, or dict of lists.
        name: what to call the table in messages; by default the path, or "the table".

    Raises:
        ConvertersToolsUserError: this is not a table, or the file cannot be read as one.
    """
    if isinstance(table, Frame):
        return table
    if isinstance(table, str | Path):
        return _read_file(Path(str(table).strip().strip("\"'")).expanduser(), name)
    name = name or "The table"
    library = type(table).__module__.partition(".")[0]
    if library in _COLUMNS_OF and hasattr(type(table), "columns"):  # a series has none
        return _frame(name, _COLUMNS_OF[library](table))
    if isinstance(table, Mapping):
        return _frame(name, [(str(key), _listed(name, str(key), cells)) for key, cells in table.items()])
    if isinstance(table, Sequence) and all(isinstance(row, Mapping) for row in table):
        keys = dict.fromkeys(key for row in table for key in row)
        return _frame(name, [(str(key), [row.get(key) for row in table]) for key in keys])
    raise ConvertersToolsUserError(
        f"{name} is a {type(table).__name__}; give a pandas or polars frame, a list of dicts, a dict of lists,"
        " or the path of a CSV or Parquet file."
    )


def read_sheet(path: Path) -> Sheet:
    """Read a CSV file as text; the separator (comma, semicolon, tab) is found from the header line, or stated (``sep=;``).

    Raises:
        ConvertersToolsUserError: the file is not text, or empty.
    """
    text = _decoded(path, _bytes_of(path))
    stated = _STATED_SEPARATOR.match(text)
    if stated is not None:
        text = f"\n{text[stated.end() :]}"
    separator = _separator(text) if stated is None else stated[1]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    try:
        begin = 1
        for row in reader:
            if row and (row[0] or any(map(str.strip, row))):
                rows.append(row)
                lines.append(begin)
            begin = reader.line_num + 1
    except csv.Error as error:
        raise ConvertersToolsUserError(
            f"Table '{path}' cannot be read at line {reader.line_num} ({error}); save it as CSV again."
        ) from error
    if not rows:
        raise ConvertersToolsUserError(f"Table '{path}' is empty; its first line must hold the column names.")
    return Sheet(rows, lines, separator == ";")


def _read_file(path: Path, name: str | None) -> Frame:
    name = name or f"Table '{path}'"
    if not path.is_file():
        raise ConvertersToolsFileNotFoundError(f"{name}: there is no file '{path}'; check the path.")
    if path.suffix.lower() in PARQUET_SUFFIXES:
        return _frame(name, parquet_columns(path))
    plain = _read_plain(path, name)
    if plain is not None:
        return plain
    sheet = read_sheet(path)
    header = [cell.strip() for cell in sheet.rows[0]]
    rows = sheet.rows[1:]
    lines = sheet.lines[1:]
    problems = [
        f"{name}, row {line}: {len(row)} cells under {len(header)} column names; check separators and quotes."
        for line, row in zip(lines, rows)
        if len(row) > len(header) and any(map(str.strip, row[len(header) :]))
    ]
    if set(map(len, rows)) - {len(header)}:
        rows = [(row + [""] * (len(header) - len(row)))[: len(header)] for row in rows]
    columns = [list(cells) for cells in zip(*rows)] if rows else [[] for _ in header]
    frame = _frame(
        name, zip(header, columns), empty=EMPTY_WORDS, lines=lines, untyped=True, decimal_comma=sheet.decimal_comma
    )
    frame.problems.extend(problems)
    return frame


def _read_plain(path: Path, name: str) -> Frame | None:
    """Read a CSV file whose cells are never quoted; None when it is of another kind."""
    data = _bytes_of(path)
    if not data.isascii():
        data = _decoded(path, data).encode("utf-8", "surrogatepass")
    head = data[:_LONGEST_HEAD].decode("utf-8", "replace")
    if _STATED_SEPARATOR.match(head):
        return None
    separator = _separator(head)
    found = plain_columns(data, separator) if "\n" in head.lstrip("\r\n") else None
    if found is None:
        return None
    titles, columns = found
    lines = range(2, 2 + len(columns[0]))
    return _frame(
        name,
        zip([title.strip() for title in titles], columns),
        empty=EMPTY_WORDS,
        lines=lines,
        untyped=True,
        decimal_comma=separator == ";",
    )


def _separator(text: str) -> str:
    """The character that occurs most often in the header line among comma, semicolon and tab."""
    return max(",;\t", key=text.lstrip("\r\n").partition("\n")[0].count)


def _frame(
    name: str, named: Iterable[tuple[str, Cells]], empty: frozenset[str] = frozenset([""]), **options: Any
) -> Frame:
    columns: dict[str, Cells] = {}
    problems: list[str] = []
    notes: list[str] = []
    for given, cells in named:
        label = given.strip()
        if NO_NAME.fullmatch(label):
            notes.append(f"{name}: a column without a name is left out.")
        elif label in columns:
            problems.append(f"{name}: two columns are called '{label}'; rename or remove one.")
        else:
            columns[label] = _cleaned(cells, empty)
    lengths = {label: len(cells) for label, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{label}: {length}" for label, length in lengths.items())
        raise ConvertersToolsUserError(f"{name}: columns differ in length ({listed}); give every row a cell in each.")
    frame = Frame(name, columns, **options)
    frame.problems.extend(problems)
    frame.notes.extend(dict.fromkeys(notes))
    return frame


def _cleaned(cells: Cells, empty: frozenset[str]) -> Cells:
    """Make numeric arrays of plain width, and lists with None where a cell is empty."""
    if isinstance(cells, np.ndarray) and cells.dtype.kind in "iufb" and cells.ndim == 1:
        return cells
    if isinstance(cells, CodedCells):
        return cells.mapped(lambda cell: None if cell.strip() in empty else cell.strip())
    listed: list[Any] = cells.tolist() if isinstance(cells, np.ndarray) else cells
    kinds = set(map(type, listed))
    if kinds <= {str}:
        return _text_cells(listed, empty)
    if kinds <= {bool} or kinds <= {int}:
        return listed
    return [_cleaned_cell(cell) for cell in listed]


def _cleaned_cell(cell: Any) -> Any:
    if isinstance(cell, np.generic):
        cell = cell.item()
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    if isinstance(cell, str):
        return cell.strip() or None
    if isinstance(cell, Decimal):  # as databases give numbers
        number = float(cell)
        return None if math.isnan(number) else int(cell) if number.is_integer() else number
    return None if type(cell).__name__ in ("NAType", "NaTType") else cell


def _text_cells(cells: list[Any], empty: frozenset[str]) -> list[Any]:
    if empty.isdisjoint(cells) and list(map(str.strip, cells)) == cells:
        return cells
    changed: dict[str, str | None] = {}
    for cell in set(cells):
        stripped = cell.strip()
        if stripped in empty:
            changed[cell] = None
        elif stripped != cell:
            changed[cell] = stripped
    return [changed.get(cell, cell) for cell in cells] if changed else cells


def _bytes_of(path: Path) -> bytes:
    refuse_special_file(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConvertersToolsUserError(f"Table '{path}' cannot be read ({error}); check the path.") from error
    if b"\0" in data and not data.startswith(_MARKS_OF_UTF_16):  # a workbook, an image: its first "line" is no title
        raise _no_text(path)
    return data


def _decoded(path: Path, data: bytes) -> str:
    for encoding in ("utf-16",) if data.startswith(_MARKS_OF_UTF_16) else ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise _no_text(path)


def _no_text(path: Path) -> ConvertersToolsUserError:
    return ConvertersToolsUserError(f"Table '{path}' is not a text file; save it as CSV in UTF-8.")


def _listed(name: str, key: str, cells: Any) -> Cells:
    if isinstance(cells, np.ndarray | list):
        return cells
    if isinstance(cells, str) or not isinstance(cells, Iterable):
        raise ConvertersToolsUserError(f"{name}: column '{key}' is {cells!r}; give a list with one cell per row.")
    return list(cells)


def _pandas_columns(table: Any) -> list[tuple[str, Cells]]:
    if any(label is not None and label not in table.columns for label in table.index.names):
        table = table.reset_index()
    found: list[tuple[str, Cells]] = []
    for position, label in enumerate(table.columns):
        series = table.iloc[:, position]
        plain = isinstance(series.dtype, np.dtype) and series.dtype.kind in "iufb"
        found.append((str(label), series.to_numpy() if plain else series.tolist()))
    return found


def _polars_columns(table: Any) -> list[tuple[str, Cells]]:
    if hasattr(table, "collect"):
        table = table.collect()
    return [
        (series.name, series.to_numpy() if series.dtype.is_numeric() and not series.null_count() else series.to_list())
        for series in table.get_columns()
    ]


def _arrow_columns(table: Any) -> list[tuple[str, Cells]]:
    import pyarrow.types as kinds

    found: list[tuple[str, Cells]] = []
    for label, column in zip(table.column_names, table.columns):
        plain = (kinds.is_integer(column.type) or kinds.is_floating(column.type)) and not column.null_count
        found.append((label, column.to_numpy() if plain else column.to_pylist()))
    return found


_COLUMNS_OF: dict[str, Callable[[Any], list[tuple[str, Cells]]]] = {
    "pandas": _pandas_columns,
    "polars": _polars_columns,
    "pyarrow": _arrow_columns,
}


def parquet_columns(path: Path) -> list[tuple[str, Cells]]:
    """Give the columns of a Parquet file as they are stored.

    Raises:
        ConvertersToolsUserError: pyarrow is not installed, or this is not a Parquet file.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ConvertersToolsUserError(
            f"Table '{path}' is a Parquet file, which needs pyarrow: install fractal-omezarr-converters[tables],"
            " or save the table as CSV."
        ) from error
    try:
        return _arrow_columns(pyarrow.parquet.read_table(path))
    except (pyarrow.ArrowException, OSError) as error:
        raise ConvertersToolsUserError(
            f"Table '{path}' cannot be read as Parquet ({error}); write the file again."
        ) from error
