"""Pixels read straight into their place are those that are loaded; what is stored otherwise is left to loading."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from fractal_omezarr_converters.errors import ConvertersToolsUserError, ConvertersToolsWarning
from fractal_omezarr_converters.models.loaders import DefaultImageLoader

PLANE = np.random.default_rng(7).integers(0, 60000, (18, 23)).astype(np.uint16)

STRAIGHT: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "16 bit": (PLANE, {}),
    "8 bit": (PLANE.astype(np.uint8), {}),
    "signed": (PLANE.astype(np.int16), {}),
    "float": (PLANE.astype(np.float32), {}),
    "several strips": (PLANE, {"rowsperstrip": 5}),
    "BigTIFF": (PLANE, {"bigtiff": True}),
    "zlib": (PLANE, {"compression": "zlib", "rowsperstrip": 4}),
    "zlib, big endian": (PLANE, {"compression": "zlib", "byteorder": ">"}),
    "lzw": (PLANE, {"compression": "lzw"}),
    "predictor": (PLANE, {"compression": "zlib", "predictor": 2}),
    "tiles": (np.zeros((18, 23), np.uint16) + np.arange(23, dtype=np.uint16), {"tile": (16, 16)}),
    "compressed tiles": (PLANE, {"tile": (16, 16), "compression": "zlib"}),
}
OTHERWISE: dict[str, tuple[np.ndarray, dict[str, Any]]] = {
    "big endian": (PLANE, {"byteorder": ">"}),
    "colour": (np.zeros((18, 23, 3), np.uint8), {"photometric": "rgb"}),
    "bilevel": (PLANE > 30000, {}),
    "two planes": (np.stack([PLANE, PLANE]), {}),
}


def loaded_into(path: Path, dtype: Any, shape: tuple[int, ...] = (18, 23), **chosen: Any) -> np.ndarray | None:
    out = np.full(shape, 99, dtype)
    if DefaultImageLoader(file_path=str(path), **chosen).load_into(out):
        return out
    assert (out == np.asarray(99, dtype)).all(), "nothing may be touched when the answer is no"
    return None


@pytest.mark.parametrize("case", STRAIGHT)
def test_grey_planes_are_read_straight(tmp_path: Path, case: str) -> None:
    pixels, how = STRAIGHT[case]
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack", **how)
    found = loaded_into(tmp_path / "a.tif", pixels.dtype)
    assert found is not None
    np.testing.assert_array_equal(found, pixels)
    np.testing.assert_array_equal(found, DefaultImageLoader(file_path=str(tmp_path / "a.tif")).load_data())


@pytest.mark.parametrize("case", OTHERWISE)
def test_what_is_stored_otherwise_is_loaded(tmp_path: Path, case: str) -> None:
    pixels, how = OTHERWISE[case]
    tifffile.imwrite(tmp_path / "a.tif", pixels, **({"photometric": "minisblack"} | how))
    shape = pixels.shape[:2] if case != "two planes" else pixels.shape[1:]
    assert loaded_into(tmp_path / "a.tif", pixels.dtype if pixels.dtype != bool else np.uint8, shape) is None


@pytest.mark.parametrize("pixels", [np.zeros((18, 23, 3), np.uint8), np.stack([PLANE, PLANE])])
def test_an_array_for_more_than_a_plane_is_loaded(tmp_path: Path, pixels: np.ndarray) -> None:
    tifffile.imwrite(tmp_path / "a.tif", pixels, truncate=pixels.shape[0] == 2)
    found = DefaultImageLoader(file_path=str(tmp_path / "a.tif")).load_data()
    assert loaded_into(tmp_path / "a.tif", found.dtype, found.shape) is None


def test_a_compressed_plane_that_is_damaged_is_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PLANE, compression="zlib")
    data = bytearray((tmp_path / "a.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        first = file.pages[0].dataoffsets[0]
    data[first : first + 8] = b"x" * 8
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(ConvertersToolsUserError, match=r"a\.tif"):
        loaded_into(tmp_path / "a.tif", np.uint16)


def test_the_chosen_page_is_read(tmp_path: Path) -> None:
    stack = np.stack([PLANE, PLANE[::-1], PLANE.T.reshape(PLANE.shape)])
    tifffile.imwrite(tmp_path / "a.tif", stack, photometric="minisblack")
    for page in range(3):
        found = loaded_into(tmp_path / "a.tif", np.uint16, page=page)
        np.testing.assert_array_equal(found, stack[page])  # type: ignore[arg-type]
    assert loaded_into(tmp_path / "a.tif", np.uint16) is None


def test_another_shape_type_or_order_is_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PLANE)
    assert loaded_into(tmp_path / "a.tif", np.uint32) is None
    assert loaded_into(tmp_path / "a.tif", np.uint16, (23, 18)) is None
    turned = np.zeros((23, 18), np.uint16).T
    assert not DefaultImageLoader(file_path=str(tmp_path / "a.tif")).load_into(turned)


def test_a_file_that_was_cut_off_is_named(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", PLANE)
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(whole[:-10])
    with pytest.raises(ConvertersToolsUserError, match=r"a\.tif"):
        loaded_into(tmp_path / "a.tif", np.uint16)


def test_a_loader_that_changes_pixels_is_not_passed_by(tmp_path: Path) -> None:
    class Doubled(DefaultImageLoader):
        def load_data(self, resource: Any = None) -> np.ndarray[Any, Any]:
            return super().load_data(resource) * 2

    tifffile.imwrite(tmp_path / "a.tif", PLANE)
    assert not Doubled(file_path=str(tmp_path / "a.tif")).load_into(np.zeros(PLANE.shape, np.uint16))


def test_raster_and_array_files_are_loaded(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", PLANE)
    assert loaded_into(tmp_path / "a.npy", np.uint16) is None


def test_an_image_stored_with_white_as_0_is_never_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "white.tif"
    tifffile.imwrite(path, np.arange(48, dtype=np.uint8).reshape(6, 8), photometric="miniswhite", metadata=None)
    out = np.zeros((6, 8), np.uint8)
    loader = DefaultImageLoader(file_path=str(path))
    with pytest.warns(ConvertersToolsWarning):
        expected = loader.load_data()
    assert expected[0, 0] == 255
    assert not loader.load_into(out) or np.array_equal(out, expected)
