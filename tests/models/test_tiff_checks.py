"""TIFF files whose tags leave open where pixels are, or what they mean, are refused by name."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from made_files import RNG, X, Y, agrees, loader, noise

from fractal_omezarr_converters.errors import ConvertersToolsUserError

Array = np.ndarray[Any, Any]


def _write_strip(path: Path, shape: tuple[int, int], data: bytes, tags: dict[int, int], order: str = "<") -> None:
    """Write a grey page of one strip, by hand: tifffile writes no such files."""
    stated = {256: shape[1], 257: shape[0], 259: 1, 262: 1, 273: 8, 277: 1, 278: shape[0], 279: len(data)}
    page = b"".join(struct.pack(order + "HHII", tag, 4, 1, value) for tag, value in sorted((stated | tags).items()))
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 8 + len(data))
    path.write_bytes(head + data + struct.pack(order + "H", len(stated | tags)) + page + bytes(4))


def _with_tag(path: Path, old: int, new: int, value: int | None = None) -> None:
    """Give one tag of the only page of a little-endian file another number, and a value that lies in the tag."""
    data = bytearray(path.read_bytes())
    (place,) = struct.unpack("<I", data[4:8])
    for entry in range(place + 2, place + 2 + 12 * struct.unpack("<H", data[place : place + 2])[0], 12):
        if struct.unpack("<H", data[entry : entry + 2]) == (old,):
            kind = 3 if value is not None else struct.unpack("<H", data[entry + 2 : entry + 4])[0]
            data[entry : entry + 4] = struct.pack("<HH", new, kind)
            if value is not None:
                data[entry + 4 : entry + 12] = struct.pack("<II", 1, value)
    path.write_bytes(data)


@pytest.mark.parametrize("rows", [5, Y])
def test_strips_of_which_no_length_is_stated(tmp_path: Path, rows: int) -> None:
    path, pixels = tmp_path / "a.tif", noise(Y, X)
    tifffile.imwrite(path, pixels, rowsperstrip=rows, metadata=None)
    _with_tag(path, 279, 280)
    if rows == Y:  # one strip, uncompressed: there is only one length that it can have
        agrees(loader(path), pixels, "yx")
    else:
        with pytest.raises(
            ConvertersToolsUserError, match=r"a\.tif' cannot be read \(page 0 states the place and length of 1"
        ):
            loader(path).load_data()


def _packed(values: Array, bits: int) -> bytes:
    """Pack the rows, the highest bit first."""
    rows = ["".join(f"{value:0{bits}b}" for value in row) for row in values.tolist()]
    return b"".join(int(row, 2).to_bytes(len(row) // 8) for row in rows)


@pytest.mark.parametrize("bits", [4, 12])
@pytest.mark.parametrize("compression", [1, 8])
def test_differences_of_packed_samples_are_refused(tmp_path: Path, bits: int, compression: int) -> None:
    path, pixels = tmp_path / "a.tif", RNG.integers(0, 2**bits, (Y, 32))
    stored = _packed(pixels, bits) if compression == 1 else zlib.compress(_packed(pixels, bits))
    _write_strip(path, (Y, 32), stored, {258: bits, 259: compression})
    dtype = "uint8" if bits == 4 else "uint16"
    agrees(loader(path), pixels.astype(dtype), "yx")
    _write_strip(path, (Y, 32), stored, {258: bits, 259: compression, 317: 2})
    with pytest.raises(
        ConvertersToolsUserError, match=rf"a\.tif' stores samples of {bits} bits as differences .* page 0.*save"
    ):
        loader(path).load_data()


@pytest.mark.parametrize("order", ["<", ">"])
def test_samples_of_24_bits_are_refused(tmp_path: Path, order: str) -> None:
    pixels = RNG.integers(0, 2**24, (Y, X))
    _write_strip(tmp_path / "a.tif", (Y, X), _packed(pixels, 24), {258: 24}, order)
    with pytest.raises(
        ConvertersToolsUserError, match=r"a\.tif' stores samples of 24 bits of the kind 1 \(SampleFormat\)"
    ):
        loader(tmp_path / "a.tif").load_data()


@pytest.mark.parametrize("tags", [{339: 0}, {339: 2, 258: 12}])
def test_samples_of_an_unknown_kind_are_named(tmp_path: Path, tags: dict[int, int]) -> None:
    _write_strip(tmp_path / "a.tif", (Y, 32), bytes(Y * 64), {258: 16} | tags)
    with pytest.raises(ConvertersToolsUserError, match=r"a\.tif' stores samples of 1[26] bits of the kind [02]"):
        loader(tmp_path / "a.tif").shape_and_dtype()


@pytest.mark.parametrize("held", [2, 4, 5])
def test_a_stack_of_imagej_that_was_cut_off_is_refused(tmp_path: Path, held: int) -> None:
    path, pixels = tmp_path / "a.tif", noise(5, Y, X)
    tifffile.imwrite(path, pixels, imagej=True, metadata={"axes": "ZYX"}, truncate=True)
    with tifffile.TiffFile(path) as file:
        (first,) = file.pages.first.dataoffsets
    path.write_bytes(path.read_bytes()[: first + held * pixels[0].nbytes + 10 * (held < 5)])
    agrees(loader(path, page=0), pixels[0], "yx")
    if held == 5:
        agrees(loader(path), pixels, "zyx")
        return
    for chosen in ({}, {"z": 1}):
        with pytest.raises(
            ConvertersToolsUserError, match=rf"a\.tif'.* \(its description states 5 planes, .* after {held} of"
        ):
            loader(path, **chosen).shape_and_dtype()


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"rowsperstrip": 5}, {"tile": (16, 16)}])
def test_pixels_without_a_place_are_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    path, pixels = tmp_path / "a.tif", noise(Y, X)
    tifffile.imwrite(path, pixels, metadata=None, **options)
    with tifffile.TiffFile(path, mode="r+") as file:
        tag = file.pages.first.tags[324 if "tile" in options else 273]
        tag.overwrite([0, *tag.value[1:]])
    out = np.zeros_like(pixels)
    for read in (loader(path).shape_and_dtype, loader(path).load_data, lambda: loader(path).load_into(out)):
        with pytest.raises(ConvertersToolsUserError, match=r"a\.tif'.*page 0 states no place for some of its pixels"):
            read()


@pytest.mark.parametrize("held", [1, 1.5, 3, 4])
def test_a_stack_of_metamorph_that_was_cut_off_is_refused(tmp_path: Path, held: float) -> None:
    pixels, path = noise(4, Y, X), tmp_path / "a.stk"
    times = b"".join(struct.pack("<6I", 0, 1, 2458849, 1000 * n, 2458849, 0) for n in range(4))
    place = 8 + 2 + 12 * 11 + 4
    tags = {256: (4, 1, X), 257: (4, 1, Y), 258: (3, 1, 16), 259: (3, 1, 1), 262: (3, 1, 1)}
    tags |= {273: (4, 1, place + len(times) + 8), 277: (3, 1, 1), 278: (4, 1, Y), 279: (4, 1, pixels[0].nbytes)}
    tags |= {33628: (4, 1, place + len(times)), 33629: (5, 4, place)}
    page = b"".join(struct.pack("<HHII", tag, *rest) for tag, rest in tags.items()) + bytes(4)
    head = b"II" + struct.pack("<HIH", 42, 8, len(tags)) + page + times + struct.pack("<II", 1, 1)
    path.write_bytes(head + pixels.tobytes()[: int(held * pixels[0].nbytes)])
    if held == 4:
        np.testing.assert_array_equal(loader(path).load_data(), pixels)
        return
    agrees(loader(path, page=0), pixels[0], "yx")
    with pytest.raises(ConvertersToolsUserError, match=r"a\.stk' cannot be read"):
        loader(path).load_data()
