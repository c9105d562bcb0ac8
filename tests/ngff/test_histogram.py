"""Histograms that the writer keeps."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fractal_omezarr_converters.ngff import histogram as histogram_module
from fractal_omezarr_converters.ngff.histogram import Histogram


def of(values):
    histogram = Histogram.empty(values.dtype)
    histogram.add(values)
    return histogram


@pytest.mark.parametrize("dtype", ["bool", "u1", "i1", "u2", "i2"])
def test_f43_quantiles_of_narrow_types_are_exact(dtype):
    rng = np.random.default_rng(5)
    values = rng.normal(20, 300, 5001).astype(dtype)
    histogram = of(values)
    assert histogram.total == 5001
    for fraction in (0, 0.001, 0.5, 0.999, 1):
        assert histogram.quantile(fraction) == np.quantile(values, fraction, method="inverted_cdf")


@pytest.mark.parametrize("dtype", ["u4", "i4", "u8", "i8", "f2", "f4", "f8"])
def test_f43_quantiles_of_wide_types_are_within_two_parts_in_a_thousand(dtype):
    values = np.random.default_rng(5).normal(0, 9000, 20_001).astype("f8")
    values = (np.abs(values) if dtype.startswith("u") else values).astype(dtype)
    histogram = of(values)
    assert histogram.minimum() == values.min()
    assert histogram.maximum() == values.max()
    for fraction in (0.001, 0.1, 0.9, 0.999):
        assert histogram.quantile(fraction) == pytest.approx(
            float(np.quantile(values, fraction, method="inverted_cdf")), rel=2e-3, abs=2e-3
        )


@pytest.mark.parametrize("dtype", ["bool", "u1", "i1", "u2", "i2", "f4"])
@pytest.mark.parametrize("columns", [slice(None), slice(1, -2)])
def test_many_pixels_of_any_layout_are_counted_one_by_one(dtype, columns):
    image = np.random.default_rng(3).integers(-200, 300, (2, 1, 801, 733)).astype(dtype)[..., columns]
    values, counts = np.unique(image, return_counts=True)
    histogram = of(image)
    assert histogram.total == image.size
    assert (histogram.minimum(), histogram.maximum()) == (values[0], values[-1])
    if histogram.is_exact:
        found, found_counts = histogram.values()
        np.testing.assert_array_equal(found, values)
        np.testing.assert_array_equal(found_counts, counts)


@pytest.mark.parametrize("dtype", ["bool", "u1", "i1", "u2", "i2"])
def test_many_pixels_are_counted_without_the_library_that_some_machines_lack(dtype, monkeypatch):
    image = np.random.default_rng(4).integers(-200, 300, (3, 801, 733)).astype(dtype)
    with_library = of(image)
    monkeypatch.setitem(sys.modules, "mahotas", None)
    monkeypatch.setitem(sys.modules, "mahotas.histogram", None)
    histogram_module._fast_counter.cache_clear()
    try:
        without = of(image)
    finally:
        histogram_module._fast_counter.cache_clear()
    np.testing.assert_array_equal(without.counts, with_library.counts)
    np.testing.assert_array_equal(without.values()[1], np.unique(image, return_counts=True)[1])


@given(st.lists(st.floats(width=32), max_size=40), st.integers(0, 40))
def test_parts_add_up_to_the_whole(numbers, cut):
    values = np.array(numbers, "f4")
    whole, parts = of(values), of(values[:cut])
    parts.merge(of(values[cut:]))
    assert (whole.counts == parts.counts).all()
    assert (whole.minimum(), whole.maximum(), whole.quantile(0.3)) == (
        parts.minimum(),
        parts.maximum(),
        parts.quantile(0.3),
    )


def test_no_pixels_give_nothing():
    assert of(np.array([np.nan, np.inf], "f8")).quantile(0.5) is None
    assert Histogram.empty(np.dtype("u2")).minimum() is None
