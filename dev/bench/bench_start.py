"""Cold start: what a process costs that has almost nothing to do. Fractal starts one for every image."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from asked import Asked, compute_task, script
from figures import Contender, Group, compare, table
from measure import CPU, MEMORY, WALL, measure, run

NAME = "start"
COLUMNS = (CPU, WALL, MEMORY)
TINY = ("--size", "64", "--grid", "1x1", "--channels", "1", "--z", "1")
LIBRARIES = "import numpy, pydantic, tifffile, imagecodecs"
MORE_ROUNDS = 3  # a short process is measured more often


def job_contenders(asked: Asked, plate: Path, out: Path) -> Iterator[Contender]:
    """One compute job of a 64 x 64 image, and what of it is no matter of ours."""
    initial = [sys.executable, script("write_ours.py"), str(plate), str(out)]
    job = ["--args-json", str(out / "job.json"), "--out-json", str(out / "result.json")]
    yield _process("our compute job", [sys.executable, compute_task(), *job], asked, initial)
    if asked.engine:
        initial = [asked.engine, script("write_engine.py"), "init", str(plate), str(out)]
        yield _process(
            "engine's compute job", [asked.engine, script("write_engine.py"), "compute", str(out)], asked, initial
        )
    yield _process("numpy, pydantic, tifffile, imagecodecs", [sys.executable, "-c", LIBRARIES], asked)
    yield _process("Python", [sys.executable, "-c", "pass"], asked)


def command_contenders(asked: Asked) -> Iterator[Contender]:
    """The command line's help, and the package as it is imported."""
    package = "fractal_omezarr_converters"
    yield _process("omezarr --help", [sys.executable, "-m", f"{package}.cli", "--help"], asked)
    yield _process(f"import {package}", [sys.executable, "-c", f"import {package}"], asked)
    if asked.engine:
        package = "ome_zarr_converters_tools"
        yield _process(f"import {package}", [asked.engine, "-c", f"import {package}"], asked)
    yield _process("Python", [sys.executable, "-c", "pass"], asked)


def _process(name: str, command: Sequence[str], asked: Asked, initial: Sequence[str] = ()) -> Contender:
    def prepare() -> None:
        if initial:
            asked.fresh("out")
            run(initial)

    return Contender(name, lambda: measure(command), prepare)


def run_bench(asked: Asked) -> Iterator[str]:
    """Both tables."""
    yield "## Cold start: whole processes"
    plate = asked.made("plate-64", "synthetic_plate.py", *TINY)
    rounds = asked.rounds if asked.smoke else MORE_ROUNDS * asked.rounds
    everyone = list(job_contenders(asked, plate, asked.scratch / "out"))
    found = compare(everyone, rounds, "start job")
    yield table(found, [Group("image of 64 x 64", [each.name for each in everyone])], COLUMNS, "job")
    everyone = list(command_contenders(asked))
    found = compare(everyone, rounds, "start command")
    yield table(found, [Group("nothing to do", [each.name for each in everyone])], COLUMNS, "command")
    asked.remove(plate)
