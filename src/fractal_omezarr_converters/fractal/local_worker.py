"""One worker process of a local conversion: a job per line on stdin, an answer per line on stdout, both JSON.

Started by ``local_workers``; it imports the package once and writes one image, or one lane of an image, after the other.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import traceback
import warnings
from typing import Any, TextIO

from fractal_omezarr_converters.errors import ConvertersToolsUserError, ConvertersToolsWarning


def work(jobs: TextIO, answers: TextIO) -> None:
    """Answer every job until no more come."""
    from fractal_omezarr_converters.fractal.compute import generic_compute_task
    from fractal_omezarr_converters.fractal.lane_jobs import write_lane_job
    from fractal_omezarr_converters.fractal.runners import run_job
    from fractal_omezarr_converters.fractal.task_process import quieten_libraries

    quieten_libraries()
    for line in jobs:
        job: dict[str, Any] = json.loads(line)
        answer: dict[str, Any] = {}
        with warnings.catch_warnings(record=True) as caught:
            outcome = run_job(write_lane_job if "lane" in job else generic_compute_task, 0, job)
        error = outcome.error
        if error is None:
            answer["result"] = outcome.result
        else:
            answer["error"] = str(error)
            answer["kind"] = type(error).__name__
            answer["user"] = isinstance(error, ConvertersToolsUserError)
            answer["trace"] = "".join(traceback.format_exception(error))
        answer["warnings"] = [str(each.message) for each in caught if issubclass(each.category, ConvertersToolsWarning)]
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def main() -> None:
    """Keep stdout for answers alone: whatever else prints goes to stderr. A polite end cleans up what is half written."""
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        work(sys.stdin, answers)
    except (KeyboardInterrupt, BrokenPipeError):
        os._exit(130)
    finally:  # from here on Python ends by itself; an exception in the middle of that would be told as a traceback
        signal.signal(signal.SIGTERM, signal.SIG_IGN)


if __name__ == "__main__":
    main()
