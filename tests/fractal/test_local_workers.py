"""Worker processes of a local conversion: one that dies fails its own image and is replaced."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from fractal_omezarr_converters.fractal.local_workers import LocalWorkers


def test_failures_travel_as_sentences() -> None:
    jobs: list[dict[str, Any]] = [{"zarr_url": f"/nowhere/{name}", "init_args": {}} for name in "abc"]
    outcomes = sorted(LocalWorkers(2).outcomes(jobs), key=lambda outcome: outcome.index)
    assert [outcome.name for outcome in outcomes] == ["/nowhere/a", "/nowhere/b", "/nowhere/c"]
    assert all("/nowhere/" in str(outcome.error) for outcome in outcomes)


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX systems")
def test_a_worker_that_is_ended_while_it_ends_says_nothing() -> None:
    """The last answer has come, and its process is told to end while Python takes it down."""
    code = (
        "import atexit, os, signal\n"
        "from fractal_omezarr_converters.fractal.local_worker import main\n"
        "atexit.register(lambda: os.kill(os.getpid(), signal.SIGTERM))\n"
        "main()\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX systems")
def test_a_process_that_is_killed_fails_its_image_alone(tmp_path: Any) -> None:
    from fractal_omezarr_converters.testing.synthetic_operetta import write_operetta

    os.mkfifo(tmp_path / "never.json")
    truth = write_operetta(tmp_path / "source", wells=("B03",), layout=(1, 1), field_shape=(24, 40), planes=1)
    from fractal_omezarr_converters.convert import plan

    image = plan(truth.folders[0]).images[0].image
    stuck = {"zarr_url": "/nowhere/stuck", "init_args": {"tiled_image_json_dump_url": str(tmp_path / "never.json")}}
    fine = {"zarr_url": str(tmp_path / "out.zarr"), "init_args": {"tiled_image_json_str": image.model_dump_json()}}
    workers = LocalWorkers(1)

    def kill_the_first() -> None:
        deadline = time.monotonic() + 30
        while not workers._processes and time.monotonic() < deadline:
            time.sleep(0.02)
        time.sleep(0.2)
        next(iter(workers._processes)).send_signal(signal.SIGKILL)

    threading.Thread(target=kill_the_first).start()
    first, second = sorted(workers.outcomes([stuck, fine]), key=lambda outcome: outcome.index)
    assert "SIGKILL" in str(first.error) and "fewer workers" in str(first.error)
    assert second.error is None, second.error
