"""Plain TIFF files straight into arrays: the same pixels as by the ordinary way, and nothing that is not plain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.image_files import chosen_part
from fractal_omezarr_converters.models.loaders import DefaultImageLoader
from fractal_omezarr_converters.models.plain_tiff import plain_header, read_plain_tiff
from fractal_omezarr_converters.models.planes import Selection


def noise(height: int = 70, width: int = 91, dtype: str = "uint16") -> np.ndarray[Any, Any]:
    return np.random.default_rng(2).integers(0, 250, (height, width)).astype(dtype)


def read(path: Path, shape: tuple[int, ...] = (70, 91), dtype: str = "uint16") -> np.ndarray[Any, Any] | None:
    place = np.full(shape, 99, dtype)
    return place if read_plain_tiff(str(path), place) else None


def header_of_library(path: Path) -> tuple[tuple[int, ...], str, str]:
    with chosen_part(str(path), Selection()) as part:
        return tuple(part.sizes.values()), str(part.planes.stored_dtype), "".join(part.sizes)


PLAIN: dict[str, dict[str, Any]] = {
    "as it comes": {},
    "no description": {"metadata": None},
    "a description": {"metadata": None, "description": "Exposure 10 ms"},
    "strips": {"rowsperstrip": 7},
    "one row a strip": {"rowsperstrip": 1},
    "resolution and software": {"resolution": (3, 3), "software": "scope", "datetime": True},
    "ImageJ": {"imagej": True},
}


@pytest.mark.parametrize("options", PLAIN.values(), ids=PLAIN.keys())
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "uint32", "float32", "float64"])
def test_plain_pixels_are_read_into_their_place(tmp_path: Path, options: dict[str, Any], dtype: str) -> None:
    if options.get("imagej") and dtype not in ("uint8", "uint16", "float32"):
        pytest.skip("ImageJ has no such pixels")
    pixels = noise(dtype=dtype)
    tifffile.imwrite(tmp_path / "a.tif", pixels, byteorder="<", **options)
    found = read(tmp_path / "a.tif", dtype=dtype)
    assert found is not None
    np.testing.assert_array_equal(found, pixels)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), pixels)
    header = plain_header(str(tmp_path / "a.tif"))
    assert header is not None
    assert (header.shape, header.dtype, "yx") == header_of_library(tmp_path / "a.tif")


@pytest.mark.parametrize("mode", ["L", "I;16", "F"])
def test_pages_that_end_with_their_tags_are_plain_too(tmp_path: Path, mode: str) -> None:
    pixels = noise(dtype={"L": "uint8", "I;16": "uint16", "F": "float32"}[mode])
    Image.fromarray(pixels).save(tmp_path / "a.tif")
    found = read(tmp_path / "a.tif", dtype=str(pixels.dtype))
    assert found is not None
    np.testing.assert_array_equal(found, pixels)


def test_small_images_behind_long_headers_are_plain_too(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(4, 6), metadata=None, description="where it was taken " * 9)
    assert (tmp_path / "a.tif").stat().st_size > 4 * noise(4, 6).nbytes
    header = plain_header(str(tmp_path / "a.tif"))
    assert header is not None
    assert (header.shape, header.dtype, "yx") == header_of_library(tmp_path / "a.tif")
    with (tmp_path / "a.tif").open("ab") as file:  # room for another plane
        file.write(bytes(noise(4, 6).nbytes))
    assert plain_header(str(tmp_path / "a.tif")) is None


NOT_PLAIN: dict[str, dict[str, Any]] = {
    "other byte order": {"byteorder": ">"},
    "big": {"bigtiff": True},
    "compressed": {"compression": "packbits"},
    "tiles": {"tile": (16, 16)},
    "white is 0": {"photometric": "miniswhite"},
    "described as another shape": {"metadata": {"shape": (91, 70)}, "description": '{"shape": [91, 70]}'},
    "a colour table": {"photometric": "palette", "colormap": np.zeros((3, 65536), "uint16")},
    "a tag of a maker": {"extratags": [(51000, "s", 0, "what?", True)]},
    "levels below": {"subifds": 1},
}


@pytest.mark.parametrize("options", NOT_PLAIN.values(), ids=NOT_PLAIN.keys())
def test_everything_else_is_left_to_the_ordinary_way(tmp_path: Path, options: dict[str, Any]) -> None:
    pixels = noise()
    if "description" in options:
        options = {"metadata": None, "description": options["description"]}
    with tifffile.TiffWriter(
        tmp_path / "a.tif", bigtiff=options.get("bigtiff", False), byteorder=options.get("byteorder", "<")
    ) as file:
        file.write(pixels, **{key: value for key, value in options.items() if key not in ("bigtiff", "byteorder")})
        if "subifds" in options:
            file.write(pixels[::2, ::2], subfiletype=1)
    assert read(tmp_path / "a.tif") is None
    assert plain_header(str(tmp_path / "a.tif")) is None


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "lzw"},
        {"compression": "zlib", "predictor": True},
        {"compression": "lzw", "rowsperstrip": 7, "extratags": [(65200, "s", 0, "<Flex/>", True)]},
        {"compression": "adobe_deflate", "description": "Exposure 10 ms"},
    ],
)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_headers_of_compressed_files_are_read_alike(tmp_path: Path, options: dict[str, Any], dtype: str) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, noise(dtype=dtype), byteorder="<", metadata=None, **options)
    header = plain_header(str(path))
    assert header is not None
    assert (header.shape, header.dtype, "yx") == header_of_library(path)
    assert read(path, dtype=dtype) is None  # pixels are left to the library
    data = path.read_bytes()
    place = int(tifffile.TiffFile(path).pages.first.dataoffsets[-1])
    path.write_bytes(data[: place + 5])
    assert plain_header(str(path)) is None
    with pytest.raises(ConvertersToolsUserError, match="the file ends at"):
        header_of_library(path)


@pytest.mark.parametrize(
    "options",
    [
        {"compression": "zlib", "photometric": "miniswhite"},
        {"compression": "zlib", "tile": (16, 16)},
        {"compression": "packbits"},
        {"compression": "zlib", "description": "ImageJ=1.54f\nimages=2"},
        {"compression": "zlib", "description": '{"shape": [91, 70]}'},
    ],
)
def test_other_compressed_files_are_left_to_the_library(tmp_path: Path, options: dict[str, Any]) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(dtype="uint8"), byteorder="<", metadata=None, **options)
    assert plain_header(str(tmp_path / "a.tif")) is None


def test_files_of_several_pages_or_planes_are_not_plain(tmp_path: Path) -> None:
    stack = np.stack([noise(), noise()])
    tifffile.imwrite(tmp_path / "pages.tif", stack)
    tifffile.imwrite(tmp_path / "hyper.tif", stack, imagej=True)
    tifffile.imwrite(tmp_path / "colour.tif", np.stack([noise()] * 3, axis=-1), photometric="rgb")
    for name in ("pages.tif", "hyper.tif", "colour.tif"):
        assert read(tmp_path / name) is None, name
        assert plain_header(str(tmp_path / name)) is None, name
    tifffile.imwrite(tmp_path / "a.tif", noise())
    assert read(tmp_path / "a.tif", (91, 70)) is None
    assert read(tmp_path / "a.tif", dtype="int16") is None
    assert read(tmp_path / "a.tif", (70, 182), "uint8") is None
    assert read(tmp_path / "missing.tif") is None
    assert read(tmp_path) is None


@pytest.mark.parametrize("kept", [0, 6, 100, 300, 5000, -1])
def test_files_that_were_cut_off_are_refused_by_name(tmp_path: Path, kept: int) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise())
    data = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "a.tif").write_bytes(data[:kept])
    place = np.zeros((70, 91), "uint16")
    assert not read_plain_tiff(str(tmp_path / "a.tif"), place)
    assert plain_header(str(tmp_path / "a.tif")) is None
    with pytest.raises(ConvertersToolsUserError, match=r"a\.tif"):
        DefaultImageLoader(file_path=str(tmp_path / "a.tif")).load_into(place)


@pytest.mark.parametrize("damaged", range(8, 250, 3))
def test_damaged_tags_give_the_right_pixels_or_none(tmp_path: Path, damaged: int) -> None:
    pixels = noise()
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    data = bytearray((tmp_path / "a.tif").read_bytes())
    data[damaged] ^= 0x55
    (tmp_path / "a.tif").write_bytes(data)
    found = read(tmp_path / "a.tif")
    try:
        expected = DefaultImageLoader(file_path=str(tmp_path / "a.tif"), page=0).load_data()
    except ConvertersToolsUserError:
        expected = None
    assert found is None or (expected is not None and np.array_equal(found, expected))
    header = plain_header(str(tmp_path / "a.tif"))
    try:
        stated = header_of_library(tmp_path / "a.tif")
    except ConvertersToolsUserError:
        stated = None
    assert header is None or (header.shape, header.dtype, "yx") == stated


@pytest.mark.parametrize("chosen", [{}, {"page": 0}, {"z": 0}, {"series": 0}, {"level": 0}, {"page": 1}])
def test_loaders_give_the_same_plane_in_both_ways(tmp_path: Path, chosen: dict[str, int]) -> None:
    planes = [noise(), noise()[::-1]]
    for name, pages in (("one.tif", planes[:1]), ("two.tif", planes)):
        tifffile.imwrite(tmp_path / name, np.stack(pages), metadata=None, photometric="minisblack")
        loader = DefaultImageLoader(file_path=str(tmp_path / name), **chosen)
        place = np.zeros((70, 91), "uint16")
        if "page" not in chosen and len(pages) == 2:
            continue
        if chosen.get("page", 0) >= len(pages):
            with pytest.raises(ConvertersToolsUserError, match="page 1"):
                loader.load_into(place)
            continue
        assert loader.load_into(place)
        np.testing.assert_array_equal(place, loader.load_data())
