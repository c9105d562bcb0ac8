"""Conditions of wells become attributes of tiles and images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fractal_omezarr_converters.core import (
    TileTable,
    hcs_images_from_dataframe,
    single_images_from_dataframe,
    tiled_image_from_tiles,
)
from fractal_omezarr_converters.errors import (
    ConvertersToolsFileNotFoundError,
    ConvertersToolsUserError,
    ConvertersToolsWarning,
)
from fractal_omezarr_converters.models import AcquisitionDetails, ConverterOptions
from fractal_omezarr_converters.pipelines import WellFilter, tiles_aggregation_pipeline
from fractal_omezarr_converters.pipelines.condition_tables import ConditionTable, read_conditions
from fractal_omezarr_converters.pipelines.conditions import Elsewhere, join

WELLS = ("A1", "A2", "C1", "AB13")


def tiles(wells: Any = WELLS, attributes: dict[str, Any] | None = None, **cells: Any) -> TileTable:
    """Two fields in each of some wells."""
    sizes = {f"length_{axis}": size for axis, size in zip("tczyx", (1, 1, 1, 30, 40))}
    rows = [
        {
            "file_path": f"{well}_{x}.tif",
            "well": well,
            "start_x": x,
            "start_y": 0,
            **sizes,
            **(attributes or {}),
            **cells,
        }
        for well in wells
        for x in (0, 40)
    ]
    return TileTable.from_tiles(
        hcs_images_from_dataframe(tiles_table=rows, acquisition_details=AcquisitionDetails(data_type="uint16"))
    )


def table(folder: Path, text: str, name: str = "conditions.csv") -> ConditionTable:
    """A condition table of this text."""
    (folder / name).write_text(text)
    return read_conditions(folder / name)


@pytest.mark.parametrize("text", ["well\tdose\nA01\t0,5\nB01\t1\n", 'well,dose\nA01,"0,5"\n', 'dose,1\nA,"0,5"\n'])
def test_numbers_that_stay_text_because_of_their_commas_are_said(tmp_path: Path, text: str) -> None:
    """Between tabs and commas they are left alone, since 1,000 may be a thousand."""
    read = table(tmp_path, text)
    assert read.conditions["dose"][0] == "0,5"
    assert (
        len(read.notes) == 1
        and "column 'dose' is taken as text, because its numbers have a comma ('0,5')" in read.notes[0]
    )


def test_other_text_with_commas_is_no_number(tmp_path: Path) -> None:
    assert table(tmp_path, "well\tdrugs\nA01\ta,b\nB01\t1,5\n").notes == []
    assert table(tmp_path, "well;dose\nA01;0,5\n").notes == []


def by_well(joined: TileTable) -> dict[str, dict[str, Any]]:
    """Attributes of the tiles of every well."""
    found: dict[str, dict[str, Any]] = {}
    for tile in joined:
        assert found.setdefault(tile.collection.well, tile.attributes) == tile.attributes
    return found


@pytest.mark.parametrize(
    "text",
    [
        "well,drug,dose\nA01,DMSO,0\na2,Taxol,5\nAB13,Taxol,10\n",
        "drug;row;dose;column\nDMSO;A;0;1\nTaxol;1;5;02\nTaxol;AB;10;13\n",
        "sep=;\nwell;drug;dose\nA01;DMSO;0\na2;Taxol;5\nAB13;Taxol;10\n",
        '\ufeff"sep=|"\r\nwell|drug|dose\r\nA01|"DMSO"|0\r\na2|Taxol|5\r\nAB13|Taxol|10\r\n',
    ],
)
def test_f37_conditions_are_joined_to_the_wells(text: str, tmp_path: Path) -> None:
    before = tiles()
    result = join(before, table(tmp_path, text))
    assert by_well(result.joined) == {
        "A01": {"drug": ["DMSO"], "dose": [0]},
        "A02": {"drug": ["Taxol"], "dose": [5]},
        "C01": {"drug": [None], "dose": [None]},
        "AB13": {"drug": ["Taxol"], "dose": [10]},
    }
    assert result.wells_without == ["C01"]
    assert before.tile(0).attributes == {}


@pytest.mark.parametrize("titles", ["Row,Col,Acquisition", "ROW,Column,ACQUISITION", "row,col,acquisition"])
def test_columns_of_earlier_converters_name_wells_in_any_case(titles: str, tmp_path: Path) -> None:
    """A row of another cycle was a second value of every well where its column was called Acquisition."""
    found = table(tmp_path, f"{titles},Drug\nA,1,0,DMSO\nA,1,1,Taxol\n")
    result = join(tiles(["A1"]), found)
    assert by_well(result.joined) == {"A01": {"Drug": ["DMSO"]}}
    assert result.elsewhere == [Elsewhere(acquisition=1)]


def test_a_column_that_is_there_in_small_letters_is_the_one_that_counts(tmp_path: Path) -> None:
    found = table(tmp_path, "well,Well\nA01,outer\n")
    assert found.conditions == {"Well": ["outer"]}
    with pytest.raises(ConvertersToolsUserError, match="'Well' and 'WELL' both name the well; rename one"):
        table(tmp_path, "Well,WELL,drug\nA01,A02,DMSO\n")


def test_f37_images_get_them_too_and_the_images_handed_in_stay(tmp_path: Path) -> None:
    images = tiled_image_from_tiles(tiles=tiles())
    result = join(images, table(tmp_path, "well,drug\nA1,x\nA2,y\nC1,z\nAB13,x\n"))
    assert [image.attributes for image in result.joined] == [{"drug": [drug]} for drug in "xyzx"]
    assert not any(image.attributes for image in images)
    assert result.wells_without == []


@pytest.mark.parametrize("corner", ["drug", ""])
def test_a_plate_map_names_wells_by_its_edges(corner: str, tmp_path: Path) -> None:
    read = table(tmp_path, f"{corner},1,2,3\nA,DMSO,Taxol,\nB,,,\nC,Taxol,,\n", name="drug.csv")
    result = join(tiles(("A1", "A2", "C1")), read)
    assert {well: each["drug"] for well, each in by_well(result.joined).items()} == {
        "A01": ["DMSO"],
        "A02": ["Taxol"],
        "C01": ["Taxol"],
    }


def test_plate_maps_below_each_other_are_several_conditions(tmp_path: Path) -> None:
    read = table(tmp_path, "drug,01,02\nA,x,y\n\ndose,01,02\nA,1,2.5\nC,3,\n")
    assert read.conditions == {"drug": ["x", "y", None], "dose": [1.0, 2.5, 3.0]}
    assert [str(key) for key in read.keys] == ["A01", "A02", "C01"]


def test_a_full_plate_map_of_384_wells(tmp_path: Path) -> None:
    letters = [chr(65 + number) for number in range(16)]
    lines = [",".join(["dose", *map(str, range(1, 25))])]
    lines += [
        ",".join([letter, *(f"{row * 24 + column}" for column in range(24))]) for row, letter in enumerate(letters)
    ]
    read = table(tmp_path, "\n".join(lines))
    assert len(read) == 384
    assert (str(read.keys[-1]), read.conditions["dose"][-1]) == ("P24", 383)


def test_parquet_tables_and_plate_maps(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    path = tmp_path / "dose.parquet"
    pandas.DataFrame({"well": ["A1", "B2"], "dose": [1, 2]}).to_parquet(path)
    assert read_conditions(path).conditions == {"dose": [1, 2]}
    frame = pandas.DataFrame({"1": [5, 6], "2": [7, 8], "10": [9, 10]}, index=["A", "B"])
    frame.to_parquet(path)
    read = read_conditions(path)
    assert [str(key) for key in read.keys] == ["A01", "A02", "A10", "B01", "B02", "B10"]
    assert read.conditions == {"dose": [5, 7, 9, 6, 8, 10]}


def test_several_rows_of_a_well_are_several_values(tmp_path: Path) -> None:
    result = join(tiles(("A1",)), table(tmp_path, "well,drug,dose\nA1,x,1\nA1,y,2\n"))
    assert by_well(result.joined)["A01"] == {"drug": ["x", "y"], "dose": [1, 2]}


def test_wells_that_do_not_occur_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConvertersToolsUserError, match=r"not among the images: A03, H12; images exist for A01, A02"):
        join(tiles(("A1", "A2")), table(tmp_path, "well,drug\nA1,x\nA3,y\nH12,z\n"))


def test_rows_may_be_of_one_acquisition_or_plate(tmp_path: Path) -> None:
    both = TileTable.concat([tiles(("A1",), acquisition=number) for number in (0, 1)])
    result = join(both, table(tmp_path, "well,acquisition,drug\nA1,0,x\nA1,1,y\nA1,7,z\n"))
    assert {tile.collection.acquisition: tile.attributes for tile in result.joined} == {
        0: {"drug": ["x"]},
        1: {"drug": ["y"]},
    }
    assert "acquisition 7" in result.notes[0]
    two = TileTable.concat([tiles(("A1",), plate_name=name) for name in "PQ"])
    result = join(two, table(tmp_path, "well,plate_name,drug\nA1,P,x\nA1,Q,y\n"))
    assert {tile.collection.plate_name: tile.attributes["drug"] for tile in result.joined} == {"P": ["x"], "Q": ["y"]}


def test_attributes_of_the_tile_table_stay_and_must_not_contradict(tmp_path: Path) -> None:
    before = tiles(("A1", "A2"), attributes={"drug": "x"})
    result = join(before, table(tmp_path, "well,drug,dose\nA1,x,1\n"))
    assert by_well(result.joined) == {"A01": {"drug": ["x"], "dose": [1]}, "A02": {"drug": ["x"], "dose": [None]}}
    with pytest.raises(ConvertersToolsUserError, match=r"well A01 has drug \['y'\], but its tiles say \['x'\]"):
        join(before, table(tmp_path, "well,drug\nA1,y\n"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("well,drug\nA1,x\nfoo,y\nbar,y\n", r"row 3 \('foo'\), row 4 \('bar'\): is not a well"),
        ("Weel,dose\nA1,1\n", r"no column 'row' and no column 'column' \(columns found: Weel, dose\)"),
        ("sep=;\nwell;drug\nA1;x\nfoo;y\n", r"row 4 \('foo'\): is not a well"),
        ("well,plate\nA1,x\n", "'plate', because Fractal uses this name"),
        ("well\nA1\n", "no column with conditions"),
        ("drug,1,2\nA,x,y\nA,x,y\n", "well A1 stands in this map twice"),
        ("drug,1,2\nA,x,y,,z\nB,x,,\n", r"row 2: 'z' stands right of column 2; number its column"),
        ("drug,1,2\n?,x,y\n", r"'\?' is not the letter of a plate row"),
        ("drug,1,2\nA,x,y\ndrug,1,2\nA,x,y\n", "two maps are called 'drug'"),
    ],
)
def test_tables_that_cannot_be_used(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ConvertersToolsUserError, match=said):
        table(tmp_path, text)


def test_a_column_without_a_name_is_said(make_tile, details, tmp_path: Path) -> None:
    """It was left out without a word."""
    read = table(tmp_path, "well,,drug\nA03,5,x\n")
    assert read.conditions == {"drug": ["x"]}
    named = details.model_copy(update={"condition_table_path": str(tmp_path / "conditions.csv")})
    with pytest.warns(ConvertersToolsWarning, match="conditions.csv': a column without a name is left out"):
        tiles_aggregation_pipeline(
            [make_tile(row="A", acquisition_details=named)], converter_options=ConverterOptions()
        )


def test_a_missing_table_and_images_outside_plates(tmp_path: Path) -> None:
    with pytest.raises(ConvertersToolsFileNotFoundError, match="condition_table_path"):
        read_conditions(tmp_path / "none.csv")
    sizes = {"length_x": 4, "length_y": 3, "length_z": 1, "length_c": 1, "length_t": 1}
    rows = [{"file_path": "a.tif", "image_path": "i", **sizes}]
    single = single_images_from_dataframe(tiles_table=rows, acquisition_details=AcquisitionDetails())
    with pytest.raises(ConvertersToolsUserError, match="not in a plate"):
        join(TileTable.from_tiles(single), table(tmp_path, "well,drug\nA1,x\n"))


def test_the_condition_table_of_a_real_operetta_export(shared_data: Path) -> None:
    read = read_conditions(shared_data / "operetta" / "uzh-1w1p1c1z1t" / "1w1p1c1z1t" / "condition_table.csv")
    assert [str(key) for key in read.keys] == ["C11 (acquisition 0)", "C11 (acquisition 0)", "D12 (acquisition 0)"]
    assert read.conditions == {
        "drug": ["drugA", "drugB", "drugC"],
        "concentration": [0.2, None, None],
        "replicate": [1, 2, 1],
        "bool_col": [True, False, False],
    }


def test_f37_tiles_that_are_handed_in_get_the_conditions_that_they_name(make_tile, details, tmp_path: Path) -> None:
    """The way of existing converters: tiles with details that name a table, no folder that is read."""
    (tmp_path / "one.csv").write_text("well,drug\nA03,Taxol\nB03,DMSO\n")
    (tmp_path / "two.csv").write_text("well,dose\nA03,5\n")
    tables = [
        details.model_copy(update={"condition_table_path": str(tmp_path / name)}) for name in ("one.csv", "two.csv")
    ]
    made = [
        make_tile(row="A", acquisition=0, acquisition_details=tables[0]),
        make_tile(row="B", acquisition=0, acquisition_details=tables[0]),
        make_tile(row="A", acquisition=1, acquisition_details=tables[1]),
        make_tile(row="C", acquisition=2, attributes={"drug": ["none"]}),
    ]
    images = tiles_aggregation_pipeline(made, converter_options=ConverterOptions())
    assert [image.attributes for image in images] == [
        {"drug": ["Taxol"]},
        {"drug": ["DMSO"]},
        {"dose": [5]},
        {"drug": ["none"]},
    ]
    only_b = [WellFilter(wells=["B03"])]
    [image] = tiles_aggregation_pipeline(made, converter_options=ConverterOptions(), filters=only_b)
    assert image.attributes == {"drug": ["DMSO"]}
    (tmp_path / "two.csv").write_text("well,dose\nH12,5\n")
    with pytest.raises(ConvertersToolsUserError, match="H12"):
        tiles_aggregation_pipeline(made, converter_options=ConverterOptions())


@pytest.mark.parametrize("name", ["well", "row", "path_in_well"])
def test_f35_reserved_names_are_refused_on_tiles_too(make_tile, name: str) -> None:
    with pytest.raises(ConvertersToolsUserError, match=f"attribute '{name}', but Fractal uses the names plate, well"):
        tiles_aggregation_pipeline([make_tile(attributes={name: ["x"]})], converter_options=ConverterOptions())
