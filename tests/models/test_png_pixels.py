"""Grey PNG files straight into arrays: the same pixels as the decoder's own way, and the same refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.loaders import DefaultImageLoader
from fractal_omezarr_converters.models.png_pixels import _with_stored_rows


def picture(dtype: str, height: int = 83, width: int = 301) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(1)
    smooth = np.add.outer(np.arange(height) * 3, np.arange(width))
    return (smooth + rng.integers(0, 40, (height, width))).astype(dtype)


def into(path: Path, shape: tuple[int, int], dtype: str) -> np.ndarray[Any, Any] | None:
    place = np.full(shape, 77, dtype)
    return place if DefaultImageLoader(file_path=str(path)).load_into(place) else None


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("level", [0, 1, 9])
@pytest.mark.parametrize("writer", ["imagecodecs", "pillow"])
def test_grey_pixels_are_read_into_their_place(tmp_path: Path, dtype: str, level: int, writer: str) -> None:
    pixels = picture(dtype, 700, 301)  # several stored blocks, several IDAT chunks
    if writer == "pillow":
        Image.fromarray(pixels).save(tmp_path / "a.png", compress_level=level)
    else:
        (tmp_path / "a.png").write_bytes(imagecodecs.png_encode(pixels, level))
    found = into(tmp_path / "a.png", pixels.shape, dtype)
    assert found is not None
    np.testing.assert_array_equal(found, pixels)
    again = _with_stored_rows((tmp_path / "a.png").read_bytes(), 700, 301 * pixels.itemsize)
    assert again is not None
    np.testing.assert_array_equal(imagecodecs.png_decode(again), pixels)


def test_other_places_and_other_pictures_are_left_to_the_ordinary_way(tmp_path: Path) -> None:
    pixels = picture("uint8")
    for name, image, options in (
        ("transparent.png", Image.fromarray(pixels), {"transparency": 7}),
        ("bits.png", Image.fromarray(pixels > 100), {}),
        ("palette.png", Image.fromarray(pixels).convert("P"), {}),
        ("colour.png", Image.fromarray(np.stack([pixels] * 3, axis=-1)), {}),
    ):
        image.save(tmp_path / name, **options)
        assert into(tmp_path / name, pixels.shape, "uint8") is None, name
    imagecodecs.imwrite(tmp_path / "a.png", pixels)
    assert into(tmp_path / "a.png", pixels.shape, "uint16") is None
    assert into(tmp_path / "a.png", pixels.shape[::-1], "uint8") is None
    np.testing.assert_array_equal(
        DefaultImageLoader(file_path=str(tmp_path / "transparent.png")).load_data().reshape(pixels.shape), pixels
    )


@pytest.mark.parametrize("damage", ["cut", "changed", "sum"])
def test_damaged_pictures_are_named(tmp_path: Path, damage: str) -> None:
    data = bytearray(imagecodecs.png_encode(picture("uint16")))
    middle = len(data) // 2
    if damage == "cut":
        del data[middle:]
    elif damage == "changed":
        data[middle] ^= 0xFF
    else:
        data[-20] ^= 0xFF  # the sum over the pixels at the end of the last IDAT chunk
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(ConvertersToolsUserError, match=r"a\.png"):
        into(tmp_path / "a.png", (83, 301), "uint16")
