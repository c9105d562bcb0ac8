"""Running both steps in Python: order, failures, processes and dask."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsUserError
from fractal_omezarr_converters.fractal.runners import (
    DaskRunner,
    MultiprocessingRunner,
    SequentialRunner,
    ThreadedRunner,
    exec_compound_task,
)

DONE: list[str] = []


def test_an_address_without_a_port_is_one_sentence_and_no_traceback_follows() -> None:
    pytest.importorskip("distributed")
    code = (
        "from fractal_omezarr_converters.fractal.runners import DaskRunner\n"
        "try:\n    list(DaskRunner(address='node7').outcomes(print, [{}]))\n"
        "except ValueError as error:\n    print(error)\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=100)
    assert "No dask scheduler answers at node7: missing port number" in ran.stdout
    assert ran.stderr == ""


def init_four() -> list[dict[str, Any]]:
    return [{"zarr_url": f"/out/{name}", "init_args": {"name": name}} for name in "abcd"]


def compute(zarr_url: str, init_args: dict[str, Any], factor: int = 1) -> dict[str, Any]:
    return {"image_list_updates": [{"zarr_url": zarr_url, "attributes": {"n": ord(init_args["name"]) * factor}}]}


def compute_but_b_and_c(zarr_url: str, init_args: dict[str, Any]) -> str:
    if init_args["name"] in "bc":
        raise ConvertersToolsUserError(f"The file {init_args['name']}.tif is truncated.")
    DONE.append(zarr_url)
    return zarr_url


def compute_with_a_bug(zarr_url: str, init_args: dict[str, Any]) -> str:
    if init_args["name"] == "b":
        raise KeyError("b")
    return zarr_url


@pytest.mark.parametrize(
    "runner", [None, SequentialRunner(), ThreadedRunner(num_threads=3), MultiprocessingRunner(num_processes=2)]
)
def test_results_come_in_the_order_of_the_list(runner: Any) -> None:
    updates = exec_compound_task(init_four, compute, {}, {"factor": 2}, runner=runner)
    assert [update["image_list_updates"][0]["zarr_url"] for update in updates] == [f"/out/{name}" for name in "abcd"]
    assert updates[3]["image_list_updates"][0]["attributes"] == {"n": 200}


@pytest.mark.parametrize("runner", [None, ThreadedRunner(num_threads=2)])
def test_f70_one_failing_image_stops_no_other_and_all_failures_are_listed(runner: Any) -> None:
    DONE.clear()
    with pytest.raises(ConvertersToolsUserError) as caught:
        exec_compound_task(init_four, compute_but_b_and_c, {}, runner=runner)
    assert sorted(DONE) == ["/out/a", "/out/d"]
    message = str(caught.value)
    assert "2 of 4 images failed" in message
    assert "/out/b" in message and "b.tif is truncated" in message
    assert "/out/c" in message and "c.tif is truncated" in message
    assert isinstance(caught.value.__cause__, ExceptionGroup)


def test_progress_is_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="fractal_omezarr_converters"):
        exec_compound_task(init_four, compute, {})
    assert [record.getMessage() for record in caplog.records] == [f"{done} of 4 images done" for done in (1, 2, 3, 4)]


def test_f70_a_bug_in_one_image_is_listed_with_its_type() -> None:
    with pytest.raises(ConvertersToolsError, match="KeyError: 'b'"):
        exec_compound_task(init_four, compute_with_a_bug, {})


def test_f70_failures_in_processes_are_listed_too() -> None:
    with pytest.raises(ConvertersToolsUserError, match=r"2 of 4 images failed"):
        exec_compound_task(init_four, compute_but_b_and_c, {}, runner=MultiprocessingRunner(num_processes=2))


def test_a_dask_address_that_does_not_answer_is_one_sentence() -> None:
    pytest.importorskip("distributed")
    with pytest.raises(ConvertersToolsUserError, match=r"No dask scheduler answers at tcp"):
        list(
            DaskRunner(address="tcp://127.0.0.1:9", timeout=1).outcomes(compute, [{"zarr_url": "/a", "init_args": {}}])
        )


def test_jobs_run_on_dask_in_the_order_of_the_list() -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster:
        runner = DaskRunner(address=cluster.scheduler_address)
        updates = exec_compound_task(init_four, compute, {}, {"factor": 3}, runner=runner)
        assert [update["image_list_updates"][0]["attributes"]["n"] for update in updates] == [291, 294, 297, 300]
        with pytest.raises(ConvertersToolsUserError, match="2 of 4 images failed"):
            exec_compound_task(init_four, compute_but_b_and_c, {}, runner=runner)


def test_the_init_task_may_give_what_fractal_gets() -> None:
    updates = exec_compound_task(lambda: {"parallelization_list": init_four()}, compute, {})
    assert len(updates) == 4


def test_runners_are_given_as_json_too_and_others_are_refused() -> None:
    assert len(exec_compound_task(init_four, compute, {}, runner={"mode": "Threaded", "num_threads": 2})) == 4  # type: ignore[arg-type]
    for wrong in ("threads", {"mode": "Slurm"}, 3):
        with pytest.raises(ConvertersToolsUserError, match=r"is not known: give SequentialRunner\(\)"):
            exec_compound_task(init_four, compute, {}, runner=wrong)  # type: ignore[arg-type]


SCRIPT = """
from fractal_omezarr_converters import MultiprocessingRunner, exec_compound_task

def init():
    print("init")
    return {"parallelization_list": [{"zarr_url": f"/out/{name}", "init_args": {}} for name in "abc"]}

def compute(zarr_url, init_args):
    return {"image_list_updates": [{"zarr_url": zarr_url}]}

updates = exec_compound_task(init, compute, {}, runner=MultiprocessingRunner(num_processes=2))
print([update["image_list_updates"][0]["zarr_url"] for update in updates])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere Python starts processes that read the script anew")
@pytest.mark.parametrize("typed", [False, True])
def test_a_script_as_people_have_it_runs_in_processes_without_a_guard(tmp_path: Path, typed: bool) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, "-"] if typed else [sys.executable, str(script)]
    ran = subprocess.run(command, input=SCRIPT if typed else "", capture_output=True, text=True, check=False)
    assert ran.stdout == "init\n['/out/a', '/out/b', '/out/c']\n", ran.stderr


def test_a_script_that_is_read_anew_by_its_processes_sets_up_nothing_twice(tmp_path: Path) -> None:
    """With a second thread no process is forked."""
    script = tmp_path / "script.py"
    waiting = "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\n"
    script.write_text(waiting + SCRIPT)
    ran = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert ran.returncode == 1 and ran.stdout.splitlines() == ["init"]
    assert "This script begins its conversion again in each of its processes; put what it does below" in ran.stderr


@pytest.mark.parametrize(("scheme", "words"), [("tcp", "something else answers"), ("http", "unknown address scheme")])
def test_the_address_of_a_dashboard_is_one_sentence_and_no_traceback_follows(scheme: str, words: str) -> None:
    pytest.importorskip("distributed")
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            with contextlib.suppress(OSError):
                while True:
                    server.accept()[0].sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        address = f"{scheme}://127.0.0.1:{server.getsockname()[1]}"
        code = (
            "from fractal_omezarr_converters.fractal.runners import DaskRunner\n"
            f"try:\n    list(DaskRunner(address='{address}').outcomes(print, [{{}}]))\n"
            "except ValueError as error:\n    print(error)\n"
        )
        ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=100)
    assert ran.stdout.startswith(f"No dask scheduler answers at {address}: {words}"), ran.stderr
    assert ran.stderr == ""
