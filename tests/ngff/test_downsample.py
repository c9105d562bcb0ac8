"""Kernels of the pyramid: rounding, edges, and types."""

from __future__ import annotations

import numpy as np
import pytest
import slow_writer
from hypothesis import given
from hypothesis import strategies as st

from fractal_omezarr_converters.ngff.downsample import downsample


def shrunk(image, step, method="mean"):
    five = image.reshape((1,) * (5 - image.ndim) + image.shape)
    out = np.zeros([-(-n // f) for n, f in zip(five.shape, step)], image.dtype)
    downsample(five, step, method, out)
    return out


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    dtype=st.sampled_from(["u1", "u2"]),
    offset=st.integers(0, 1),
    limit=st.sampled_from([(1, -1), (1, 0), (2, 0), (4, -1)]),
)
def test_the_fast_mean_of_four_is_the_exact_one(height, width, dtype, offset, limit):
    quarters, more = limit
    high = (np.iinfo(dtype).max + 1) * quarters // 4 + more  # four of a quarter just do not add up within their type
    rng = np.random.default_rng(height * 41 + width)
    whole = rng.choice(np.array([0, 1, 2, 3, high - 1, high], dtype), (height, width + offset))
    image = whole[:, offset:]  # unaligned rows too
    expected = slow_writer.shrink(image[None, None, None], (1, 1, 1, 2, 2), "mean")
    np.testing.assert_array_equal(shrunk(image, (1, 1, 1, 2, 2)), expected)


@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("width", [1030, 1031])
def test_bright_and_dim_rows_of_one_plane_have_the_same_exact_mean(dtype, width):
    rng = np.random.default_rng(0)
    image = rng.integers(0, np.iinfo(dtype).max // 8, (1501, width)).astype(dtype)  # several blocks of rows
    image[600:640] = np.iinfo(dtype).max - image[600:640]
    whole = image.astype("i8")[: image.shape[0] // 2 * 2, : width // 2 * 2]
    total = whole[::2, ::2] + whole[::2, 1::2] + whole[1::2, ::2] + whole[1::2, 1::2]
    found = shrunk(image, (1, 1, 1, 2, 2))[0, 0, 0, : total.shape[0], : total.shape[1]]
    np.testing.assert_array_equal(found, np.rint(total / 4))


def test_f56_means_round_half_to_even_and_do_not_drift():
    image = np.random.default_rng(0).integers(90, 111, (1024, 1024)).astype("u2")
    level = image
    for _ in range(5):
        level = shrunk(level, (1, 1, 1, 2, 2))[0, 0, 0]
    assert abs(level.mean() - image.mean()) < 0.02
    assert shrunk(np.array([[0, 1], [0, 1]], "u1"), (1, 1, 1, 2, 2)).item() == 0
    assert shrunk(np.array([[1, 2], [1, 2]], "u1"), (1, 1, 1, 2, 2)).item() == 2


def test_f56_signal_in_the_last_row_of_an_odd_size_stays():
    image = np.zeros((101, 101), "u2")
    image[100, 100] = image[50, 50] = 60000
    level = shrunk(image, (1, 1, 1, 2, 2))[0, 0, 0]
    assert level.shape == (51, 51)
    assert level[50, 50] == 60000
    assert level[25, 25] == 15000


@pytest.mark.parametrize("dtype", ["u8", "i8"])
def test_the_largest_numbers_do_not_overflow(dtype):
    limits = np.iinfo(dtype)
    for value in (limits.max, limits.min, limits.max - 1):
        assert shrunk(np.full((6, 6), value, dtype), (1, 1, 1, 3, 3)).ravel().tolist() == [value] * 4


def test_labels_are_never_mixed():
    labels = np.array([[7, 7, 3], [9, 7, 3]], "u4")
    assert shrunk(labels, (1, 1, 1, 2, 2), "mode")[0, 0, 0].tolist() == [[7, 3]]


def test_nan_is_left_out_of_means():
    image = np.array([[1, np.nan, np.nan], [3, np.nan, np.nan]], "f4")
    np.testing.assert_array_equal(shrunk(image, (1, 1, 1, 2, 2))[0, 0, 0], np.array([[2, np.nan]], "f4"))
