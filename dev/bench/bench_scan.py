"""Metadata: scanning a tile table, planning its images, preparing the jobs; and what compute does before it reads pixels."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from asked import Asked, script
from figures import Contender, Figures, Group, compare, table
from measure import say_of

NAME = "scan"
PHASES = ("scan", "plan", "init")
INIT_COLUMNS = ("scan µs", "plan µs", "init µs", "together µs", "hand-over B", "memory MB")
COMPUTE_COLUMNS = ("parse µs", "plan µs", "together µs", "memory MB")
ONE_IMAGE = (20_000, 100_000)
LINES = {
    "ours": "ours: files looked at, headers compared",
    "ours, no headers": "ours: files looked at",
    "engine": "engine: files not looked at",
}


def per_plane(said: Mapping[str, float], planes: int, phases: Sequence[str]) -> Figures:
    """Microseconds of CPU and bytes per plane, MB in all."""
    found = {f"{phase} µs": said[phase] / planes * 1e6 for phase in phases}
    found["together µs"] = sum(found.values())
    if "handed" in said:
        found["hand-over B"] = said["handed"] / planes
    return {**found, "memory MB": said["memory"]}


def contenders(asked: Asked, data: Path, small: Path, *, step: str, engine: bool) -> Iterator[Contender]:
    """Ours and, when it is there, the engine, for one table and one step."""
    planes, out = int((data / "planes").read_text()), asked.scratch / "out"
    phases = PHASES if step == "init" else ("parse", "plan")
    programs = {"ours": [sys.executable, script("scan_ours.py")]}
    if step == "init":
        programs["ours, no headers"] = [*programs["ours"], "--no-headers"]
    if engine and asked.engine:
        programs["engine"] = [asked.engine, script("scan_engine.py")]

    def take(command: Sequence[str]) -> Figures:
        places = [str(data), str(out)] if step == "init" else [str(out)]
        return per_plane(say_of([*command, step, *places, "--warm", str(small)]), planes, phases)

    def prepare(command: Sequence[str]) -> None:
        asked.fresh("out")
        if step == "compute":
            say_of([*command, "init", str(data), str(out), "--warm", str(small)])

    for name, command in programs.items():
        yield Contender(name, lambda c=command: take(c), lambda c=command: prepare(c))


def run_bench(asked: Asked) -> Iterator[str]:
    """All sizes asked for, then single large images."""
    yield "## Scan, plan, init: CPU per plane"
    small = asked.made("table-small", "synthetic_table.py", "--planes", "40")
    for planes in asked.planes:
        data = asked.made(f"table-{planes}", "synthetic_table.py", "--planes", str(planes))
        everyone = list(contenders(asked, data, small, step="init", engine=planes <= asked.engine_planes))
        rounds = asked.rounds if planes < 500_000 else 1
        found = compare(everyone, rounds, f"scan {planes}")
        title = f"{int((data / 'planes').read_text()):,} planes"
        yield table(found, [Group(title, list(LINES), LINES)], INIT_COLUMNS, "table")
        asked.remove(data)
    yield "### What compute does before it reads pixels: parse and plan one image, CPU per tile"
    for count in (100,) if asked.smoke else ONE_IMAGE:
        data = asked.made(f"table-one-{count}", "synthetic_table.py", "--planes", str(count), "--one-image")
        everyone = list(contenders(asked, data, small, step="compute", engine=count <= 2 * asked.engine_planes))
        found = compare(everyone, asked.rounds, f"parse and plan {count}")
        title = f"{int((data / 'planes').read_text()):,} tiles"
        yield table(found, [Group(title, ["ours", "engine"])], COMPUTE_COLUMNS, "image")
        asked.remove(data)
    asked.remove(small)
