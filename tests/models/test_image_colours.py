"""The loader of common image files: colour images, palettes, kinds of PNG, JPEG and BMP."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from made_files import RNG, X, Y, agrees, block, loader, noise
from PIL import Image

from fractal_omezarr_converters.errors import (
    ConvertersToolsUserError,
    ConvertersToolsWarning,
)


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("options", [{}, {"tile": (16, 16), "compression": "zlib"}])
def test_f23_colour_images_are_three_channels_or_grey(tmp_path: Path, planar: str, options: dict[str, Any]) -> None:
    rgb = noise(3, Y, X, dtype="uint8")
    stored = rgb if planar == "separate" else np.moveaxis(rgb, 0, -1)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar, **options)
    agrees(loader(tmp_path / "a.tif"), rgb, "cyx")
    agrees(loader(tmp_path / "a.tif", channel=2), rgb[2], "yx")
    assert loader(tmp_path / "a.tif").is_rgb()
    assert not loader(tmp_path / "a.tif", channel=2).is_rgb()
    weights = np.array([0.299, 0.587, 0.114]).reshape(3, 1, 1)
    agrees(loader(tmp_path / "a.tif", rgb="grey"), np.floor((rgb * weights).sum(0) + 0.5).astype("uint8"), "yx")
    assert block(loader(tmp_path / "a.tif"), "cyx", (1, 3, 1, Y, X)).shape == (1, 3, 1, Y, X)
    with pytest.raises(ConvertersToolsUserError, match=r"a\.tif' holds c=3.*colour image.*three channels"):
        block(loader(tmp_path / "a.tif"), "yx", (1, 1, 1, Y, X))


def test_f23_alpha_is_dropped_with_a_warning(tmp_path: Path) -> None:
    rgba = noise(Y, X, 4, dtype="uint8")
    tifffile.imwrite(tmp_path / "a.tif", rgba, photometric="rgb", extrasamples=["unassalpha"])
    imagecodecs.imwrite(tmp_path / "a.png", rgba)
    for name in ("a.tif", "a.png"):
        with pytest.warns(ConvertersToolsWarning, match="Transparency"):
            found = loader(tmp_path / name).load_data()
        np.testing.assert_array_equal(found, np.moveaxis(rgba[..., :3], -1, 0))


def test_f23_a_fourth_sample_that_is_not_alpha_is_kept(tmp_path: Path) -> None:
    pixels = noise(Y, X, 4)
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, photometric="minisblack", planarconfig="contig", extrasamples=[0, 0, 0]
    )
    agrees(loader(tmp_path / "a.tif"), np.moveaxis(pixels, -1, 0), "cyx")
    assert not loader(tmp_path / "a.tif").is_rgb()


def test_f23_time_lapse_of_colour_images(tmp_path: Path) -> None:
    pixels = noise(4, Y, X, 3, dtype="uint8")
    tifffile.imwrite(tmp_path / "a.ome.tif", pixels, metadata={"axes": "TYXS"}, photometric="rgb")
    agrees(loader(tmp_path / "a.ome.tif"), np.moveaxis(pixels, -1, 1), "tcyx")
    agrees(loader(tmp_path / "a.ome.tif", t=2, channel=1), pixels[2, ..., 1], "yx")


def test_f23_palettes_are_expanded_unless_they_are_a_ramp(tmp_path: Path) -> None:
    index = noise(Y, X, dtype="uint8")
    colors = RNG.integers(0, 256, (3, 256)).astype("uint16") * 257
    tifffile.imwrite(tmp_path / "a.tif", index, photometric="palette", colormap=colors)
    agrees(loader(tmp_path / "a.tif"), np.moveaxis((colors.T // 257).astype("uint8")[index], -1, 0), "cyx")
    agrees(loader(tmp_path / "a.tif", palette="index"), index, "yx")
    ramp = np.zeros((3, 256), "uint16")
    ramp[1] = np.arange(256) * 257
    tifffile.imwrite(tmp_path / "ramp.tif", index, photometric="palette", colormap=ramp)
    agrees(loader(tmp_path / "ramp.tif"), index, "yx")


def test_palette_of_two_colours(tmp_path: Path) -> None:
    stored, table = RNG.integers(0, 2, (Y, X)).astype(bool), np.array([[0, 200], [90, 10], [255, 60]], "uint8")
    data = np.packbits(stored, axis=1).tobytes()
    tags = {256: (4, 1, X), 257: (4, 1, Y), 258: (3, 1, 1), 259: (3, 1, 1), 262: (3, 1, 3), 273: (4, 1, 20)}
    tags |= {277: (3, 1, 1), 278: (4, 1, Y), 279: (4, 1, len(data)), 320: (3, 6, 8)}
    page = b"".join(struct.pack("<HHII", tag, *rest) for tag, rest in tags.items())
    head = b"II" + struct.pack("<HI6H", 42, 20 + len(data), *(table.astype("uint16") * 257).ravel())
    (tmp_path / "a.tif").write_bytes(head + data + struct.pack("<H", len(tags)) + page + bytes(4))
    agrees(loader(tmp_path / "a.tif"), np.moveaxis(table.T[stored.astype(int)], -1, 0), "cyx")
    agrees(loader(tmp_path / "a.tif", palette="index"), stored.astype("uint8"), "yx")


def test_16_bit_colour_png_keeps_its_bits(tmp_path: Path) -> None:
    pixels = noise(Y, X, 3) * 200
    imagecodecs.imwrite(tmp_path / "a.png", pixels)
    agrees(loader(tmp_path / "a.png"), np.moveaxis(pixels, -1, 0), "cyx")
    agrees(loader(tmp_path / "a.png", channel=1), pixels[..., 1], "yx")


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_grey_png(tmp_path: Path, dtype: str) -> None:
    pixels = noise(Y, X, dtype=dtype) * (1 if dtype == "uint8" else 260)
    imagecodecs.imwrite(tmp_path / "a.PNG", pixels)
    agrees(loader(tmp_path / "a.PNG"), pixels, "yx")
    assert not loader(tmp_path / "a.PNG").reads_parts()


def test_palette_png(tmp_path: Path) -> None:
    index = noise(Y, X, dtype="uint8")
    image = Image.fromarray(index).convert("P")
    colors = RNG.integers(0, 256, (256, 3)).astype("uint8")
    image.putpalette(colors.tobytes())
    image.save(tmp_path / "a.png")
    agrees(loader(tmp_path / "a.png"), np.moveaxis(colors[index], -1, 0), "cyx")
    Image.fromarray(index).convert("P", palette=Image.Palette.ADAPTIVE)
    image.putpalette(np.repeat(np.arange(256, dtype="uint8"), 3).tobytes())
    image.save(tmp_path / "ramp.png")
    agrees(loader(tmp_path / "ramp.png"), index, "yx")


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "bmp"])
def test_jpeg_and_bmp(tmp_path: Path, mode: str, suffix: str) -> None:
    shape = (Y, X) if mode == "L" else (Y, X, 3)
    Image.fromarray(noise(*shape, dtype="uint8")).save(tmp_path / f"a.{suffix}")
    expected = np.asarray(Image.open(tmp_path / f"a.{suffix}"))
    agrees(
        loader(tmp_path / f"a.{suffix}"),
        expected if mode == "L" else np.moveaxis(expected, -1, 0),
        "yx" if mode == "L" else "cyx",
    )


def test_imagej_file_with_a_colour_table_keeps_its_numbers(tmp_path: Path) -> None:
    index = noise(Y, X, dtype="uint8")
    table = RNG.integers(0, 256, (3, 256)).astype("uint8")
    tifffile.imwrite(tmp_path / "a.tif", index, imagej=True, metadata={"LUTs": [table]})
    agrees(loader(tmp_path / "a.tif"), index, "yx")
    colors = table.astype("uint16") * 257
    description = "ImageJ=1.53t\nimages=1\n"
    tifffile.imwrite(
        tmp_path / "b.tif", index, photometric="palette", colormap=colors, description=description, metadata=None
    )
    agrees(loader(tmp_path / "b.tif"), index, "yx")


def test_f23_imagej_stack_of_colour_images(tmp_path: Path) -> None:
    pixels = noise(2, Y, X, 3, dtype="uint8")
    tifffile.imwrite(tmp_path / "a.tif", pixels, imagej=True, metadata={"axes": "ZYXS"})
    agrees(loader(tmp_path / "a.tif"), pixels.transpose(3, 0, 1, 2), "czyx")
    assert loader(tmp_path / "a.tif").is_rgb()


def test_f23_colour_image_in_jpeg_compression_keeps_its_three_channels(tmp_path: Path) -> None:
    Image.fromarray(noise(Y, X, 3, dtype="uint8")).save(tmp_path / "a.tif", compression="jpeg")
    expected = np.moveaxis(np.asarray(Image.open(tmp_path / "a.tif")), -1, 0)
    agrees(loader(tmp_path / "a.tif"), expected, "cyx")


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp"])
def test_one_bit_per_pixel_becomes_0_and_1(tmp_path: Path, name: str) -> None:
    mask = noise(Y, X) > 100
    Image.fromarray(mask).save(tmp_path / name)
    agrees(loader(tmp_path / name), mask.astype("uint8"), "yx")


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_grey_png_of_few_bits_gives_the_stored_numbers(tmp_path: Path, bits: int) -> None:
    stored = (noise(Y, X) % 2**bits).astype("uint8")
    (tmp_path / "a.png").write_bytes(png(stored, bits))
    agrees(loader(tmp_path / "a.png"), stored, "yx")


def png(pixels: np.ndarray[Any, Any], bits: int) -> bytes:
    """Write a grey PNG of 1, 2 or 4 bits by hand: no library does."""
    each = np.unpackbits(pixels[..., np.newaxis], axis=-1)[..., -bits:].reshape(len(pixels), -1)
    rows = b"".join(b"\0" + row.tobytes() for row in np.packbits(each, axis=-1))
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], bits, 0, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    parts = [struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def test_a_grey_or_colour_declared_transparent_changes_no_pixel(tmp_path: Path) -> None:
    grey, rgb = noise(Y, X, dtype="uint8"), noise(Y, X, 3, dtype="uint8")
    Image.fromarray(grey).save(tmp_path / "grey.png", transparency=7)
    Image.fromarray(rgb).save(tmp_path / "rgb.png", transparency=(1, 2, 3))
    agrees(loader(tmp_path / "grey.png"), grey, "yx")
    agrees(loader(tmp_path / "rgb.png"), np.moveaxis(rgb, -1, 0), "cyx")


def test_f23_alpha_of_a_grey_png_is_dropped(tmp_path: Path) -> None:
    grey = noise(Y, X, dtype="uint8")
    Image.merge("LA", (Image.fromarray(grey), Image.fromarray(grey[::-1].copy()))).save(tmp_path / "a.png")
    with pytest.warns(ConvertersToolsWarning, match="Transparency"):
        np.testing.assert_array_equal(loader(tmp_path / "a.png").load_data(), grey)
