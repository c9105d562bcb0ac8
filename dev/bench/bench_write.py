"""Write one well, ours beside the leanest loop and the established engine, pair by pair in one run.

    python dev/bench/bench_write.py --engine /path/to/python --rounds 3 --case 0.4 --case sharded

Each figure is a whole process: start, imports, reading, all levels, documents, completion mark. CPU seconds and the ratios
within a round are the evidence; wall times hold for an idle machine only. Outputs go to a memory file system unless --scratch
says otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
from pathlib import Path

from measure import Measured, measure
from synthetic_plate import write_plate

HERE = Path(__file__).parent
SHARDS = {"mode": "Multiple of Chunks", "xy_factor": 4}
INPLACE = {"mode": "Mosaic", "tiling_strategy": {"mode": "Inplace"}}
PLATE = {"wells": 1, "grid": (3, 3), "channels": 2, "z": 5, "size": 2160, "overlap": 0.0, "kind": "tif"}
LZ4 = {"compression": {"codec": "lz4"}}
# what is changed of the plate, options for all, and options that only ours has
CASES: dict[str, tuple[dict, dict, dict]] = {
    "0.4": ({}, {"omezarr_options": {"ngff_version": "0.4"}}, {}),
    "0.4-lz4": ({}, {"omezarr_options": {"ngff_version": "0.4"}}, LZ4),
    "0.5": ({}, {"omezarr_options": {"ngff_version": "0.5"}}, {}),
    "sharded": (
        {},
        {
            "omezarr_options": {
                "ngff_version": "0.5",
                "chunks": {"mode": "Fixed Size", "xy_chunk": 540},
                "shards": SHARDS,
            }
        },
        {},
    ),
    "overlap": ({"overlap": 0.1}, {"grouping": INPLACE, "omezarr_options": {"ngff_version": "0.4"}}, {}),
    "z20": ({"z": 20, "grid": (2, 2)}, {"omezarr_options": {"ngff_version": "0.4"}}, {}),
    "png": ({"kind": "png", "size": 1024}, {"omezarr_options": {"ngff_version": "0.4"}}, {}),
    "mosaic": (
        {"grid": (12, 12), "size": 1024, "channels": 1, "z": 1},
        {"omezarr_options": {"ngff_version": "0.5"}},
        {},
    ),
    "tiny": ({"grid": (1, 1), "size": 64, "channels": 1, "z": 1}, {"omezarr_options": {"ngff_version": "0.5"}}, {}),
}
LEAN = ("0.4", "0.4-lz4", "0.5")
HEAD = (
    "| case | who | CPU s | wall s | CPU / ours | wall / ours | memory MB | written MB | files |",
    "|---|---|---|---|---|---|---|---|---|",
)


def commands(out: Path, plate: Path, codec: str, given: argparse.Namespace) -> dict[str, list[str]]:
    """The processes to compare."""
    lean = [sys.executable, str(HERE / "write_lean.py"), str(plate), str(out), "--codec", codec]
    found = {
        "ours": [sys.executable, str(HERE / "write_ours.py"), "compute", str(out)],
        "lean": [*lean, "--level", "5" if codec == "lz4" else "1", "--threads", str(min(given.threads, 2))],
    }
    if given.engine:
        found["engine"] = [given.engine, str(HERE / "write_engine.py"), "compute", str(out)]
    return found


def prepare(who: str, plate: Path, out: Path, options: dict, given: argparse.Namespace) -> None:
    """Run the init step, which is not measured here."""
    shutil.rmtree(out, ignore_errors=True)
    if who == "ours":
        script = [
            sys.executable,
            str(HERE / "write_ours.py"),
            "init",
            str(plate),
            str(out),
            "--threads",
            str(given.threads),
        ]
    elif who == "engine":
        script = [given.engine, str(HERE / "write_engine.py"), "init", str(plate), str(out)]
    else:
        return
    measure([*script, "--options", json.dumps(options)], out)


def run_case(name: str, given: argparse.Namespace) -> list[str]:
    """All rounds of one case, printed as they come; gives the rows of the table."""
    changes, options, ours_only = CASES[name]
    plate, out = given.scratch / f"plate-{name}", given.scratch / "out"
    if not plate.exists():
        write_plate(plate, **(PLATE | changes))
    codec = ours_only.get("compression", {}).get("codec", "zstd")
    own = {**options, "omezarr_options": {**options.get("omezarr_options", {}), **ours_only}}
    all_found: dict[str, list[Measured]] = {}
    for _ in range(given.rounds):
        for who, command in commands(out, plate, codec, given).items():
            if who == "lean" and name not in LEAN:
                continue
            prepare(who, plate, out, own if who == "ours" else options, given)
            all_found.setdefault(who, []).append(measure(command, out))
            last = all_found[who][-1]
            print(
                f"{name:8} {who:7} cpu {last.cpu:6.2f} s  wall {last.wall:6.2f} s  memory {last.memory:5.0f} MB  "
                f"out {last.written:5.0f} MB in {last.files} files",
                flush=True,
            )
    shutil.rmtree(out, ignore_errors=True)
    if not given.keep:
        shutil.rmtree(plate, ignore_errors=True)
    return [row(name, who, all_found[who], all_found["ours"]) for who in all_found]


def row(name: str, who: str, found: list[Measured], ours: list[Measured]) -> str:
    """One row of the table: medians, and the medians of the ratios within rounds."""
    cpu, wall = (statistics.median(getattr(each, what) for each in found) for what in ("cpu", "wall"))
    ratios = [
        statistics.median(getattr(other, what) / getattr(own, what) for other, own in zip(found, ours))
        for what in ("cpu", "wall")
    ]
    text = "" if who == "ours" else f"{ratios[0]:.2f} | {ratios[1]:.2f}"
    last = found[-1]
    memory = max(each.memory for each in found)
    return f"| {name} | {who} | {cpu:.2f} | {wall:.2f} | {text or ' | '} | {memory:.0f} | {last.written:.0f} | {last.files} |"


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", help="Python of an environment with ome-zarr-converters-tools")
    parser.add_argument("--case", action="append", choices=list(CASES), help="by default all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    shared_memory = Path("/dev/shm/omezarr-bench")
    parser.add_argument(
        "--scratch", type=Path, default=shared_memory if shared_memory.parent.exists() else Path("bench-scratch")
    )
    parser.add_argument("--keep", action="store_true", help="keep the synthetic plates")
    given = parser.parse_args()
    # modules that are compiled anew by every process would be measured as work
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    given.scratch.mkdir(parents=True, exist_ok=True)
    rows = [row for name in given.case or CASES for row in run_case(name, given)]
    print("\n".join(["", *HEAD, *rows]))


if __name__ == "__main__":
    main()
