"""A compute job that dies, is ended, or meets a full disk: nothing half counts as done, and any re-run makes it whole."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import pytest
from small_plates import AS_FILES, EXTEND, MODES, NO, OVER, files_below, init, is_exact, place, tiles

from fractal_omezarr_converters.fractal.compute import generic_compute_task


def changes_of_a_job(harmed, folder: Path) -> int:
    (job,) = init(tiles(folder / "in"), folder / "counted")
    (answer,) = harmed(folder / "counted", job)
    assert answer["status"] == "ok"
    return answer["changes"]


@pytest.mark.parametrize("mode", MODES)
def test_a_killed_job_leaves_no_image_and_every_mode_completes_it(harmed, tmp_path: Path, mode) -> None:
    changes = changes_of_a_job(harmed, tmp_path)
    for at in (1, changes // 3, changes - 4, changes):
        out = tmp_path / f"out-{at}"
        some = tiles(tmp_path / "in")
        (job,) = init(some, out)
        (answer,) = harmed(out, job, at=at)
        assert answer["status"] == "killed"
        assert not place(out).exists() or is_exact(out)
        (again,) = init(some, out, mode) if not is_exact(out) or mode is not NO else (job,)
        generic_compute_task(**again)
        assert is_exact(out)
        assert not [path for path in place(out).parent.iterdir() if path.name.startswith(".") and path.is_dir()]


@pytest.mark.parametrize("how", ["kill", "term"])
def test_the_same_job_can_be_given_again(harmed, tmp_path: Path, how: str) -> None:
    (job,) = init(tiles(tmp_path / "in"), tmp_path / "out", **AS_FILES)
    (answer,) = harmed(tmp_path / "out", job, at=9, how=how)
    assert answer["status"] == "killed"
    update = generic_compute_task(**job)
    assert is_exact(tmp_path / "out")
    before = files_below(place(tmp_path / "out"))
    assert generic_compute_task(**job) == update
    assert files_below(place(tmp_path / "out")) == before


def test_two_copies_of_a_job_at_once_make_one_image(harmed, tmp_path: Path) -> None:
    for mode in MODES:
        out = tmp_path / mode.name
        (job,) = init(tiles(tmp_path / "in"), out, mode)
        answers = harmed(out, job, job)
        assert [answer["status"] for answer in answers] == ["ok", "ok"], answers
        assert answers[0]["result"] == answers[1]["result"]
        assert is_exact(out)


def test_a_write_that_fails_is_said_and_can_be_repeated(harmed, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (job,) = init(tiles(tmp_path / "in"), out)
    for at in (4, 9, 14):
        (answer,) = harmed(out, job, at=at, how="error")
        assert "ConvertersToolsUserError" in answer["kind"], answer
        assert str(place(out)) in answer["said"] and "Input/output error" in answer["said"]
        assert not place(out).exists()
    generic_compute_task(**job)
    assert is_exact(out)


@pytest.mark.parametrize("mode", MODES)
def test_a_disk_without_room_leaves_what_was_there(harmed, tmp_path: Path, mode) -> None:
    out = tmp_path / "out"
    some = tiles(tmp_path / "in", "AB")
    first, second = init(some, out)
    generic_compute_task(**first)
    (answer,) = harmed(out, second, largest_file=64)
    assert "ConvertersToolsUserError" in answer["kind"], answer
    assert str(place(out, "B")) in answer["said"] and "File too large" in answer["said"]
    assert is_exact(out) and not place(out, "B").exists()
    for job in init(some, out, mode):
        generic_compute_task(**job)
    assert is_exact(out) and is_exact(out, "B")


def test_rights_that_were_lost_are_said() -> None:
    """Not below ``tmp_path``, which other users may not enter."""
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)
        some = tiles(folder / "in")
        (job,) = init(some, folder / "out")
        place(folder / "out").parent.chmod(0o555)
        import faulty_jobs

        refused = run_as_nobody(faulty_jobs.__file__, job, folder)
        assert "ConvertersToolsUserError" in refused["kind"], refused
        assert str(place(folder / "out")) in refused["said"] and "right to write" in refused["said"]
        place(folder / "out").parent.chmod(0o755)
        generic_compute_task(**job)
        assert is_exact(folder / "out")
    finally:
        shutil.rmtree(folder)


def test_what_is_left_of_another_users_image_fails_no_job() -> None:
    """Whoever may rename an old image need not be allowed to empty it: the new one is whole, and so is the next run."""
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)
        out, some = folder / "out", tiles(folder / "in")
        (job,) = init(some, out)
        generic_compute_task(**job)
        os.utime(folder / "in" / "A_0_0.tif", (0, 0))
        (job,) = init(some, out, EXTEND)
        old = [path for path in (place(out), *place(out).rglob("*")) if path.is_dir()]
        place(out).parent.chmod(0o777)
        for path in old:
            path.chmod(0o555)
        import faulty_jobs

        for _ in range(2):
            answer = run_as_nobody(faulty_jobs.__file__, job, folder)
            assert answer["status"] == "ok", answer
            (warned,) = answer["warned"]
            assert f"{place(out).parent}/.0.replaced-" in warned and "Permission denied" in warned
            assert is_exact(out)
        (left,) = place(out).parent.glob(".0.replaced-*")
        for path in (left, *left.rglob("*")):
            path.chmod(0o755)
        generic_compute_task(**job)
        assert is_exact(out) and not left.exists()
    finally:
        shutil.rmtree(folder)


def run_as_nobody(script: str, job: dict, folder: Path) -> dict:
    import json
    import subprocess
    import sys

    order = [{"job": job, "below": str(folder), "as_nobody": True}]
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", script],
        input=json.dumps(order) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    (answer,) = json.loads(ran.stdout)
    return answer


def test_an_overwrite_that_dies_keeps_the_old_image(harmed, tmp_path: Path) -> None:
    out = tmp_path / "out"
    some = tiles(tmp_path / "in")
    (job,) = init(some, out)
    generic_compute_task(**job)
    (over,) = init(some, out, OVER)
    assert is_exact(out)
    for at in (2, 8, 16):
        (answer,) = harmed(out, over, at=at)
        assert answer["status"] == "killed"
        assert is_exact(out)
    generic_compute_task(**over)
    assert is_exact(out)


def test_killed_between_the_renames_the_next_run_puts_one_back(harmed, tmp_path: Path) -> None:
    out = tmp_path / "out"
    some = tiles(tmp_path / "in")
    (job,) = init(some, out)
    generic_compute_task(**job)
    (counted,) = init(some, out, OVER)
    (answer,) = harmed(out, counted)
    for at in range(answer["changes"] - 6, answer["changes"] + 1):
        (over,) = init(some, out, OVER)
        harmed(out, over, at=at)
        (extend,) = init(some, out, MODES[2])
        generic_compute_task(**extend)
        assert is_exact(out), at
        assert not [path for path in place(out).parent.iterdir() if path.name.startswith(".") and path.is_dir()]
