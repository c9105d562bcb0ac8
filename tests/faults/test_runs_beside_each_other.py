"""Hand-over files that were harmed, and several runs in one output folder: nobody disturbs, loses or destroys the other's."""

from __future__ import annotations

import getpass
import json
import os
import platform
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from small_plates import AS_FILES, EXTEND, MODES, NO, OVER, files_below, init, is_exact, place, tiles

from fractal_omezarr_converters.errors import (
    ConvertersToolsError,
    ConvertersToolsOutputExistsError,
    ConvertersToolsUserError,
    ConvertersToolsWarning,
)
from fractal_omezarr_converters.fractal.compute import generic_compute_task
from fractal_omezarr_converters.models.collections import SingleImage
from fractal_omezarr_converters.models.options import OverwriteMode
from fractal_omezarr_converters.ngff.staging_owner import OWNER_FILE
from fractal_omezarr_converters.ngff.stores import open_store

HARMS = {
    "missing": None,
    "cut": lambda text: text[: len(text) // 2],
    "garbage": lambda text: "\0" * len(text),
    "empty": lambda text: "",
    "another input": lambda text: text.replace("A_0_1.tif", "A_0_0.tif"),
    "another place": lambda text: text.replace("Plate.zarr", "Other.zarr"),
    "not an object": lambda text: "[]",
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_hand_over_that_is_not_what_init_wrote_is_refused(
    tmp_path: Path, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVERTERS_TOOLS_NUM_RETRIES", "1")
    out = tmp_path / "out"
    (job,) = init(tiles(tmp_path / "in"), out, **AS_FILES)
    file = Path(job["init_args"]["tiled_image_json_dump_url"])
    text, change = file.read_text(), HARMS[harm]
    if change is None:
        file.unlink()
    else:
        assert change(text) != text
        file.write_text(change(text))
    with pytest.raises(ConvertersToolsUserError, match=file.name):
        generic_compute_task(**job)
    assert not place(out).exists()
    file.write_text(text)
    generic_compute_task(**job)
    assert is_exact(out)


@pytest.mark.parametrize("more", [{}, AS_FILES], ids=["in memory", "as files"])
def test_jobs_that_were_mixed_up_are_refused(tmp_path: Path, more: dict) -> None:
    first, second = init(tiles(tmp_path / "in", "AB"), tmp_path / "out", **more)
    with pytest.raises(ConvertersToolsUserError, match="do not match"):
        generic_compute_task(zarr_url=first["zarr_url"], init_args=second["init_args"])
    assert not place(tmp_path / "out").exists()


def test_a_job_is_plain_json_and_may_be_damaged(tmp_path: Path) -> None:
    (job,) = init(tiles(tmp_path / "in"), tmp_path / "out")
    for damaged in ({}, {**job["init_args"], "tiled_image_json_str": "{"}, {**job["init_args"], "overwrite_mode": "x"}):
        with pytest.raises(ConvertersToolsError):
            generic_compute_task(zarr_url=job["zarr_url"], init_args=json.loads(json.dumps(damaged)))


def test_two_conversions_into_one_folder_finish_both(tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = init(tiles(tmp_path / "one", "AB", plate="One"), out, **AS_FILES)
    second = init(tiles(tmp_path / "two", "AB", plate="Two"), out, **AS_FILES)
    for job in (*first, *second):
        generic_compute_task(**job)
    assert all(is_exact(out, row, plate=plate) for row in "AB" for plate in ("One", "Two"))


def test_two_extending_inits_at_once_lose_no_well(tmp_path: Path) -> None:
    out = tmp_path / "out"
    init(tiles(tmp_path / "in", "A"), out)
    parts = ["BCDEF", "GHIJK"]
    children = []
    for part in parts:
        some = tiles(tmp_path / "in", part)
        child = os.fork()
        if not child:
            try:
                init(some, out, EXTEND)
            except BaseException:  # a forked process must not go on with the tests
                os._exit(1)
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    plate = (
        json.loads((out / "Plate.zarr" / "zarr.json").read_text()) if (out / "Plate.zarr/zarr.json").exists() else {}
    )
    described = plate.get("attributes", {}).get("ome", {}) or json.loads((out / "Plate.zarr/.zattrs").read_text())
    assert {well["path"] for well in described["plate"]["wells"]} == {f"{row}/01" for row in "ABCDEFGHIJK"}


def test_the_same_init_twice_at_once_and_all_jobs_of_both(tmp_path: Path) -> None:
    for mode in (OVER, EXTEND):
        out = tmp_path / mode.name
        some = tiles(tmp_path / "in", "AB")
        with ThreadPoolExecutor(2) as pool:
            lists = list(pool.map(lambda _, some=some, out=out, mode=mode: init(some, out, mode, **AS_FILES), range(2)))
        for job in (job for jobs in lists for job in jobs):
            generic_compute_task(**job)
        assert is_exact(out) and is_exact(out, "B")


def test_overwrite_while_another_run_goes_on_destroys_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    some = tiles(tmp_path / "in", "AB")
    first, second = init(some, out)
    generic_compute_task(**first)
    init(some, out, OVER)
    assert is_exact(out)
    generic_compute_task(**second)
    assert is_exact(out, "B")


def test_an_overwrite_by_mistake_that_was_not_run_is_taken_back_by_extend(tmp_path: Path) -> None:
    out = tmp_path / "out"
    (job,) = init(tiles(tmp_path / "in"), out)
    generic_compute_task(**job)
    other = tiles(tmp_path / "in", "B")
    with pytest.warns(ConvertersToolsWarning, match=r"will be lost.*1 well \(A01\), 1 image \(A/01/0\)"):
        init(other, out, OVER)
    assert is_exact(out)
    with pytest.warns(ConvertersToolsWarning, match=r"Extend keeps all.*A/01/0"):
        (job,) = init(other, out, EXTEND)
    generic_compute_task(**job)
    assert is_exact(out) and is_exact(out, "B")


@pytest.mark.parametrize("mode", MODES)
def test_files_of_others_in_the_folder_of_a_plate_stay(tmp_path: Path, mode) -> None:
    thesis = tmp_path / "out" / "Plate.zarr" / "my analysis" / "thesis.txt"
    thesis.parent.mkdir(parents=True)
    thesis.write_text("years of work")
    for job in init(tiles(tmp_path / "in"), tmp_path / "out", mode):
        generic_compute_task(**job)
    assert thesis.read_text() == "years of work"
    assert is_exact(tmp_path / "out")


def test_a_group_that_is_no_plate_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "out" / "Plate.zarr"
    folder.mkdir(parents=True)
    (folder / ".zgroup").write_text('{"zarr_format": 2}')
    for mode in (NO, EXTEND):
        with pytest.raises(ConvertersToolsOutputExistsError, match=r"Plate\.zarr"):
            init(tiles(tmp_path / "in"), tmp_path / "out", mode)


KILLED_INIT = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from small_plates import init, tiles
folder, first, last = Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
some = tiles(folder / "in", "AB")
for at in range(first, last, 5):
    child = os.fork()
    if not child:
        left = [at]
        def watch(event, arguments):
            path = arguments[1] if event == "os.rename" else arguments[0] if arguments else ""
            writes = event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wxa")
            if (writes or event in ("os.rename", "os.mkdir", "os.remove")) and "/out-" in str(path):
                left[0] -= 1
                if not left[0]:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(watch)
        init(some, folder / f"out-{at}")
        os._exit(0)
    os.waitpid(child, 0)
"""


def test_an_init_that_died_is_repeated_in_every_mode(tmp_path: Path) -> None:
    import subprocess

    subprocess.run(
        [sys.executable, "-W", "ignore", "-c", KILLED_INIT, str(Path(__file__).parent), str(tmp_path), "1", "50"],
        check=True,
    )
    some = tiles(tmp_path / "in", "AB")
    for at in range(1, 50, 5):
        out = tmp_path / f"out-{at}"
        jobs = init(some, out, MODES[at % 3])
        assert len(jobs) == 2
        if at in (6, 31):
            for job in jobs:
                generic_compute_task(**job)
            assert is_exact(out) and is_exact(out, "B")


WRITING = """
import sys, time
from fractal_omezarr_converters.ngff.staging import StagedImage
with StagedImage(sys.argv[1], sys.argv[2]):
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("mode", MODES)
def test_an_image_that_a_living_process_writes_is_not_set_up_again(tmp_path: Path, mode: OverwriteMode) -> None:
    """Who holds it is said; other wells may be added; once the process is dead nothing stands in the way."""
    out = tmp_path / "out"
    some = tiles(tmp_path / "in", "AB")
    first, _ = init(some, out)
    generic_compute_task(**first)
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITING, str(out), "Plate.zarr/B/01/0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert writer.stdout is not None and writer.stdout.readline() == "writing\n"
        before = files_below(out)
        with pytest.raises(ConvertersToolsUserError) as refused:
            init(some, out, mode)
        said = str(refused.value)
        assert said.startswith(f"Image 'Plate.zarr/B/01/0' in {open_store(out).url} is being written by another run")
        assert f"user {getpass.getuser()}, host {platform.node()}, process {writer.pid}, since 20" in said
        assert said.endswith("; wait until that run has ended, or stop it and run again.")
        assert files_below(out) == before
        (job,) = init(tiles(tmp_path / "in", "C"), out, EXTEND)
        generic_compute_task(**job)
    finally:
        writer.kill()
        writer.wait()
    for job in init(tiles(tmp_path / "in", "ABC"), out, EXTEND if mode is NO else mode):
        generic_compute_task(**job)
    assert all(is_exact(out, row) for row in "ABC")
    assert not list(out.rglob(".0.writing-*"))


def test_a_writer_on_another_computer_counts_while_it_shows_signs_of_life(tmp_path: Path) -> None:
    out = tmp_path / "out"
    some = tiles(tmp_path / "in")
    (job,) = init(some, out)
    claim = place(out).parent / ".0.writing-0badcafe-1-2-aaaaaaaa" / OWNER_FILE
    claim.parent.mkdir(parents=True)
    claim.write_text(json.dumps({"host": "node-of-others", "pid": 7, "since": time.time() - 600, "user": "anna"}))
    with pytest.raises(ConvertersToolsUserError, match=r"user anna, host node-of-others.*run again 3 minutes later\."):
        init(some, out, OVER)
    silent = time.time() - 200
    os.utime(claim, (silent, silent))
    init(some, out, OVER)
    generic_compute_task(**job)
    assert is_exact(out)


def test_a_single_image_that_a_living_process_writes_is_not_set_up_again(tmp_path: Path) -> None:
    some = [tile.model_copy(update={"collection": SingleImage(image_path="one")}) for tile in tiles(tmp_path / "in")]
    out = tmp_path / "out"
    out.mkdir()
    claim = out / ".one.zarr.writing-0badcafe-1-2-aaaaaaaa" / OWNER_FILE
    claim.parent.mkdir()
    claim.write_text(json.dumps({"host": "node-of-others", "pid": 7, "since": time.time(), "user": "anna"}))
    with pytest.raises(ConvertersToolsUserError, match=r"Image 'one\.zarr' .* is being written by another run"):
        init(some, out, OVER)
