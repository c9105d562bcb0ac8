"""The judgements of the live Fractal run: it must see a triangle, a traceback, a wrong image list and a leftover process."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def stack(project_root: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, ModuleType]:
    import importlib

    monkeypatch.syspath_prepend(str(project_root / "dev" / "fractal_stack"))
    return {name: importlib.import_module(name) for name in ("programs", "client", "checks", "environments")}


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
    shown = Path(f"/proc/{child}/stat")
    while shown.exists() and ") Z" not in shown.read_text() and time.monotonic() < end:
        time.sleep(0.05)
    assert not shown.exists() or ") Z" in shown.read_text()
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
