"""Tables with anything in them: tiles that can be planned, or one error for users; never what a library happens to raise."""

from __future__ import annotations

import datetime
import warnings
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fractal_omezarr_converters.core import (
    hcs_images_from_dataframe,
    place,
    single_images_from_dataframe,
    tiled_image_from_tiles,
)
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models import AcquisitionDetails

GOOD: dict[str, list[Any]] = {
    "file_path": ["a.tif", "b.tif", "c.tif"],
    "row": ["A", "A", "B"],
    "column": [1, 1, 2],
    "fov_name": ["F1", "F2", "F1"],
    "start_x": [0, 4, 0],
    "start_y": [0, 0, 0],
    "length_x": [4, 4, 4],
    "length_y": [4, 4, 4],
    **{f"length_{axis}": [1, 1, 1] for axis in "zct"},
}
OTHERS = [
    *("well start_z start_c start_t xy_pixel_size pixelsize y_pixel_size z_spacing t_spacing channel_names").split(),
    *("wavelengths plate_name acquisition image_path page series file_z drug plate path_in_well").split(),
    3,
    None,
]
CELLS = st.one_of(
    st.none(),
    st.integers(-3, 30),
    st.floats(),
    st.booleans(),
    st.text(max_size=4),
    st.sampled_from(["A", "A1", "x/y", "1e9", "DAPI/GFP", " ", "nan", b"x", [1], {"a": 1}, 2**70, 10**400]),
    st.sampled_from([datetime.date(2020, 1, 1), np.float32(1), np.datetime64("2020-01-01"), Decimal("1.5")]),
)


@settings(max_examples=300, deadline=None)
@example(extra={"length_z": [None, None, 2.0**63]}, left_out=set(), single=False, by_row=False)
@example(extra={"length_t": [1e300, 1, 1], "start_x": [1e300, 0, 0]}, left_out=set(), single=True, by_row=True)
@given(
    extra=st.dictionaries(st.sampled_from([*GOOD, *OTHERS]), st.lists(CELLS, min_size=3, max_size=3), max_size=3),
    left_out=st.sets(st.sampled_from(list(GOOD)), max_size=1),
    single=st.booleans(),
    by_row=st.booleans(),
)
def test_whatever_a_table_holds_only_errors_for_users_come_out(
    extra: dict[Any, list[Any]], left_out: set[str], single: bool, by_row: bool
) -> None:
    columns: dict[Any, list[Any]] = {name: cells for name, cells in GOOD.items() if name not in left_out}
    if single:
        columns = {name: cells for name, cells in columns.items() if name not in ("row", "column")}
        columns["image_path"] = ["i", "i", "j"]
    columns |= extra
    table: Any = [dict(zip(columns, cells)) for cells in zip(*columns.values())] if by_row else columns
    make = single_images_from_dataframe if single else hcs_images_from_dataframe
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            tiles = make(tiles_table=table, acquisition_details=AcquisitionDetails(data_type="uint8"))
            for image in tiled_image_from_tiles(tiles=tiles):
                image.shape()
        except ConvertersToolsUserError as error:
            assert str(error)


@pytest.mark.parametrize(
    ("column", "cells", "said"),
    [
        ("xy_pixel_size", [1e20, 0.5, 0.5], r"'xy_pixel_size', row 1 \(1e\+20\): must lie between"),
        ("z_spacing", [True, 1, 1], r"'z_spacing', row 1 \(True\): is not a number"),
        ("column", [1e30, 1, 2], r"'column', row 1 \(1e\+30\): is too large"),
        ("acquisition", [0, 2**70, 0], r"'acquisition', row 2 \(1180591620717411303424\): is too large"),
        ("page", [0, 10**400, 0], r"'page', row 2 \(1000*\): is not a number"),
        ("dose", [1.5, float("inf"), 2], r"'dose', row 2 \(inf\): is not a finite number"),
    ],
)
def test_numbers_that_no_field_can_hold_are_named(column: str, cells: list[Any], said: str) -> None:
    with pytest.raises(ConvertersToolsUserError, match=said):
        hcs_images_from_dataframe(tiles_table={**GOOD, column: cells}, acquisition_details=AcquisitionDetails())


def test_a_whole_number_of_any_size_is_an_attribute() -> None:
    table = {**GOOD, "barcode": [10**400, 1.5, None]}
    tiles = hcs_images_from_dataframe(tiles_table=table, acquisition_details=AcquisitionDetails(data_type="uint8"))
    assert tiles[0].attributes["barcode"] == [str(10**400)]
    assert place(tiled_image_from_tiles(tiles=tiles)[0]).shape[-1] == 8


@pytest.mark.parametrize("name", ["tiles.xlsx", "tiles.csv"])
def test_a_workbook_is_no_table_and_its_bytes_are_not_shown(tmp_path: Path, name: str) -> None:
    with zipfile.ZipFile(tmp_path / name, "w") as book:
        book.writestr("xl/worksheets/sheet1.xml", "<worksheet/>")
    with pytest.raises(ConvertersToolsUserError, match=r"'[^']*' is not a text file; save it as CSV in UTF-8\.$"):
        hcs_images_from_dataframe(tiles_table=tmp_path / name, acquisition_details=AcquisitionDetails())


def test_a_table_in_utf_16_is_text(tmp_path: Path) -> None:
    rows = ["file_path,well,length_x,length_y,length_z,length_c,length_t", "µ.tif,A1,4,4,1,1,1"]
    (tmp_path / "tiles.csv").write_text("\n".join(rows), encoding="utf-16")
    [tile] = hcs_images_from_dataframe(tiles_table=tmp_path / "tiles.csv", acquisition_details=AcquisitionDetails())
    assert tile.image_loader.file_path == "µ.tif"
