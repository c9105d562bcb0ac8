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
CASES: dict[str, tuple[dict, dict]] = {
    "0.4": ({}, {"omezarr_options": {"ngff_version": "0.4"}}),
    "0.5": ({}, {"omezarr_options": {"ngff_version": "0.5"}}),
    "sharded": (
        {},
        {
            "omezarr_options": {
                "ngff_version": "0.5",
                "chunks": {"mode": "Fixed Size", "xy_chunk": 540},
                "shards": SHARDS,
            }
        },
    ),
    "overlap": ({"overlap": 0.1}, {"grouping": INPLACE, "omezarr_options": {"ngff_version": "0.4"}}),
    "z20": ({"z": 20, "grid": (2, 2)}, {"omezarr_options": {"ngff_version": "0.4"}}),
    "png": ({"kind": "png", "size": 1024}, {"omezarr_options": {"ngff_version": "0.4"}}),
    "mosaic": ({"grid": (12, 12), "size": 1024, "channels": 1, "z": 1}, {"omezarr_options": {"ngff_version": "0.5"}}),
}


def commands(plate: Path, out: Path, options: dict, threads: int, engine: str | None) -> dict[str, list[str]]:
    """The processes to compare."""
    found = {
        "ours": [sys.executable, str(HERE / "write_ours.py"), str(plate), str(out), "--options", json.dumps(options)]
    }
    found["ours"] += ["--threads", str(threads)]
    found["lean"] = [
        sys.executable,
        str(HERE / "write_lean.py"),
        str(plate),
        str(out),
        "--threads",
        str(min(threads, 2)),
    ]
    if engine:
        found["engine"] = [engine, str(HERE / "write_engine.py"), "compute", str(out)]
    return found


def run_case(name: str, given: argparse.Namespace) -> None:
    """All rounds of one case, printed as they come."""
    changes, options = CASES[name]
    plate, out = given.scratch / f"plate-{name}", given.scratch / "out"
    if not plate.exists():
        write_plate(plate, **(PLATE | changes))
    all_found: dict[str, list[Measured]] = {}
    for _ in range(given.rounds):
        for who, command in commands(plate, out, options, given.threads, given.engine).items():
            if who == "lean" and name not in ("0.4", "0.5"):
                continue
            shutil.rmtree(out, ignore_errors=True)
            if who == "engine":
                prepare = [
                    given.engine,
                    str(HERE / "write_engine.py"),
                    "init",
                    str(plate),
                    str(out),
                    "--options",
                    json.dumps(options),
                ]
                measure(prepare, out)
            all_found.setdefault(who, []).append(measure(command, out))
            last = all_found[who][-1]
            print(
                f"{name:8} {who:7} cpu {last.cpu:6.2f} s  wall {last.wall:6.2f} s  memory {last.memory:5.0f} MB  "
                f"out {last.written:5.0f} MB in {last.files} files  {last.said.strip()}",
                flush=True,
            )
    shutil.rmtree(out, ignore_errors=True)
    for who, found in all_found.items():
        if who != "ours":
            cpu = statistics.median(other.cpu / own.cpu for other, own in zip(found, all_found["ours"]))
            wall = statistics.median(other.wall / own.wall for other, own in zip(found, all_found["ours"]))
            print(f"{name:8} {who} / ours: cpu x {cpu:.2f}, wall x {wall:.2f} (medians of pairs)", flush=True)


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
    given = parser.parse_args()
    # modules that are compiled anew by every process would be measured as work
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    given.scratch.mkdir(parents=True, exist_ok=True)
    for name in given.case or CASES:
        run_case(name, given)


if __name__ == "__main__":
    main()
