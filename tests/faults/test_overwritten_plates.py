"""Overwriting a whole plate: the old one stays until the new one is whole, then all of it is gone but files of others."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_plates import EXTEND, NO, OPTIONS, OVER, files_below, init, is_exact, options, place, tiles

from fractal_omezarr_converters.errors import ConvertersToolsOutputExistsError, ConvertersToolsWarning
from fractal_omezarr_converters.fractal.compute import generic_compute_task
from fractal_omezarr_converters.ngff import open_plate, open_store, write_image, write_table
from fractal_omezarr_converters.ngff.documents import labels_attributes
from fractal_omezarr_converters.ngff.groups import read_group, write_group
from fractal_omezarr_converters.ngff.staging import recover
from fractal_omezarr_converters.pipelines.aggregation import tiles_aggregation_pipeline
from fractal_omezarr_converters.pipelines.losses import losses

VERSIONS = ("0.4", "0.5")
PLATE = "Plate.zarr"
pytestmark = pytest.mark.filterwarnings("ignore::fractal_omezarr_converters.errors.ConvertersToolsWarning")


def of(version: str) -> dict[str, Any]:
    return {"omezarr_options": {**OPTIONS["omezarr_options"], "ngff_version": version}}


def both(folder: Path, wells: str = "AB") -> list:
    """Two columns of some rows, with conditions."""
    return [
        *tiles(folder, wells, attributes={"drug": ["a"]}),
        *tiles(folder, wells, column=2, attributes={"drug": ["b"]}),
    ]


def run(jobs: list[dict[str, Any]]) -> None:
    for job in jobs:
        generic_compute_task(**job)


def old_plate(folder: Path, version: str) -> Path:
    """A plate of rows A and B in two columns with a label, tables, and files of others in many places."""
    out = folder / "out"
    run(init(both(folder / "in"), out, **of(version)))
    store = open_store(out)
    for image in ("A/01/0", "B/02/0"):
        at = f"{PLATE}/{image}"
        write_image(out / at / "labels" / "nuclei", np.ones((1, 40, 112), "uint16"), axes="zyx", version=version)
        write_group(store, f"{at}/labels", version, labels_attributes(version, ["nuclei"]))
        write_table(store, at, "features", {"area": [1.0, 2.0]}, version=version)
    write_table(store, PLATE, "overview", {"a": [1]}, version=version)
    for name in foreign(out):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).write_text(name)
    return out


def foreign(out: Path) -> list[str]:
    inside = ("notes.txt", "A/01/notes.txt", "A/01/0/notes.txt", "A/01/0/0/mine.csv", "A/01/0/labels/sketch.png")
    gone = ("B/plan.txt", "B/01/0/notes.txt", "B/02/0/tables/more.xlsx", "A/02/0/1/a b/c.txt", "mine/0/zarr.json")
    return [f"{PLATE}/{name}" for name in (*inside, *gone)]


def listed(out: Path) -> tuple[list[str], list[int]]:
    plate = open_plate(out / PLATE)
    return sorted(plate.image_paths()), sorted(entry["id"] for entry in plate.acquisitions)


def hidden(folder: Path) -> list[str]:
    return [str(path) for path in folder.rglob(".*") if path.is_dir()]


def own_files(out: Path) -> set[str]:
    return set(files_below(out)) - set(foreign(out))


def documents(out: Path) -> dict[str, Any]:
    """Attributes of the plate, its rows and wells."""
    found = {}
    for path in ("", "A", "A/01"):
        group = read_group(open_store(out / PLATE), path)
        assert group is not None
        found[path] = group.attributes
    return found


def check_new_plate(out: Path, fresh: Path) -> None:
    """The plate has well A, acquisition 0, exactly as a first conversion makes it; only files of others are left beside."""
    assert listed(out) == (["A/01/0"], [0])
    assert is_exact(out)
    assert own_files(out) == set(files_below(fresh))
    assert documents(out) == documents(fresh)
    assert all((out / name).read_text() == name for name in foreign(out))
    assert not hidden(out)


def fresh_plate(folder: Path, version: str, **tile: Any) -> Path:
    run(init(tiles(folder / "in", **tile), folder / "fresh", **of(version)))
    return folder / "fresh"


@pytest.mark.parametrize("version", VERSIONS)
def test_wells_labels_and_tables_go_when_the_new_image_is_complete(harmed, tmp_path: Path, version) -> None:
    out = old_plate(tmp_path, version)
    before = files_below(out)
    with pytest.warns(ConvertersToolsWarning) as told:
        (job,) = init(tiles(tmp_path / "in"), out, OVER, **of(version))
    (said,) = [str(one.message) for one in told if "overwritten" in str(one.message)]
    for words in (
        "3 wells (A02, B01, B02)",
        "3 images (A/02/0, B/01/0, B/02/0)",
        "1 label (nuclei (2 times))",
        "(condition_table (2 times), features (2 times), overview)",
    ):
        assert words in said, said
    now = files_below(out)
    assert {name for name in before if name not in now} == set()
    assert listed(out) == (["A/01/0", "A/02/0", "B/01/0", "B/02/0"], [0])
    assert open_plate(out / PLATE).table("condition_table")["drug"].count("b") == 2
    (answer,) = harmed(out, job)
    assert answer["status"] == "ok", answer
    check_new_plate(out, fresh_plate(tmp_path, version))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_whole_acquisition_is_not_overwritten_by_a_run_without_it(tmp_path: Path, version: str) -> None:
    """Who adds a cycle to a plate means Extend; nothing of this plate or of others of the run is written."""
    out = tmp_path / "out"
    two = [*tiles(tmp_path / "in", "AB"), *tiles(tmp_path / "in", "AB", acquisition=1)]
    run(init(two, out, **of(version)))
    before = files_below(out)
    third = [*tiles(tmp_path / "in", acquisition=2), *tiles(tmp_path / "in", plate="Another")]
    with pytest.raises(ConvertersToolsOutputExistsError) as refused:
        init(third, out, OVER, **of(version))
    assert str(refused.value) == (
        f"Plate 'Plate.zarr' in {open_store(out).url} holds acquisitions 0, 1, which this run does not make and Overwrite would "
        "remove; choose Extend to keep them beside acquisition 2, convert all of them in one run, or remove the plate's folder "
        "first."
    )
    assert files_below(out) == before and not hidden(out)
    (loss,) = losses(open_store(out), tiles_aggregation_pipeline(third, converter_options=options()))
    assert loss.refused(open_store(out).url) == str(refused.value)
    run(init(third, out, EXTEND, **of(version)))
    assert is_exact(out, "A", 2) and all(is_exact(out, row, number) for row in "AB" for number in (0, 1))


@pytest.mark.parametrize("version", VERSIONS)
def test_images_of_acquisitions_that_the_run_makes_may_go(tmp_path: Path, version: str) -> None:
    """A well loses one of its two images; an acquisition that stands in the lists alone is not missed."""
    out = tmp_path / "out"
    two = [*tiles(tmp_path / "in", "AB"), *tiles(tmp_path / "in", "AB", acquisition=1)]
    run(init([*two, *tiles(tmp_path / "in", acquisition=2)], out, **of(version)))
    shutil.rmtree(place(out, "A", 2))
    run(init([*tiles(tmp_path / "in"), *tiles(tmp_path / "in", "B", acquisition=1)], out, OVER, **of(version)))
    assert listed(out) == (["A/01/0", "B/01/1"], [0, 1])
    assert is_exact(out) and is_exact(out, "B", 1) and not hidden(out)


@pytest.mark.parametrize("version", VERSIONS)
def test_conditions_of_the_new_plate_are_its_own(tmp_path: Path, version) -> None:
    out = old_plate(tmp_path, version)
    run(init(tiles(tmp_path / "in", attributes={"dose": [3]}), out, OVER, **of(version)))
    assert open_plate(out / PLATE).tables() == ["condition_table"]
    table = open_plate(out / PLATE).table("condition_table")
    assert table == {"row": ["A"], "column": [1], "acquisition": [0], "path_in_well": [0], "dose": [3]}
    check_new_plate(out, fresh_plate(tmp_path, version, attributes={"dose": [3]}))


@pytest.mark.parametrize("version", VERSIONS)
def test_one_image_that_fails_leaves_the_old_plate_and_running_again_finishes(harmed, tmp_path: Path, version) -> None:
    out = old_plate(tmp_path, version)
    some = tiles(tmp_path / "in", "AC")
    first, second = init(some, out, OVER, **of(version))
    (answer,) = harmed(out, second, at=9, how="error")
    assert answer["status"] == "error"
    generic_compute_task(**first)
    assert all(is_exact(out, row, column=number) for row in "AB" for number in (1, 2))
    plate = open_plate(out / PLATE)
    assert set(plate.well_paths) == {"A/01", "A/02", "B/01", "B/02", "C/01"}
    assert plate["B02"].image("0").labels() == ["nuclei"]
    with pytest.raises(
        ConvertersToolsOutputExistsError, match=r"being overwritten.*Overwrite to finish.*Extend to keep"
    ):
        init(some, out, NO, **of(version))
    made = place(out).stat().st_ino
    run(init(some, out, OVER, **of(version)))
    assert place(out).stat().st_ino == made, "an image that is complete is not made again"
    assert listed(out) == (["A/01/0", "C/01/0"], [0])
    assert is_exact(out) and is_exact(out, "C")
    assert not place(out, "B").parent.parent.joinpath("zarr.json").exists()
    assert not hidden(out)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_complete_old_image_is_not_taken_for_the_new_one(harmed, tmp_path: Path, version) -> None:
    """Both wells are there from before; one of them fails: what the run does not make stays until it is made anew."""
    out = old_plate(tmp_path, version)
    some = tiles(tmp_path / "in", "AB")
    first, second = init(some, out, OVER, **of(version))
    (answer,) = harmed(out, second, at=9, how="error")
    assert answer["status"] == "error"
    generic_compute_task(**first)
    assert all(is_exact(out, row, column=2) for row in "AB") and len(listed(out)[0]) == 4
    generic_compute_task(**second)
    assert (
        listed(out) == (["A/01/0", "B/01/0"], [0])
        and not place(out, "B", column=2).joinpath("tables/features").exists()
    )
    assert not hidden(out)


def test_an_old_plate_that_cannot_be_removed_fails_no_image(harmed, tmp_path: Path) -> None:
    out = old_plate(tmp_path, "0.5")
    some = tiles(tmp_path / "in")
    (job,) = init(some, out, OVER, **of("0.5"))
    (answer,) = harmed(out, job, at=110, how="error")
    assert answer["status"] == "ok", answer
    (said,) = [text for text in answer["warned"] if "held before" in text]
    assert "Input/output error" in said and "run the conversion again with Overwrite" in said
    assert listed(out) == (["A/01/0"], [0]) and is_exact(out) and place(out, "B").exists()
    made = place(out).stat().st_ino
    run(init(some, out, OVER, **of("0.5")))
    assert place(out).stat().st_ino == made, "an image that is complete is not made again"
    check_new_plate(out, fresh_plate(tmp_path, "0.5"))


def test_another_choice_of_images_goes_on_with_what_is_left(harmed, tmp_path: Path) -> None:
    out = old_plate(tmp_path, "0.5")
    jobs = init(tiles(tmp_path / "in", "AC"), out, OVER, **of("0.5"))
    generic_compute_task(**jobs[1])
    run(init(tiles(tmp_path / "in", "A"), out, OVER, **of("0.5")))
    check_new_plate(out, fresh_plate(tmp_path, "0.5"))


def test_extend_after_an_overwrite_that_failed_keeps_old_and_new(tmp_path: Path) -> None:
    out = old_plate(tmp_path, "0.4")
    some = tiles(tmp_path / "in", "AC")
    jobs = init(some, out, OVER)
    generic_compute_task(**jobs[0])
    with pytest.warns(ConvertersToolsWarning, match=r"Extend keeps all.*3 images.*A/02/0, B/01/0, B/02/0"):
        again = init(some, out, EXTEND)
    assert not hidden(out)
    run(again)
    generic_compute_task(**jobs[1])
    assert listed(out) == (["A/01/0", "A/02/0", "B/01/0", "B/02/0", "C/01/0"], [0])
    assert is_exact(out, "C") and all(is_exact(out, row, column=number) for row in "AB" for number in (1, 2))
    assert sorted(open_plate(out / PLATE).table("condition_table")["drug"]) == ["a", "b", "b"]


@pytest.mark.parametrize(("before", "after"), [("0.4", "0.5"), ("0.5", "0.4"), ("0.5", "0.6")])
def test_a_plate_of_another_version_is_readable_until_the_new_one_is_whole(
    harmed, tmp_path: Path, before: str, after: str
) -> None:
    out = old_plate(tmp_path, before)
    first, second = init(tiles(tmp_path / "in", "AC"), out, OVER, **of(after))
    assert open_plate(out / PLATE).version == before
    (answer,) = harmed(out, second, at=5)
    assert answer["status"] == "killed"
    generic_compute_task(**first)
    assert open_plate(out / PLATE).version == before
    assert is_exact(out, "B", column=2) and len(listed(out)[0]) == 4
    with pytest.raises(ConvertersToolsOutputExistsError, match="Overwrite to finish it"):
        init(tiles(tmp_path / "in", "AC"), out, EXTEND, **of(after))
    run(init(tiles(tmp_path / "in", "A"), out, OVER, **of(after)))
    assert open_plate(out / PLATE).version == after
    check_new_plate(out, fresh_plate(tmp_path, after))


def test_fields_instead_of_mosaics(tmp_path: Path) -> None:
    out = old_plate(tmp_path, "0.5")
    fields = {**of("0.5"), "grouping": {"mode": "Per-FOV"}}
    jobs = init(tiles(tmp_path / "in", "A"), out, OVER, **fields)
    assert [Path(job["zarr_url"]).name for job in jobs] == ["0", "1"]
    assert listed(out) == (["A/01/0", "A/02/0", "B/01/0", "B/02/0"], [0])
    run(jobs)
    assert listed(out) == (["A/01/0", "A/01/1"], [0])
    run(init(tiles(tmp_path / "in", "A"), tmp_path / "fresh", **fields))
    assert documents(out) == documents(tmp_path / "fresh")
    assert own_files(out) == set(files_below(tmp_path / "fresh"))


def check_old_or_new(out: Path) -> None:
    """Every image that the plate lists is whole: in its place, or for one moment beside it, where the next run finds it."""
    paths, _ = listed(out)
    assert "A/01/0" in paths
    for path in paths:
        row, column, _ = path.split("/")
        if path == "A/01/0" and not place(out).exists():
            recover(place(out).parent, "0")
        assert is_exact(out, row, column=int(column)), path


@pytest.mark.parametrize("version", VERSIONS)
def test_the_last_job_is_killed_at_any_moment(harmed, tmp_path: Path, version: str, step: int = 7) -> None:
    """``step`` is between one moment and the next; with 1 every change of a file was tried."""
    old = old_plate(tmp_path / "old", version).parent
    fresh = fresh_plate(tmp_path, version)

    def begun(at: int) -> tuple[Path, dict[str, Any]]:
        shutil.copytree(old / "out", tmp_path / f"{at}" / "out")
        (job,) = init(tiles(tmp_path / "in"), tmp_path / f"{at}" / "out", OVER, **of(version))
        return tmp_path / f"{at}" / "out", job

    out, job = begun(0)
    (answer,) = harmed(out, job)
    assert answer["changes"] > 100
    moments = [*range(1, answer["changes"] - 80, 25), *range(answer["changes"] - 80, answer["changes"] + 1, step)]
    for at in moments:
        out, job = begun(at)
        (answer,) = harmed(out, job, at=at)
        assert answer["status"] == "killed", at
        check_old_or_new(out)
        run(init(tiles(tmp_path / "in"), out, OVER, **of(version)))
        check_new_plate(out, fresh)
        shutil.rmtree(out)


def test_the_same_last_job_is_given_again_after_it_was_killed(harmed, tmp_path: Path) -> None:
    """Fractal may deliver the job a second time without a new init."""
    old = old_plate(tmp_path / "old", "0.5").parent
    fresh = fresh_plate(tmp_path, "0.5")
    for at in range(60, 130, 23):
        out = tmp_path / f"{at}" / "out"
        shutil.copytree(old / "out", out)
        some = tiles(tmp_path / "in")
        (job,) = init(some, out, OVER, **of("0.5"))
        harmed(out, job, at=at)
        generic_compute_task(**job)
        check_old_or_new(out)
        init(some, out, EXTEND, **of("0.5"))
        generic_compute_task(**job)
        if listed(out)[0] == ["A/01/0"]:
            check_new_plate(out, fresh)


KILLED_INIT = """
import os, signal, sys, warnings
from pathlib import Path
sys.path.insert(0, sys.argv[1])
warnings.simplefilter("ignore")
from small_plates import OPTIONS, OVER, init, tiles
folder, version, moments = Path(sys.argv[2]), sys.argv[3], sys.argv[4:]
some = tiles(folder / "in")
more = {"omezarr_options": {**OPTIONS["omezarr_options"], "ngff_version": version}}
for at in map(int, moments):
    child = os.fork()
    if not child:
        left = [at]
        def watch(event, arguments):
            path = arguments[1] if event == "os.rename" else arguments[0] if arguments else ""
            writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wxa")
            if (writes or event in ("os.rename", "os.mkdir", "os.remove")) and f"/{at}/out" in str(path):
                left[0] -= 1
                if not left[0]:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(watch)
        init(some, folder / str(at) / "out", OVER, **more)
        os._exit(0)
    print(os.waitpid(child, 0)[1])
"""


@pytest.mark.parametrize(("before", "after"), [("0.4", "0.4"), ("0.5", "0.5"), ("0.4", "0.5")])
def test_an_init_that_is_killed_loses_nothing(tmp_path: Path, before: str, after: str) -> None:
    old = old_plate(tmp_path / "old", before).parent
    moments = range(1, 34, 3)
    for at in moments:
        shutil.copytree(old / "out", tmp_path / str(at) / "out")
    command = [sys.executable, "-c", KILLED_INIT, str(Path(__file__).parent), str(tmp_path), after, *map(str, moments)]
    ended = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert len(ended) == len(moments) and ended[0] == "9" and ended.count("9") > 5
    fresh = fresh_plate(tmp_path, after)
    whole = files_below(old / "out")
    for at in moments:
        out = tmp_path / str(at) / "out"
        now = files_below(out)
        changed = {name for name in whole if now.get(name) != whole[name]}
        assert {Path(name).name for name in changed} <= {".zattrs", "zarr.json", "table.csv"}, changed
        assert listed(out) == (["A/01/0", "A/02/0", "B/01/0", "B/02/0"], [0])
        run(init(tiles(tmp_path / "in"), out, OVER, **of(after)))
        check_new_plate(out, fresh)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_last_images_finish_at_the_same_time(harmed, tmp_path: Path, version: str) -> None:
    old = old_plate(tmp_path / "old", version).parent
    for number in range(4):
        out = tmp_path / f"{number}" / "out"
        shutil.copytree(old / "out", out)
        jobs = init(tiles(tmp_path / "in", "ACDE"), out, OVER, **of(version))
        answers = harmed(out, *jobs)
        assert [answer["status"] for answer in answers] == ["ok"] * 4, answers
        assert listed(out) == ([f"{row}/01/0" for row in "ACDE"], [0])
        assert all(is_exact(out, row) for row in "ACDE")
        assert not hidden(out) and own_files(out / ".") == {name for name in own_files(out) if "/B/" not in name}


def test_a_job_looks_at_a_few_names_however_many_images_there_are(tmp_path: Path) -> None:
    """What a job lists and reads in the folder beside the plate does not grow with the plate."""
    from fractal_omezarr_converters.ngff.plates import PlateContent, WellImage, write_plate
    from fractal_omezarr_converters.ngff.replacement import folder_of, note_image
    from fractal_omezarr_converters.ngff.replacement_begin import begin_replacement

    store = open_store(tmp_path)
    images = [
        WellImage(row, column, str(n)) for row in "ABCDEFGHIJKLMNOP" for column in range(1, 25) for n in range(20)
    ]
    write_plate(store, PLATE, PlateContent("Plate", images[:1]), "0.5")
    begin_replacement(
        store,
        PLATE,
        PlateContent("Plate", images),
        "0.5",
        run="r",
        conditions={},
        backend="csv",
        merge=False,
    )
    paths = [f"{image.well_path}/{image.path}" for image in images]
    finished = [note_image(store, PLATE, path) for path in paths]
    assert finished == [False] * (len(paths) - 1) + [True]
    folder = tmp_path / folder_of(PLATE)
    groups = [len(list(group.iterdir())) for group in (folder / "done-r").iterdir()]
    assert sum(groups) == len(paths) == 7680 and max(groups) < 120
    assert len(list((folder / "full-r").iterdir())) <= 128
    assert (folder / "run.json").stat().st_size < 2500
    assert max(file.stat().st_size for file in (folder / "members-r").iterdir()) < 2500


def test_a_plate_that_took_the_place_of_another_is_not_touched(tmp_path: Path) -> None:
    """The folder beside the plate speaks of a plate that is gone."""
    out = old_plate(tmp_path, "0.5")
    some = tiles(tmp_path / "in", "AB")
    jobs = init(some[:2], out, OVER, **of("0.5"))
    shutil.rmtree(out / PLATE)
    other = tmp_path / "other"
    run(init(some, other / "out", **of("0.5")))
    shutil.copytree(other / "out" / PLATE, out / PLATE)
    run(jobs)
    assert is_exact(out) and is_exact(out, "B")
    assert listed(out) == (["A/01/0", "B/01/0"], [0])
    run(init(tiles(tmp_path / "in", "C"), out, EXTEND, **of("0.5")))
    assert all(is_exact(out, row) for row in "ABC") and not hidden(out)


@pytest.mark.parametrize("version", VERSIONS)
def test_links_and_paths_that_leave_the_plate_are_not_followed(tmp_path: Path, version: str) -> None:
    out = old_plate(tmp_path, version)
    elsewhere = tmp_path / "elsewhere"
    shutil.move(out / PLATE / "B", elsewhere)
    (out / PLATE / "B").symlink_to(elsewhere)
    precious = tmp_path / "out" / "precious" / "0"
    shutil.copytree(place(out), precious)
    name = ".zattrs" if version == "0.4" else "zarr.json"
    plate = out / PLATE / name
    told = json.loads(plate.read_text())
    ome = told if version == "0.4" else told["attributes"]["ome"]
    ome["plate"]["wells"].append({"path": "../precious", "rowIndex": 0, "columnIndex": 1})
    ome["plate"]["wells"].append({"path": "A/../../precious", "rowIndex": 0, "columnIndex": 2})
    plate.write_text(json.dumps(told))
    kept = (files_below(elsewhere), files_below(precious))
    run(init(tiles(tmp_path / "in", "A"), out, OVER, **of(version)))
    assert (files_below(elsewhere), files_below(precious)) == kept
    assert listed(out) == (["A/01/0"], [0])


def test_a_damaged_old_plate_can_be_overwritten(tmp_path: Path) -> None:
    out = old_plate(tmp_path, "0.5")
    (out / PLATE / "B/01/zarr.json").write_text("{")
    (out / PLATE / "A/01/0/zarr.json").write_text("not json")
    (out / PLATE / "tables/condition_table/table.csv").unlink()
    run(init(tiles(tmp_path / "in", "A", attributes={"dose": [3]}), out, OVER, **of("0.5")))
    assert is_exact(out) and listed(out) == (["A/01/0"], [0])
    assert not (out / PLATE / "B/01/zarr.json").exists()
    assert all((out / name).read_text() == name for name in foreign(out))


def test_something_else_of_the_name_is_not_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_image(out / PLATE, np.ones((1, 8, 8), "uint16"), axes="zyx", version="0.5")
    before = files_below(out)
    with pytest.raises(ConvertersToolsOutputExistsError, match="is no plate; choose another plate name"):
        init(tiles(tmp_path / "in"), out, OVER, **of("0.5"))
    assert files_below(out) == before


def write(some: list, out: str, mode: Any) -> None:
    """The two steps as a library offers them, without Fractal's image list."""
    from fractal_omezarr_converters.pipelines import tiled_image_creation_pipeline
    from fractal_omezarr_converters.pipelines.collections_setup import setup_ome_zarr_collection

    images = tiles_aggregation_pipeline(some, converter_options=options())
    setup_ome_zarr_collection(tiled_images=images, zarr_dir=out, overwrite_mode=mode)
    for image in images:
        tiled_image_creation_pipeline(
            zarr_url=f"{out}/{image.path}",
            tiled_image=image,
            registration_pipeline=None,
            converter_options=options(),
            overwrite_mode=mode,
        )


@pytest.mark.parametrize("where", ["local", "memory"])
def test_on_an_object_store_and_with_the_library_alone(tmp_path: Path, where: str) -> None:
    import uuid

    out = f"memory://{uuid.uuid4().hex}/out" if where == "memory" else str(tmp_path / "out")
    write([*tiles(tmp_path / "in", "AB"), *tiles(tmp_path / "in", column=2)], out, NO)
    store = open_store(out)
    write_table(store, f"{PLATE}/A/01/0", "features", {"area": [1.0]}, version="0.4")
    for name in ("B/01/0/notes.txt", "A/01/0/notes.txt"):
        store.put(f"{PLATE}/{name}", b"mine")
    assert sorted(open_plate(f"{out}/{PLATE}").image_paths()) == ["A/01/0", "A/02/0", "B/01/0"]
    write(tiles(tmp_path / "in"), out, OVER)
    assert open_plate(f"{out}/{PLATE}").image_paths() == ["A/01/0"]
    left = {key.removeprefix(f"{PLATE}/") for key in store.list()}
    assert {key for key in left if not key.startswith(("A/01/0/", ".z", "A/.z", "A/01/.z"))} == {"B/01/0/notes.txt"}
    assert "A/01/0/notes.txt" in left and not [key for key in left if "features" in key]
