"""Columns as compact JSON values: exactly what went in comes out."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from fractal_omezarr_converters.core.packing import PLAIN_BELOW, pack, unpack, unpack_array
from fractal_omezarr_converters.errors import ConvertersToolsUserError


@pytest.mark.parametrize("edge", [2**7, 2**8, 2**15, 2**16, 2**31, 2**32, 2**53, 2**62 - 1])
@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_whole_numbers_at_the_edges_of_their_types(edge: int, offset: int) -> None:
    values = np.array([0, edge + offset, -edge - offset, 3] * PLAIN_BELOW, dtype=np.int64)
    for column in (values, np.abs(values)):
        assert np.array_equal(unpack_array(json.loads(json.dumps(pack(column))), "<i8"), column)


def test_both_zeros_are_kept() -> None:
    for column in (np.array([0.0, -0.0] * PLAIN_BELOW), np.full(PLAIN_BELOW, -0.0), np.array([-0.0, 5e-324, 1.7e308])):
        assert unpack_array(json.loads(json.dumps(pack(column))), "<f8").tobytes() == column.tobytes()


@pytest.mark.parametrize(
    "values",
    [
        ["a\0b", "c"] * PLAIN_BELOW,
        ["same"] * PLAIN_BELOW,
        ["", "ä µ", "\ud800"] * PLAIN_BELOW,
        [None] * PLAIN_BELOW,
        [None, 1, "x", [1, 2], {"k": 1.5}] * PLAIN_BELOW,
        [True, False] * PLAIN_BELOW,
        [2**70, 1] * PLAIN_BELOW,
        [],
    ],
)
def test_any_column_comes_back(values: list[Any]) -> None:
    back = list(unpack(json.loads(json.dumps(pack(values)))))
    assert back == values
    assert list(map(type, back)) == list(map(type, values))


def test_even_steps_and_equal_values_cost_nothing() -> None:
    assert len(json.dumps(pack(np.arange(5, 100_000, 3)))) < 60
    assert len(json.dumps(pack(np.full(100_000, 2160.0)))) < 60


def test_an_unknown_form_says_what_to_do() -> None:
    with pytest.raises(ConvertersToolsUserError, match="repeat the first step"):
        unpack({"future": 1})


@pytest.mark.parametrize("names", ["{}", "", "é{}", "a\0{}", "{}.tif", "same"])
def test_strings_come_back_whatever_they_begin_with(names: str) -> None:
    values = [f"/data/plate/{names.format(number)}" for number in range(2 * PLAIN_BELOW)] + ["/data/plate/"]
    assert unpack(json.loads(json.dumps(pack(values)))) == values


def test_equal_columns_are_packed_alike_and_others_are_not() -> None:
    column = np.arange(3 * PLAIN_BELOW, dtype=np.float64) ** 2
    first = pack(column)
    assert pack(column.copy()) == first
    column[-1] += 1
    assert pack(column) != first
    assert pack(column.astype(np.int64)) != pack(column)
    assert unpack_array(pack(column), "<f8").tolist() == column.tolist()
