"""Measure one command as a whole process: wall, CPU, peak memory, bytes and files written.

The process that measures stays small: Linux counts the memory of the process that starts another one as the other's own, until
that one is larger.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from figures import Figures

CPU, WALL, MEMORY, WRITTEN, FILES = "CPU s", "wall s", "memory MB", "written MB", "files"
WHOLE = (CPU, WALL, MEMORY, WRITTEN, FILES)


def run(command: Sequence[str], told: str | None = None) -> tuple[Figures, str]:
    """Run a command to its end, with text as its standard input: what it cost and what it said; ends the bench on failure."""
    with (
        tempfile.TemporaryFile("w+") as asked,
        tempfile.TemporaryFile("w+") as said,
        tempfile.TemporaryFile("w+") as failed,
    ):
        asked.write(told or "")
        asked.seek(0)
        began = time.perf_counter()
        process = subprocess.Popen(command, stdin=asked, stdout=said, stderr=failed)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        failed.seek(0)
        if process.returncode:
            sys.exit(f"{' '.join(command)}\nended with {process.returncode}:\n{failed.read()}")
        unit = 1e6 if sys.platform == "darwin" else 1e3
        figures = {CPU: usage.ru_utime + usage.ru_stime, WALL: wall, MEMORY: usage.ru_maxrss / unit}
        return figures, said.read()


def measure(command: Sequence[str], written: Path | None = None, told: str | None = None) -> Figures:
    """The cost of a whole process, and what then lies in the OME-Zarr below a folder."""
    figures, _ = run(command, told)
    return {**figures, **(size_of(written) if written is not None else {})}


def say_of(command: Sequence[str]) -> dict[str, float]:
    """The figures that a command prints of itself, as JSON in its last line."""
    _, said = run(command)
    figures: dict[str, float] = json.loads(said.strip().splitlines()[-1])
    return figures


def size_of(folder: Path) -> Figures:
    """Bytes and files of all OME-Zarr directly below a folder."""
    sizes = [path.stat().st_size for root in folder.glob("*.zarr") for path in root.rglob("*") if path.is_file()]
    return {WRITTEN: sum(sizes) / 1e6, FILES: len(sizes)}
