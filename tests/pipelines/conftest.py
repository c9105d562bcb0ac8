"""Small tiles with known pixels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tile_tables import write_tile_table

from fractal_omezarr_converters.core.tile import Tile
from fractal_omezarr_converters.models.acquisition import AcquisitionDetails, ChannelInfo
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.models.loaders import ImageLoaderInterface

READS: Counter[str] = Counter()


class PatternLoader(ImageLoaderInterface):
    """Pixels that tell which tile they are of: ``value`` plus a ramp along y and x."""

    name: str
    value: int = 0
    shape: tuple[int, ...] = (24, 32)
    dtype: str = "uint16"
    stated_shape: tuple[int, ...] | None = None

    def pixels(self) -> np.ndarray[Any, Any]:
        """What the tile holds."""
        ramp = np.arange(int(np.prod(self.shape))).reshape(self.shape) % 7
        return (ramp + self.value).astype(self.dtype)

    def load_data(self, resource: Any | None = None) -> np.ndarray[Any, Any]:
        """The pixels, counted."""
        READS[self.name] += 1
        return self.pixels()

    def find_data_type(self, resource: Any | None = None) -> str:
        """Known without reading."""
        return self.dtype

    def shape_and_dtype(self, resource: Any | None = None) -> tuple[tuple[int, ...], str]:
        """What the header would say."""
        return self.stated_shape or self.shape, self.dtype

    def describe_source(self, resource: Any | None = None) -> str:
        """A file name."""
        return f"{self.name}.tif"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tile table of two wells with two fields each."""
    return write_tile_table(tmp_path / "source")


@pytest.fixture
def details() -> AcquisitionDetails:
    """Two channels, pixels of 0.5 µm, planes of 2 µm, positions in µm."""
    channels = [ChannelInfo(channel_label="DAPI"), ChannelInfo(channel_label="GFP")]
    return AcquisitionDetails(xy_pixel_size=0.5, z_spacing=2.0, t_spacing=10.0, channels=channels, axes=list("tczyx"))


@pytest.fixture
def make_tile(details: AcquisitionDetails) -> Callable[..., Tile[Any, Any]]:
    """Make a tile of 32 x 24 px (x, y); positions in µm, times in s."""
    numbers = iter(range(1, 10_000))

    def make(fov: str = "F1", **given: Any) -> Tile[Any, Any]:
        number = next(numbers)
        place = {key: given.pop(key) for key in ("plate", "row", "column", "acquisition") if key in given}
        collection = given.pop("collection", None) or ImageInPlate(
            plate_name=place.get("plate", "Plate"),
            row=place.get("row", "B"),
            column=place.get("column", 3),
            acquisition=place.get("acquisition", 0),
        )
        shape = given.pop("shape", (24, 32))
        loader = given.pop("loader", None) or PatternLoader(
            name=given.pop("file", f"{fov}_{number}"),
            value=given.pop("value", number * 10),
            shape=shape,
            dtype=given.pop("dtype", "uint16"),
        )
        sizes = dict(zip(("x", "y", "z", "c", "t"), reversed(shape)))
        lengths = {f"length_{axis}": size for axis, size in sizes.items()}
        positions = {"start_x": 0.0, "start_y": 0.0}
        return Tile(
            fov_name=fov,
            collection=collection,
            image_loader=loader,
            acquisition_details=given.pop("acquisition_details", details),
            **{**lengths, **positions, **given},
        )

    return make


@pytest.fixture
def reads() -> Counter[str]:
    """How often each tile was read since the test began."""
    READS.clear()
    return READS


@pytest.fixture
def pattern_loader() -> type[PatternLoader]:
    """The loader of tiles with known pixels."""
    return PatternLoader
