"""What guarantees cost: staging, counting of chunks, completion mark and exchange; and digests of all chunks besides."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

from asked import Asked, script
from figures import Group, table
from measure import CPU, FILES, run

NAME = "guarantees"
LABELS = {
    "bare": "pixels and documents, in place",
    "guarded": "staged, counted, marked, exchanged",
    "digests": "and a digest of every chunk",
}
CASES = {"large chunks": (4320, 1080), "small chunks": (4320, 256), "a small image": (64, 64)}


def run_bench(asked: Asked) -> Iterator[str]:
    """The table: the part above 1 is the share of the guarantees."""
    yield "## What the guarantees of the writer cost"
    size = 128 if asked.smoke else 4320
    data = asked.made(f"array-{size}", "synthetic_array.py", "--size", str(size))
    for name, (wanted, step) in CASES.items():
        side, chunk = (min(wanted, size), min(step, size // 2)) if asked.smoke else (wanted, step)
        command = [sys.executable, script("guarantees_ours.py"), str(data / "array.npy"), str(asked.fresh("out"))]
        command += [
            "--size",
            str(side),
            "--chunk",
            str(chunk),
            "--rounds",
            str(asked.rounds * (1 if side > 64 else 10)),
        ]
        found = json.loads(run(command)[1])
        title = f"{name}: {side} px, chunk {chunk}"
        yield table(found, [Group(title, list(LABELS), LABELS)], (CPU, FILES))
    asked.remove(data)
