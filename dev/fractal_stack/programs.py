"""Run other programs and say what went wrong, with the end of what they wrote."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

LINES_SHOWN = 40
#: Settings of the caller that would reach into the programs of the stack.
FOREIGN_PREFIXES = ("PYTHON", "VIRTUAL_ENV", "FRACTAL_", "POSTGRES_", "JWT_", "PG")


class StackError(Exception):
    """The stack does not do what it should; the text is for the one who reads the log."""


def clean_environment() -> dict[str, str]:
    """The environment of the caller without what would reach into the stack."""
    return {key: value for key, value in os.environ.items() if not key.startswith(FOREIGN_PREFIXES)}


def last_lines(text: str, count: int = LINES_SHOWN) -> str:
    """The end of a long text."""
    return "\n".join(text.rstrip().splitlines()[-count:])


def run(
    command: Sequence[str | Path],
    *,
    where: Path | None = None,
    user: str | None = None,
    more: Mapping[str, str] | None = None,
    seconds: float = 1800,
    may_fail: bool = False,
) -> str:
    """Run a program to its end and give what it wrote on stdout."""
    words = [str(word) for word in command]
    account: dict[str, Any] = {"user": user, "group": user, "extra_groups": []} if user else {}
    started = subprocess.Popen(
        words,
        cwd=where,
        env=clean_environment() | dict(more or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **account,
    )
    try:
        out, said = started.communicate(timeout=seconds)
    except subprocess.TimeoutExpired as error:
        end_group(started)
        raise StackError(f"{' '.join(words[:3])} did not end within {seconds:.0f} s.") from error
    except BaseException:  # a signal: what the program started must not go on
        end_group(started)
        raise
    if started.returncode and not may_fail:
        raise StackError(f"{' '.join(words)} ended with {started.returncode}:\n{last_lines(out + said)}")
    return out


def end_group(process: subprocess.Popen[Any]) -> None:
    """Kill a program that leads a process group of its own, and all that it started there."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Service:
    """A program that stays, in a process group of its own, so that all it started ends with it."""

    def __init__(self, command: Sequence[str | Path], *, where: Path, log: Path) -> None:
        self.log = log
        with log.open("ab") as stream:
            self._process = subprocess.Popen(
                [str(word) for word in command],
                cwd=where,
                env=clean_environment(),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def require_alive(self) -> None:
        """Raise with the end of the log when the program has ended."""
        if self._process.poll() is not None:
            raise StackError(f"The program ended by itself:\n{last_lines(self.log.read_text(errors='replace'))}")

    def stop(self, seconds: float = 20) -> None:
        """Ask it to end, and end what is left of its group after a while."""
        if self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        end_group(self._process)


def free_port() -> int:
    """A port of the loopback address that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
