"""Runs compute jobs in forked processes that are killed, terminated, refused space or rights; one JSON object per line."""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import warnings
from typing import Any

from fractal_omezarr_converters.fractal.compute import generic_compute_task

WATCHED = ("os.rename", "os.link", "os.remove", "os.rmdir", "os.mkdir", "os.truncate")
SIGNALS = {"kill": signal.SIGKILL, "term": signal.SIGTERM}


def harm(below: str, at: int | None, how: str) -> list[int]:
    """Before the ``at``-th change of a file below a folder, kill this process or fail; give the counter of changes."""
    count = [0]

    def changed(event: str, arguments: tuple[Any, ...]) -> bool:
        if event == "open":
            path, mode, flags = arguments
            writes = isinstance(mode, str) and any(sign in mode for sign in "wax+")
            writes = writes or (mode is None and bool(flags & (os.O_WRONLY | os.O_RDWR)))
            return writes and str(path).startswith(below)
        return event in WATCHED and str(arguments[1 if event in WATCHED[:2] else 0]).startswith(below)

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if not changed(event, arguments):
            return
        count[0] += 1
        if count[0] == at:
            if how == "error":
                raise OSError(5, "Input/output error")
            os.kill(os.getpid(), SIGNALS[how])

    sys.addaudithook(watch)
    return count


def run(order: dict[str, Any]) -> dict[str, Any]:
    """Run one job with its harm; the answer of the task, or the error in words."""
    count = harm(order["below"], order.get("at"), order.get("how", "kill"))
    if order.get("largest_file"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (order["largest_file"],) * 2)
    if order.get("as_nobody") and os.geteuid() == 0:
        os.setuid(65534)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            answer: dict[str, Any] = {"status": "ok", "result": generic_compute_task(**order["job"])}
        except Exception as error:  # of any kind: the tests look at which kind it is and what a user is told
            answer = {"status": "error", "kind": [kind.__name__ for kind in type(error).__mro__], "said": str(error)}
    return {**answer, "changes": count[0], "warned": [str(one.message) for one in caught]}


def main() -> None:
    """Fork for every order that comes in, and answer."""
    for line in sys.stdin:
        orders = json.loads(line)
        ends = []
        for order in orders:
            reading, writing = os.pipe()
            child = os.fork()
            if not child:
                os.close(reading)
                with os.fdopen(writing, "w") as stream:
                    json.dump(run(order), stream)
                os._exit(0)
            os.close(writing)
            ends.append((child, reading))
        answers = []
        for child, reading in ends:
            with os.fdopen(reading) as stream:
                text = stream.read()
            _, status = os.waitpid(child, 0)
            answers.append(json.loads(text) if text else {"status": "killed", "signal": os.WTERMSIG(status)})
        sys.stdout.write(json.dumps(answers) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
