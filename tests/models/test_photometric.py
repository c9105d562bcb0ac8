"""Images stored as printing inks or with white as zero become intensities, with a warning; files of ImageJ keep their numbers."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from made_files import X, Y, agrees, loader
from PIL import Image

from fractal_omezarr_converters.errors import ConvertersToolsWarning

RNG = np.random.default_rng(11)
CMYK = RNG.integers(0, 256, (Y, X, 4)).astype("uint8")
pytestmark = pytest.mark.filterwarnings("ignore::fractal_omezarr_converters.errors.ConvertersToolsWarning")


def rgb_by_pillow(path: Path) -> np.ndarray[Any, Any]:
    with Image.open(path) as image:
        assert image.mode == "CMYK"
        return np.moveaxis(np.asarray(image.convert("RGB")), -1, 0)


@pytest.mark.parametrize(
    "options", [{}, {"tile": (16, 16), "compression": "zlib"}, {"planarconfig": "separate"}, {"compression": "lzw"}]
)
def test_inks_of_a_tiff_become_the_colours_that_pillow_gives(tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "print.tif"
    stored = np.moveaxis(CMYK, -1, 0) if options.get("planarconfig") else CMYK
    tifffile.imwrite(path, stored, photometric="separated", **{"planarconfig": "contig", **options})
    tifffile.imwrite(tmp_path / "plain.tif", CMYK, photometric="separated")
    agrees(loader(path), rgb_by_pillow(tmp_path / "plain.tif"), "cyx")
    assert loader(path).is_rgb()
    assert loader(path, rgb="grey").shape_and_dtype() == ((Y, X), "uint8")
    with pytest.warns(ConvertersToolsWarning, match=r"Images in '.*' \(such as 'print\.tif'\) are stored as .* ink"):
        loader(path).load_data()


def test_inks_of_16_bits_and_with_transparency(tmp_path: Path) -> None:
    wide = CMYK.astype("uint16") * 257
    tifffile.imwrite(tmp_path / "a.tif", wide, photometric="separated")
    tifffile.imwrite(tmp_path / "b.tif", CMYK, photometric="separated")
    narrow = rgb_by_pillow(tmp_path / "b.tif").astype("uint16") * 257
    found = loader(tmp_path / "a.tif").load_data()
    assert found.dtype == np.uint16
    assert np.abs(found.astype(int) - narrow).max() <= 257
    assert found[:, 3, 5].tolist() == [
        65535 - int(k) - (int(ink) * (65535 - int(k)) + 32767) // 65535 for *inks, k in [wide[3, 5]] for ink in inks
    ]
    see_through = np.concatenate([CMYK, CMYK[..., :1]], axis=-1)
    tifffile.imwrite(tmp_path / "c.tif", see_through, photometric="separated", extrasamples=["unassalpha"])
    agrees(loader(tmp_path / "c.tif"), rgb_by_pillow(tmp_path / "b.tif"), "cyx")


def test_several_planes_of_inks_stored_as_one_block(tmp_path: Path) -> None:
    stack = np.stack([CMYK, CMYK[::-1], np.roll(CMYK, 3, axis=1)])
    tifffile.imwrite(tmp_path / "s.tif", stack, photometric="separated", metadata={"axes": "ZYXS"})
    tifffile.imwrite(tmp_path / "b.tif", CMYK, photometric="separated")
    found = loader(tmp_path / "s.tif").load_data()
    assert loader(tmp_path / "s.tif").data_axes() == "czyx"
    np.testing.assert_array_equal(found[:, 0], rgb_by_pillow(tmp_path / "b.tif"))
    np.testing.assert_array_equal(found[:, 1], rgb_by_pillow(tmp_path / "b.tif")[:, ::-1])


@pytest.mark.parametrize("planar", ["contig", "separate"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_brightness_and_differences_of_colour_become_colours(
    tmp_path: Path, compression: str | None, planar: str
) -> None:
    colours = np.stack(np.meshgrid(*[np.arange(0, 256, 15, dtype="uint8")] * 3), axis=-1).reshape(18, -1, 3)
    stored = np.asarray(Image.fromarray(colours).convert("YCbCr"))
    pixels = np.moveaxis(stored, -1, 0) if planar == "separate" else stored
    tifffile.imwrite(
        tmp_path / "a.tif", pixels, photometric="ycbcr", planarconfig=planar, compression=compression, metadata=None
    )
    assert loader(tmp_path / "a.tif").is_rgb()
    with pytest.warns(ConvertersToolsWarning, match=r"'a\.tif'\) are stored as brightness and differences of colour"):
        found = loader(tmp_path / "a.tif").load_data()
    by_pillow = np.moveaxis(np.asarray(Image.fromarray(stored, "YCbCr").convert("RGB")), -1, 0)
    assert np.abs(found.astype(int) - by_pillow).max() <= 1
    kept = loader(tmp_path / "a.tif", palette="index").load_data()
    np.testing.assert_array_equal(kept, np.moveaxis(stored, -1, 0))


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_white_as_zero_beside_transparency(tmp_path: Path, compression: str | None) -> None:
    stored = RNG.integers(0, 250, (Y, X, 2)).astype("uint8")
    how: dict[str, Any] = {"photometric": "miniswhite", "planarconfig": "contig", "metadata": None}
    tifffile.imwrite(tmp_path / "a.tif", stored, extrasamples=["unassalpha"], compression=compression, **how)
    agrees(loader(tmp_path / "a.tif"), 255 - stored[..., 0], "yx")
    tifffile.imwrite(tmp_path / "b.tif", stored, extrasamples=["unspecified"], compression=compression, **how)
    agrees(loader(tmp_path / "b.tif"), np.moveaxis(stored, -1, 0), "cyx")


def test_other_inks_stay_channels(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", CMYK, photometric="separated", extratags=[(332, 3, 1, 2, True)])
    agrees(loader(tmp_path / "a.tif"), np.moveaxis(CMYK, -1, 0), "cyx")
    tifffile.imwrite(tmp_path / "f.tif", CMYK.astype("float32"), photometric="separated")
    assert loader(tmp_path / "f.tif").shape_and_dtype() == ((4, Y, X), "float32")
    tifffile.imwrite(tmp_path / "b.tif", CMYK, photometric="separated")
    agrees(loader(tmp_path / "b.tif", palette="index"), np.moveaxis(CMYK, -1, 0), "cyx")


def test_inks_of_a_jpeg(tmp_path: Path) -> None:
    path = tmp_path / "print.jpg"
    Image.fromarray(np.kron(CMYK, np.ones((8, 8, 1), "uint8")), "CMYK").save(path, quality=95)
    assert loader(path).is_rgb()
    with pytest.warns(ConvertersToolsWarning, match=r"such as 'print\.jpg'"):
        found = loader(path).load_data()
    np.testing.assert_array_equal(found, rgb_by_pillow(path))
    assert loader(path).shape_and_dtype() == ((3, 8 * Y, 8 * X), "uint8")
    kept = loader(path, palette="index")
    assert kept.load_data().shape == kept.shape_and_dtype()[0] == (4, 8 * Y, 8 * X)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "uint16", "uint32"])
@pytest.mark.parametrize("options", [{}, {"tile": (16, 16), "compression": "zlib"}, {"byteorder": ">"}])
def test_white_as_zero_is_inverted(tmp_path: Path, dtype: str, options: dict[str, Any]) -> None:
    bright = RNG.integers(0, 2 if dtype == "bool" else 250, (Y, X)).astype(dtype)
    stored = ~bright if dtype == "bool" else np.iinfo(dtype).max - bright
    if dtype == "bool":
        options = {key: value for key, value in options.items() if key == "byteorder"} | {"software": "Scanner 1.0"}
    tifffile.imwrite(tmp_path / "negative.tif", stored, photometric="miniswhite", metadata=None, **options)
    expected = bright.astype("uint8") if dtype == "bool" else bright
    agrees(loader(tmp_path / "negative.tif"), expected, "yx")
    out = np.empty((Y, X), expected.dtype)
    assert not loader(tmp_path / "negative.tif").load_into(out)
    with pytest.warns(ConvertersToolsWarning, match=r"such as 'negative\.tif'\) are stored with white as 0"):
        loader(tmp_path / "negative.tif").load_data()
    if dtype in ("bool", "uint8"):
        with Image.open(tmp_path / "negative.tif") as image:
            np.testing.assert_array_equal(np.asarray(image), bright)
    kept = loader(tmp_path / "negative.tif", palette="index").load_data()
    np.testing.assert_array_equal(kept, stored.astype(kept.dtype))


def test_packed_fax_pages_and_stacks_with_white_as_zero(tmp_path: Path) -> None:
    bright = RNG.integers(0, 2, (Y, X)).astype(bool)
    with Image.fromarray(bright) as image:
        image.encoderinfo = {}
        image.save(tmp_path / "fax.tif", compression="group4", tiffinfo={262: 0})
    with Image.open(tmp_path / "fax.tif") as image:
        assert image.tag_v2[262] == 0
        np.testing.assert_array_equal(np.asarray(image), bright)
    np.testing.assert_array_equal(loader(tmp_path / "fax.tif").load_data(), bright)
    stack = RNG.integers(0, 1000, (3, Y, X)).astype("uint16")
    tifffile.imwrite(tmp_path / "s.tif", 65535 - stack, photometric="miniswhite", metadata={"axes": "ZYX"})
    agrees(loader(tmp_path / "s.tif"), stack, "zyx")
    agrees(loader(tmp_path / "s.tif", page=1), stack[1], "yx")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"metadata": None},
        {"photometric": "minisblack"},
        {"photometric": "minisblack", "software": "Scanner 1.0"},
        {"byteorder": ">"},
    ],
)
def test_truth_values_of_tifffile_are_what_it_gives_back(tmp_path: Path, options: dict[str, Any]) -> None:
    masks = RNG.integers(0, 2, (3, Y, X)).astype(bool)
    tifffile.imwrite(tmp_path / "mask.tif", masks[0], **options)
    tifffile.imwrite(tmp_path / "masks.tif", masks, **{"metadata": {"axes": "ZYX"}, **options})
    tifffile.imwrite(tmp_path / "masks.ome.tif", masks, **{**options, "metadata": {"axes": "ZYX"}})
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "mask.tif"), masks[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvertersToolsWarning)
        agrees(loader(tmp_path / "mask.tif"), masks[0].astype("uint8"), "yx")
        agrees(loader(tmp_path / "masks.tif", page=2), masks[2].astype("uint8"), "yx")
        agrees(loader(tmp_path / "masks.ome.tif"), masks.astype("uint8"), "zyx")


def test_imagej_and_numbers_without_a_white_keep_what_is_stored(tmp_path: Path) -> None:
    mask = np.where(RNG.integers(0, 2, (Y, X)), 255, 0).astype("uint8")
    tifffile.imwrite(tmp_path / "mask.tif", mask, imagej=True, photometric="miniswhite")
    assert tifffile.TiffFile(tmp_path / "mask.tif").pages[0].photometric == 0
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvertersToolsWarning)
        agrees(loader(tmp_path / "mask.tif"), mask, "yx")
    heights = RNG.normal(size=(Y, X)).astype("float32")
    tifffile.imwrite(tmp_path / "f.tif", heights, photometric="miniswhite")
    agrees(loader(tmp_path / "f.tif"), heights, "yx")


def without_tag(path: Path, tag: int) -> None:
    """Take one tag out of the only page of a little-endian file."""
    data = path.read_bytes()
    (place,) = struct.unpack("<I", data[4:8])
    end = place + 2 + 12 * struct.unpack("<H", data[place : place + 2])[0]
    kept = [data[at : at + 12] for at in range(place + 2, end, 12) if struct.unpack("<H", data[at : at + 2]) != (tag,)]
    page = struct.pack("<H", len(kept)) + b"".join(kept) + bytes(4)
    path.write_bytes(data[:place] + page.ljust(end + 4 - place, b"\0") + data[end + 4 :])


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_numbers_of_which_nothing_is_said_are_kept(tmp_path: Path, compression: str | None) -> None:
    pixels = RNG.integers(0, 250, (Y, X)).astype("uint16")
    tifffile.imwrite(tmp_path / "a.tif", pixels, compression=compression, metadata=None, software="Camera")
    without_tag(tmp_path / "a.tif", 262)
    agrees(loader(tmp_path / "a.tif"), pixels, "yx")
    out = np.zeros_like(pixels)
    assert loader(tmp_path / "a.tif").load_into(out)
    np.testing.assert_array_equal(out, pixels)


def test_one_text_for_all_files_of_a_folder(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        tifffile.imwrite(tmp_path / f"{name}.tif", CMYK[..., 0], photometric="miniswhite")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for name in ("b", "a", "c"):
            loader(tmp_path / f"{name}.tif").load_data()
    texts = {str(one.message) for one in caught if issubclass(one.category, ConvertersToolsWarning)}
    what = "are stored with white as 0, and are inverted so that bright is high"
    assert texts == {f"Images in '{tmp_path.as_posix()}' (such as 'b.tif') {what}."}
