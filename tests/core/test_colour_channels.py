"""Colour images become channels that are called, and shown in, red, green and blue."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from made_sources import details, well

from fractal_omezarr_converters.core import Tile, TiledImage, tiled_image_from_tiles
from fractal_omezarr_converters.models import ChannelInfo, ConverterOptions, DefaultImageLoader
from fractal_omezarr_converters.ngff.reader import open_image
from fractal_omezarr_converters.pipelines import write_tiled_image_as_zarr

RGB = [("red", "#FF0000"), ("green", "#00FF00"), ("blue", "#0000FF")]


def colour_tile(folder: Path, number: int = 0, **fields: Any) -> Tile:
    pixels = np.random.default_rng(number).integers(0, 255, (4, 6, 3)).astype("uint8")
    tifffile.imwrite(folder / f"{number}.tif", pixels, photometric="rgb")
    place = {"fov_name": f"F{number}", "start_x": 6 * number, "start_y": 0, "length_x": 6, "length_y": 4, "length_c": 3}
    acquisition = fields.pop("acquisition", None) or details("cyx")
    loader = DefaultImageLoader(file_path=f"{number}.tif", **fields.pop("chosen", {}))
    return Tile(**{**place, "collection": well(), "acquisition_details": acquisition, "image_loader": loader, **fields})


def named(image: TiledImage) -> list[tuple[str, str | None]] | None:
    return None if image.channels is None else [(one.channel_label, one.color) for one in image.channels]


def test_f23_channels_of_a_colour_image_are_red_green_and_blue(tmp_path: Path) -> None:
    tiles = [colour_tile(tmp_path, number) for number in range(2)]
    (made,) = tiled_image_from_tiles(tiles=tiles, resource=str(tmp_path))
    assert named(made) == RGB
    assert made.load_data(str(tmp_path)).shape == (3, 4, 12)
    made.add_tile(colour_tile(tmp_path, 2))
    assert named(made) == RGB


def test_f23_names_that_somebody_gave_stay(tmp_path: Path) -> None:
    own = [ChannelInfo(channel_label=label) for label in ("eosin", "haematoxylin", "rest")]
    tiles = [colour_tile(tmp_path, acquisition=details("cyx", channels=own))]
    (made,) = tiled_image_from_tiles(tiles=tiles, resource=str(tmp_path))
    assert [label for label, _ in named(made) or []] == ["eosin", "haematoxylin", "rest"]


def test_f23_a_colour_image_beside_other_channels(tmp_path: Path) -> None:
    grey = colour_tile(tmp_path, 1, chosen={"rgb": "grey"}, length_c=1, fov_name="F0", start_x=0)
    coloured = colour_tile(tmp_path, 0, start_c=1)
    (made,) = tiled_image_from_tiles(tiles=[grey, coloured], resource=str(tmp_path))
    assert [label for label, _ in named(made) or []] == ["channel_0", "red", "green", "blue"]
    assert (named(made) or [])[1:] == RGB


@pytest.mark.parametrize("named", [False, True])
def test_f43_colour_images_are_shown_as_they_are_beside_channels_that_are_not(tmp_path: Path, named: bool) -> None:
    grey = colour_tile(tmp_path, 1, chosen={"rgb": "grey"}, length_c=1, fov_name="F0", start_x=0)
    coloured = colour_tile(tmp_path, 0, start_c=1)
    tiles = [grey, coloured]
    if named:
        four = details("cyx", channels=[ChannelInfo(channel_label=label) for label in "abcd"])
        tiles = [one.model_copy(update={"acquisition_details": four}) for one in tiles]
    (made,) = tiled_image_from_tiles(tiles=tiles, resource=str(tmp_path))
    options = ConverterOptions()
    url = f"{tmp_path}/out.zarr"
    write_tiled_image_as_zarr(zarr_url=url, tiled_image=made, converter_options=options, resource=str(tmp_path))
    windows = [channel["window"] for channel in open_image(url).channels]
    assert [window["end"] == 255 and window["start"] == 0 for window in windows] == [False, *[not named] * 3]


@pytest.mark.parametrize("photometric", ["minisblack", "rgb"])
def test_three_channels_that_are_no_colour_image_are_not_named(tmp_path: Path, photometric: str) -> None:
    one = colour_tile(tmp_path)
    pixels = np.zeros((4, 6, 3), "uint8")
    tifffile.imwrite(tmp_path / "0.tif", pixels, photometric=photometric, planarconfig="contig")
    (made,) = tiled_image_from_tiles(tiles=[one], resource=str(tmp_path))
    assert named(made) == (RGB if photometric == "rgb" else None)


def test_a_missing_file_is_not_asked_for_its_colours(tmp_path: Path) -> None:
    one = colour_tile(tmp_path, acquisition=details("cyx", data_type="uint8"))
    (tmp_path / "0.tif").unlink()
    (made,) = tiled_image_from_tiles(tiles=[one], resource=str(tmp_path))
    assert named(made) is None
