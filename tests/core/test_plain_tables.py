"""Tables without quotes are read column by column: the same cells as row by row, distinct ones once."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fractal_omezarr_converters.core import plain_csv
from fractal_omezarr_converters.core.coded_cells import CodedCells, combined, numbered
from fractal_omezarr_converters.core.equal_rows import may_have_equal_rows, number_rows
from fractal_omezarr_converters.core.plain_csv import plain_columns

WORDS = st.text(st.sampled_from("aZ0.é漢 -"), max_size=12) | st.sampled_from(
    ["A", "1", "", "a" * 40, "1234.56789012345678"]
)


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 9), WORDS, WORDS, st.integers(0, 3)), min_size=1, max_size=120),
    separator=st.sampled_from(",;\t"),
    ending=st.sampled_from(["\n", "\r\n"]),
    last=st.booleans(),
    block=st.sampled_from([20, 300, 1 << 20]),
)
def test_cells_are_those_of_a_reader_of_rows(
    rows: list[tuple[object, ...]], separator: str, ending: str, last: bool, block: int
) -> None:
    lines = [separator.join(map(str, row)) for row in [("a", "b", "c", "d"), *rows]]
    text = ending.join(lines) + ending * last
    expected = list(zip(*csv.reader(io.StringIO(text, newline=""), delimiter=separator)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain_csv, "_BLOCK", block)
        found = plain_columns(text.encode(), separator)
    assert found is not None
    titles, columns = found
    assert titles == list("abcd")
    assert [tuple(column) for column in columns] == [column[1:] for column in expected]
    for column in columns:
        assert not isinstance(column, CodedCells) or len(set(column.values)) == len(column.values)


@pytest.mark.parametrize(
    "text",
    [
        'a,b\n"1",2\n',
        "a,b\n1,2\n3\n4,5,6\n",
        "a,b\n1\n2,3,4\n",
        "a,b\n\n1,2\n",
        "a,b\n,\n1,2\n",
        "a,b\r1,2\n",
        "a,b\r\n\r\n1,2\r\n",
        "a,b\r\n1,2\n3,4\r\n",
        "a,b\n1,2\r\n3,4\r\n",
        "a,b\r\n1\r,2\r\n3,4\n",
        "a,b\r\n1\n,2\r\r\n",
        "a\n1\n",
        "",
    ],
)
def test_everything_else_is_left_to_the_reader_of_rows(text: str) -> None:
    assert plain_columns(text.encode(), ",") is None


def test_rows_are_numbered_in_order_of_first_appearance() -> None:
    for keys in ([5, 5, 2, 2, 5, 9], [10**12, 3, 3, -7, 10**12], [], [4]):
        first, codes = numbered(np.array(keys, np.int64))
        order = list(dict.fromkeys(keys))
        assert codes.tolist() == [order.index(key) for key in keys]
        assert first.tolist() == [keys.index(key) for key in order]


def test_columns_combine_into_tuples() -> None:
    names, numbers = ["b", "a", "b", "b", "a"], [1, 1, 2, 1, 1]
    found = combined([CodedCells.of(names), CodedCells.of(numbers)])
    assert found.tolist() == list(zip(names, numbers))
    assert found.values == [("b", 1), ("a", 1), ("b", 2)]
    assert found.mapped(lambda cell: cell[0]).values == ["b", "a"]
    assert found.rows(lambda cell: cell[1] == 2) == [2]


@given(rows=st.lists(st.tuples(st.integers(0, 3), st.sampled_from([0.0, -0.0, 0.5, 1e300])), min_size=2, max_size=30))
def test_no_equal_rows_is_certain(rows: list[tuple[int, float]]) -> None:
    columns = [np.array(column) for column in zip(*rows)]
    assert may_have_equal_rows(columns) == (len(set(rows)) < len(rows))
    whole = [columns[0], (columns[1] * 2).astype(np.float32).astype(bool).astype(np.int64)]
    pairs = list(zip(*(column.tolist() for column in whole)))
    order = list(dict.fromkeys(pairs))
    assert number_rows(whole).tolist() == [order.index(pair) for pair in pairs]
