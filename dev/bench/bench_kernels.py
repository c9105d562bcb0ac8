"""The parts that the pass consists of, each beside what else could do it: mean, histogram, encoder, files."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from asked import Asked, script
from figures import Contender, Figures, Group, compare, table
from kernels import KERNELS
from measure import say_of

NAME = "kernels"
SPEED, SIZE = "MB per CPU s", "result MB"


def run_bench(asked: Asked) -> Iterator[str]:
    """One group of rows per part, ours first."""
    yield "## Parts of the pass, one thread"
    size = 128 if asked.smoke else 4320
    data = asked.made(f"array-{size}", "synthetic_array.py", "--size", str(size))

    def take(part: str, name: str) -> Figures:
        out = asked.fresh("out")
        said = say_of([sys.executable, script("kernels.py"), part, name, str(data / "array.npy"), str(out)])
        return {SPEED: said["megabytes"] / max(said["cpu"], 1e-6), SIZE: said["result"]}

    rows = [(part, name) for part, ways in KERNELS.items() for name in ways]
    everyone = [
        Contender(f"{part}: {name}", lambda part=part, name=name: take(part, name))  # type: ignore[misc]
        for part, name in rows
    ]
    found = compare(everyone, asked.rounds, "kernels")
    asked.remove(data)
    groups = [
        Group(part, [f"{part}: {name}" for name in ways], {f"{part}: {name}": name for name in ways})
        for part, ways in KERNELS.items()
    ]
    yield table(found, groups, (SPEED, SIZE), "part")
