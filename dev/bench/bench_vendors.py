"""Metadata of plate microscopes: scanning, planning, preparing the jobs; beside them a tile table of as many planes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from asked import Asked, script
from bench_scan import PHASES, per_plane
from figures import Contender, Figures, Group, compare, table
from measure import say_of
from synthetic_vendors import VENDORS

NAME = "vendors"
COLUMNS = ("scan µs", "plan µs", "init µs", "together µs", "hand-over B", "memory B")
LINES = {
    "table": "tile table",
    "engine": "engine: tile table",
    "cellvoyager": "CellVoyager",
    "operetta_v5": "Operetta, Harmony 4",
    "operetta converter": "fractal-uzh-converters: the same, Harmony 4",
    "operetta_v7": "Operetta, Harmony 5",
    "metaxpress": "MetaXpress export",
    "hcsai": "ImageXpress HCS.ai (20,000 planes, as all below)",
    "squid": "Squid, single planes",
    "scanr": "ScanR",
    "micromanager": "Micro-Manager, single images",
    "incell": "InCell",
    "ome_plate": "OME-TIFF with companion",
}
#: Instruments whose plates, as they are made here, an established converter reads, too: its name for them.
CONVERTERS = {"operetta_v5": "operetta"}


def contenders(asked: Asked, planes: int, smallest: int) -> Iterator[Contender]:
    """A tile table in our package and, where it is there, in the engine; then one plate of each vendor."""
    out = asked.scratch / "out"

    def prepare() -> None:
        asked.fresh("out")

    def contender(name: str, data: Path, command: list[str], phases: Sequence[str] = PHASES) -> Contender:
        number = int((data / "planes").read_text())

        def take() -> Figures:
            said = say_of(command)
            return {**per_plane(said, number, phases), "memory B": said["memory"] / number * 1e6}

        return Contender(name, take, prepare)

    small = asked.made("table-small", "synthetic_table.py", "--planes", str(smallest))
    data = asked.made(f"table-{planes}", "synthetic_table.py", "--planes", str(planes))
    places = ["init", str(data), str(out), "--warm", str(small)]
    yield contender("table", data, [sys.executable, script("scan_ours.py"), *places])
    if asked.engine and planes <= asked.engine_planes:
        yield contender("engine", data, [asked.engine, script("scan_engine.py"), *places])
    for vendor, how in VENDORS.items():
        warm, data = (
            asked.made(f"{vendor}-{number}", "synthetic_vendors.py", "--vendor", vendor, "--planes", str(number))
            for number in (smallest, planes)
        )
        folders = [str(each / (each / "folder").read_text()) for each in (data, warm)]
        command = [sys.executable, script("scan_vendor.py"), how.format_name]
        yield contender(vendor, data, [*command, folders[0], str(out), "--warm", folders[1]])
        if asked.converters and planes <= asked.engine_planes and (converter := CONVERTERS.get(vendor)):
            command = [asked.converters, script("scan_converters.py"), converter]
            yield contender(
                f"{converter} converter", data, [*command, folders[0], str(out), "--warm", folders[1]], ("whole",)
            )


def run_bench(asked: Asked) -> Iterator[str]:
    """All sizes asked for; a million planes take vendors too long to write."""
    yield "## Metadata of plate microscopes: CPU per plane"
    sizes = [planes for planes in asked.planes if planes <= 100_000]
    for planes in sizes:
        found = compare(contenders(asked, planes, 40), asked.rounds, f"vendors {planes}")
        yield table(found, [Group(f"about {planes:,} planes", list(LINES), LINES)], COLUMNS, "plate")
    asked.remove(*(asked.scratch / f"{name}-{n}" for n in ("small", 40, *sizes) for name in ("table", *VENDORS)))
