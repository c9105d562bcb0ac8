"""The judgements of the live Fractal run: it must see a triangle, a traceback, a wrong image list and a leftover process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def stack(project_root: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    import importlib

    monkeypatch.syspath_prepend(str(project_root / "dev" / "fractal_stack"))
    return {
        name: importlib.import_module(name)
        for name in ("programs", "client", "checks", "environments", "postgres", "interruption")
    }


def job(stack: dict[str, ModuleType], **more: Any) -> Any:
    return stack["client"].JobResult(**{"status": "done", "message": "", "logs": {}, "seconds": 1.0, **more})


def test_the_word_that_makes_a_triangle_is_found_in_any_case(stack: dict[str, ModuleType]) -> None:
    checks, error = stack["checks"], stack["programs"].StackError
    checks.require_clean_logs({"0_convert/non_par--log.txt": "INFO; all is well"})
    for text in ("x; WARNING; y", "lib.py:3: UserWarning: old", "a warning"):
        with pytest.raises(error, match="non_par--log"):
            checks.require_clean_logs({"0_convert/non_par--log.txt": f"INFO; fine\n{text}\n"})
    with pytest.raises(error, match="no log"):
        checks.require_clean_logs({})


def test_a_refusal_ends_with_its_sentence_and_shows_no_traceback(stack: dict[str, ModuleType]) -> None:
    checks, error = stack["checks"], stack["programs"].StackError
    said = "TRACEBACK:\nJobExecutionError\nSTDERR: x; ERROR; Plate 'A' exists; choose Extend.\n"
    checks.require_refused(job(stack, status="failed", message=said), "choose Extend")
    with pytest.raises(error, match="must be refused"):
        checks.require_refused(job(stack, message=said), "choose Extend")
    for message in (said + "something else\n", f"Traceback (most recent call last):\n{said}", ""):
        with pytest.raises(error, match="does not end with"):
            checks.require_refused(job(stack, status="failed", message=message), "choose Extend")


def test_an_image_list_must_be_exact(stack: dict[str, ModuleType]) -> None:
    checks, error = stack["checks"], stack["programs"].StackError
    item = {"zarr_url": "/p/A.zarr/B/03/0", "attributes": {"well": "B03"}, "types": {"is_3D": True}}
    expected = {Path("/p/A.zarr/B/03/0"): {"well": "B03"}}
    checks.require_images([item], expected, is_3d=True)
    wrong: list[tuple[list[dict[str, Any]], bool]] = [
        ([], True),
        ([item, item | {"zarr_url": "/p/A.zarr/C/05/0"}], True),
        ([item | {"attributes": {"well": "B04"}}], True),
        ([item | {"attributes": {"well": "B03", "more": 1}}], True),
        ([item], False),
    ]
    for found, is_3d in wrong:
        with pytest.raises(error):
            checks.require_images(found, expected, is_3d=is_3d)


def test_a_service_ends_with_all_that_it_started(stack: dict[str, ModuleType], tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True); time.sleep(600)\n"
    )
    service = stack["programs"].Service([sys.executable, "-c", script], where=tmp_path, log=tmp_path / "log")
    end = time.monotonic() + 30
    while not (tmp_path / "log").read_text().strip() and time.monotonic() < end:
        time.sleep(0.05)
    child = int((tmp_path / "log").read_text())
    service.stop()
    assert has_ended(child)
    with pytest.raises(stack["programs"].StackError, match="ended by itself"):
        service.require_alive()


def test_sizes_count_a_hard_link_once(stack: dict[str, ModuleType], tmp_path: Path) -> None:
    packages = tmp_path / "lib" / "python3.12" / "site-packages"
    for name in ("pip-25.0", "numpy-2.3.0"):
        (packages / f"{name}.dist-info").mkdir(parents=True)
    (packages / "one").write_bytes(bytes(3_000_000))
    (packages / "same").hardlink_to(packages / "one")
    assert stack["environments"].measure(tmp_path) == (3.0, 1)


def test_the_script_says_what_it_does(project_root: Path) -> None:
    command = [sys.executable, str(project_root / "dev" / "fractal_stack"), "--help"]
    assert "real Fractal" in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_a_program_that_takes_too_long_ends_with_all_that_it_started(
    stack: dict[str, ModuleType], tmp_path: Path
) -> None:
    script = (
        "import pathlib, subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], stdout=subprocess.DEVNULL)\n"
        f"pathlib.Path({str(tmp_path / 'child')!r}).write_text(str(child.pid)); time.sleep(600)\n"
    )
    with pytest.raises(stack["programs"].StackError, match="did not end within 5 s"):
        stack["programs"].run([sys.executable, "-c", script], seconds=5)
    assert has_ended(int((tmp_path / "child").read_text()))


def test_the_one_process_that_writes_an_image_is_found(stack: dict[str, ModuleType], tmp_path: Path) -> None:
    program = tmp_path / "convert_compute.py"
    program.write_text("import time; print('started', flush=True); time.sleep(600)")
    images = [tmp_path / "A.zarr" / "B" / "03" / name for name in ("0", "1")]
    started = []
    try:
        for image in images:
            given = tmp_path / f"{image.name}.json"
            given.write_text(json.dumps({"zarr_url": str(image)}))
            started.append(subprocess.Popen([sys.executable, program, "--args-json", given], stdout=subprocess.PIPE))
        for image, process in zip(images, started):
            assert process.stdout is not None and process.stdout.readline() == b"started\n"
            assert stack["interruption"].process_of(image) == process.pid
        assert stack["interruption"].process_of(tmp_path / "A.zarr") is None
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_a_signal_stops_and_removes_all_that_was_started(stack: dict[str, ModuleType], project_root: Path) -> None:
    if stack["postgres"].find_programs() is None:
        pytest.skip("needs PostgreSQL, which make test-fractal installs")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        folder.chmod(0o711)  # the account of PostgreSQL must be able to pass
        command = [sys.executable, str(project_root / "dev" / "fractal_stack")]
        process = subprocess.Popen(
            command, env=os.environ | {"TMPDIR": place, "PYTHONUNBUFFERED": "1"}, stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        said = [next(process.stdout) for _ in range(3)]
        assert said[2].startswith("-- environments")
        (scratch,) = folder.glob("fractal-stack-*")
        server = int((scratch / "postgres" / "postmaster.pid").read_text().split()[0])
        assert Path(f"/proc/{server}").exists()
        process.terminate()
        rest, _ = process.communicate(timeout=120)
        assert process.returncode == 130
        assert "NOT shown to work" in rest and "PostgreSQL" in rest
        assert has_ended(server, seconds=0)  # without its folder it would give up by itself after a while
        assert list(folder.iterdir()) == []


def has_ended(process: int, seconds: float = 30) -> bool:
    """Wait until a process has ended, for some seconds at most."""
    end = time.monotonic() + seconds
    shown = Path(f"/proc/{process}/stat")
    while True:
        try:
            if ") Z" in shown.read_text():
                return True
        except OSError:
            return True
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
