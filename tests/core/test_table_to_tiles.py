"""Tables become tiles: columns by name, every mistake at once, no object per row."""

from __future__ import annotations

import warnings
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st

from fractal_omezarr_converters.core import (
    hcs_images_from_dataframe,
    single_images_from_dataframe,
    tiled_image_from_tiles,
)
from fractal_omezarr_converters.core.table_to_tiles import tile_table_from_columns
from fractal_omezarr_converters.errors import ConvertersToolsUserError, ConvertersToolsWarning
from fractal_omezarr_converters.models import AcquisitionDetails, ChannelInfo

DETAILS = AcquisitionDetails(xy_pixel_size=0.65, z_spacing=5, channels=[ChannelInfo(channel_label="DAPI")])
SIZES = {f"length_{axis}": 1 for axis in "zct"} | {"length_x": 40, "length_y": 30}


def row(**cells: Any) -> dict[str, Any]:
    """One row of a table of a plate."""
    return {
        "file_path": "a.tif",
        "row": "A",
        "column": 1,
        "fov_name": "F1",
        "start_x": 0,
        "start_y": 0,
        **SIZES,
        **cells,
    }


def plate_tiles(rows: Any, details: AcquisitionDetails = DETAILS, **options: Any) -> list[Any]:
    """Tiles of a plate."""
    return hcs_images_from_dataframe(tiles_table=rows, acquisition_details=details, **options)


def test_one_tile_per_row_with_every_field_in_its_place() -> None:
    starts = {"start_x": 10.5, "start_y": 2, "start_z": 3, "start_c": 0, "start_t": 4}
    tile = plate_tiles([row(**starts, drug="DMSO", dose=3)], plate_name="P", acquisition_id=2)[0]
    assert (tile.start_x, tile.start_y, tile.start_z, tile.start_c, tile.start_t) == (10.5, 2, 3, 0, 4)
    assert (tile.length_x, tile.length_y, tile.length_z, tile.length_c, tile.length_t) == (40, 30, 1, 1, 1)
    assert tile.collection.path() == "P.zarr/A/01/2"
    assert tile.image_loader.file_path == "a.tif"
    assert tile.attributes == {"drug": ["DMSO"], "dose": [3]}
    assert type(tile.attributes["dose"][0]) is int
    assert tile.acquisition_details.xy_pixel_size == 0.65


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_decimal_numbers_as_databases_give_them_are_numbers(library: str) -> None:
    cells = {"start_x": [Decimal("1.50"), Decimal(2)], "dose": [Decimal("0.5"), None], "n": [Decimal(3), Decimal("4")]}
    rows = [row(**dict(zip(cells, values))) for values in zip(*cells.values())]
    columns = {name: [each[name] for each in rows] for name in rows[0]}
    module = pytest.importorskip(library)
    table = module.table(columns) if library == "pyarrow" else module.DataFrame(columns)
    tiles = plate_tiles(table)
    assert [tile.start_x for tile in tiles] == [1.5, 2.0]
    assert [tile.attributes for tile in tiles] == [{"dose": [0.5], "n": [3]}, {"dose": [None], "n": [4]}]


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_single_column_is_no_table(library: str) -> None:
    module = pytest.importorskip(library)
    column = module.array(["a.tif"]) if library == "pyarrow" else module.Series(["a.tif"])
    with pytest.raises(ConvertersToolsUserError, match=r"The table is a \w+; give a pandas or polars frame"):
        plate_tiles(column)


def test_a_table_whose_wells_have_other_titles_is_told_with_its_columns() -> None:
    with pytest.raises(ConvertersToolsUserError, match=r"no column 'row' .*\(columns found: file_path, Row, Column\)"):
        plate_tiles([{"file_path": "a.tif", "Row": "A", "Column": 1}])


def test_without_a_name_the_plate_is_called_plate() -> None:
    assert plate_tiles([row()])[0].collection.plate_name == "Plate"


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(list(row(drug="x"))))
def test_the_order_of_columns_does_not_matter(order: list[str]) -> None:
    cells = row(drug="x", start_x=7)
    assert plate_tiles([{name: cells[name] for name in order}]) == plate_tiles([cells])


def test_f31_plate_acquisition_and_well_come_from_the_table() -> None:
    rows = [
        {**row(), "well": well, "plate_name": plate, "acquisition": number}
        for well, plate, number in (("A01", "P1", 0), ("b2", "P1", 3), ("AF48", "P2", 0))
    ]
    for each in rows:
        del each["row"], each["column"]
    assert [tile.collection.path() for tile in plate_tiles(rows, plate_name="Other")] == [
        "P1.zarr/A/01/0",
        "P1.zarr/B/02/3",
        "P2.zarr/AF/48/0",
    ]


@pytest.mark.parametrize("given", ["A", "a", "1", "01", 1, 1.0])
def test_f33_rows_as_letter_or_number(given: Any) -> None:
    assert plate_tiles([row(row=given)])[0].collection.well == "A01"
    assert plate_tiles([row(row=27)])[0].collection.row == "AA"


def test_f32_pixel_sizes_and_channels_of_the_table_override_the_acquisition() -> None:
    rows = [
        row(row=well, start_c=index, xy_pixel_size=size, z_spacing=2.5, channel_names="DAPI/GFP", wavelengths="405/488")
        for well, size in (("A", 0.3), ("B", 0.6))
        for index in (0, 1)
    ]
    tiles = plate_tiles(rows)
    assert [tile.acquisition_details.xy_pixel_size for tile in tiles] == [0.3, 0.3, 0.6, 0.6]
    assert {tile.acquisition_details.z_spacing for tile in tiles} == {2.5}
    channels = tiles[0].acquisition_details.channels
    assert [(channel.channel_label, channel.wavelength_id) for channel in channels] == [("DAPI", "405"), ("GFP", "488")]
    assert not tiles[0].attributes
    assert tiles[0].acquisition_details is tiles[1].acquisition_details


def test_f32_the_older_name_of_the_pixel_size_is_a_column_too() -> None:
    assert plate_tiles([row(pixelsize=0.1)])[0].acquisition_details.xy_pixel_size == 0.1
    with pytest.raises(ConvertersToolsUserError, match="disagrees with column 'xy_pixel_size'"):
        plate_tiles([row(pixelsize=0.1, xy_pixel_size=0.2)])


def test_f32_pixel_sizes_must_agree_within_an_image() -> None:
    with pytest.raises(ConvertersToolsUserError, match=r"'xy_pixel_size' differs within one image.*A/01.*0.1, 0.2"):
        plate_tiles([row(xy_pixel_size=0.1), row(xy_pixel_size=0.2, start_x=50, file_path="b.tif")])


def test_f05_pixels_may_be_taller_than_wide() -> None:
    tile = plate_tiles([row(y_pixel_size=1.3)])[0]
    assert (tile.acquisition_details.pixel_size_x, tile.acquisition_details.pixel_size_y) == (0.65, 1.3)


def test_rows_may_name_only_their_own_channel() -> None:
    rows = [row(start_c=index, channel_names=name) for index, name in ((0, "DAPI"), (2, "Cy5"), (1, "GFP"))]
    channels = plate_tiles(rows)[0].acquisition_details.channels
    assert [channel.channel_label for channel in channels] == ["DAPI", "GFP", "Cy5"]
    with pytest.raises(ConvertersToolsUserError, match="differently"):
        plate_tiles([*rows, row(start_c=1, channel_names="RFP", row="B")])


def test_f42_a_channel_beyond_those_named_is_an_error_at_once() -> None:
    with pytest.raises(ConvertersToolsUserError, match=r"start_c.*row 2 \(1\).*1 channels that are named \(DAPI\)"):
        plate_tiles([row(), row(start_c=1)])


@pytest.mark.parametrize("name", ["plate", "path_in_well"])
def test_f35_names_that_fractal_reserves_are_refused(name: str) -> None:
    with pytest.raises(ConvertersToolsUserError, match=f"'{name}' cannot be an attribute.*plate, well, acquisition"):
        plate_tiles([row(**{name: "x"})])


@pytest.mark.parametrize("name", ["well", "acquisition", "row"])
def test_f35_also_in_tables_of_single_images(name: str) -> None:
    table = [{"file_path": "a.tif", "image_path": "i", **SIZES, name: 1}]
    with pytest.raises(ConvertersToolsUserError, match=f"'{name}' cannot be an attribute"):
        single_images_from_dataframe(tiles_table=table, acquisition_details=DETAILS)


def test_f34_empty_cells_become_none_and_integers_stay_integers() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame([row(dose=1, drug="x"), row(dose=2, drug=None, start_x=40, file_path="b.tif")])
    tiles = plate_tiles(frame)
    assert [tile.attributes for tile in tiles] == [{"dose": [1], "drug": ["x"]}, {"dose": [2], "drug": [None]}]
    assert type(tiles[1].attributes["dose"][0]) is int


def test_f10_without_names_every_position_of_an_image_is_its_own_field() -> None:
    positions = [("A", 0, 0), ("A", 40, 0), ("A", 0, 0), ("B", 40, 0), ("A", 40, 30)]
    rows = [row(row=well, start_x=x, start_y=y, start_z=number) for number, (well, x, y) in enumerate(positions)]
    for each in rows:
        del each["fov_name"]
    assert [tile.fov_name for tile in plate_tiles(rows)] == ["FOV_1", "FOV_2", "FOV_1", "FOV_1", "FOV_3"]


def test_single_images_go_to_their_paths() -> None:
    rows = [{"file_path": "a.tif", "image_path": path, **SIZES} for path in ("x", "folder/y.zarr", "x")]
    tiles = single_images_from_dataframe(tiles_table=rows, acquisition_details=DETAILS)
    assert [tile.collection.path() for tile in tiles] == ["x.zarr", "folder/y.zarr", "x.zarr"]
    assert tiles[0].collection is tiles[2].collection
    with pytest.raises(ConvertersToolsUserError, match="image_path"):
        single_images_from_dataframe(tiles_table=[{**rows[0], "image_path": "../up"}], acquisition_details=DETAILS)


def test_names_that_would_fall_together_are_refused() -> None:
    rows = [row(plate_name=name, start_x=40 * number) for number, name in enumerate(("a?", "a*"))]
    with pytest.raises(ConvertersToolsUserError, match="would both be written as 'a_'"):
        plate_tiles(rows)


def test_selections_in_files_are_columns() -> None:
    tiles = plate_tiles([row(page=3, series=None, start_z=0), row(page=None, series=1, start_z=1, file_channel=2)])
    assert (tiles[0].image_loader.page, tiles[0].image_loader.series) == (3, None)
    assert (tiles[1].image_loader.page, tiles[1].image_loader.series, tiles[1].image_loader.channel) == (None, 1, 2)
    assert tiles[0].attributes == {}


def test_columns_of_existing_users_called_like_a_selection_stay_attributes() -> None:
    tile = plate_tiles([row(channel="DAPI", level=2)])[0]
    assert tile.attributes == {"channel": ["DAPI"], "level": [2]}
    assert tile.image_loader.level is None


def test_all_mistakes_of_a_table_are_told_together() -> None:
    rows = [
        row(),
        row(start_x="left", row="?", page=1.5),
        row(length_x=0, start_y=None, file_path=""),
        row(column=0, start_c=-1, plate="P"),
    ]
    with pytest.raises(ConvertersToolsUserError) as raised:
        plate_tiles(rows)
    said = str(raised.value)
    for piece in (
        "'start_x', row 2 ('left')",
        "'row', row 2 ('?')",
        "'page', row 2 (1.5)",
        "'length_x', row 3 (0)",
        "'start_y', row 3 (empty)",
        "'file_path', row 3 (empty)",
        "'column', row 4 (0)",
        "'start_c', row 4 (-1)",
        "'plate' cannot be an attribute",
    ):
        assert piece in said, piece


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ([], "no column 'file_path'"),
        ({"file_path": [], "row": [], "column": []}, "no rows"),
        ([{"path": "a.tif", "row": "A"}], "columns found: path, row"),
        ([{"file_path": "a.tif", "row": "A", **SIZES}], "no column 'column'"),
        ([{"file_path": "a.tif", "well": "A1", "row": "B", "column": 1, **SIZES}], "disagrees"),
    ],
)
def test_tables_without_what_is_needed(table: Any, said: str) -> None:
    with pytest.raises(ConvertersToolsUserError, match=said):
        plate_tiles(table)


def test_a_column_with_a_slip_of_the_pen_is_pointed_out() -> None:
    with pytest.warns(ConvertersToolsWarning, match="'lenght_z' is taken as an attribute; did you mean 'length_z'"):
        plate_tiles([row(lenght_z=1)])


def test_lengths_come_from_the_header_of_each_file(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((30, 40), np.uint16))
    tifffile.imwrite(tmp_path / "b.tif", np.zeros((3, 20, 50), np.uint16), metadata={"axes": "ZYX"}, ome=True)
    rows = [{"file_path": name, "well": "A1", "start_x": x} for x, name in ((0, "a.tif"), (100, "b.tif"))]
    tiles = plate_tiles(rows, resource=str(tmp_path))
    assert [(tile.length_y, tile.length_x, tile.length_z) for tile in tiles] == [(30, 40, 1), (20, 50, 3)]
    world = plate_tiles(rows, DETAILS.model_copy(update={"length_x_space": "world"}), resource=str(tmp_path))
    assert [tile.length_x for tile in world] == pytest.approx([26, 32.5])
    with pytest.raises(ConvertersToolsUserError, match=r"no length_x.*none.tif"):
        plate_tiles([{"file_path": "none.tif", "well": "A1"}], resource=str(tmp_path))


def test_tiles_become_images() -> None:
    rows = [row(start_x=x, start_c=0, file_path=f"{x}.npy", data="u") for x in (0, 26)]
    details = AcquisitionDetails(xy_pixel_size=0.65, data_type="uint16")
    image = tiled_image_from_tiles(tiles=tile_table_from_columns(rows, acquisition_details=details, kind="plate"))[0]
    assert image.shape()[-2:] == (30, 80)
    assert image.attributes == {"data": ["u"]}


@pytest.mark.parametrize("kind", ["columns", "pandas", "csv"])
def test_a_hundred_thousand_rows_become_tiles(kind: str, tmp_path: Path) -> None:
    number = 100_000
    index = np.arange(number)
    columns: dict[str, Any] = {
        "file_path": [f"images/plane_{i:06d}.tif" for i in range(number)],
        "row": [f"{chr(65 + i % 16)}" for i in range(number)],
        "column": (index // 16 % 24 + 1),
        "fov_name": [f"FOV_{i % 9}" for i in range(number)],
        "start_x": index % 3 * 26.0,
        "start_y": index % 9 // 3 * 19.5,
        **{f"start_{axis}": np.zeros(number, int) for axis in "zct"},
        **{name: np.full(number, size) for name, size in SIZES.items()},
        "drug": ["DMSO" if i % 2 else "X" for i in range(number)],
    }
    table: Any = columns
    if kind != "columns":
        table = pytest.importorskip("pandas").DataFrame(columns)
    if kind == "csv":
        table.to_csv(tmp_path / "tiles.csv", index=False)
        table = tmp_path / "tiles.csv"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tiles = tile_table_from_columns(table, acquisition_details=DETAILS, kind="plate")
    assert len(tiles) == number
    assert tiles.length[:, 3:].min(axis=0).tolist() == tiles.length[:, 3:].max(axis=0).tolist()
    assert len(tiles.collections) == len(set(zip(columns["row"], columns["column"].tolist(), strict=True)))


def test_moments_of_acquisition_are_no_attribute(tmp_path: Path) -> None:
    import pandas as pd

    stated = ["2024-05-31T14:05:00.5+02:00", "2024-05-31 14:06", ""]
    path = tmp_path / "tiles.csv"
    pd.DataFrame([row(fov_name=f"F{i}", start_x=40 * i, acquired_at=text) for i, text in enumerate(stated)]).to_csv(
        path
    )
    tiles = plate_tiles(path)
    assert [tile.attributes for tile in tiles] == [{}] * 3
    seen = [None if tile.acquired_at is None else tile.acquired_at.isoformat() for tile in tiles]
    assert seen == ["2024-05-31T12:05:00.500000", "2024-05-31T14:06:00", None]  # one of them states no zone
    moments = pd.to_datetime(["2024-05-31T14:05:00+02:00", None], utc=True)
    frame = pd.DataFrame([row(), row(fov_name="F2", start_x=40)]).assign(acquired_at=moments)
    assert [tile.acquired_at and tile.acquired_at.isoformat() for tile in plate_tiles(frame)] == [
        "2024-05-31T12:05:00+00:00",
        None,
    ]
    with pytest.raises(ConvertersToolsUserError, match=r"'acquired_at', row 2 \('noon'\).*no date and time"):
        plate_tiles([row(), row(fov_name="F2", start_x=40, acquired_at="noon")])
    with pytest.raises(ConvertersToolsUserError, match="no date and time"):
        plate_tiles([row(acquired_at=12.5)])
