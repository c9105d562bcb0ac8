"""Channels and display windows."""

from __future__ import annotations

import json
import math
import warnings

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sample_images import Channel

from fractal_omezarr_converters.errors import ConvertersToolsUserError, ConvertersToolsWarning
from fractal_omezarr_converters.ngff.histogram import Histogram
from fractal_omezarr_converters.ngff.rendering import (
    Window,
    default_window,
    hex_color,
    omero,
    unique_labels,
    window_from_histogram,
    windows_from_histograms,
)

DTYPES = ["bool", "uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float32", "float64"]


def window(data: np.ndarray, **more: object) -> Window:
    histogram = Histogram.empty(data.dtype)
    histogram.add(np.ascontiguousarray(data))
    return windows_from_histograms([histogram], **more)[0]  # type: ignore[arg-type]


def test_f43_window_is_the_quantiles_of_all_pixels() -> None:
    data = np.arange(10_000, dtype="uint16")
    assert window(data) == Window(0, 65535, 9, 9989)


def test_f43_sparse_image_shows_the_pixels_that_matter() -> None:
    data = np.zeros(100_000, dtype="uint16")
    data[:500] = np.arange(1000, 1500)
    found = window(data)
    assert (found.start, found.end) == (1000, 1499)


@pytest.mark.parametrize("dtype", DTYPES)
def test_f43_flat_images_have_an_increasing_window(dtype: str) -> None:
    kind = np.dtype(dtype)
    tops = [0, 1] if kind.kind == "b" else [0, 1, (np.finfo if kind.kind == "f" else np.iinfo)(kind).max]
    for value in tops:
        found = window(np.full(50, value, dtype=kind))
        assert float(found.start) < float(found.end)
        assert float(found.min) < float(found.max)
        json.dumps(found.to_json(), allow_nan=False)


def test_f43_signed_data_have_negative_starts() -> None:
    found = window(np.linspace(-500, 500, 2001).astype("int16"))
    assert (found.min, found.max) == (-32768, 32767)
    assert found.start == pytest.approx(-499, abs=1)
    assert found.end == pytest.approx(499, abs=1)


def test_f43_real_numbers_use_the_limits_of_the_data_and_no_nan() -> None:
    data = np.linspace(-2, 3, 5001).astype("float32")
    data[:5] = [np.nan, np.inf, -np.inf, np.nan, np.nan]
    found = window(data)
    assert found.min == pytest.approx(-1.995, abs=0.01)
    assert found.max == 3.0
    assert found.min <= found.start < found.end <= found.max


def test_f43_colour_images_are_shown_as_they_are() -> None:
    assert window(np.full(9, 100, dtype="uint8"), rgb=True) == Window(0, 255, 0, 255)


def test_camera_bits_bound_the_slider_when_they_are_true() -> None:
    assert window(np.arange(4000, dtype="uint16"), significant_bits=12).max == 4095
    assert window(np.arange(5000, dtype="uint16"), significant_bits=12).max == 65535


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_pixel_at_all_gives_a_valid_window(dtype: str) -> None:
    found = default_window(dtype)
    assert found.start < found.end


@given(
    st.dictionaries(st.floats(allow_nan=False, allow_infinity=True, width=64), st.integers(1, 10**6), max_size=8),
    st.booleans(),
)
def test_windows_always_increase(counts: dict[float, int], rgb: bool) -> None:
    values = sorted(counts)
    found = window_from_histogram(values, [counts[value] for value in values], "float64", rgb=rgb)
    assert math.isfinite(found.min)
    assert float(found.start) < float(found.end)
    assert float(found.min) < float(found.max)


@given(st.dictionaries(st.integers(-(2**63), 2**63 - 1), st.integers(1, 10**6), min_size=1, max_size=8))
@example({9999999999999007: 1})  # this number and the next odd one are the same to floating point
def test_windows_of_wide_whole_numbers_increase_as_viewers_read_them(counts: dict[int, int]) -> None:
    values = sorted(counts)
    found = window_from_histogram(np.array(values, dtype="int64"), [counts[value] for value in values], "int64")
    assert float(found.start) < float(found.end)


def test_f41_duplicate_labels_become_unique_with_a_warning() -> None:
    with pytest.warns(ConvertersToolsWarning, match="'GFP' to 'GFP_2'"):
        found = omero([Channel("GFP"), Channel("GFP")], [default_window("uint16")] * 2)
    assert [channel["label"] for channel in found["channels"]] == ["GFP", "GFP_2"]
    with pytest.warns(ConvertersToolsWarning, match="'GFP' to 'GFP_3'"):
        assert unique_labels(["GFP", "GFP", "GFP_2"]) == ["GFP", "GFP_3", "GFP_2"]


@given(st.lists(st.sampled_from(["a", "a_2", "a_3", "b", "", " a"]), max_size=8))
def test_f41_labels_are_unique_and_the_first_keeps_its_own(labels: list[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = unique_labels(labels)
    assert len(set(found)) == len(labels)
    for index, label in enumerate(labels):
        if label.strip() == label and label and label not in labels[:index]:
            assert found[index] == label


def test_colours_lose_their_hash_and_wavelengths_stay() -> None:
    found = omero([Channel("DAPI", "405", "#00f"), Channel("GFP", None, "#00FF00")], [default_window("uint8")] * 2)
    assert [channel["color"] for channel in found["channels"]] == ["0000FF", "00FF00"]
    assert found["channels"][0]["wavelength_id"] == "405"
    assert "wavelength_id" not in found["channels"][1]
    assert hex_color("Blue (0000FF)") == "0000FF"
    with pytest.raises(ConvertersToolsUserError, match="#RRGGBB"):
        hex_color("blueish")


def test_channels_without_description_get_names_and_distinct_colours() -> None:
    found = omero(None, [default_window("uint8")] * 4)["channels"]
    assert [channel["label"] for channel in found] == [f"channel_{index}" for index in range(4)]
    assert len({channel["color"] for channel in found}) == 4
    rgb = omero(None, [default_window("uint8", rgb=True)] * 3, rgb=True)["channels"]
    assert [channel["color"] for channel in rgb] == ["FF0000", "00FF00", "0000FF"]


def test_f42_more_descriptions_than_channels_are_refused() -> None:
    with pytest.raises(ConvertersToolsUserError, match="1 channels, but 2 are described"):
        omero([Channel("a"), Channel("b")], [default_window("uint8")])
