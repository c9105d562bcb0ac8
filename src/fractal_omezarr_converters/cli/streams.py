"""stdout and stderr, whatever they lead to: a reader that went away, a full disk, nothing, or a terminal of few letters.

A conversion must not end because nobody can read how far it is; and an answer that did not arrive is an error.
"""

from __future__ import annotations

import os
import sys
from typing import Literal, TextIO

from fractal_omezarr_converters.errors import ConvertersToolsUserError


def open_closed_streams() -> None:
    """Let streams that were closed from the start lead nowhere: the next file, perhaps of an image, would take their number."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, _nowhere("r" if name == "stdin" else "w"))


def write_text(text: str) -> None:
    """Write text to stdout; when its reader went away, the command ends as if all had been read.

    Raises:
        ConvertersToolsUserError: what stdout leads to does not take the text, such as a full disk.
    """
    try:
        _write(sys.stdout, text.rstrip("\n") + "\n")
    except BrokenPipeError:
        sys.stdout = _nowhere("w")
    except OSError as error:
        sys.stdout = _nowhere("w")
        raise ConvertersToolsUserError(
            f"The answer cannot be written to standard output ({error.strerror}); send it to another place."
        ) from error


def say(text: str) -> None:
    """Write a line to stderr; when nobody can read it, the work goes on without."""
    try:
        _write(sys.stderr, text + "\n")
    except OSError:
        sys.stderr = _nowhere("w")


def _write(stream: TextIO, text: str) -> None:
    """Write and flush, so that errors show here; letters that the stream does not know are written as their codes."""
    try:
        stream.write(text)
    except UnicodeEncodeError:
        stream.write(text.encode(stream.encoding, "backslashreplace").decode(stream.encoding))
    stream.flush()


def _nowhere(mode: Literal["r", "w"]) -> TextIO:
    """A stream to nothing, also for the processes that are started."""
    number = os.open(os.devnull, os.O_RDWR)
    os.set_inheritable(number, True)
    return os.fdopen(number, mode, encoding="utf-8")
