"""The loader of common image files: pages, series, levels, planes; sets of several files."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
import tifffile
from made_files import X, Y, agrees, loader, noise, write_set

from fractal_omezarr_converters.errors import (
    ConvertersToolsUserError,
    ConvertersToolsWarning,
)
from fractal_omezarr_converters.models.loaders import DefaultImageLoader


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
    agrees(DefaultImageLoader(file_path=in_a_store(tmp_path, "renamed", "other name.tif")), pixels[1], "cyx")


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
    agrees(DefaultImageLoader(file_path=in_a_store(tmp_path, "companion", "a.ome.tif")), pixels, "zyx")


def in_a_store(folder: Path, name: str, first: str) -> str:
    """Put the files of a folder into a store; the URL of the first one."""
    fsspec.filesystem("memory").put(f"{folder}/", f"/{name}/", recursive=True)
    return f"memory://{name}/{first}"


def write_frames(folder: Path, compression: str | None) -> np.ndarray[Any, Any]:
    """Write one image of two frames, a file per frame, planes in the order c, z; every file lists the planes of both."""
    pixels = noise(2, 2, 3, Y, X)
    ids = [f"urn:uuid:{frame}" for frame in range(2)]
    listed = "".join(
        f'<TiffData FirstC="{c}" FirstZ="{z}" FirstT="{t}" IFD="{3 * c + z}" PlaneCount="1">'
        f'<UUID FileName="t{t}.ome.tif">{ids[t]}</UUID></TiffData>'
        for t, c, z in np.ndindex(2, 2, 3)
    )
    for frame in range(2):
        xml = (
            f'<OME UUID="{ids[frame]}"><Image ID="Image:0"><Pixels DimensionOrder="XYZCT" Type="uint16" SizeX="{X}" '
            f'SizeY="{Y}" SizeZ="3" SizeC="2" SizeT="2"><Channel SamplesPerPixel="1"/><Channel SamplesPerPixel="1"/>'
            f"{listed}</Pixels></Image></OME>"
        )
        path = folder / f"t{frame}.ome.tif"
        planes = pixels[frame].reshape(6, Y, X)
        tifffile.imwrite(
            path, planes, description=xml, metadata=None, compression=compression, photometric="minisblack"
        )
    return pixels


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_f25_an_image_of_several_files(tmp_path: Path, compression: str | None) -> None:
    pixels = write_frames(tmp_path, compression)
    for frame in range(2):
        path = tmp_path / f"t{frame}.ome.tif"
        agrees(loader(path), pixels[frame], "czyx")
        agrees(loader(path, t=frame, z=2), pixels[frame, :, 2], "cyx")
        agrees(loader(path, series=0), pixels, "tczyx")
        agrees(loader(path, series=0, t=1 - frame, channel=1), pixels[1 - frame, 1], "zyx")
        with pytest.raises(
            ConvertersToolsUserError, match=rf"t{frame}\.ome\.tif' has no t {1 - frame}; it has t {frame}"
        ):
            loader(path, t=1 - frame).load_data()
        assert {Path(s.path).name for s in loader(path, series=0).sources()} == {"t0.ome.tif", "t1.ome.tif"}
        assert [Path(s.path).name for s in loader(path).sources()] == [path.name]
    (tmp_path / "t0.ome.tif").unlink()
    with pytest.raises(ConvertersToolsUserError, match=r"t0\.ome\.tif' does not exist"):
        loader(tmp_path / "t1.ome.tif", series=0).load_data()
    agrees(loader(tmp_path / "t1.ome.tif"), pixels[1], "czyx")
