"""Verification of coarser levels: exact for every method, and a wrong chunk is named where it is wrong."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from fractal_omezarr_converters.convert import convert, verify
from fractal_omezarr_converters.fractal import level_verification
from fractal_omezarr_converters.models import AcquisitionDetails, ConverterOptions, OmeZarrOptions, SingleImage
from fractal_omezarr_converters.models.loaders import DefaultImageLoader
from fractal_omezarr_converters.testing.synthetic_operetta import write_operetta

WELL = "Synthetic Plate.zarr/B/03/0"


def made(tmp_path: Path, **written: Any) -> Path:
    """One well of 2 x 2 odd fields (93 x 131 px), two channels, two planes, three levels; the image's folder."""
    truth = write_operetta(
        tmp_path / "in",
        wells=("B03",),
        layout=(2, 2),
        field_shape=(93, 131),
        planes=2,
        overlap=0,
        plate_name="Synthetic Plate",
    )
    options = {"omezarr_options": {"num_levels": 3, **written}}
    convert(truth.folders, tmp_path / "out", converter_options=options, workers=1)
    return tmp_path / "out" / WELL


def problems(image: Path) -> list[str]:
    return list(verify(image).images[0].problems)


@pytest.mark.parametrize("method", ["mean", "nearest", "mode", "max", "min", "median"])
def test_every_method_is_made_again_exactly(tmp_path: Path, method: str) -> None:
    image = made(tmp_path, downsampling=method, chunks={"mode": "Fixed Size", "xy_chunk": 50, "z_chunk": 1})
    assert problems(image) == []
    level = zarr.open_array(image / "1", mode="r+")
    level[1, 0, 10, 60] = level[1, 0, 10, 60] + 1
    (problem,) = problems(image)
    assert f"Level 1 is not the {method} of level 0: 1 of " in problem
    assert "'1/1/0/0/1' (first at c=1 z=0 y=10 x=60: " in problem


def test_a_wrong_chunk_is_named_where_it_is_wrong_and_not_above(tmp_path: Path) -> None:
    image = made(tmp_path, chunks={"mode": "Fixed Size", "xy_chunk": 40, "z_chunk": 2})
    level = zarr.open_array(image / "2", mode="r+")
    level[0, 1, 41:44, 3] = 0
    (problem,) = problems(image)
    assert "Level 2 is not the mean of level 1" in problem and "'2/0/0/1/0' (first at c=0 z=1 y=41 x=3: 0 is" in problem
    level = zarr.open_array(image / "1", mode="r+")
    level[...] = level[...] + 1
    (problem,) = problems(image)
    assert "Level 1 is not the mean of level 0: 24 of 24 chunks" in problem and "and 19 more" in problem
    level = zarr.open_array(image / "0", mode="r+")
    level[0, 0, 0, 0] = level[0, 0, 0, 0] + 1
    (problem,) = problems(image)
    assert problem.startswith("Plane t=0 c=0")


def test_a_chunk_in_a_shard_is_named_with_its_place(tmp_path: Path) -> None:
    image = made(
        tmp_path,
        ngff_version="0.5",
        chunks={"mode": "Fixed Size", "xy_chunk": 32, "z_chunk": 1},
        shards={"mode": "Multiple of Chunks", "xy_factor": 2},
    )
    assert problems(image) == []
    level = zarr.open_array(image / "1", mode="r+")
    level[1, 1, 70, 40] = 7
    (problem,) = problems(image)
    assert "'1/c/1/1/1/0', chunk 0, 0, 0, 1 in it (first at c=1 z=1 y=70 x=40: 7 is written" in problem


def test_a_damaged_chunk_is_named(tmp_path: Path) -> None:
    image = made(tmp_path, chunks={"mode": "Fixed Size", "xy_chunk": 40, "z_chunk": 2})
    chunk = image / "1/0/0/2/1"
    chunk.write_bytes(chunk.read_bytes()[:30])
    (problem,) = problems(image)
    assert "Level 1" in problem and "'1/0/0/2/1' (cannot be read" in problem


def test_a_level_of_another_shape_is_told(tmp_path: Path) -> None:
    image = made(tmp_path)
    own = zarr.open_array(image / "1", mode="r")
    header = (image / "1/.zarray").read_text()
    (image / "1/.zarray").write_text(header.replace(str(own.shape[-1]), str(own.shape[-1] - 1), 1))
    (problem,) = problems(image)
    assert problem.startswith("'1/.zarray' is not as it was written: shape[3] is 130, 131 was written")


def test_memory_stays_that_of_a_chunk_and_numbers_that_are_none_are_equal(tmp_path: Path) -> None:
    """24 planes of 701 x 903 px: 122 MB of float64 in level 0."""
    import tifffile

    from fractal_omezarr_converters.core import Tile
    from fractal_omezarr_converters.ngff.stores import open_store
    from fractal_omezarr_converters.pipelines import tiled_image_creation_pipeline, tiles_aggregation_pipeline
    from fractal_omezarr_converters.pipelines.plan import plan_image

    pixels = np.random.default_rng(5).normal(size=(24, 701, 903))
    pixels[3, 100:140, 7] = np.nan
    tifffile.imwrite(tmp_path / "a.tif", pixels, photometric="minisblack", metadata={"axes": "ZYX"})
    options = ConverterOptions(
        omezarr_options=OmeZarrOptions(num_levels=2, chunks={"mode": "Fixed Size", "xy_chunk": 1024, "z_chunk": 1})
    )
    tile = Tile(
        fov_name="F",
        start_x=0,
        start_y=0,
        length_x=903,
        length_y=701,
        length_z=24,
        collection=SingleImage(image_path="a"),
        image_loader=DefaultImageLoader(file_path=str(tmp_path / "a.tif")),
        acquisition_details=AcquisitionDetails(axes=list("zyx")),
    )
    (image,) = tiles_aggregation_pipeline([tile], converter_options=options)
    url = str(tmp_path / "a.zarr")
    tiled_image_creation_pipeline(
        zarr_url=url, tiled_image=image, registration_pipeline=None, converter_options=options
    )
    layout = plan_image(image, converter_options=options).layout
    tracemalloc.start()
    assert level_verification.wrong_levels(open_store(url), layout) == []
    assert tracemalloc.get_traced_memory()[1] < 60e6
    tracemalloc.stop()
    level = zarr.open_array(f"{url}/1", mode="r+")
    level[20, 300, 400] = np.nan
    (problem,) = level_verification.wrong_levels(open_store(url), layout)
    assert "'1/20/0/0' (first at z=20 y=300 x=400: nan is written" in problem


def test_parts_find_what_whole_chunks_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = made(tmp_path)
    monkeypatch.setattr(level_verification, "LARGEST_PART", 4000)
    assert problems(image) == []
    level = zarr.open_array(image / "1", mode="r+")
    level[1, 1, 92, 130] = level[1, 1, 92, 130] + 1
    (problem,) = problems(image)
    assert "first at c=1 z=1 y=92 x=130" in problem
