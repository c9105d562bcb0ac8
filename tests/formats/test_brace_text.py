"""The brace text of flat-field profiles."""

from __future__ import annotations

import math

import pytest

from fractal_omezarr_converters.formats.brace_text import BraceTextError, parse_brace_text


def test_words_numbers_quotes_and_nesting() -> None:
    text = (
        '{A: {Mean: NaN, Random: INF, P: {C: [[1.25], [-0.5, 2]], Type: Polynomial}}, N: "405ex, 570-630-em)",'
        " M: Fluorescein (FITC), V: Acapella:2013, E: []}"
    )
    found = parse_brace_text(text)
    assert found["A"]["P"] == {"C": [[1.25], [-0.5, 2]], "Type": "Polynomial"}
    assert math.isnan(found["A"]["Mean"]) and math.isinf(found["A"]["Random"])
    assert found["N"] == "405ex, 570-630-em)"
    assert found["M"] == "Fluorescein (FITC)"
    assert found["V"] == "Acapella:2013" and found["E"] == []


@pytest.mark.parametrize("text", ["{A: 1", "{A: [1, 2}", "", '{A: "x}', "{A: 1} rest", "{A}", "[" * 50])
def test_damaged_text_is_an_error(text: str) -> None:
    with pytest.raises(BraceTextError):
        parse_brace_text(text)
