"""The loader of common image files: axes by name, choices, colours, parts, damaged files."""

from __future__ import annotations

import os
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from fractal_omezarr_converters.errors import (
    ConvertersToolsFileNotFoundError,
    ConvertersToolsUserError,
    ConvertersToolsWarning,
)
from fractal_omezarr_converters.models.blocks import as_block
from fractal_omezarr_converters.models.image_files import load_npy, load_png, load_tiff
from fractal_omezarr_converters.models.loaders import DefaultImageLoader
from fractal_omezarr_converters.models.tiff_pool import MOST_OPEN_FILES, _open

Y, X = 21, 34
RNG = np.random.default_rng(7)


def noise(*shape: int, dtype: str = "uint16") -> np.ndarray[Any, Any]:
    return RNG.integers(0, 250, shape).astype(dtype)


def loader(path: Path, **chosen: Any) -> DefaultImageLoader:
    return DefaultImageLoader(file_path=str(path), **chosen)


def agrees(load: DefaultImageLoader, expected: np.ndarray[Any, Any], axes: str | None) -> None:
    """Header, pixels and parts say the same."""
    assert load.shape_and_dtype() == (expected.shape, str(expected.dtype))
    assert load.data_axes() == axes
    np.testing.assert_array_equal(load.load_data(), expected)
    if axes is not None:
        region = {axis: slice(n // 3, max(n // 3 + 1, n - 1)) for axis, n in zip(axes, expected.shape)}
        np.testing.assert_array_equal(load.load_region(region), expected[tuple(region[axis] for axis in axes)])


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


def block(load: DefaultImageLoader, image_axes: str, lengths: tuple[int, ...]) -> np.ndarray[Any, Any]:
    return as_block(
        load.load_data(), axes=load.data_axes(), image_axes=image_axes, lengths=lengths, source=load.describe_source()
    )


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


# ------------------------------------------------------------------------------------------------------------ colours


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


# ------------------------------------------------------------------------------------------------------------- choices


def test_f26_page_plane_and_axes_are_chosen(tmp_path: Path) -> None:
    pixels = noise(2, 3, 4, Y, X)
    tifffile.imwrite(tmp_path / "a.ome.tif", pixels, metadata={"axes": "TZCYX"}, photometric="minisblack")
    path = tmp_path / "a.ome.tif"
    agrees(loader(path, channel=2), pixels[:, :, 2], "tzyx")
    agrees(loader(path, channel=2, z=1, t=1), pixels[1, 1, 2], "yx")
    agrees(loader(path, page=7), pixels.reshape(-1, Y, X)[7], "yx")
    agrees(DefaultImageLoader(file_path=f"{path}#page=7"), pixels.reshape(-1, Y, X)[7], "yx")
    agrees(DefaultImageLoader(file_path=f"{path}#z=2&t=0"), pixels[0, 2], "cyx")
    with pytest.raises(ConvertersToolsUserError, match=r"has no channel 4; it has channel 0 to 3"):
        loader(path, channel=4).shape_and_dtype()
    with pytest.raises(ConvertersToolsUserError, match=r"has no page 24; it has page 0 to 23"):
        loader(path, page=24).load_data()


def test_f26_level_is_chosen(tmp_path: Path) -> None:
    second = noise(3, 40, 52)
    small = second[:, ::2, ::2]
    with tifffile.TiffWriter(tmp_path / "b.ome.tif") as writer:
        writer.write(second, subifds=1, metadata={"axes": "CYX"}, photometric="minisblack")
        writer.write(small, subfiletype=1, photometric="minisblack")
    agrees(loader(tmp_path / "b.ome.tif"), second, "cyx")
    agrees(loader(tmp_path / "b.ome.tif", level=1), small, "cyx")
    agrees(loader(tmp_path / "b.ome.tif", level=1, channel=2), small[2], "yx")
    with pytest.raises(ConvertersToolsUserError, match="has no level 2; it has level 0 to 1"):
        loader(tmp_path / "b.ome.tif", level=2).load_data()


def test_f26_several_images_in_a_file(tmp_path: Path) -> None:
    first, second = noise(Y, X), noise(3, 40, 52)
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as writer:
        writer.write(first, metadata={"axes": "YX"})
        writer.write(second, metadata={"axes": "CYX"}, photometric="minisblack")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        agrees(loader(tmp_path / "a.ome.tif", series=1), second, "cyx")
        agrees(loader(tmp_path / "a.ome.tif", series=0), first, "yx")
    with pytest.warns(ConvertersToolsWarning, match="holds 2 images; the first one"):
        np.testing.assert_array_equal(loader(tmp_path / "a.ome.tif").load_data(), first)


def test_a_hash_in_a_name_stays(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "well#3.tif", noise(Y, X))
    assert loader(tmp_path / "well#3.tif").file_path.endswith("well#3.tif")
    assert loader(tmp_path / "well#3.tif").load_data().shape == (Y, X)
    assert DefaultImageLoader(file_path="well#3.tif#page=0").page == 0


# ------------------------------------------------------------------------------------------------------ multi-file sets


def write_set(folder: Path, compression: str | None) -> tuple[list[Path], np.ndarray[Any, Any]]:
    """Write three images of two channels, one file per image, every file with the OME-XML of all."""
    import uuid

    pixels = noise(3, 2, Y, X)
    names = [f"B0{n}_f01.ome.tiff" for n in range(3)]
    ids = [f"urn:uuid:{uuid.uuid4()}" for _ in names]
    images = "".join(
        f'<Image ID="Image:{n}" Name="{names[n]}"><Pixels ID="Pixels:{n}" DimensionOrder="XYZCT" Type="uint16" SizeX="{X}" '
        f'SizeY="{Y}" SizeZ="1" SizeC="2" SizeT="1"><Channel ID="Channel:{n}:0" SamplesPerPixel="1"/>'
        f'<Channel ID="Channel:{n}:1" SamplesPerPixel="1"/>'
        + "".join(
            f'<TiffData FirstC="{c}" FirstZ="0" FirstT="0" IFD="{c}" PlaneCount="1">'
            f'<UUID FileName="{names[n]}">{ids[n]}</UUID></TiffData>'
            for c in range(2)
        )
        + "</Pixels></Image>"
        for n in range(3)
    )
    for n, name in enumerate(names):
        space = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
        xml = f'<?xml version="1.0"?><OME xmlns="{space}" UUID="{ids[n]}">{images}</OME>'
        tifffile.imwrite(
            folder / name, pixels[n], description=xml, metadata=None, compression=compression, photometric="minisblack"
        )
    return [folder / name for name in names], pixels


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_f25_members_of_a_set_give_their_own_pixels(tmp_path: Path, compression: str | None) -> None:
    paths, pixels = write_set(tmp_path, compression)
    for path, expected in zip(paths, pixels):
        agrees(loader(path), expected, "cyx")
        agrees(loader(path, channel=1), expected[1], "yx")


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_f25_a_series_of_a_set_finds_its_siblings(tmp_path: Path, compression: str | None) -> None:
    paths, pixels = write_set(tmp_path, compression)
    for number, expected in enumerate(pixels):
        agrees(loader(paths[0], series=number), expected, "cyx")
    assert [Path(s.path).name for s in loader(paths[0], series=2).sources()] == ["B02_f01.ome.tiff"]


def test_a_renamed_ome_tiff_still_gives_its_planes(tmp_path: Path) -> None:
    paths, pixels = write_set(tmp_path, None)
    renamed = paths[1].rename(tmp_path / "other name.tif")
    agrees(loader(renamed), pixels[1], "cyx")


def test_companion_names_the_axes(tmp_path: Path) -> None:
    pixels = noise(3, Y, X)
    planes = "".join(
        f'<TiffData FirstZ="{z}" IFD="{z}" PlaneCount="1"><UUID FileName="a.ome.tif">urn:uuid:1</UUID></TiffData>'
        for z in range(3)
    )
    (tmp_path / "set.companion.ome").write_text(
        f'<OME><Image ID="Image:0"><Pixels DimensionOrder="XYZCT" SizeX="{X}" SizeY="{Y}" SizeZ="3" SizeC="1" SizeT="1">'
        f'<Channel SamplesPerPixel="1"/>{planes}</Pixels></Image></OME>'
    )
    xml = '<OME UUID="urn:uuid:1"><BinaryOnly MetadataFile="set.companion.ome" UUID="urn:uuid:9"/></OME>'
    tifffile.imwrite(tmp_path / "a.ome.tif", pixels, description=xml, metadata=None, photometric="minisblack")
    agrees(loader(tmp_path / "a.ome.tif"), pixels, "zyx")


# ------------------------------------------------------------------------------------------------------------ NPY, parts


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
