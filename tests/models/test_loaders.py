"""The interface of loaders: what an old subclass gets, what hand-over files carry."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.blocks import as_block, load_part, named_axes
from fractal_omezarr_converters.models.loaders import (
    DefaultImageLoader,
    ImageLoaderInterface,
    loader_type_name,
    resolve_loader_type,
)


class OldLoader(ImageLoaderInterface):
    """A loader of a converter that knows ``load_data`` only."""

    value: int = 3

    def load_data(self, resource: Any | None = None) -> np.ndarray[Any, Any]:
        return np.full((2, 3, 5), self.value, "float32")


def test_f21_load_data_is_all_that_a_subclass_needs() -> None:
    loader = OldLoader.model_validate({"value": 4, "unknown": 1})
    assert loader.find_data_type() == "float32"
    assert loader.shape_and_dtype() is None
    assert loader.data_axes() is None
    assert loader.load_region({"y": slice(0, 1)}) is None
    assert loader.sources() == []
    assert not loader.reads_parts()
    loader.preflight()
    assert len(DefaultImageLoader(file_path="x" * 900).describe_source()) > 0
    assert len(OldLoader(value=10**300).describe_source()) <= 200


def test_types_go_by_name() -> None:
    assert loader_type_name(DefaultImageLoader) == "DefaultImageLoader"
    assert resolve_loader_type("DefaultImageLoader") is DefaultImageLoader
    assert resolve_loader_type(loader_type_name(OldLoader)) is OldLoader


def test_f28_loaders_travel_as_data() -> None:
    loader = DefaultImageLoader(file_path="a.tif", page=3)
    assert DefaultImageLoader.model_validate_json(loader.model_dump_json()) == loader
    assert len(pickle.dumps(loader)) < 600
    assert DefaultImageLoader(file_path="a.tif#page=3&channel=1").page == 3
    with pytest.raises(ValidationError, match="keep one"):
        DefaultImageLoader(file_path="a.tif#page=3", page=2)
    with pytest.raises(ValidationError, match="keep one"):
        DefaultImageLoader(file_path="a.tif", page=2, plane=1)


def names(shape: tuple[int, ...], axes: str | None, image_axes: str, lengths: tuple[int, ...]) -> str:
    return named_axes(shape, axes=axes, image_axes=image_axes, lengths=lengths, source="The source")


def test_f22_positional_data_are_the_last_axes_of_the_image() -> None:
    assert names((2, 3, 5), None, "tczyx", (1, 1, 2, 3, 5)) == "zyx"
    assert names((2, 3, 5), None, "cyx", (1, 2, 1, 3, 5)) == "cyx"
    assert names((1, 1, 2, 3, 5), None, "tczyx", (1, 1, 2, 3, 5)) == "tczyx"
    with pytest.raises(ConvertersToolsUserError, match="The source holds z=2"):
        names((2, 3, 5), None, "czyx", (1, 2, 1, 3, 5))
    with pytest.raises(ConvertersToolsUserError, match="4 axes"):
        names((1, 2, 3, 5), None, "cyx", (1, 2, 1, 3, 5))


def test_f22_an_ambiguous_unnamed_axis_is_an_error() -> None:
    assert names((2, 3, 5), "qyx", "tczyx", (2, 1, 1, 3, 5)) == "tyx"
    assert names((1, 3, 5), "qyx", "tczyx", (1, 1, 1, 3, 5)) == "qyx"
    with pytest.raises(ConvertersToolsUserError, match=r"pages=4.*choose one page"):
        names((4, 3, 5), "qyx", "tczyx", (1, 2, 2, 3, 5))


def test_f29_blocks_are_transposed_by_name_without_a_copy() -> None:
    data = np.arange(2 * 3 * 4 * 5).reshape(2, 3, 4, 5)
    block = as_block(data, axes="zcyx", image_axes="czyx", lengths=(1, 3, 2, 4, 5), source="s")
    assert block.shape == (1, 3, 2, 4, 5)
    assert np.shares_memory(block, data)
    np.testing.assert_array_equal(block[0], data.transpose(1, 0, 2, 3))


@pytest.mark.parametrize("lengths", [(1, 1, 6, 9, 11), (1, 6, 1, 9, 11), (6, 1, 1, 9, 11)])
def test_parts_of_tiles_are_placed_by_name_also_without_one(tmp_path: Path, lengths: tuple[int, ...]) -> None:
    import tifffile

    pixels = np.arange(6 * 9 * 11, dtype="uint16").reshape(6, 9, 11)
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack")
    whole = pixels.reshape(lengths)
    loader = DefaultImageLoader(file_path="a.tif")
    for first in range(0, 6, 2):
        part = tuple(slice(first, first + 2) if n == 6 else slice(0, n) for n in lengths[:3])
        part = (*part, slice(2, 7), slice(3, 11))
        found = load_part(loader, part, image_axes="tczyx", lengths=lengths, resource=tmp_path)
        np.testing.assert_array_equal(found, whole[part])
    assert load_part(OldLoader(), part, image_axes="tczyx", lengths=(1, 1, 2, 3, 5)) is None
