"""Write images in several processes of this computer; a process that dies fails its own image, no other.

The processes are plain ``python -m`` commands that get their jobs as JSON, as Fractal's units do: nothing is pickled, and
a script that calls ``convert`` needs no ``if __name__ == "__main__"``.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsUserError
from fractal_omezarr_converters.fractal.runners import Job, Outcome

WORKER = "fractal_omezarr_converters.fractal.local_worker"
LONGEST_GOODBYE = 10.0


class LocalWorkers:
    """A pool of worker processes, each with its own thread here that feeds it."""

    def __init__(self, count: int) -> None:
        self.count = max(1, count)
        self._processes: set[subprocess.Popen[str]] = set()
        self._lock = threading.Lock()
        self._stopping = False

    def outcomes(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Run every job; give outcomes as they come, with the warnings of each."""
        waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
        for index in range(len(jobs)):
            waiting.put(index)
        finished: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        feeders = [
            threading.Thread(target=self._feed, args=(jobs, waiting, finished), daemon=True)
            for _ in range(min(self.count, len(jobs)))
        ]
        for feeder in feeders:
            feeder.start()
        try:
            for _ in range(len(jobs)):
                yield finished.get()
        finally:
            self.stop()

    def stop(self) -> None:
        """End the processes that are still there: politely first."""
        self._stopping = True
        with self._lock:
            processes = list(self._processes)
        for process in processes:
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + LONGEST_GOODBYE
        for process in processes:
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()

    def _feed(self, jobs: Sequence[Job], waiting: queue.SimpleQueue[int], finished: queue.SimpleQueue[Outcome]) -> None:
        process: subprocess.Popen[str] | None = None
        while not self._stopping:
            try:
                index = waiting.get_nowait()
            except queue.Empty:
                break
            start = time.perf_counter()
            try:
                process = process or self._start()
                answer = _ask(process, jobs[index])
            except OSError as error:
                answer = {"error": f"The worker process cannot be used: {error}", "user": False}
            if answer is None:
                code = process.wait() if process is not None else 0
                answer, process = {"error": _end_in_words(code), "user": True}, None
            finished.put(_outcome(index, jobs[index], time.perf_counter() - start, answer))
        if process is not None:
            self._end(process)

    def _start(self) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", WORKER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=environment,
        )
        with self._lock:
            self._processes.add(process)
        return process

    def _end(self, process: subprocess.Popen[str]) -> None:
        with contextlib.suppress(OSError):
            if process.stdin is not None:
                process.stdin.close()
        process.wait()
        with self._lock:
            self._processes.discard(process)
        if process.stdout is not None:
            process.stdout.close()


def _ask(process: subprocess.Popen[str], job: Job) -> dict[str, Any] | None:
    """Send one job and wait for its answer, None when the process ends without one."""
    if process.stdin is None or process.stdout is None:
        return None
    try:
        process.stdin.write(json.dumps(job) + "\n")
        process.stdin.flush()
    except BrokenPipeError:
        return None
    line = process.stdout.readline()
    answer: dict[str, Any] | None = json.loads(line) if line.endswith("\n") else None
    return answer


def _outcome(index: int, job: Job, seconds: float, answer: dict[str, Any]) -> Outcome:
    name = str(job.get("zarr_url") or f"part {job.get('lane', index)}")
    warnings = tuple(answer.get("warnings", ()))
    if "error" not in answer:
        return Outcome(index, name, seconds, result=answer["result"], warnings=warnings)
    text = answer["error"] or answer.get("kind", "unknown error")
    if answer.get("user"):
        return Outcome(index, name, seconds, error=ConvertersToolsUserError(text), warnings=warnings)
    error = ConvertersToolsError(f"{answer.get('kind', 'Error')}: {text}")
    if "trace" in answer:
        error.add_note(answer["trace"])
    return Outcome(index, name, seconds, error=error, warnings=warnings)


def _end_in_words(code: int) -> str:
    """Say how a process ended that gave no answer."""
    if code >= 0:
        return f"The process that wrote this image ended with code {code}."
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    remedy = "the computer ran out of memory, most likely: use fewer workers" if name == "SIGKILL" else "run it again"
    return f"The process that wrote this image was ended by {name}; {remedy}."
