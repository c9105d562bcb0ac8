"""What CSV tables say when other programs guess the types of their columns."""

from __future__ import annotations

import datetime
import io
import math
from typing import Any

import pyarrow.csv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractal_omezarr_converters.ngff.csv_cells import changes_in_csv, csv_text, read_csv

TRICKY = st.sampled_from(
    "001 1 0 -5 +5 0x1F 1e5 1.50 0.5 inf nan NA null true FALSE tRue 2024-01-01 01:30 FOV_1 1_000 é ٣ 1e400 1. -.5".split()
    + ' 5|a,b|say "hi"|two words|'.split("|")
)


def _read_by_pyarrow(columns: dict[str, list[Any]]) -> dict[str, list[Any]]:
    return pyarrow.csv.read_csv(io.BytesIO(csv_text(columns).encode())).to_pydict()


def _same(read: Any, text: str) -> bool:
    if isinstance(read, float) and math.isnan(read):
        return False
    return (read or "") == text or str(read).lower() == text.lower()


@given(st.lists(TRICKY, min_size=1, max_size=4))
def test_text_that_passes_comes_back_the_same(texts: list[str]) -> None:
    if not changes_in_csv(texts):
        read = _read_by_pyarrow({"a": texts, "b": ["x"] * len(texts)})["a"]
        assert all(_same(value, text) for value, text in zip(read, texts, strict=True)), (texts, read)
        assert not any(isinstance(value, datetime.date | datetime.time) for value in read)


@pytest.mark.parametrize(
    "texts", [["FOV_1", "FOV_2"], ["1", "22"], ["0.5", "1.25"], ["a", "NA"], ["true", "false"], []]
)
def test_ordinary_text_is_written_as_csv(texts: list[str]) -> None:
    assert not changes_in_csv(texts)


@pytest.mark.parametrize(
    "texts",
    [
        ["001"],
        ["1.50"],
        ["NA"],
        ["2024-01-01"],
        ["01:30"],
        ["0x1F"],
        ["1e5"],
        ["two\nlines"],
        ["1", "true"],
        ["false", "0"],
    ],
)
def test_text_that_would_change_is_noticed(texts: list[str]) -> None:
    assert changes_in_csv(texts)


def test_an_index_of_real_numbers_is_noticed() -> None:
    assert changes_in_csv(["0.5", "1.5"], is_index=True)
    assert not changes_in_csv(["1", "2"], is_index=True)


def test_numbers_missing_values_and_quotes_survive() -> None:
    columns: dict[str, list[Any]] = {
        "name": ['say "hi"', "a,b", None],
        "real": [0.1, None, 3.0],
        "whole": [1, 2, None],
        "flag": [True, False, True],
        "empty": [None, None, None],
    }
    assert read_csv(csv_text(columns)) == columns
    read = _read_by_pyarrow(columns)
    assert read["real"] == [0.1, None, 3.0]
    assert read["whole"] == [1, 2, None]
    assert read["flag"] == [True, False, True]


@given(st.lists(st.floats(allow_nan=False), min_size=1, max_size=5))
def test_real_numbers_keep_every_digit(values: list[float]) -> None:
    assert read_csv(csv_text({"a": values, "b": ["x"] * len(values)}))["a"] == values
    assert _read_by_pyarrow({"a": values})["a"] == values
