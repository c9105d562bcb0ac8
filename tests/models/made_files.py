"""Image files for the tests of loaders, and what is asked of each."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from fractal_omezarr_converters.models.blocks import as_block
from fractal_omezarr_converters.models.loaders import DefaultImageLoader

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


def block(load: DefaultImageLoader, image_axes: str, lengths: tuple[int, ...]) -> np.ndarray[Any, Any]:
    return as_block(
        load.load_data(), axes=load.data_axes(), image_axes=image_axes, lengths=lengths, source=load.describe_source()
    )


def write_set(folder: Path, compression: str | None) -> tuple[list[Path], np.ndarray[Any, Any]]:
    """Write three images of two channels, one file per image, every file with the OME-XML of all."""
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
