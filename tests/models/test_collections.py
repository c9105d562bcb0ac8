"""Wells, plates, and where images go."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from fractal_omezarr_converters.errors import ConvertersToolsUserError, ConvertersToolsWarning
from fractal_omezarr_converters.models.collections import (
    CollectionInterface,
    ImageInPlate,
    SingleImage,
    collection_type_name,
    resolve_collection_type,
)
from fractal_omezarr_converters.models.well_names import (
    PlateType,
    column_name,
    parse_well,
    plate_shape,
    row_index,
    row_name,
    safe_plate_name,
    well_name,
)


class Elsewhere(CollectionInterface):
    """A collection of another package."""

    place: str

    def path(self) -> str:
        return self.place


@pytest.mark.parametrize(
    ("row", "name"),
    [
        (1, "A"),
        ("1", "A"),
        ("01", "A"),
        ("a", "A"),
        (26, "Z"),
        (27, "AA"),
        (32, "AF"),
        ("af", "AF"),
        (1.0, "A"),
        (np.int64(2), "B"),
        (np.float32(27), "AA"),
    ],
)
def test_f33_rows_are_letters_beyond_z(row: Any, name: str) -> None:
    image = ImageInPlate(plate_name="P", row=row, column=3)
    assert (image.row, image.well, image.path()) == (name, f"{name}03", f"P.zarr/{name}/03/0")


@given(st.integers(1, 702))
def test_row_names_and_indices_are_inverse(number: int) -> None:
    assert row_index(row_name(number)) == number - 1


@pytest.mark.parametrize(
    ("text", "well"),
    [
        ("A01", "A01"),
        ("a1", "A01"),
        ("AB12", "AB12"),
        ("A - 1", "A01"),
        ("R02C03", "B03"),
        ("r2c3", "B03"),
        ("H12", "H12"),
        ("AF48", "AF48"),
    ],
)
def test_wells_are_read_as_instruments_write_them(text: str, well: str) -> None:
    assert well_name(*parse_well(text)) == well
    image = ImageInPlate(plate_name="P", well=text, acquisition=2)
    assert image.well == well


@pytest.mark.parametrize(
    "beside",
    [{"row": None, "column": None}, {"row": np.int64(2), "column": np.int64(3)}, {"row": " b", "column": "03.0"}],
)
def test_a_well_may_stand_beside_the_same_row_and_column(beside: dict[str, Any]) -> None:
    assert ImageInPlate(plate_name="P", well="B3", **beside).well == "B03"


@pytest.mark.parametrize("beside", [{"row": "C"}, {"column": 4}, {"column": "three"}, {"row": ["B"]}])
def test_a_well_that_is_another_one_than_row_and_column_is_refused(beside: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="are not the same well; keep one of them"):
        ImageInPlate(plate_name="P", well="B3", **beside)


def test_the_paths_of_an_image_in_a_plate() -> None:
    image = ImageInPlate(plate_name="P", well="AB12", acquisition=2)
    paths = image.path_in_well(), image.image_in_well_path(), image.path()
    assert paths == ("2", "AB/12/2", "P.zarr/AB/12/2")
    image.set_suffix("_F1")
    assert image.image_in_well_path() == "AB/12/2_F1"


@pytest.mark.parametrize("text", ["", "1", "A", "A0", "0A", "AAA1", "A01B02", "A-1-2"])
def test_what_is_no_well_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a well"):
        parse_well(text)


@pytest.mark.parametrize(
    "values",
    [
        {"row": "A", "column": 0},
        {"row": "A", "column": -1},
        {"row": "?", "column": 1},
        {"row": 0, "column": 1},
        {"row": "A", "column": 1, "acquisition": -1},
        {"well": "A01", "row": "B"},
    ],
)
def test_impossible_wells_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ImageInPlate(plate_name="P", **values)


def test_columns_have_two_digits_three_from_100_on() -> None:
    assert [column_name(n) for n in (1, 10, 100)] == ["01", "10", "100"]
    assert ImageInPlate(plate_name="P", row="B", column="07").well_path() == "B/07"


def test_f47_plate_types() -> None:
    assert {int(plate): (plate.rows, plate.columns) for plate in PlateType} == {
        6: (2, 3), 12: (3, 4), 24: (4, 6), 48: (6, 8), 96: (8, 12), 384: (16, 24), 1536: (32, 48),
    }  # fmt: skip
    assert [plate_shape(text) for text in ("384", " 96 wells", "6-well", "16 x 24", "5×7")] == [
        (16, 24), (8, 12), (2, 3), (16, 24), (5, 7),
    ]  # fmt: skip
    for wrong in ("97", "0 x 3", "", "plate", "100 x 2"):
        with pytest.raises(ValueError, match="6, 12, 24, 48, 96, 384, 1536"):
            plate_shape(wrong)
    assert PlateType.holding(9, 3) is PlateType.WELLS_384
    assert PlateType.holding(40, 3) is None


def test_f46_plate_name_is_without_suffix() -> None:
    image = ImageInPlate(plate_name="My Plate-1.zarr", row="A", column=1)
    assert (image.plate_name, image.plate_path()) == ("My Plate-1", "My Plate-1.zarr")


@pytest.mark.parametrize(
    ("name", "safe"), [("P/1", "P_1"), ("..", "_"), ("__x", "_x"), ("a:b?c", "a_b_c"), ("../up", ".._up")]
)
def test_forbidden_letters_of_plate_names_are_replaced_with_a_warning(name: str, safe: str) -> None:
    with pytest.warns(ConvertersToolsWarning, match=r"is used instead") as caught:
        assert ImageInPlate(plate_name=name, row="A", column=1).plate_name == safe
    assert f"'{name}'" in str(caught[0].message)


def test_allowed_plate_names_stay() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("2024-01-02_plate.3", "Größe 4", "a b"):
            assert ImageInPlate(plate_name=name, row="A", column=1).plate_name == name
    assert safe_plate_name(" padded ") == ("padded", None)
    with pytest.raises(ValidationError, match="empty"):
        ImageInPlate(plate_name=" ", row="A", column=1)


def test_single_image_in_a_folder() -> None:
    assert SingleImage(image_path="image").path() == "image.zarr"
    assert SingleImage(image_path="image.zarr").path() == "image.zarr"
    assert SingleImage(image_path="day 1/fish (2)/image").path() == "day 1/fish (2)/image.zarr"


@pytest.mark.parametrize("path", ["../a", "a/../b", "/a", "a//b", "", "a/.", "..\\a", "a/"])
def test_single_image_stays_below_the_output(path: str) -> None:
    with pytest.raises(ValidationError, match="below the output directory"):
        SingleImage(image_path=path)


def test_f45_suffix_belongs_to_one_object() -> None:
    first = ImageInPlate(plate_name="P", row="A", column=1)
    second = first.model_copy()
    second.set_suffix("_F2")
    assert (first.path(), second.path()) == ("P.zarr/A/01/0", "P.zarr/A/01/0_F2")
    first._suffix = "_F1"
    assert first.path() == "P.zarr/A/01/0_F1"
    single = SingleImage(image_path="a/b.zarr")
    single.set_suffix("_F1")
    assert single.path() == "a/b_F1.zarr"


def test_types_go_by_name() -> None:
    assert collection_type_name(ImageInPlate) == "ImageInPlate"
    assert resolve_collection_type("SingleImage") is SingleImage
    assert resolve_collection_type(collection_type_name(Elsewhere)) is Elsewhere
    with pytest.raises(ConvertersToolsUserError, match="cannot be imported"):
        resolve_collection_type("no_such_package:Thing")
    with pytest.raises(ConvertersToolsUserError, match="is not known"):
        resolve_collection_type("Thing")
    with pytest.raises(ConvertersToolsUserError, match="is not a CollectionInterface"):
        resolve_collection_type("pathlib:Path")

    class Hidden(Elsewhere):
        pass

    with pytest.raises(ConvertersToolsUserError, match="inside a function"):
        collection_type_name(Hidden)


def test_unknown_keys_are_ignored() -> None:
    assert ImageInPlate.model_validate({"plate_name": "P", "row": "A", "column": 1, "new_key": 3}).well == "A01"
