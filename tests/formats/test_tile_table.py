"""The format tile table: folders of existing users load unchanged, and what is wrong is said before anything is written."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from made_tables import OLDER_TOML, TOML, plate_rows, scan, write_folder, write_image

from fractal_omezarr_converters.core import tiled_image_from_tiles
from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError
from fractal_omezarr_converters.formats import detect
from fractal_omezarr_converters.testing.conformance import check_format


@pytest.mark.parametrize("kind", ["csv", "parquet"])
@pytest.mark.parametrize("toml", [TOML, OLDER_TOML])
def test_a_plate_of_either_generation_as_csv_or_parquet(kind: str, toml: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "acquisition", plate_rows(), toml, kind=kind)
    assert detect(folder).name == "tile_table"
    found = scan(folder, plate_name="P", acquisition=1)
    images = tiled_image_from_tiles(tiles=found.tiles)
    assert [image.path for image in images] == ["P.zarr/A/01/1", "P.zarr/C/12/1"]
    assert [image.shape() for image in images] == [(2, 1, 30, 80), (2, 1, 30, 40)]
    assert {image.xy_pixel_size for image in images} == {0.65}
    assert [channel.wavelength_id for channel in images[0].channels or []] == ["405", "488"]
    assert images[0].attributes == {"drug": ["DMSO"]}
    assert np.array_equal(images[1].load_data()[1, 0], tifffile.imread(folder / "data" / "C12_F0_C1.tif"))
    assert found.plate is not None
    assert found.plate.name == "P"
    assert found.states.present == 6
    assert found.warnings == []
    assert len(found.metadata_files) == 2


def test_the_tables_of_the_existing_converter_load_unchanged(shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    shutil.copytree(shared_data / "generic-tiff" / "uzh-customtiff-tables", folder)
    for name in ("fov1_z0", "fov1_z1", "fov2_z0", "fov2_z1"):
        write_image(folder / "data" / f"{name}.tif", (64, 64))
    found = scan(folder)
    (image,) = tiled_image_from_tiles(tiles=found.tiles)
    assert image.axes == ["c", "z", "y", "x"]
    assert (image.xy_pixel_size, image.z_spacing) == (0.65, 5.0)
    assert image.columns.length[0].tolist() == [1, 1, 5, 64 * 0.65, 64 * 0.65]
    assert image.attributes == {"drug": ["DMSO"]}
    assert [channel.channel_label for channel in image.channels or []] == ["DAPI"]
    assert sorted(image.columns.fov_names) == ["FOV_1", "FOV_2"]


def test_the_tiny_plate_of_the_existing_converter_loads_unchanged(shared_data: Path, tmp_path: Path) -> None:
    maker = shared_data.parent / "tools" / "make_tiny_hcs.py"
    if not maker.is_file():
        pytest.skip(
            "needs the script that makes the tiny plate, which lies beside the real vendor data (OMEZARR_TEST_DATA)"
        )
    subprocess.run([sys.executable, maker, tmp_path], check=True, capture_output=True)
    found = scan(tmp_path / "data", plate_name="TinyPlate")
    images = tiled_image_from_tiles(tiles=found.tiles)
    assert [image.path for image in images] == ["TinyPlate.zarr/A/01/0", "TinyPlate.zarr/B/02/0"]
    assert {image.shape() for image in images} == {(2, 3, 32, 64)}
    stack = tifffile.imread(tmp_path / "data" / "B02_F1_C0.tif")
    assert np.array_equal(images[1].load_data()[0, :, :, 32:], stack)


def test_single_images_take_the_name_of_the_column_the_task_or_the_folder(tmp_path: Path) -> None:
    rows = [{"file_path": "a.tif", "start_x": 0}, {"file_path": "b.tif", "start_x": 26}]
    folder = write_folder(tmp_path / "cells", rows)
    assert [place.path() for place in scan(folder).tiles.collections] == ["cells.zarr"]
    assert [place.path() for place in scan(folder, plate_name="task").tiles.collections] == ["task.zarr"]
    write_folder(folder, [{**row, "image_path": row["file_path"][0]} for row in rows])
    found = scan(folder, plate_name="task")
    assert [place.path() for place in found.tiles.collections] == ["a.zarr", "b.zarr"]
    assert found.plate is None


def test_f27_all_missing_files_are_named_before_anything_else_happens(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "acquisition", plate_rows())
    for name in ("A1_F0_C1", "C12_F0_C0"):
        (folder / "data" / f"{name}.tif").unlink()
    with pytest.raises(ConvertersToolsUserError, match=r"2 files.*data/A1_F0_C1.tif, data/C12_F0_C0.tif"):
        scan(folder)
    found = scan(folder, options={"missing_files": "Leave empty"})
    assert len(found.tiles) == 4
    assert (found.states.present, found.states.missing_file) == (4, 2)
    assert "A1_F0_C1.tif" in found.states.sentences()[0]


@pytest.mark.parametrize("written", ["data\\a.tif", " data/a.tif ", "./data/../data/a.tif"])
def test_names_of_files_as_people_write_them(written: str, tmp_path: Path) -> None:
    write_image(tmp_path / "data" / "a.tif")
    write_folder(tmp_path, [{"file_path": written, "well": "A1"}], images=False)
    assert scan(tmp_path).tiles.tile(0).image_loader.file_path == str(tmp_path / "data" / "a.tif")


def test_absolute_names_of_files(tmp_path: Path) -> None:
    write_image(tmp_path / "data" / "a.tif")
    absolute = str(tmp_path / "data" / "a.tif")
    write_folder(tmp_path, [{"file_path": absolute, "well": "A1"}], images=False)
    assert scan(tmp_path).tiles.tile(0).image_loader.file_path == absolute


def elsewhere(tmp_path: Path, how: str) -> str:
    """Put an image beside the acquisition's folder and give the name by which a table reaches it."""
    folder = tmp_path / "acquisition"
    image = tmp_path / "elsewhere" / "a.tif"
    write_image(image)
    (folder / "data").mkdir(parents=True)
    if how == "link":
        (folder / "data" / "a.tif").symlink_to(image)
    elif how == "linked folder":
        (folder / "linked").symlink_to(image.parent)
    return {
        "absolute": str(image),
        "dots": "../elsewhere/a.tif",
        "Windows": "..\\elsewhere\\a.tif",
        "dots within": "data/../../elsewhere/a.tif",
        "page": f"{image}#page=0",
        "link": "data/a.tif",
        "linked folder": "linked/a.tif",
    }[how]


OUTSIDE = ["absolute", "dots", "Windows", "dots within", "page", "link", "linked folder"]


@pytest.mark.parametrize("how", OUTSIDE)
def test_files_outside_the_folder_are_refused_unless_that_is_asked_for(how: str, tmp_path: Path) -> None:
    name = elsewhere(tmp_path, how)
    rows = [{"file_path": name, "well": "A1"}, {"file_path": "data/b.tif", "well": "B1"}]
    write_image(tmp_path / "acquisition" / "data" / "b.tif")
    folder = write_folder(tmp_path / "acquisition", rows, images=False)
    said = re.escape(f"names 1 file outside its folder '{folder}': {name.partition('#')[0]}; correct 'file_path', or")
    with pytest.raises(ConvertersToolsUserError, match=f"{said}.*follow_links"):
        scan(folder)
    with pytest.raises(ConvertersToolsUserError, match="outside its folder"):
        scan(folder, options={"missing_files": "Leave empty", "read_headers": False})
    found = scan(folder, options={"follow_links": True})
    assert len(found.tiles) == 2
    assert np.asarray(found.tiles.tile(0).image_loader.load_data()).shape == (30, 40)


@pytest.mark.parametrize("how", ["link", "linked folder"])
def test_links_within_the_folder_are_no_matter(how: str, tmp_path: Path) -> None:
    write_image(tmp_path / "store" / "a.tif")
    if how == "link":
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / "a.tif").symlink_to(tmp_path / "store" / "a.tif")
    else:
        (tmp_path / "data").symlink_to("store")
    write_folder(tmp_path, [{"file_path": "data/a.tif", "well": "A1"}], images=False)
    assert scan(tmp_path).tiles.tile(0).image_loader.file_path == str(tmp_path / "data" / "a.tif")


def test_a_folder_that_is_itself_a_link_holds_its_files(tmp_path: Path) -> None:
    write_folder(tmp_path / "acquisition", plate_rows())
    (tmp_path / "linked").symlink_to("acquisition")
    assert len(scan(tmp_path / "linked").tiles) == 6


def test_files_outside_and_missing_files_and_mistakes_are_told_together(tmp_path: Path) -> None:
    name = elsewhere(tmp_path, "absolute")
    rows = [
        {"file_path": name, "well": "A1"},
        {"file_path": "/nowhere/c.tif", "well": "A2"},
        {"file_path": "data/b.tif", "well": "left"},
    ]
    write_image(tmp_path / "acquisition" / "data" / "b.tif")
    folder = write_folder(tmp_path / "acquisition", rows, images=False)
    with pytest.raises(ConvertersToolsUserError) as raised:
        scan(folder)
    for piece in (f"outside its folder '{folder}': {name};", "cannot be found beside it: /nowhere/c.tif;", "'left'"):
        assert piece in str(raised.value)


@pytest.mark.parametrize("place", ["../conditions.csv", "linked.csv", "s3://somewhere/conditions.csv"])
def test_a_condition_table_outside_the_folder_is_refused_unless_that_is_asked_for(place: str, tmp_path: Path) -> None:
    (tmp_path / "conditions.csv").write_text("well,dose\nA1,5\n")
    folder = write_folder(tmp_path / "acquisition", plate_rows(), TOML + f'condition_table_path = "{place}"\n')
    (folder / "linked.csv").symlink_to("../conditions.csv")
    with pytest.raises(
        ConvertersToolsUserError, match=r"acquisition_details.toml' names the condition table .*outside"
    ):
        scan(folder)
    found = scan(folder, options={"follow_links": True})
    stated = found.tiles.acquisitions[0].condition_table_path
    assert stated == (place if "://" in place else str(folder / place))


def test_mistakes_in_table_and_missing_files_are_told_together(tmp_path: Path) -> None:
    rows = plate_rows()
    rows[1]["start_x"] = "left"
    rows[2]["row"] = "?"
    folder = write_folder(tmp_path / "acquisition", rows)
    (folder / "data" / "C12_F0_C0.tif").unlink()
    with pytest.raises(ConvertersToolsUserError) as raised:
        scan(folder)
    for piece in ("C12_F0_C0.tif", "row 4 ('?')"):
        assert piece in str(raised.value)


@pytest.mark.parametrize(
    ("lengths", "said"),
    [
        ({"length_x": 41, "length_y": 30}, r"has the size y 30, x 40, but the table says y 30, x 41"),
        ({"length_x": 40, "length_y": 30, "length_z": 3}, r"says z 3, y 30, x 40"),
    ],
)
def test_f24_a_wrong_shape_names_file_expected_and_found(lengths: dict[str, int], said: str, tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "acquisition", [{**row, **lengths} for row in plate_rows()[:1]])
    with pytest.raises(ConvertersToolsUserError, match=said) as raised:
        scan(folder)
    assert "A1_F0_C0.tif" in str(raised.value)


def test_f23_a_colour_image_is_three_channels(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((30, 40, 3), np.uint8), photometric="rgb")
    write_folder(tmp_path, [{"file_path": "a.tif", "well": "A1"}], "xy_pixel_size = 1", images=False)
    assert scan(tmp_path).tiles.tile(0).length_c == 3
    lengths = {"length_x": 40, "length_y": 30, "length_c": 1, "length_z": 1, "length_t": 1}
    write_folder(tmp_path, [{"file_path": "a.tif", "well": "A1", **lengths}], "xy_pixel_size = 1", images=False)
    with pytest.raises(ConvertersToolsUserError, match="a colour image has length_c 3"):
        scan(tmp_path)


def test_f22_a_stack_is_not_taken_for_channels(tmp_path: Path) -> None:
    write_image(tmp_path / "a.tif", (3, 30, 40))
    rows = [{"file_path": "a.tif", "well": "A1", "length_x": 40, "length_y": 30, "length_c": 3}]
    write_folder(tmp_path, rows, "xy_pixel_size = 1", images=False)
    with pytest.raises(ConvertersToolsUserError, match="has the size z 3"):
        scan(tmp_path)
    write_folder(tmp_path, [{"file_path": "a.tif", "well": "A1"}], "xy_pixel_size = 1", images=False)
    tile = scan(tmp_path).tiles.tile(0)
    assert (tile.length_z, tile.length_c) == (3, 1)


def test_f26_pages_of_a_file_are_tiles(tmp_path: Path) -> None:
    data = np.arange(4 * 30 * 40, dtype=np.uint16).reshape(4, 30, 40)
    tifffile.imwrite(tmp_path / "a.tif", data, metadata=None, photometric="minisblack")
    rows = [{"file_path": "a.tif", "well": "A1", "page": page, "start_z": page} for page in range(4)]
    write_folder(tmp_path, rows, "xy_pixel_size = 1", images=False)
    (image,) = tiled_image_from_tiles(tiles=scan(tmp_path).tiles)
    assert np.array_equal(image.load_data()[0], data)
    rows = [{**row, "file_path": f"a.tif#page={row['page']}", "page": ""} for row in rows]
    write_folder(tmp_path, rows, "xy_pixel_size = 1", images=False)
    (image,) = tiled_image_from_tiles(tiles=scan(tmp_path).tiles)
    assert np.array_equal(image.load_data()[0], data)


def test_which_table_of_a_folder(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a", plate_rows())
    write_folder(folder, plate_rows()[:2], kind="parquet")
    with pytest.raises(ConvertersToolsUserError, match=r"tiles.csv and tiles.parquet"):
        scan(folder)
    assert len(scan(folder, options={"table": "tiles.parquet"}).tiles) == 2
    assert len(scan(folder / "tiles.csv").tiles) == 6
    with pytest.raises(ConvertersToolsFileNotFoundError, match=r"tiles\.csv or tiles\.parquet"):
        scan(tmp_path)
    with pytest.raises(ConvertersToolsUserError, match=r"there is no option .tabel.*The options are"):
        scan(folder, options={"tabel": "x"})


def test_wells_and_image_paths_in_one_table_need_a_decision(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a", [{**row, "image_path": "x"} for row in plate_rows()])
    with pytest.raises(ConvertersToolsUserError, match="option 'kind'"):
        scan(folder)
    assert scan(folder, options={"kind": "Plate"}).tiles.tile(0).attributes["image_path"] == ["x"]


def test_f11_a_duplicate_tile_names_both_files(tmp_path: Path) -> None:
    rows = plate_rows()[:1]
    folder = write_folder(tmp_path / "a", [*rows, {**rows[0], "file_path": "data/other.tif"}])
    with pytest.raises(ConvertersToolsUserError) as raised:
        tiled_image_from_tiles(tiles=scan(folder).tiles)
    assert "A1_F0_C0.tif" in str(raised.value)
    assert "other.tif" in str(raised.value)


def test_f19_mixed_types_are_promoted_and_said(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "a", plate_rows())
    write_image(folder / "data" / "A1_F1_C0.tif", dtype=np.uint8)
    images = tiled_image_from_tiles(tiles=scan(folder).tiles)
    assert images[0].data_type == "uint16"
    assert images[0].notes


@pytest.mark.parametrize("text", ["", "file_path,row,column\n"])
def test_a_table_without_rows(text: str, tmp_path: Path) -> None:
    (tmp_path / "tiles.csv").write_text(text)
    with pytest.raises(ConvertersToolsUserError, match=r"is empty|no rows"):
        scan(tmp_path)


def test_the_rules_of_formats(tmp_path: Path) -> None:
    lengths = {"length_x": 40, "length_y": 30, "length_z": 1, "length_t": 1, "length_c": 1}
    folder = write_folder(tmp_path / "acquisition", [{**row, **lengths} for row in plate_rows()])
    check_format("tile_table", folder, options={"read_headers": False})
