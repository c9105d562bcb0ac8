"""Tables of every backend: ngio opens each and sees the same values."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
from sample_images import roi_columns, write_image

from fractal_omezarr_converters.errors import (
    ConvertersToolsFileNotFoundError,
    ConvertersToolsUserError,
    ConvertersToolsWarning,
)
from fractal_omezarr_converters.ngff.groups import read_group, update_attributes, write_group
from fractal_omezarr_converters.ngff.plate_conditions import ImagePlace, plate_condition_columns, write_plate_conditions
from fractal_omezarr_converters.ngff.stores import LocalStore, open_store
from fractal_omezarr_converters.ngff.tables import BACKENDS, Backend, list_tables, read_table, write_table
from fractal_omezarr_converters.ngff.time_points import are_equidistant, time_point_columns, write_time_points

CONDITIONS: dict[str, list[Any]] = {
    "drug": ["DMSO", "Taxol", None],
    "dose": [0.0, None, 1.5],
    "replicate": [1, 2, 3],
    "control": [True, False, False],
    "code": ["a1", "b2", "c3"],
}


def opened_by_ngio(store: LocalStore, path: str, name: str) -> Any:
    from ngio.tables import open_tables_container

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return open_tables_container(str(store.path / path / "tables"), mode="r").get(name, strict=False)


def plain(value: Any) -> Any:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return value.item() if hasattr(value, "item") else value


@pytest.fixture(params=["0.4", "0.5"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("backend", BACKENDS)
def test_roi_table_is_the_same_for_ngio(tmp_path: Path, version: str, backend: Backend) -> None:
    store = LocalStore(tmp_path)
    write_image(store, "", version)
    columns = roi_columns()
    used = write_table(
        store,
        "",
        "FOV_ROI_table",
        columns,
        table_type="roi_table",
        backend=backend,
        index_key="FieldIndex",
        version=version,
    )
    assert used == backend
    assert read_table(store, "", "FOV_ROI_table") == columns
    table = opened_by_ngio(store, "", "FOV_ROI_table")
    assert type(table).__name__ == "RoiTableV1"
    frame = table.dataframe
    assert list(frame.index) == columns["FieldIndex"]
    for name, values in columns.items():
        if name != "FieldIndex":
            assert [plain(value) for value in frame[name]] == values
    assert [roi.get_name() for roi in table.rois()] == columns["FieldIndex"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_condition_table_is_the_same_for_ngio(tmp_path: Path, version: str, backend: Backend) -> None:
    store = LocalStore(tmp_path)
    write_group(store, "", version, {})
    write_table(
        store, "", "condition_table", CONDITIONS, table_type="condition_table", backend=backend, version=version
    )
    read = read_table(store, "", "condition_table")
    assert {key: read[key] for key in CONDITIONS} == CONDITIONS
    table = opened_by_ngio(store, "", "condition_table")
    assert type(table).__name__ == "ConditionTableV1"
    for name, values in CONDITIONS.items():
        seen = [plain(value) for value in table.dataframe[name]]
        # An empty cell of text is empty text for readers of CSV.
        assert seen == (["DMSO", "Taxol", ""] if backend == "csv" and name == "drug" else values)
    attributes = read_group(store, "tables/condition_table")
    assert attributes is not None
    assert "index_key" not in attributes.attributes


@pytest.mark.parametrize("backend", BACKENDS)
def test_tables_work_in_06_and_lie_beside_ome(tmp_path: Path, backend: Backend) -> None:
    store = LocalStore(tmp_path)
    write_table(
        store, "", "t", roi_columns(), table_type="roi_table", backend=backend, index_key="FieldIndex", version="0.6"
    )
    group = read_group(store, "tables/t")
    assert group is not None
    assert "ome" not in group.attributes
    assert {key: group.attributes[key] for key in ("type", "table_version", "backend", "index_key", "index_type")} == {
        "type": "roi_table",
        "table_version": "1",
        "backend": backend,
        "index_key": "FieldIndex",
        "index_type": "str",
    }
    assert read_table(store, "", "t") == roi_columns()


def test_f38_a_single_field_of_view_has_its_table(tmp_path: Path, version: str) -> None:
    store = LocalStore(tmp_path)
    write_image(store, "", version)
    columns = roi_columns(("FOV_1",))
    write_table(store, "", "FOV_ROI_table", columns, table_type="roi_table", index_key="FieldIndex", version=version)
    assert len(opened_by_ngio(store, "", "FOV_ROI_table").rois()) == 1


def test_f39_json_tables_never_say_nan(tmp_path: Path, version: str) -> None:
    store = LocalStore(tmp_path)
    write_table(store, "", "t", {"a": [1.0, float("nan"), None]}, backend="json", version=version)
    name = ".zattrs" if version == "0.4" else "zarr.json"
    text = (tmp_path / "tables/t/table" / name).read_text()
    assert "NaN" not in text
    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON"))
    assert [plain(value) for value in opened_by_ngio(store, "", "t").dataframe["a"]] == [1.0, None, None]
    with pytest.raises(ConvertersToolsUserError, match="infinite"):
        write_table(store, "", "t", {"a": [float("inf")]}, backend="json", version=version)
    assert read_table(store, "", "t") == {"a": [1.0, None, None]}


def test_the_index_comes_first_and_types_are_plain(tmp_path: Path, version: str) -> None:
    columns = {"real": [1.5, None], "whole": [1, 2], "FieldIndex": ["x", "y"], "text": ["q", None]}
    store = LocalStore(tmp_path)
    for backend in ("csv", "parquet"):
        write_table(store, "", backend, columns, backend=backend, index_key="FieldIndex", version=version)  # type: ignore[arg-type]
    assert (tmp_path / "tables/csv/table.csv").read_text() == "FieldIndex,real,whole,text\nx,1.5,1,q\ny,,2,\n"
    schema = pyarrow.parquet.read_schema(tmp_path / "tables/parquet/table.parquet")
    assert [(field.name, str(field.type)) for field in schema] == [
        ("FieldIndex", "string"),
        ("real", "double"),
        ("whole", "int64"),
        ("text", "string"),
    ]


def test_names_that_csv_would_change_are_stored_as_json_with_a_warning(tmp_path: Path, version: str) -> None:
    store = LocalStore(tmp_path)
    columns = roi_columns(("001", "002"))
    with pytest.warns(ConvertersToolsWarning, match="001 as 1"):
        used = write_table(store, "", "t", columns, table_type="roi_table", index_key="FieldIndex", version=version)
    assert used == "json"
    assert list(opened_by_ngio(store, "", "t").dataframe.index) == ["001", "002"]


def test_replacing_a_table_by_another_backend_leaves_nothing_behind(tmp_path: Path, version: str) -> None:
    store = LocalStore(tmp_path)
    for backend in (*BACKENDS, *reversed(BACKENDS)):
        write_table(store, "", "t", CONDITIONS, backend=backend, version=version)
        if backend == "csv":
            files = sorted(path.name for path in (tmp_path / "tables/t").rglob("*") if path.is_file())
            assert files == sorted(["table.csv", *([".zattrs", ".zgroup"] if version == "0.4" else ["zarr.json"])])
    assert list_tables(store, "") == ["t"]


def test_tables_of_others_stay_listed(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    write_table(store, "", "one", {"a": [1]}, version="0.5")
    update_attributes(store, "tables", {"tables": ["one", "theirs"], "note": 1})
    write_table(store, "", "two", {"a": [1]}, version="0.5")
    assert list_tables(store, "") == ["one", "theirs", "two"]
    with pytest.raises(ConvertersToolsFileNotFoundError, match="one, theirs, two"):
        read_table(store, "", "three")


def test_anndata_text_is_readable_by_older_programs(tmp_path: Path, version: str) -> None:
    store = LocalStore(tmp_path)
    write_table(store, "", "t", CONDITIONS, backend="anndata", version=version)
    documents = [path.read_text() for path in tmp_path.rglob("*") if path.name in (".zattrs", "zarr.json")]
    assert any('"string-array"' in text for text in documents)
    assert not any("nullable" in text for text in documents)


@pytest.mark.parametrize(
    ("columns", "index", "message"),
    [
        ({"a": [1], "b": [1, 2]}, None, "different lengths"),
        ({"a": [1, "x"]}, None, "mixes values"),
        ({"a": ["x", "x"]}, "a", "'x'"),
        ({"a": ["x"]}, "b", "'b'"),
    ],
)
def test_impossible_tables_are_refused(tmp_path: Path, columns: dict[str, list[Any]], index: str, message: str) -> None:
    with pytest.raises(ConvertersToolsUserError, match=message):
        write_table(LocalStore(tmp_path), "", "t", columns, index_key=index, version="0.5")
    assert not list(tmp_path.iterdir())


def test_tables_on_object_stores(version: str) -> None:
    store = open_store(f"memory://tables-{version}/plate")
    for backend in BACKENDS:
        write_table(store, "", backend, CONDITIONS, backend=backend, version=version)
        read = read_table(store, "", backend)
        assert {key: read[key] for key in CONDITIONS} == CONDITIONS


def test_csv_and_json_need_no_library(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom fractal_omezarr_converters.ngff.stores import LocalStore\n"
        "from fractal_omezarr_converters.ngff.tables import read_table, write_table\n"
        f"store = LocalStore({str(tmp_path)!r})\n"
        "for backend in ('csv', 'json'):\n"
        "    write_table(store, '', backend, {'a': [1.5], 'b': ['x']}, backend=backend, version='0.5')\n"
        "    assert read_table(store, '', backend) == {'a': [1.5], 'b': ['x']}\n"
        "heavy = {'zarr', 'ngio', 'pandas', 'anndata', 'pyarrow', 'polars'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


PLACES = [ImagePlace("A", 1, 0, "0"), ImagePlace("B", 12, 0, "0"), ImagePlace("B", 12, 1, "1")]


@pytest.mark.parametrize("backend", BACKENDS)
def test_f36_extending_keeps_the_conditions_of_older_images(tmp_path: Path, version: str, backend: Backend) -> None:
    store = LocalStore(tmp_path)
    first = [(PLACES[0], {"drug": ["a", "b"], "dose": [1.0, 2.5]}), (PLACES[1], {"drug": ["c"]})]
    write_plate_conditions(store, "P", plate_condition_columns(first), PLACES[:2], backend=backend, version=version)
    second = [(PLACES[1], {"drug": ["new"], "time": [3]}), (PLACES[2], {"drug": ["d"]})]
    columns = plate_condition_columns(second)
    write_plate_conditions(store, "P", columns, PLACES[1:], backend=backend, version=version, extend=True)
    read = read_table(store, "P", "condition_table")
    rows = [
        (*key, drug) for *key, drug in zip(*(read[k] for k in ("row", "column", "acquisition", "drug")), strict=True)
    ]
    assert rows == [("A", 1, 0, "a"), ("A", 1, 0, "b"), ("B", 12, 0, "new"), ("B", 12, 1, "d")]
    assert read["dose"] == [1.0, 2.5, None, None]
    assert read["time"] == [None, None, 3, None]
    assert [str(path) for path in read["path_in_well"]] == ["0", "0", "0", "1"]
    assert read_group(store, "P/tables/condition_table").attributes["backend"] == backend  # type: ignore[union-attr]
    assert len(opened_by_ngio(store, "P", "condition_table").dataframe) == 4


def test_f36_images_that_lost_their_conditions_lose_their_rows(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    columns = plate_condition_columns([(PLACES[0], {"drug": ["a"]}), (PLACES[1], {"drug": ["b"]})])
    write_plate_conditions(store, "P", columns, PLACES, version="0.5")
    left = write_plate_conditions(store, "P", {}, [PLACES[0]], version="0.5", extend=True)
    assert left["row"] == ["B"]
    write_plate_conditions(store, "P", {}, [PLACES[1]], version="0.5", extend=True)
    assert read_table(store, "P", "condition_table")["row"] == []
    assert write_plate_conditions(store, "Q", {}, PLACES, version="0.5") == {}


def test_f36_older_values_of_another_type_do_not_stop_an_extension(tmp_path: Path) -> None:
    """CSV gives the text 10 back as a number; a later run writes 10 nM."""
    store = LocalStore(tmp_path)
    for place, dose in ((PLACES[0], "10"), (PLACES[1], "10 nM")):
        columns = plate_condition_columns([(place, {"dose": [dose]})])
        write_plate_conditions(store, "P", columns, [place], version="0.5", extend=True)
    assert read_table(store, "P", "condition_table")["dose"] == ["10", "10 nM"]


def test_missing_conditions_become_empty_cells_and_lengths_must_agree() -> None:
    columns = plate_condition_columns([(PLACES[0], {"a": [1]}), (PLACES[1], {"b": ["x"]})])
    assert columns["a"] == [1, None]
    assert columns["b"] == [None, "x"]
    with pytest.raises(ConvertersToolsUserError, match="B12/0"):
        plate_condition_columns([(PLACES[1], {"a": [1], "b": [1, 2]})])


def test_time_points_of_uneven_series(tmp_path: Path, version: str) -> None:
    store = LocalStore(tmp_path)
    assert are_equidistant([0.0, 10.0, 20.0])
    assert not are_equidistant([0.0, 10.0, 25.0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_time_points(store, "", [5.0, 15.0, 30.0], version=version, first_timestamp=1_700_000_000)
    read = read_table(store, "", "time_points")
    assert read["t_index"] == [0, 1, 2]
    assert read["t_second"] == [0.0, 10.0, 25.0]
    assert read["timestamp"][0] == "2023-11-14T22:13:25+00:00"
    assert list(opened_by_ngio(store, "", "time_points").dataframe["t_second"]) == [0.0, 10.0, 25.0]
    per_field = time_point_columns({"F1": [1.0, 2.0], "F2": [1.5, 2.5]})
    assert per_field == {
        "FieldIndex": ["F1", "F1", "F2", "F2"],
        "t_index": [0, 1, 0, 1],
        "t_second": [0.0, 1.0, 0.5, 1.5],
    }


@pytest.mark.parametrize("column", ["mg/ml", "", "..", "_index"])
def test_columns_whose_names_anndata_cannot_have_are_stored_as_json(tmp_path: Path, column: str) -> None:
    store = LocalStore(tmp_path)
    write_image(store, "i", "0.5")
    columns = {"row": ["a", "b"], column: [1, 2], "text": ["u", "v"]}
    with pytest.warns(ConvertersToolsWarning, match="as JSON instead of AnnData, because AnnData cannot have columns"):
        used = write_table(store, "i", "t", columns, backend="anndata", index_key="row", version="0.5")
    assert used == "json"
    assert read_table(store, "i", "t") == columns
    assert opened_by_ngio(store, "i", "t").dataframe[column].tolist() == [1, 2]


def test_real_numbers_keep_any_name_in_anndata(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    write_image(store, "i", "0.5")
    columns = {"row": ["a", "b"], "mg/ml": [1.5, 2.5]}
    assert write_table(store, "i", "t", columns, backend="anndata", index_key="row", version="0.5") == "anndata"
    assert read_table(store, "i", "t") == columns


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b,a\n1,2,3\n", "two columns are called 'a'"),
        ("a,b\n1,2\n3,4,5\n", "the row '3,4,5' has 3 cells for 2 columns"),
    ],
)
def test_csv_of_which_a_column_or_cell_would_be_lost_is_refused(tmp_path: Path, text: str, said: str) -> None:
    store = LocalStore(tmp_path)
    write_image(store, "i", "0.5")
    write_table(store, "i", "t", {"a": [1, 3], "b": [2, 4]}, version="0.5")
    store.put("i/tables/t/table.csv", text.encode())
    with pytest.raises(ConvertersToolsUserError, match=said):
        read_table(store, "i", "t")


@pytest.mark.parametrize("backend", BACKENDS)
def test_whole_numbers_that_a_table_would_change_are_refused(tmp_path: Path, backend: Backend) -> None:
    store = LocalStore(tmp_path)
    write_image(store, "i", "0.5")
    columns = {"barcode": [2**63 - 1, -(2**63)]}
    write_table(store, "i", "t", columns, backend=backend, version="0.5")
    assert read_table(store, "i", "t") == columns
    with pytest.raises(ConvertersToolsUserError, match="column 'barcode' holds 9223372036854775808, which is beyond"):
        write_table(store, "i", "t", {"barcode": [1, 2**63]}, backend=backend, version="0.5")


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_booleans_with_missing_values_stay_booleans_in_anndata(tmp_path: Path, version: str) -> None:
    store = LocalStore(tmp_path / "image.zarr")
    write_table(store, "", "t", {"treated": [True, None, False]}, backend="anndata", version=version)
    assert read_table(store, "", "t")["treated"] == [True, None, False]
