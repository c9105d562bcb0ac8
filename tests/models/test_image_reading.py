"""The loader of common image files: NPY, parts, threads, damaged and missing files, other places than disks."""

from __future__ import annotations

import os
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_files import RNG, X, Y, agrees, loader, noise
from PIL import Image

from fractal_omezarr_converters.errors import (
    ConvertersToolsFileNotFoundError,
    ConvertersToolsUserError,
    ConvertersToolsWarning,
)
from fractal_omezarr_converters.models.image_files import load_npy, load_png, load_tiff
from fractal_omezarr_converters.models.loaders import DefaultImageLoader
from fractal_omezarr_converters.models.tiff_pool import MOST_OPEN_FILES, _open


def test_npy_without_names(tmp_path: Path) -> None:
    for shape, axes in (((Y, X), "yx"), ((5, Y, X), "qyx"), ((2, 5, Y, X), None)):
        pixels = np.asfortranarray(noise(*shape))
        np.save(tmp_path / "a.npy", pixels)
        agrees(loader(tmp_path / "a.npy"), pixels, axes)
        np.testing.assert_array_equal(load_npy(tmp_path / "a.npy"), pixels)
    np.testing.assert_array_equal(loader(tmp_path / "a.npy", plane=6).load_data(), pixels[1, 1])


def test_npy_never_unpickles(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Any, tuple[str]]:
            return os.mkdir, (str(tmp_path / "trapped"),)

    np.save(tmp_path / "a.npy", np.array([[Trap()]], dtype=object), allow_pickle=True)
    with pytest.raises(ConvertersToolsUserError, match=r"a\.npy' cannot be read"):
        loader(tmp_path / "a.npy").load_data()
    assert not (tmp_path / "trapped").exists()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_parts_are_the_same_as_slices_of_the_whole(tmp_path: Path, data: st.DataObject) -> None:
    options = data.draw(
        st.sampled_from(
            [
                {},
                {"rowsperstrip": 4, "compression": "zlib", "predictor": True},
                {"tile": (16, 32), "compression": "lzw"},
                {"tile": (32, 16)},
                {"rowsperstrip": 7},
            ]
        )
    )
    samples = data.draw(st.sampled_from([0, 3]))
    planar = data.draw(st.sampled_from(["contig", "separate"])) if samples else "contig"
    height, width = data.draw(st.integers(2, 50)), data.draw(st.integers(2, 50))
    pixels = np.arange(2 * height * width * max(1, samples), dtype="uint16").reshape(
        2, *((samples,) if samples else ()), height, width
    )
    stored = np.moveaxis(pixels, 1, -1) if samples and planar == "contig" else pixels
    path = tmp_path / "p.tif"
    tifffile.imwrite(
        path,
        stored,
        photometric="rgb" if samples else "minisblack",
        planarconfig=planar if samples else None,
        **options,
    )
    y = sorted(data.draw(st.tuples(st.integers(0, height), st.integers(0, height))))
    x = sorted(data.draw(st.tuples(st.integers(0, width), st.integers(0, width))))
    page = data.draw(st.integers(0, 1))
    found = loader(path, page=page).load_region({"y": slice(*y), "x": slice(*x)})
    np.testing.assert_array_equal(found, pixels[page][..., y[0] : y[1], x[0] : x[1]])


# ----------------------------------------------------------------------------------------------------- threads, damage


def test_threads_share_the_pool_without_mixing_pixels(tmp_path: Path) -> None:
    paths = []
    for n in range(MOST_OPEN_FILES + 9):
        stack = np.full((4, Y, X), n * 10, "uint16") + np.arange(4, dtype="uint16").reshape(4, 1, 1)
        tifffile.imwrite(tmp_path / f"{n}.tif", stack, compression="zlib" if n % 2 else None, photometric="minisblack")
        paths.append(tmp_path / f"{n}.tif")

    def read(number: int) -> bool:
        n, page = number % len(paths), number % 4
        return bool((loader(paths[n], page=page).load_data() == n * 10 + page).all())

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(read, range(600)))
    assert len(_open) <= MOST_OPEN_FILES
    assert not any(entry.users for entry in _open.values())


def test_threads_share_one_file_without_mixing_pages(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    stack = np.broadcast_to(np.arange(64, dtype="uint16").reshape(64, 1, 1), (64, 48, 64))
    tifffile.imwrite(path, stack, photometric="minisblack", rowsperstrip=3, compression="zlib")

    def read(page: int) -> bool:
        return bool((loader(path, page=page % 64).load_data() == page % 64).all())

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(read, range(800)))
    assert all(hasattr(entry.tif.filehandle.lock, "acquire") for entry in _open.values())


def test_a_file_that_changed_is_opened_again(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    for value in (1, 2):
        tifffile.imwrite(path, np.full((Y, X + value), value, "uint8"))
        assert (loader(path).load_data() == value).all()


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
@pytest.mark.parametrize("keep", [0, 5, 0.3, 0.9])
def test_truncated_files_are_named(tmp_path: Path, compression: str | None, keep: float) -> None:
    path = tmp_path / "broken.tif"
    tifffile.imwrite(path, RNG.integers(0, 60000, (64, 80)).astype("uint16"), compression=compression, rowsperstrip=8)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    with pytest.raises(ConvertersToolsUserError, match=r"broken\.tif"):
        loader(path).load_data()


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.npy", "a.tif"])
@pytest.mark.parametrize(
    "content", [b"", b"no image at all", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"BM", b"II*\0"]
)
def test_files_of_another_kind_are_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ConvertersToolsUserError, match=name):
        loader(tmp_path / name).load_data()


def test_truncated_png_and_npy_are_named(tmp_path: Path) -> None:
    imagecodecs.imwrite(tmp_path / "a.png", noise(64, 80))
    np.save(tmp_path / "a.npy", noise(64, 80))
    for name in ("a.png", "a.npy"):
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[: len(data) * 2 // 3])
        with pytest.raises(ConvertersToolsUserError, match=name):
            loader(tmp_path / name).load_data()


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("colour", [False, True])
def test_truncated_jpeg_is_named(tmp_path: Path, progressive: bool, colour: bool) -> None:
    path, preview = tmp_path / "a.jpg", Image.Exif()
    preview[0x9286] = b"\xff\xd9"  # the preview of a camera ends within the header
    pixels = noise(*(300, 200, 3)[: 3 if colour else 2], dtype="uint8")
    Image.fromarray(pixels).save(path, progressive=progressive, exif=preview)
    data = path.read_bytes()
    for rest in (b"", bytes(len(data) // 4)):  # some copies that were broken off have their full size
        path.write_bytes(data[: len(data) * 3 // 4] + rest)
        with pytest.raises(
            ConvertersToolsUserError, match=r"a\.jpg' cannot be read \(the file ends at .* before its image"
        ):
            loader(path).load_data()
    path.write_bytes(data + bytes(100))
    assert loader(path).load_data().shape == loader(path).shape_and_dtype()[0]  # type: ignore[index]


@pytest.mark.parametrize("name", ["a.tif", "a.png", "a.npy", "a.jpg", "a.bmp"])
def test_f21_shape_and_type_come_from_the_header_alone(tmp_path: Path, name: str) -> None:
    """The pixels are gone, and still the header says what they were."""
    pixels = noise(200, 300, dtype="uint8" if name[-3:] in ("jpg", "bmp") else "uint16")
    path = tmp_path / name
    if name == "a.npy":
        np.save(path, pixels)
    elif name == "a.tif":
        tifffile.imwrite(path, pixels, rowsperstrip=8, compression="zlib")
    else:
        imagecodecs.imwrite(path, pixels) if name == "a.png" else Image.fromarray(pixels).save(path)
    data = bytearray(path.read_bytes())
    with tifffile.TiffFile(path) if name == "a.tif" else nullcontext() as tif:
        page = tif.pages[0] if tif else None
        spans = list(zip(page.dataoffsets, page.databytecounts)) if page else [(1200, len(data) - 1200)]
    for offset, count in spans:
        data[offset : offset + count] = b"\xff" * count
    path.write_bytes(data)
    assert loader(path).shape_and_dtype() == ((200, 300), str(pixels.dtype))
    assert loader(path).find_data_type() == str(pixels.dtype)
    assert loader(path).data_axes() == "yx"


def test_missing_file_is_warned_of_in_preflight_and_raised_when_read(tmp_path: Path) -> None:
    load = DefaultImageLoader(file_path="gone.tif")
    with pytest.warns(ConvertersToolsWarning, match=r"gone\.tif' does not exist"):
        load.preflight(str(tmp_path))
    with pytest.raises(ConvertersToolsFileNotFoundError, match=r"gone\.tif"):
        load.load_data(tmp_path)
    assert load.sources(tmp_path) == []


def test_unknown_extension_is_tried_as_tiff(tmp_path: Path) -> None:
    pixels = noise(Y, X)
    tifffile.imwrite(tmp_path / "a.dat", pixels)
    with pytest.warns(ConvertersToolsWarning, match="read as TIFF"):
        np.testing.assert_array_equal(loader(tmp_path / "a.dat").load_data(), pixels)


def test_relative_path_is_below_the_resource(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", noise(Y, X))
    load = DefaultImageLoader(file_path=" a.tif ")
    assert load.load_data(str(tmp_path)).shape == load.load_data(tmp_path).shape == (Y, X)
    source = load.sources(tmp_path)[0]
    assert (source.path, source.size) == ((tmp_path / "a.tif").as_posix(), (tmp_path / "a.tif").stat().st_size)


def test_decomposed_names_are_found(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "Zellkultur u\u0308ber.tif", noise(Y, X))
    assert loader(tmp_path / "Zellkultur \u00fcber.tif").load_data().shape == (Y, X)


def test_helpers_read_whole_files(tmp_path: Path) -> None:
    pixels = noise(Y, X)
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    imagecodecs.imwrite(tmp_path / "a.png", pixels)
    np.testing.assert_array_equal(load_tiff(tmp_path / "a.tif"), pixels)
    np.testing.assert_array_equal(load_png(str(tmp_path / "a.png")), pixels)


def test_files_of_any_scheme_are_read(tmp_path: Path) -> None:
    import fsspec

    pixels = noise(3, Y, X)
    tifffile.imwrite(tmp_path / "a.ome.tif", pixels, metadata={"axes": "ZYX"}, photometric="minisblack")
    tifffile.imwrite(tmp_path / "b.tif", pixels, imagej=True, metadata={"axes": "ZYX"})
    imagecodecs.imwrite(tmp_path / "a.png", pixels[0])
    np.save(tmp_path / "a.npy", pixels)
    files = fsspec.filesystem("memory")
    for path in tmp_path.iterdir():
        files.pipe(f"/shelf/{path.name}", path.read_bytes())
    for name, expected, axes in (
        ("a.ome.tif", pixels, "zyx"),
        ("b.tif", pixels, "zyx"),
        ("a.png", pixels[0], "yx"),
        ("a.npy", pixels, "qyx"),
    ):
        load = DefaultImageLoader(file_path=name)
        np.testing.assert_array_equal(load.load_data("memory://shelf"), expected)
        assert load.data_axes("memory://shelf") == axes
        assert load.sources("memory://shelf")[0].size > 0


def read_in_child(path: str) -> bool:
    return bool((DefaultImageLoader(file_path=path).load_data() == 7).all())


def test_forked_processes_open_files_of_their_own(tmp_path: Path) -> None:
    import multiprocessing

    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.full((64, 64), 7, "uint8"), compression="zlib", rowsperstrip=4)
    assert read_in_child(str(path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with multiprocessing.get_context("fork").Pool(2) as pool:
            assert all(pool.map(read_in_child, [str(path)] * 20))


@pytest.mark.parametrize("options", [{"rowsperstrip": 4}, {"tile": (16, 16)}])
def test_a_part_decodes_only_what_it_needs(tmp_path: Path, options: dict[str, Any]) -> None:
    pixels = noise(64, 48)
    tifffile.imwrite(tmp_path / "a.tif", pixels, compression="zlib", **options)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        offset, count = tif.pages[0].dataoffsets[-1], tif.pages[0].databytecounts[-1]
    data = bytearray((tmp_path / "a.tif").read_bytes())
    data[offset : offset + count] = b"x" * count
    (tmp_path / "a.tif").write_bytes(data)
    region = {"y": slice(1, 9), "x": slice(3, 20)}
    np.testing.assert_array_equal(loader(tmp_path / "a.tif").load_region(region), pixels[1:9, 3:20])
    with pytest.raises(ConvertersToolsUserError, match=r"a\.tif"):
        loader(tmp_path / "a.tif").load_data()


def test_a_part_of_an_array_file_is_mapped(tmp_path: Path) -> None:
    array = np.zeros((16, 1000, 1000), "uint8")
    array[3, 5, 7] = 9
    np.save(tmp_path / "a.npy", array)
    tracemalloc.start()
    part = loader(tmp_path / "a.npy", z=3).load_region({"y": slice(5, 6), "x": slice(6, 9)})
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    np.testing.assert_array_equal(part, [[0, 9, 0]])
    assert most < 1_000_000
