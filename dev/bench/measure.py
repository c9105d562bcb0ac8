"""Measure one command as a whole process: wall, CPU, peak memory, bytes and files written."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Measured:
    """What one process cost."""

    wall: float
    cpu: float
    memory: float  # largest resident set, MB
    written: float  # MB
    files: int
    said: str


def measure(command: list[str], out: Path) -> Measured:
    """Run a command, which writes below ``out``, to its end."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stderr is not None
    said, failed = process.stdout.read(), process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)}\n{failed}")
    sizes = [path.stat().st_size for path in out.rglob("*") if path.is_file()]
    scale = 1024 if sys.platform == "darwin" else 1
    return Measured(
        wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e3 / scale, sum(sizes) / 1e6, len(sizes), said
    )
