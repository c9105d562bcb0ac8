"""Descriptions of images on their way from init to compute."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from fractal_omezarr_converters.core.aggregation import tiled_image_from_tiles
from fractal_omezarr_converters.core.tile import Tile
from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError
from fractal_omezarr_converters.fractal.handover import (
    dump_json_str,
    dump_to_json,
    remove_json,
    tiled_image_from_json,
    tiled_image_from_json_str,
)
from fractal_omezarr_converters.fractal.run_folder import MARK
from fractal_omezarr_converters.models.acquisition import AcquisitionDetails, ChannelInfo
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.models.loaders import DefaultImageLoader


def one_image(folder: Path) -> Any:
    import numpy as np
    import tifffile

    file = folder / "a.tif"
    tifffile.imwrite(file, np.arange(6 * 8, dtype="uint16").reshape(6, 8))
    tile = Tile(
        fov_name="F1",
        start_x=3.0,
        start_y=-4.0,
        length_x=8,
        length_y=6,
        collection=ImageInPlate(plate_name="P", row="B", column=3),
        image_loader=DefaultImageLoader(file_path=str(file)),
        acquisition_details=AcquisitionDetails(
            xy_pixel_size=0.5,
            channels=[ChannelInfo(channel_label="DAPI")],
            start_x_space="world",
            start_y_space="world",
        ),
        attributes={"drug": ["DMSO"]},
    )
    (image,) = tiled_image_from_tiles(tiles=[tile])
    return image


def test_a_description_comes_back_without_being_told_its_types(tmp_path: Path) -> None:
    image = one_image(tmp_path)
    url = dump_to_json(str(tmp_path / "handed"), image)
    read = tiled_image_from_json(url)
    assert read.model_dump_json() == image.model_dump_json()
    assert isinstance(read.collection, ImageInPlate)
    assert isinstance(read.columns.loaders.loader(0), DefaultImageLoader)
    assert tiled_image_from_json_str(image.model_dump_json(), ImageInPlate, DefaultImageLoader).path == image.path


def test_every_file_has_a_name_of_its_own(tmp_path: Path) -> None:
    urls = {dump_json_str(str(tmp_path / "handed"), "{}") for _ in range(20)}
    assert len(urls) == 20
    assert len(list((tmp_path / "handed").glob("handover-*.json"))) == 20


def test_f65_a_missing_file_is_waited_for_at_most_5_s_and_then_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    for tries in ("5", "10", "1000", "x", "0"):
        slept.clear()
        monkeypatch.setenv("CONVERTERS_TOOLS_NUM_RETRIES", tries)
        with pytest.raises(ConvertersToolsFileNotFoundError, match="check that this computer sees the folder"):
            tiled_image_from_json(str(tmp_path / "gone.json"))
        assert sum(slept) <= 5.0


def test_f65_a_file_that_shows_up_late_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = one_image(tmp_path)
    late = tmp_path / "handover.json"
    monkeypatch.setattr(time, "sleep", lambda seconds: late.write_text(image.model_dump_json()))
    assert tiled_image_from_json(str(late)).path == image.path


def test_a_damaged_description_is_one_sentence(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"document": "tiled-image", "version": 99}'):
        with pytest.raises(ConvertersToolsUserError, match="run the init step again"):
            tiled_image_from_json_str(text)


def test_remove_json_removes_the_file_and_its_folder_and_never_raises(tmp_path: Path) -> None:
    folder = tmp_path / "handed"
    first, second = dump_json_str(str(folder), "{}"), dump_json_str(str(folder), "{}")
    remove_json(first)
    assert sorted(entry.name for entry in folder.iterdir()) == sorted([MARK, Path(second).name])
    remove_json(second)
    assert not folder.exists()
    remove_json(second)


def test_remove_json_leaves_a_folder_with_other_files(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    remove_json(dump_json_str(str(tmp_path), "{}"))
    assert [entry.name for entry in tmp_path.iterdir()] == ["precious.txt"]


def test_a_document_of_an_older_generation_loads(tmp_path: Path) -> None:
    image = one_image(tmp_path)
    loader = json.loads(image.columns.loaders.loader(0).model_dump_json())
    older = {
        "regions": [
            {
                "roi": {
                    "name": "F1",
                    "slices": [
                        {"axis_name": "x", "start": 3.0, "length": 4.0},
                        {"axis_name": "y", "start": -4.0, "length": 3.0},
                    ],
                    "space": "world",
                },
                "image_loader": loader,
            }
        ],
        "path": "P.zarr/B/03/0",
        "name": None,
        "xy_pixel_size": 0.5,
        "z_spacing": 1.0,
        "t_spacing": 1.0,
        "data_type": "uint16",
        "channels": [{"channel_label": "DAPI"}],
        "axes": ["c", "z", "y", "x"],
        "collection": {"plate_name": "P", "row": "B", "column": 3, "acquisition": 0},
        "attributes": {},
    }
    read = tiled_image_from_json_str(json.dumps(older), ImageInPlate, DefaultImageLoader)
    assert len(read.columns) == 1 and read.path == "P.zarr/B/03/0"
