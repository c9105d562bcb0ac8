"""Run a task function as Fractal does: arguments from a file, result to a file, a log that holds only what a user should read.

Fractal searches every log for the word "warning" and marks the job when it finds it. Notes of the libraries below us are
silenced therefore; our own warnings are logged, one line each. What a user can put right ends the task with a sentence: the
log of a failed job is shown on the web page, where a traceback would hide it.
"""

from __future__ import annotations

import atexit
import gc
import logging
import signal
import sys
import warnings
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

from fractal_omezarr_converters.errors import ConvertersToolsUserError, ConvertersToolsWarning

logger = logging.getLogger(__name__)

#: Libraries that log notes for developers.
TALKATIVE = ("tifffile", "numcodecs", "zarr", "asyncio", "fsspec", "s3fs", "botocore", "aiobotocore", "distributed")

_SAID: set[str] = set()


def run_as_fractal_task(function: Callable[..., Any]) -> None:
    """Run ``function`` with ``--args-json`` and ``--out-json`` of the command line."""
    from fractal_task_tools.task_wrapper import run_fractal_task
    from pydantic import ValidationError

    atexit.register(gc.freeze)  # the memory of a process that ends need not be searched for garbage
    quieten_libraries()
    signal.signal(signal.SIGTERM, _stop)
    try:
        run_fractal_task(task_function=function)
    except ConvertersToolsUserError as error:
        _give_up(str(error))
    except ValidationError as error:
        if error.title != function.__name__:
            raise
        from fractal_omezarr_converters.fractal.requests import in_words

        _give_up(f"These arguments of the task are wrong: {in_words(error)}.")


def _give_up(sentence: str) -> NoReturn:
    """End the task with a sentence; the traceback is for those who set FRACTAL_TASK_LOG_LEVEL to DEBUG."""
    logger.debug("Where it was found:", exc_info=True)
    logger.error("%s", sentence)
    sys.exit(1)


def quieten_libraries() -> None:
    """Keep notes of other libraries out of the log and send our own warnings through the logger."""
    warnings.simplefilter("ignore")
    warnings.simplefilter("always", ConvertersToolsWarning)
    warnings.showwarning = _log_warning
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.ERROR)


def _log_warning(message: Warning | str, *_rest: Any, **_more: Any) -> None:
    """Log a text once, however often it is said."""
    text = str(message)
    if text not in _SAID:
        _SAID.add(text)
        logger.warning("%s", text)


def _stop(number: int, _frame: FrameType | None) -> None:
    """Leave in an orderly way, so that what was staged is removed or marked unfinished."""
    sys.exit(128 + number)
