"""What a table was made on: processor, memory, how busy it was, commit and versions; nothing that names the machine."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from pathlib import Path

OURS = ("numpy", "imagecodecs", "tifffile", "zarr")
ENGINE = ("ome-zarr-converters-tools", "ngio", "zarr", "numcodecs")
CONVERTERS = ("fractal-uzh-converters", "ome-zarr-converters-tools")
PEERS = ("ngio", "ngff-zarr", "ome-zarr", "zarr", "numcodecs")
_ASK = """
import importlib.metadata as m, json, platform, sys
found = {"Python": platform.python_version()}
for name in sys.argv[1:]:
    try:
        found[name] = m.version(name)
    except m.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


def processor() -> str:
    """The type of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def commit() -> str:
    """The commit of the checkout; an installed version may be that of another one."""
    here, words = Path(__file__).parent, []
    for command in (["rev-parse", "--short", "HEAD"], ["status", "--porcelain", "--", "../../src"]):
        asked = subprocess.run(["git", *command], cwd=here, capture_output=True, text=True, check=False)
        if asked.returncode:
            return "not a checkout"
        words.append(asked.stdout.strip())
    return f"commit {words[0]}{' with changes' if words[1] else ''}"


def description(engine: str | None, arrays: str | None, converters: str | None) -> str:
    """One line for the hardware, one for each environment that took part."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = f"load {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else "load not known"
    lines = [
        f"* Machine: {processor()}, {cores} cores, {memory:.0f} GiB, {platform.system()}, {load}",
        f"* Source: {commit()}",
    ]
    for title, python, names in (
        ("Ours", sys.executable, OURS),
        ("Engine", engine, ENGINE),
        ("Converters", converters, CONVERTERS),
        ("Others", arrays, PEERS),
    ):
        if python:
            asked = subprocess.run([python, "-c", _ASK, *names], capture_output=True, text=True, check=True)
            lines.append(f"* {title}: {', '.join(' '.join(pair) for pair in json.loads(asked.stdout).items())}")
    return "\n".join(lines)
