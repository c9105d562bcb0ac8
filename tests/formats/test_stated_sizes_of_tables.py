"""What the user states of pixel size, z spacing and time interval goes before a tile table; its positions in µm and s stay."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile

from fractal_omezarr_converters.convert import convert, plan


def scale_and_shape(zarr_url: str) -> tuple[list[float], list[int]]:
    """Scale and shape of level 0 as the documents of the image state them."""
    [image] = json.loads((Path(zarr_url) / ".zattrs").read_text("utf-8"))["multiscales"]
    [scale] = [each["scale"] for each in image["datasets"][0]["coordinateTransformations"] if each["type"] == "scale"]
    return scale, json.loads((Path(zarr_url) / "0" / ".zarray").read_text("utf-8"))["shape"]


def tile_table(folder: Path, toml: str, places: list[tuple[float, float]]) -> Path:
    """A single field of view with one row per plane: (start_t, start_z) of each."""
    folder.mkdir()
    lines = ["file_path,well,fov_name,start_x,start_y,start_t,start_z"]
    for number, (t, z) in enumerate(places):
        tifffile.imwrite(folder / f"{number}.tif", np.full((16, 16), number + 1, np.uint16))
        lines.append(f"{number}.tif,A01,F,0,0,{t},{z}")
    (folder / "tiles.csv").write_text("\n".join(lines) + "\n")
    (folder / "acquisition_details.toml").write_text(f'axes = ["t", "c", "z", "y", "x"]\n{toml}')
    return folder


def test_numbers_of_planes_and_frames_in_a_tile_table_take_the_stated_steps(tmp_path: Path) -> None:
    toml = 'xy_pixel_size = 0.5\nstart_z_space = "pixel"\nstart_t_space = "pixel"\n'
    folder = tile_table(tmp_path / "in", toml, [(t, z) for t in range(2) for z in range(3)])
    silent = plan(folder).warnings
    assert any("z_spacing is stated nowhere" in text for text in silent)
    options = {"pixel_info": {"z_spacing": 2.5, "t_spacing": 20}}
    assert not [text for text in plan(folder, acquisition_options=options).warnings if "stated nowhere" in text]
    made = convert(folder, tmp_path / "out", acquisition_options=options)
    scale, shape = scale_and_shape(made.updates[0]["zarr_url"])
    assert (scale[0], scale[2]) == (20, 2.5) and shape == [2, 1, 3, 16, 16]


def test_positions_of_a_tile_table_in_world_units_stay(tmp_path: Path) -> None:
    """µm and seconds are what the author of the table measured; what is written, and why, is said."""
    toml = "xy_pixel_size = 0.5\nz_spacing = 2\nt_spacing = 30\n"
    folder = tile_table(tmp_path / "in", toml, [(t, z) for t in (0, 30) for z in (0, 2, 4)])
    options = {"pixel_info": {"z_spacing": 3, "t_spacing": 10}}
    made = convert(folder, tmp_path / "out", acquisition_options=options)
    scale, shape = scale_and_shape(made.updates[0]["zarr_url"])
    assert (scale[0], scale[2]) == (30, 2) and shape == [2, 1, 3, 16, 16]
    assert any("not multiples of the stated spacing of 3 µm" in text for text in made.warnings)
    assert any("an interval of 10 s is stated: 30 s is written" in text for text in made.warnings)


def test_headers_are_compared_with_what_the_user_states(tmp_path: Path) -> None:
    """The warning named the value of the TOML as the one that is used."""
    folder = tile_table(tmp_path / "in", "xy_pixel_size = 0.5\nz_spacing = 2\n", [(0, 0)])
    stack = np.zeros((3, 16, 16), np.uint16)
    tifffile.imwrite(folder / "0.tif", stack, ome=True, metadata={"axes": "ZYX", "PhysicalSizeZ": 2.5})
    (folder / "tiles.csv").write_text("file_path,well,start_x,start_y,length_z\n0.tif,A01,0,0,3\n")
    assert any("z_spacing along z is 2 µm" in text for text in plan(folder).warnings)
    stated = {"pixel_info": {"z_spacing": 2.5}}
    assert not [text for text in plan(folder, acquisition_options=stated).warnings if "z_spacing" in text]


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({"xy_pixel_size": 0.5}, [0.5, 0.5]),
        ({"y_pixel_size": 0.5}, [0.5, 0.65]),
        ({"xy_pixel_size": 0.5, "y_pixel_size": 0.6}, [0.6, 0.5]),
    ],
)
def test_a_pixel_size_is_that_of_y_too_unless_y_has_its_own(tmp_path: Path, stated: dict, expected: list) -> None:
    """Details with an own size along y kept it beside the stated one of x."""
    folder = tile_table(tmp_path / "in", "xy_pixel_size = 0.65\ny_pixel_size = 0.7\n", [(0, 0)])
    made = convert(folder, tmp_path / "out", acquisition_options={"pixel_info": stated})
    assert scale_and_shape(made.updates[0]["zarr_url"])[0][-2:] == expected


def test_positions_in_micrometres_stay_with_another_pixel_size(tmp_path: Path) -> None:
    """Two fields of 16 px that touch at 0.5 µm per pixel lie 16 px apart at 0.25 µm."""
    folder = tile_table(tmp_path / "in", "xy_pixel_size = 0.5\n", [(0, 0), (0, 0)])
    (folder / "tiles.csv").write_text("file_path,well,start_x,start_y\n0.tif,A01,0,0\n1.tif,A01,8,0\n")
    options = {"pixel_info": {"xy_pixel_size": 0.25}}
    in_place = {"grouping": {"mode": "Mosaic", "tiling_strategy": {"mode": "Inplace"}}}
    made = convert(folder, tmp_path / "out", acquisition_options=options, converter_options=in_place)
    scale, shape = scale_and_shape(made.updates[0]["zarr_url"])
    assert scale[-2:] == [0.25, 0.25] and shape[-2:] == [16, 48]
