"""The loader of common image files: type, shape and axes come from the file."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from made_files import X, Y, agrees, block, loader, noise

from fractal_omezarr_converters.errors import (
    ConvertersToolsUserError,
)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "uint32", "float64", "int8"])
@pytest.mark.parametrize(
    "options", [{}, {"compression": "zlib"}, {"tile": (16, 16), "compression": "lzw"}, {"rowsperstrip": 5}]
)
def test_f19_type_and_shape_come_from_the_header(tmp_path: Path, dtype: str, options: dict[str, Any]) -> None:
    pixels = noise(Y, X, dtype=dtype)
    tifffile.imwrite(tmp_path / "a.tif", pixels, **options)
    load = loader(tmp_path / "a.tif")
    assert load.find_data_type() == dtype
    agrees(load, pixels, "yx")


def test_big_endian_pixels_come_in_the_order_of_the_computer(tmp_path: Path) -> None:
    pixels = noise(3, Y, X)
    tifffile.imwrite(tmp_path / "a.tif", pixels, byteorder=">", photometric="minisblack")
    agrees(loader(tmp_path / "a.tif"), pixels, "qyx")
    assert loader(tmp_path / "a.tif").load_data().dtype.isnative


@pytest.mark.parametrize("axes", ["TZCYX", "ZYX", "CYX", "TCYX", "ZCYX"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_f22_f29_axes_of_ome_tiff_are_placed_by_name(tmp_path: Path, axes: str, compression: str | None) -> None:
    sizes = {"T": 2, "Z": 3, "C": 4, "Y": Y, "X": X}
    pixels = noise(*(sizes[axis] for axis in axes))
    tifffile.imwrite(
        tmp_path / "a.ome.tif", pixels, metadata={"axes": axes}, compression=compression, photometric="minisblack"
    )
    canonical = [axis for axis in "TCZYX" if axis in axes]
    expected = pixels.transpose([axes.index(axis) for axis in canonical])
    agrees(loader(tmp_path / "a.ome.tif"), expected, "".join(canonical).lower())


@pytest.mark.parametrize("axes", ["TZCYX", "ZYX", "CYX"])
def test_f22_axes_of_imagej_files_are_placed_by_name(tmp_path: Path, axes: str) -> None:
    sizes = {"T": 2, "Z": 3, "C": 4, "Y": Y, "X": X}
    pixels = noise(*(sizes[axis] for axis in axes))
    tifffile.imwrite(tmp_path / "a.tif", pixels, imagej=True, metadata={"axes": axes})
    canonical = [axis for axis in "TCZYX" if axis in axes]
    expected = pixels.transpose([axes.index(axis) for axis in canonical])
    agrees(loader(tmp_path / "a.tif"), expected, "".join(canonical).lower())


def test_f29_axes_in_another_order_are_transposed_by_name(tmp_path: Path) -> None:
    pixels = noise(4, 2, Y, X)
    tifffile.imwrite(tmp_path / "a.tif", pixels, metadata={"axes": "ZTYX"}, photometric="minisblack")
    agrees(loader(tmp_path / "a.tif"), pixels.transpose(1, 0, 2, 3), "tzyx")


def test_imagej_file_stored_in_one_piece_is_read_beyond_its_first_page(tmp_path: Path) -> None:
    pixels = noise(5, Y, X)
    tifffile.imwrite(tmp_path / "a.tif", pixels, imagej=True, metadata={"axes": "ZYX"}, contiguous=True)
    agrees(loader(tmp_path / "a.tif", z=3), pixels[3], "yx")
    agrees(loader(tmp_path / "a.tif"), pixels, "zyx")


def test_f22_a_z_stack_is_an_error_where_channels_are_stated(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.ome.tif", noise(3, Y, X), metadata={"axes": "ZYX"}, photometric="minisblack")
    with pytest.raises(ConvertersToolsUserError, match=r"a\.ome\.tif' holds z=3, y=21, x=34, but .* c=3"):
        block(loader(tmp_path / "a.ome.tif"), "cyx", (1, 3, 1, Y, X))


@pytest.mark.parametrize(("lengths", "axis"), [((1, 3, 1, Y, X), 1), ((1, 1, 3, Y, X), 2), ((3, 1, 1, Y, X), 0)])
def test_f22_pages_without_a_name_become_the_axis_of_their_length(
    tmp_path: Path, lengths: tuple[int, ...], axis: int
) -> None:
    pixels = noise(3, Y, X)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack")
    found = block(loader(tmp_path / "a.tif"), "tczyx", lengths)
    assert found.shape == lengths
    np.testing.assert_array_equal(np.moveaxis(found, axis, 0).reshape(3, Y, X), pixels)


def test_f24_wrong_shape_names_file_expected_and_found(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(Y, X))
    with pytest.raises(
        ConvertersToolsUserError, match=r"a\.tif' holds y=21, x=34, but the tile is stated as y=34, x=21"
    ):
        block(loader(tmp_path / "a.tif"), "yx", (1, 1, 1, X, Y))
    with pytest.raises(ConvertersToolsUserError, match=r"stated as z=2, y=21, x=34"):
        block(loader(tmp_path / "a.tif"), "zyx", (1, 1, 2, Y, X))


@pytest.mark.parametrize("suffix", ["tif", "tiff", "TIF", "tf2", "tf8", "btf", "stk"])
def test_suffixes_of_tiff(tmp_path: Path, suffix: str) -> None:
    pixels = noise(Y, X)
    tifffile.imwrite(tmp_path / f"a.{suffix}", pixels)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        agrees(loader(tmp_path / f"a.{suffix}"), pixels, "yx")


@pytest.mark.parametrize("compression", ["lzw", "zlib", "zstd", "packbits", "lzma"])
@pytest.mark.parametrize("byteorder", ["<", ">"])
@pytest.mark.parametrize("bigtiff", [False, True])
def test_compressed_tiles_of_both_byte_orders(tmp_path: Path, compression: str, byteorder: str, bigtiff: bool) -> None:
    pixels = noise(2, Y, X) * 251
    options = {"compression": compression, "byteorder": byteorder, "bigtiff": bigtiff}
    tifffile.imwrite(tmp_path / "a.tif", pixels, tile=(16, 16), photometric="minisblack", **options)
    agrees(loader(tmp_path / "a.tif"), pixels, "qyx")


def test_f22_pages_that_the_file_calls_q_have_no_name(tmp_path: Path) -> None:
    pixels = noise(5, Y, X)
    tifffile.imwrite(tmp_path / "a.tif", pixels, metadata={"axes": "QYX"}, photometric="minisblack")
    agrees(loader(tmp_path / "a.tif"), pixels, "qyx")
    agrees(loader(tmp_path / "a.tif", z=3), pixels[3], "yx")
    agrees(loader(tmp_path / "a.tif", plane=4), pixels[4], "yx")


@pytest.mark.parametrize("axes", ["XY", "ZXY"])
def test_f29_rows_and_columns_that_are_exchanged_are_put_right(tmp_path: Path, axes: str) -> None:
    pixels = noise(*(3, X, Y)[-len(axes) :])
    tifffile.imwrite(tmp_path / "a.tif", pixels, metadata={"axes": axes}, photometric="minisblack")
    agrees(loader(tmp_path / "a.tif"), pixels.swapaxes(-1, -2), "zyx"[-len(axes) :])


def test_planes_of_an_ome_tiff_without_a_list_follow_its_order(tmp_path: Path) -> None:
    pixels = noise(3, 2, Y, X)
    xml = (
        f'<OME><Image ID="Image:0"><Pixels DimensionOrder="XYCZT" Type="uint16" SizeX="{X}" SizeY="{Y}" SizeZ="3" SizeC="2" '
        'SizeT="1"><Channel SamplesPerPixel="1"/><Channel SamplesPerPixel="1"/><TiffData/></Pixels></Image></OME>'
    )
    tifffile.imwrite(
        tmp_path / "a.ome.tif", pixels.reshape(6, Y, X), description=xml, metadata=None, photometric="minisblack"
    )
    agrees(loader(tmp_path / "a.ome.tif"), pixels.swapaxes(0, 1), "czyx")


@pytest.mark.parametrize("name", ["a.tif", "a.npy"])
def test_complex_numbers_are_refused_with_the_name_of_the_file(tmp_path: Path, name: str) -> None:
    pixels = noise(Y, X).astype("complex64")
    tifffile.imwrite(tmp_path / name, pixels) if name == "a.tif" else np.save(tmp_path / name, pixels)
    with pytest.raises(ConvertersToolsUserError, match=rf"{name}'.*complex64"):
        loader(tmp_path / name).shape_and_dtype()
