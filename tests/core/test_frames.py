"""Tables of every kind become the same typed columns."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fractal_omezarr_converters.core.frame_sources import read_frame
from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError

ROWS: list[dict[str, Any]] = [
    {"file_path": "a.tif", "column": 1, "start_x": 0.5, "dose": 3, "drug": "DMSO", "dead": True},
    {"file_path": "b.tif", "column": 2, "start_x": 10.25, "dose": None, "drug": None, "dead": False},
    {"file_path": "c.tif", "column": 12, "start_x": -7.0, "dose": 5, "drug": "A, b", "dead": None},
]


def as_kind(kind: str, folder: Path) -> Any:
    """The table ROWS as one of the kinds users have."""
    columns = {key: [row[key] for row in ROWS] for key in ROWS[0]}
    if kind == "rows":
        return ROWS
    if kind == "columns":
        return columns
    if kind == "csv":
        with (folder / "t.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(columns))
            writer.writeheader()
            writer.writerows(ROWS)
        return folder / "t.csv"
    if kind == "pandas":
        return pytest.importorskip("pandas").DataFrame(ROWS)
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(columns)
    if kind == "polars":
        return frame
    if kind == "lazy":
        return frame.lazy()
    if kind == "arrow":
        return frame.to_arrow()
    frame.write_parquet(folder / "t.parquet")
    return str(folder / "t.parquet")


@pytest.mark.parametrize("kind", ["rows", "columns", "csv", "pandas", "polars", "lazy", "arrow", "parquet"])
def test_f34_every_kind_of_table_gives_the_same_typed_columns(kind: str, tmp_path: Path) -> None:
    frame = read_frame(as_kind(kind, tmp_path))
    assert len(frame) == 3
    assert frame.text("file_path") == ["a.tif", "b.tif", "c.tif"]
    assert frame.integers("column").tolist() == [1, 2, 12]
    assert frame.numbers("start_x").tolist() == [0.5, 10.25, -7.0]
    assert frame.values("column") == [1, 2, 12]
    assert {type(value) for value in frame.values("column")} == {int}
    assert frame.values("dose") == [3, None, 5]
    assert frame.values("drug") == ["DMSO", None, "A, b"]
    assert [type(value) for value in frame.values("dead")] == [bool, bool, type(None)]
    frame.raise_problems()


def test_all_wrong_cells_are_told_at_once_with_row_and_column(tmp_path: Path) -> None:
    path = tmp_path / "tiles.csv"
    path.write_text("start_x,length_x,column\n1,5,1\nabc,0,1.5\n2,4,\ninf,4,3\n")
    frame = read_frame(path)
    frame.numbers("start_x", needed=True)
    frame.numbers("length_x", above=0)
    frame.integers("column", needed=True)
    with pytest.raises(ConvertersToolsUserError) as raised:
        frame.raise_problems()
    said = str(raised.value)
    for piece in (
        "column 'start_x', row 3 ('abc'), row 5 ('inf'): is not a number",
        "column 'length_x', row 3 ('0'): must be greater than 0",
        "column 'column', row 4 (empty)",
        "column 'column', row 3 ('1.5'): must be a whole number",
    ):
        assert piece in said
    assert str(path) in said


def test_rows_are_counted_as_an_editor_shows_them(tmp_path: Path) -> None:
    path = tmp_path / "tiles.csv"
    path.write_text('name,x\n\n"two\nlines",1\n\nlast,wrong\n')
    frame = read_frame(path)
    frame.numbers("x")
    assert "row 6 ('wrong')" in frame.problems[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x;y\n0,65;a\n1,5;b\n", [0.65, 1.5]),
        ("x\ty\n0.65\ta\n1.5\tb\n", [0.65, 1.5]),
        ("\ufeffx,y\n0.65,a\r\n1.5,b\r\n", [0.65, 1.5]),
        (" x , y \n 0.65 , a \n 1.5,b\n,\n", [0.65, 1.5]),
    ],
)
def test_separators_marks_and_spaces_of_office_programs(text: str, expected: list[float], tmp_path: Path) -> None:
    path = tmp_path / "tiles.csv"
    path.write_bytes(text.encode())
    frame = read_frame(path)
    assert frame.numbers("x").tolist() == expected
    assert frame.values("y") == ["a", "b"]


def test_a_decimal_comma_between_commas_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "tiles.csv"
    path.write_text('x,y\n"0,65",a\n')
    frame = read_frame(path)
    frame.numbers("x")
    assert "'0,65'" in frame.problems[0]


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_encodings_of_office_programs(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "tiles.csv"
    path.write_bytes("dose\n5 µM\n".encode(encoding))
    assert read_frame(path).values("dose") == ["5 µM"]


def test_text_with_leading_zeros_stays_text_and_words_for_nothing_are_empty(tmp_path: Path) -> None:
    path = tmp_path / "tiles.csv"
    path.write_text("barcode,dose\n007,1\n008,NA\n")
    frame = read_frame(path)
    assert frame.values("barcode") == ["007", "008"]
    assert frame.values("dose") == [1, None]


def test_text_in_memory_stays_text() -> None:
    assert read_frame({"barcode": ["1", "2"]}).values("barcode") == ["1", "2"]


def test_long_short_and_quoted_rows(tmp_path: Path) -> None:
    path = tmp_path / "tiles.csv"
    path.write_text("a,b\n1\n1,2\n")
    assert read_frame(path).values("b") == [None, 2]
    path.write_text("a,b\n1,2,3\n")
    with pytest.raises(ConvertersToolsUserError, match="row 2: 3 cells under 2 column names"):
        read_frame(path).raise_problems()
    path.write_text('a,b\n1,"2\n1,2\n1,3\n')
    with pytest.raises(ConvertersToolsUserError, match="unexpected end"):
        read_frame(path)


def test_nameless_and_repeated_columns(tmp_path: Path) -> None:
    path = tmp_path / "tiles.csv"
    path.write_text(",a\n0,1\n")
    frame = read_frame(path)
    assert list(frame.columns) == ["a"]
    assert frame.notes
    path.write_text("a,a\n0,1\n")
    with pytest.raises(ConvertersToolsUserError, match="two columns are called 'a'"):
        read_frame(path).raise_problems()


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConvertersToolsUserError, match="int"):
        read_frame(3)
    with pytest.raises(ConvertersToolsUserError, match="differ in length"):
        read_frame({"a": [1], "b": [1, 2]})
    with pytest.raises(ConvertersToolsFileNotFoundError):
        read_frame(tmp_path / "none.csv")
    (tmp_path / "x.parquet").write_bytes(b"no parquet")
    with pytest.raises(ConvertersToolsUserError, match="Parquet"):
        read_frame(tmp_path / "x.parquet")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(ConvertersToolsUserError, match="empty"):
        read_frame(tmp_path / "empty.csv")


def test_an_index_with_a_name_is_a_column_of_a_pandas_frame() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(ROWS).set_index("file_path")
    assert read_frame(frame).text("file_path") == ["a.tif", "b.tif", "c.tif"]


def test_nullable_integers_of_pandas_stay_integers() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"dose": pandas.array([1, None, 2**60], dtype="Int64")})
    assert read_frame(frame).values("dose") == [1, None, 2**60]


CELLS = st.one_of(
    st.lists(st.none() | st.integers(-(10**15), 10**15), min_size=1, max_size=8),
    st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False, width=32), min_size=1, max_size=8),
    st.lists(st.none() | st.booleans(), min_size=1, max_size=8),
    st.lists(st.none() | st.text("abcxyz µ,;\"'", min_size=1, max_size=6).filter(str.strip), min_size=1, max_size=8),
)


@settings(max_examples=60, deadline=None)
@given(cells=CELLS)
def test_a_table_survives_memory_and_csv(cells: list[Any], tmp_path_factory: pytest.TempPathFactory) -> None:
    expected = [cell.strip() if isinstance(cell, str) else cell for cell in cells]
    assert read_frame({"a": cells}).values("a") == expected
    path = tmp_path_factory.mktemp("frames") / "t.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("row", "a"), *enumerate(cells)])
    found = read_frame(path).values("a")
    assert found == expected
    whole = [cell for cell in expected if cell is not None]
    if whole and not all(isinstance(cell, float) and cell.is_integer() for cell in whole):
        assert {type(cell) for cell in found} == {type(cell) for cell in expected}


@settings(max_examples=40, deadline=None)
@given(values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=10))
def test_numbers_are_exact(values: list[float], tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("frames") / "t.csv"
    path.write_text("x,\n" + "".join(f"{value!r},\n" for value in values))
    assert np.array_equal(read_frame(path).numbers("x"), np.array(values))
