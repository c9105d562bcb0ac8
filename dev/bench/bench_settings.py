"""Codec, chunk and shard: what each choice costs to write and to read, and what it takes on the disk.

This is why the defaults are what they are.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from asked import Asked, compute_task, script
from figures import Contender, Figures, Group, compare, table
from measure import CPU, FILES, MEMORY, WRITTEN, measure, run, say_of

NAME = "settings"
READ_ALL, READ_WINDOW = "read all, CPU s", "read 512 x 512, CPU ms"
COLUMNS = (CPU, MEMORY, WRITTEN, FILES, READ_ALL, READ_WINDOW)
DEFAULT = "default: zstd 1 in Blosc, chunk of a field up to 32 MiB"


def _codec(name: str, **more: Any) -> dict[str, Any]:
    return {"compression": {"codec": name, **more}}


def _chunk(side: int, depth: int = 10, shards: int = 0) -> dict[str, Any]:
    chosen: dict[str, Any] = {"chunks": {"mode": "Fixed Size", "xy_chunk": side, "z_chunk": depth}}
    if shards:
        chosen["shards"] = {"mode": "Multiple of Chunks", "xy_factor": shards}
    return chosen


CODECS = {
    "zstd 3 in Blosc": _codec("zstd", level=3),
    "zstd 1 in Blosc, no shuffle": _codec("zstd", shuffle="none"),
    "lz4 in Blosc": _codec("lz4"),
    "zstd 1, bare": _codec("plain-zstd"),
    "zstd 3, bare": _codec("plain-zstd", level=3),
    "gzip 1": _codec("gzip"),
    "none": _codec("none"),
}
CHUNKS = {
    "2160 px, 5 planes": _chunk(2160),
    "2160 px, 1 plane": _chunk(2160, 1),
    "1080 px, 5 planes": _chunk(1080),
    "540 px, 5 planes": _chunk(540),
    "540 px, 1 plane": _chunk(540, 1),
    "270 px, 5 planes": _chunk(270),
    "540 px in shards of 2160 px": _chunk(540, shards=4),
    "270 px in shards of 2160 px": _chunk(270, shards=8),
}


def contender(asked: Asked, plate: Path, name: str, chosen: Mapping[str, Any]) -> Contender:
    """One choice: written by our compute task in one thread, then read back with zarr."""
    out, image = asked.scratch / "out", []

    def prepare() -> None:
        asked.fresh("out")
        options = json.dumps({"omezarr_options": {"ngff_version": "0.5", **chosen}})
        said = run([sys.executable, script("write_ours.py"), str(plate), str(out), "--options", options])[1]
        image[:] = said.strip().splitlines()[-1:]

    def take() -> Figures:
        job = ["--args-json", str(out / "job.json"), "--out-json", str(out / "result.json")]
        figures = measure([sys.executable, compute_task(), *job], out)
        read = say_of([sys.executable, script("read_back.py"), *image])
        return {**figures, READ_ALL: read["all"], READ_WINDOW: 1000 * read["window"]}

    return Contender(name, take, prepare)


def run_bench(asked: Asked) -> Iterator[str]:
    """Two blocks of rows, both beside the default."""
    yield "## Codec, chunk and shard"
    size = ("--size", "96", "--grid", "2x2", "--z", "2") if asked.smoke else ("--size", "2160")
    plate = asked.made("plate-settings", "synthetic_plate.py", *size)
    choices = {DEFAULT: {}, **CODECS, **CHUNKS}
    if asked.smoke:
        choices = {name: choices[name] for name in (DEFAULT, "lz4 in Blosc", "540 px in shards of 2160 px")}
    found = compare((contender(asked, plate, *pair) for pair in choices.items()), asked.rounds, "settings")
    groups = [Group("codec", [DEFAULT, *CODECS]), Group("chunk", [DEFAULT, *CHUNKS])]
    yield table(found, groups, COLUMNS, "choice")
    shutil.rmtree(asked.scratch / "out", ignore_errors=True)
    asked.remove(plate)
