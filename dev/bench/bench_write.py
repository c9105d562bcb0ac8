"""Write one well: our compute task beside the established engine's, the leanest loop in Python and the limit in C.

Every figure is a whole process as Fractal would run it: start, imports, reading, all levels, documents, completion mark. Init is
not part of it.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from asked import Asked, compute_task, script
from figures import Contender, Group, compare, table
from limit import Limit, build, job, layout_of
from measure import WHOLE, measure, run

NAME = "write"
Options = Mapping[str, Any]
CODEC_LEVELS = {"zstd": 1, "lz4": 5}


@dataclass(frozen=True)
class Case:
    """One plate, written with the same options by all; ``codecs`` are those that ours is measured with, the default first."""

    options: Options
    plate: Options = field(default_factory=dict)
    codecs: tuple[str, ...] = ("zstd",)
    modes: tuple[str, ...] = ("By FOV",)
    lean: bool = False
    cold: bool = False
    """The plate lies on the disk of temporary files, and nothing of it in memory."""


def version(number: str, **more: Any) -> dict[str, Any]:
    """Options for an OME-Zarr version."""
    return {"omezarr_options": {"ngff_version": number, **more}}


SHARDED = version(
    "0.5",
    chunks={"mode": "Fixed Size", "xy_chunk": 540},
    shards={"mode": "Multiple of Chunks", "xy_factor": 4},
)
INPLACE = {"mode": "Mosaic", "tiling_strategy": {"mode": "Inplace"}}
PLATE = {"wells": 1, "grid": "3x3", "channels": 2, "z": 5, "size": 2160, "overlap": 0.0, "kind": "tif"}
CASES = {
    "0.4": Case(version("0.4"), codecs=("zstd", "lz4"), lean=True),
    "0.5": Case(version("0.5"), lean=True),
    "sharded": Case(SHARDED),
    "overlap": Case(
        {"grouping": INPLACE, **version("0.4")},
        {"overlap": 0.1},
        codecs=("zstd", "lz4"),
        modes=("By FOV", "By Tile"),
    ),
    "z20": Case(version("0.4"), {"z": 20, "size": 1024}, codecs=("zstd", "lz4")),
    "png": Case(version("0.4"), {"kind": "png", "size": 1024}),
    "mosaic": Case(version("0.5"), {"grid": "12x12", "size": 1024, "channels": 1, "z": 1}),
    "cold": Case(version("0.4"), lean=True, cold=True),
    "tiny": Case(version("0.5"), {"grid": "1x1", "size": 64, "channels": 1, "z": 1}),
}
SMOKE = {"size": 96, "grid": "2x2", "z": 2}


@dataclass(frozen=True)
class Variant:
    """Ours with one codec and one number of threads."""

    codec: str
    threads: int

    def __str__(self) -> str:
        """As the table calls it."""
        return f"{self.codec}, {self.threads} thread{'s' * (self.threads > 1)}"


class CaseRun:
    """All contenders of one case on one plate."""

    def __init__(self, name: str, case: Case, asked: Asked, limit: Limit) -> None:
        self.name, self.case, self.asked, self.limit = name, case, asked, limit
        wanted = {**PLATE, **case.plate, **(SMOKE if asked.smoke else {})}
        arguments = [text for key, value in wanted.items() for text in (f"--{key}", str(value))]
        where = replace(asked, scratch=Path(tempfile.gettempdir()) / "omezarr-bench-cold") if case.cold else asked
        self.plate = where.made(f"plate-{name}", "synthetic_plate.py", *arguments)
        self.out = asked.scratch / "out"
        self.variants = [Variant(codec, threads) for codec in case.codecs for threads in asked.threads]
        self.jobs: dict[str, str] = {}
        self.inner: dict[str, int] = {}

    def contenders(self) -> Iterator[Contender]:
        """In the order in which they run: ours first, so that the limit can make the same chunks."""
        for variant in self.variants:
            result = str(self.out / "result.json")
            command = [sys.executable, compute_task(), "--args-json", str(self.out / "job.json"), "--out-json", result]
            yield Contender(
                f"ours {variant}", lambda c=command, v=variant: self._ours(c, v), lambda v=variant: self._init(v)
            )
        for mode in self.case.modes if self.asked.engine else ():
            command = [str(self.asked.engine), script("write_engine.py"), "compute", str(self.out)]
            yield Contender(
                f"engine {mode}", lambda c=command: measure(c, self.out), lambda m=mode: self._init_engine(m)
            )
        for variant in self.variants:
            yield from self._references(variant)

    def _references(self, variant: Variant) -> Iterator[Contender]:
        codec, threads = variant.codec, variant.threads
        root, level = self.out / "lean.zarr", str(CODEC_LEVELS[codec])
        if self.case.lean and not self.asked.smoke:
            command = [sys.executable, script("write_lean.py"), str(self.plate), str(root), "--codec", codec]
            command += ["--level", level, "--threads", str(min(threads, 2))]
            yield Contender(f"lean {variant}", lambda: measure(command, self.out), self._clear)
        if self.limit.program is not None and self.case.plate.get("kind", "tif") == "tif" and self.name != "tiny":
            yield Contender(f"limit {variant}", lambda: self._limit(variant), self._clear)

    def _clear(self) -> None:
        self.asked.fresh("out")
        self._forget()

    def _forget(self) -> None:
        """Let the system forget the planes, where the case wants them read from the disk."""
        for path in self.plate.rglob("*.tif") if self.case.cold else ():
            descriptor = os.open(path, os.O_RDONLY)
            os.fsync(descriptor)  # what is not on the disk yet stays in memory
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)

    def _init(self, variant: Variant) -> None:
        self._clear()
        own = {**self.case.options["omezarr_options"], "compression": {"codec": variant.codec}}
        options = json.dumps({**self.case.options, "omezarr_options": own})
        command = [sys.executable, script("write_ours.py"), str(self.plate), str(self.out), "--options", options]
        self.image = Path(run([*command, "--threads", str(variant.threads)])[1].strip().splitlines()[-1])
        self._forget()

    def _ours(self, command: list[str], variant: Variant) -> Mapping[str, float]:
        figures = measure(command, self.out)
        layout = layout_of(self.image)
        made = job(self.plate, self.out / "limit.zarr", layout)
        if made is not None:
            self.jobs[variant.codec], self.inner[variant.codec] = made, layout.inner
        return figures

    def _init_engine(self, mode: str) -> None:
        self._clear()
        options = json.dumps({**self.case.options, "writer_mode": mode})
        command = [str(self.asked.engine), script("write_engine.py"), "init", str(self.plate), str(self.out)]
        run([*command, "--options", options])
        self._forget()

    def _limit(self, variant: Variant) -> Mapping[str, float]:
        told = self.jobs.get(variant.codec)
        if told is None:
            return {}
        level, inner = CODEC_LEVELS[variant.codec], self.inner[variant.codec]
        command = self.limit.command(variant.codec, level, threads=variant.threads, inner=inner)
        return measure(command, self.out, told)

    def groups(self) -> list[Group]:
        """One block of rows for each codec and number of threads."""
        found = []
        engines = [f"engine {mode}" for mode in self.case.modes]
        for variant in self.variants:
            own, lean, limit = (f"{who} {variant}" for who in ("ours", "lean", "limit"))
            labels = {own: "ours", lean: "leanest loop in Python", limit: "limit in C"}
            labels |= {engine: f"{engine} (its codec)" for engine in engines}
            found.append(Group(f"{self.name}, {variant}", [own, *engines, lean, limit], labels))
        return found

    def done(self) -> None:
        """Remove what was made."""
        shutil.rmtree(self.out, ignore_errors=True)
        self.asked.remove(self.plate)


def run_bench(asked: Asked) -> Iterator[str]:
    """All cases asked for; gives the text of the table."""
    yield "## Writing one well"
    limit = build(asked.fresh("limit"))
    if limit.missing:
        yield limit.missing
    if asked.engine is None:
        yield "No engine was named with --engine: it is not measured."
    for name in asked.cases or CASES:
        if name not in CASES:
            sys.exit(f"There is no case {name!r} of the bench 'write'; choose among {', '.join(CASES)}.")
        one = CaseRun(name, CASES[name], asked, limit)
        found = compare(one.contenders(), asked.rounds, f"write {name}")
        one.done()
        yield table(found, one.groups(), WHOLE)
