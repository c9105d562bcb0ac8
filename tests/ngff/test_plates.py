"""Plate and well documents: complete, consistent, merged without loss."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_images import VERSIONS
from yaozarrs import v04, v05

from fractal_omezarr_converters.errors import ConvertersToolsOutputExistsError, ConvertersToolsUserError
from fractal_omezarr_converters.ngff.field_numbers import FieldOfView, number_fields, number_plate_fields
from fractal_omezarr_converters.ngff.groups import read_group, update_attributes, write_group
from fractal_omezarr_converters.ngff.plate_grid import plate_grid, row_label, row_number
from fractal_omezarr_converters.ngff.plate_lock import plate_lock
from fractal_omezarr_converters.ngff.plate_reader import open_plate
from fractal_omezarr_converters.ngff.plates import Acquisition, PlateContent, WellImage, write_plate
from fractal_omezarr_converters.ngff.stores import LocalStore
from fractal_omezarr_converters.ngff.tables import write_table


def content(*places: tuple[str, int, str, int], name: str = "Plate.zarr", **more: Any) -> PlateContent:
    return PlateContent(name, [WellImage(*place) for place in places], **more)


def check_consistency(plate: dict[str, Any]) -> None:
    rows = [row["name"] for row in plate["rows"]]
    columns = [column["name"] for column in plate["columns"]]
    assert len(set(map(str.lower, rows))) == len(rows)
    assert len(set(map(str.lower, columns))) == len(columns)
    assert len({well["path"] for well in plate["wells"]}) == len(plate["wells"])
    for well in plate["wells"]:
        assert well["path"] == f"{rows[well['rowIndex']]}/{columns[well['columnIndex']]}"


@pytest.mark.parametrize("version", VERSIONS)
def test_f46_plate_states_name_counts_and_acquisitions(tmp_path: Path, version: str) -> None:
    store = LocalStore(tmp_path)
    known = [Acquisition(2, "day 2", "after", 1700000000, 1700000100)]
    plate = write_plate(
        store, "P.zarr", content(("A", 1, "0", 0), ("A", 1, "1", 0), ("A", 1, "2", 2), acquisitions=known), version
    )
    assert plate["name"] == "Plate"
    assert plate["field_count"] == 3
    first, second = plate["acquisitions"]
    assert first == {"id": 0, "name": "acquisition 0", "maximumfieldcount": 2}
    assert second == {
        "id": 2,
        "name": "day 2",
        "description": "after",
        "starttime": 1700000000,
        "endtime": 1700000100,
        "maximumfieldcount": 1,
    }
    assert ("version" in plate) == (version != "0.6")
    well = read_group(store, "P.zarr/A/01")
    assert well is not None
    assert [image["path"] for image in well.ome["well"]["images"]] == ["0", "1", "2"]
    assert [image["acquisition"] for image in well.ome["well"]["images"]] == [0, 0, 2]
    assert read_group(store, "P.zarr/A") is not None
    assert read_group(store, "P.zarr/B") is None


def test_documents_pass_the_models(tmp_path: Path) -> None:
    for version, model in (("0.4", v04.Plate), ("0.5", v05.Plate)):
        store = LocalStore(tmp_path / version)
        write_plate(store, "", content(("A", 1, "0", 0), ("P", 24, "0", 1)), version)
        group = read_group(store, "")
        assert group is not None
        model.model_validate(group.ome)


@pytest.mark.parametrize(
    ("last", "size", "expected"),
    [
        (("B", 3), None, (2, 3)),
        (("C", 4), None, (3, 4)),
        (("C", 5), None, (4, 6)),
        (("H", 1), None, (8, 12)),
        (("A", 13), None, (16, 24)),
        (("AF", 48), None, (32, 48)),
        (("B", 2), (8, 12), (8, 12)),
        (("A", 100), None, (1, 100)),
    ],
)
def test_f47_the_whole_plate_is_declared(
    tmp_path: Path, last: tuple[str, int], size: tuple[int, int] | None, expected: tuple[int, int]
) -> None:
    rows, columns = size or (None, None)
    plate = write_plate(LocalStore(tmp_path), "", content((*last, "0", 0), rows=rows, columns=columns), "0.5")
    assert (len(plate["rows"]), len(plate["columns"])) == expected
    assert len(plate["wells"]) == 1
    check_consistency(plate)


def test_f33_rows_go_beyond_z_and_columns_have_two_digits(tmp_path: Path) -> None:
    plate = write_plate(LocalStore(tmp_path), "", content(("AA", 1, "0", 0), ("AF", 48, "0", 0)), "0.4")
    assert [row["name"] for row in plate["rows"]][25:] == ["Z", "AA", "AB", "AC", "AD", "AE", "AF"]
    assert [well["path"] for well in plate["wells"]] == ["AA/01", "AF/48"]
    assert plate["wells"][0]["rowIndex"] == 26


@given(st.integers(1, 800))
def test_f33_row_names_and_numbers_agree(number: int) -> None:
    assert row_number(row_label(number)) == number
    assert row_number(row_label(number).lower()) == number


def test_a_well_outside_the_stated_plate_is_refused() -> None:
    with pytest.raises(ConvertersToolsUserError, match="row I, column 2"):
        plate_grid([9], [2], (8, 12), plate="P")


WELLS = st.lists(
    st.tuples(st.integers(1, 32).map(row_label), st.integers(1, 48), st.integers(0, 2)), min_size=1, max_size=12
)


@settings(max_examples=25, deadline=None)
@given(first=WELLS, second=WELLS, version=st.sampled_from(VERSIONS))
def test_extending_keeps_indices_paths_and_wells_right(
    tmp_path_factory: pytest.TempPathFactory,
    first: list[tuple[str, int, int]],
    second: list[tuple[str, int, int]],
    version: str,
) -> None:
    store = LocalStore(tmp_path_factory.mktemp("plate"))
    for wells in (first, second):
        images = [WellImage(row, column, str(number), number) for row, column, number in dict.fromkeys(wells)]
        plate = write_plate(store, "P", PlateContent("P", images), version, mode="extend")
    check_consistency(plate)
    expected = {f"{row}/{column:02d}/{number}" for row, column, number in [*first, *second]}
    assert set(open_plate(store, "P").image_paths()) == expected
    wells_of = [path.rpartition("/")[0] for path in expected]
    assert plate["field_count"] == max(map(wells_of.count, wells_of))
    assert {entry["id"] for entry in plate["acquisitions"]} == {number for *_, number in [*first, *second]}


@pytest.mark.parametrize("version", VERSIONS)
def test_extend_loses_nothing_that_others_wrote(tmp_path: Path, version: str) -> None:
    store = LocalStore(tmp_path)
    known = [Acquisition(0, "first run", start_time=5)]
    write_plate(store, "P", content(("A", 1, "0", 0), acquisitions=known, own={"barcode": "X1"}), version)
    update_attributes(store, "P", {"lab": {"notes": "ours"}, "plate": {"x-extra": 1}})
    update_attributes(store, "P/A/01", {"well": {"x-well": 2}, "lab": 3})
    plate = write_plate(
        store, "P", content(("A", 1, "1", 1), ("H", 12, "0", 1), acquisitions=[Acquisition(1)]), version, mode="extend"
    )
    group, well = read_group(store, "P"), read_group(store, "P/A/01")
    assert group is not None
    assert well is not None
    assert group.attributes["lab"] == {"notes": "ours"}
    assert group.own["barcode"] == "X1"
    assert plate["x-extra"] == 1
    assert well.attributes["lab"] == 3
    assert well.ome["well"]["x-well"] == 2
    assert [image["path"] for image in well.ome["well"]["images"]] == ["0", "1"]
    assert plate["acquisitions"][0] == {"id": 0, "name": "first run", "starttime": 5, "maximumfieldcount": 1}
    assert [entry["path"] for entry in plate["wells"]] == ["A/01", "H/12"]


def test_extending_with_the_same_content_changes_no_file(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    write_plate(store, "P", content(("B", 2, "0", 0)), "0.5")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("zarr.json")}
    write_plate(store, "P", content(("B", 2, "0", 0)), "0.5", mode="extend")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("zarr.json")} == before


def test_f48_a_plate_has_one_version(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    write_plate(store, "P", content(("A", 1, "0", 0)), "0.4")
    before = (tmp_path / "P/.zattrs").read_bytes()
    with pytest.raises(ConvertersToolsUserError, match=r"is OME-Zarr 0\.4, this run would write 0\.5"):
        write_plate(store, "P", content(("A", 2, "0", 0)), "0.5", mode="extend")
    assert (tmp_path / "P/.zattrs").read_bytes() == before
    assert not (tmp_path / "P/zarr.json").exists()
    assert not (tmp_path / "P/A/02").exists()


def test_a_replaced_plate_of_another_version_leaves_no_documents(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    for before, after in (("0.4", "0.5"), ("0.6", "0.4")):
        for version, mode in ((before, "replace"), (after, "replace")):
            write_plate(store, "P", content(("A", 1, "0", 0)), version, mode=mode)  # type: ignore[arg-type]
            write_table(store, "P", "condition_table", {"a": [1]}, version=version)
        names = {path.name for path in tmp_path.rglob("*") if path.is_file()} - {"table.csv"}
        assert names == ({".zgroup", ".zattrs"} if after == "0.4" else {"zarr.json"})


def test_an_existing_plate_is_not_touched_without_leave(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    write_plate(store, "P", content(("A", 1, "0", 0)), "0.5")
    with pytest.raises(ConvertersToolsOutputExistsError, match=r"'Extend'.*'Overwrite'"):
        write_plate(store, "P", content(("A", 2, "0", 0)), "0.5")


def test_two_images_with_one_path_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConvertersToolsUserError, match="A/01/0"):
        write_plate(LocalStore(tmp_path), "P", content(("A", 1, "0", 0), ("A", 1, "0", 1)), "0.5")
    assert not list(tmp_path.iterdir())


def test_a_plate_with_other_names_of_columns_is_not_mixed_up(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    write_group(
        store,
        "P",
        "0.4",
        {
            "plate": {
                "version": "0.4",
                "rows": [{"name": "A"}],
                "columns": [{"name": "1"}, {"name": "2"}],
                "wells": [{"path": "A/1", "rowIndex": 0, "columnIndex": 0}],
            }
        },
    )
    with pytest.raises(ConvertersToolsUserError, match="'1' which this run would call '01'"):
        write_plate(store, "P", content(("A", 1, "0", 0)), "0.4", mode="extend")


def test_field_numbers_follow_acquisition_and_never_change(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    fields = [FieldOfView(0, "F7"), FieldOfView(0, "F2"), FieldOfView(1, "F7")]
    numbers = number_fields(fields)
    assert numbers == {fields[0]: "0", fields[1]: "1", fields[2]: "2"}
    images = [WellImage("A", 1, path, one.acquisition, one.fov_name) for one, path in numbers.items()]
    write_plate(store, "P", PlateContent("P", images), "0.5")
    added = [FieldOfView(0, "F1"), FieldOfView(0, "F2"), FieldOfView(1, "F7")]
    again = number_plate_fields(store, "P", {"A/01": added})["A/01"]
    assert again == {**numbers, FieldOfView(0, "F1"): "3"}


def test_runs_that_extend_one_plate_at_once_lose_nothing(tmp_path: Path) -> None:
    errors: list[BaseException] = []

    def extend(number: int) -> None:
        try:
            write_plate(LocalStore(tmp_path), "P", content(("A", number, str(number), number)), "0.5", mode="extend")
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=extend, args=(number,)) for number in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    plate = open_plate(tmp_path, "P")
    assert len(plate.well_paths) == 8
    assert len(plate.acquisitions) == 8
    assert [path.name for path in tmp_path.iterdir()] == ["P"]


def test_the_lock_of_a_dead_run_is_taken_over(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    lock = tmp_path / ".P.being-set-up"
    lock.write_text(json.dumps({"host": socket.gethostname(), "pid": ended.pid}))
    with plate_lock(store, "P", timeout=1):
        assert lock.exists()
    assert not lock.exists()


def test_the_lock_of_a_dead_run_whose_number_is_used_again_is_taken_over(tmp_path: Path) -> None:
    lock = tmp_path / ".P.being-set-up"
    script = """
import os, sys
from fractal_omezarr_converters.ngff.plate_lock import plate_lock
from fractal_omezarr_converters.ngff.stores import LocalStore
with plate_lock(LocalStore(sys.argv[1]), "P"):
    os._exit(0)
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
    left = json.loads(lock.read_bytes())
    lock.write_text(json.dumps({**left, "pid": os.getpid()}))  # as if this process had got the number of that one
    with plate_lock(LocalStore(tmp_path), "P", timeout=1):
        assert lock.exists()
    assert not lock.exists()


def test_the_lock_of_another_computer_is_judged_by_the_clock_of_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock, now = tmp_path / ".P.being-set-up", time.time
    lock.write_text(json.dumps({"host": "another", "pid": 1}))
    monkeypatch.setattr(time, "time", lambda: now() + 3600)  # the clock of this computer is fast
    with (
        pytest.raises(ConvertersToolsUserError, match="process 1 on another"),
        plate_lock(LocalStore(tmp_path), "P", timeout=0.2),
    ):
        pass
    os.utime(lock, (now() - 3600, now() - 3600))
    with plate_lock(LocalStore(tmp_path), "P", timeout=0.2):
        pass
    assert not list(tmp_path.iterdir())


def test_a_lock_that_is_held_is_respected(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)

    def ask() -> None:
        with plate_lock(store, "P", timeout=0.2):
            pass

    with plate_lock(store, "P"), ThreadPoolExecutor(1) as pool:
        with pytest.raises(ConvertersToolsUserError, match="being set up by another run"):
            pool.submit(ask).result()
        ask()
        with pytest.raises(ConvertersToolsUserError, match="being set up by another run"):
            pool.submit(ask).result()
    ask()
