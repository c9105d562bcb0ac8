"""An array in memory to an image with five levels: ``write_image`` beside the libraries that others use."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence

from asked import Asked, script
from figures import Contender, Figures, Group, compare, table
from measure import CPU, FILES, MEMORY, WALL, WRITTEN, run, say_of, size_of

NAME = "pyramid"
SPEED = "MB per CPU s"
COLUMNS = (CPU, SPEED, WALL, MEMORY, WRITTEN, FILES)
OURS = {
    "ours, zstd (default)": ["--version", "0.5", "--codec", "zstd"],
    "ours, lz4": ["--version", "0.4", "--codec", "lz4"],
}
PEERS = {
    "ngio 0.4, lz4": "ngio-0.4",
    "ngio 0.5": "ngio-0.5",
    "ngff-zarr, dask bin shrink": "ngff-zarr",
    "ngff-zarr, ITK bin shrink": "ngff-zarr-itk",
    "ome-zarr-py, local mean": "ome-zarr",
}


def contenders(asked: Asked, array: str, size: int) -> Iterator[Contender]:
    """Ours with both codecs, then the others."""
    out, chunk = asked.scratch / "out", str(size // 4)

    def take(command: Sequence[str]) -> Figures:
        said = say_of([*command, "--chunk", chunk])
        megabytes = 2 * 5 * size * size * 2 / 1e6
        inside = {
            CPU: said["cpu"],
            SPEED: megabytes / max(said["cpu"], 1e-6),
            WALL: said["wall"],
            MEMORY: said["memory"],
        }
        return {**inside, **size_of(out)}

    places = [array, str(out)]
    threads = ["--threads", str(max(asked.threads))]
    commands = {
        name: [sys.executable, script("pyramid_ours.py"), *places, *more, *threads] for name, more in OURS.items()
    }
    if asked.arrays:
        present = json.loads(run([asked.arrays, script("pyramid_peers.py")])[1])
        for name, peer in ((name, peer) for name, peer in PEERS.items() if peer in present):
            commands[name] = [asked.arrays, script("pyramid_peers.py"), peer, *places]
    for name, command in commands.items():
        yield Contender(name, lambda c=command: take(c), lambda: _clear(asked))


def _clear(asked: Asked) -> None:
    asked.fresh("out")


def run_bench(asked: Asked) -> Iterator[str]:
    """The table; memory is what is needed beyond the array itself."""
    size = 128 if asked.smoke else 4320
    yield f"## An array in memory to an image: uint16 (1, 2, 5, {size}, {size}), chunk {size // 4}, five levels"
    if not asked.arrays:
        yield "No environment was named with --arrays: the others are not measured."
    data = asked.made(f"array-{size}", "synthetic_array.py", "--size", str(size))
    found = compare(contenders(asked, str(data / "array.npy"), size), asked.rounds, "pyramid")
    asked.remove(data)
    both = [name for name in found if name in OURS]
    others = [name for name in found if name not in OURS]
    groups = [Group("against our default", [*both, *others]), Group("against our lz4", [both[1], *others])]
    yield table(found, groups if others else groups[:1], COLUMNS, "array")
