"""Change files of instruments at random and read them: every exception that is not one of ours is a fault.

python dev/faults/fuzz.py [TARGET ...] [--seconds 600] [--seed 1] [--seeds FOLDER] [--keep FOLDER]
python dev/faults/fuzz.py --replay FOLDER

Targets are all formats, and ``tiff``, ``png``, ``jpeg``, ``npy``, ``handover``, ``job`` and ``output``. Seeds are small synthetic
files; with ``--seeds`` also acquisitions and images of a folder of real data, as ``format-dataset``. What was found is kept, one
folder per place in our code, and ``--replay`` reads such a folder again.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import logging
import multiprocessing
import shutil
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path

from fuzzing.hunt import LONGEST, fault_of, hunt, keep_case, limit, sweep
from fuzzing.real_seeds import real_seeds
from fuzzing.seeds import Writer, written_seeds
from fuzzing.target import Target, target_of


def known_seeds(data: Path | None) -> dict[str, Writer]:
    """Writers of the seeds of all targets."""
    return written_seeds() | (real_seeds(data) if data is not None else {})


def made(name: str, write: Writer, folder: Path) -> Target:
    """Write the seeds of a target below an empty folder."""
    seeds = folder / name
    seeds.mkdir(parents=True)
    write(seeds)
    return target_of(name, seeds)


def run(name: str, data: Path | None, folder: Path, given: argparse.Namespace) -> None:
    """In a process of its own: fuzz one target, and note beside its seeds what was found."""
    quiet()
    target = made(name, known_seeds(data)[name], folder)
    limit()
    fault, could_be_read = fault_of(target.read, target.folder)
    if fault is not None:
        keep_case(target, fault, given.keep)
        count, found = 0, {"the seed itself": repr(fault)[:300]}
    else:
        begin = time.monotonic()
        count, found = (
            sweep(target, keep=given.keep)
            if given.every
            else hunt(target, seed=given.seed, seconds=given.seconds, keep=given.keep)
        )
        given.seconds = time.monotonic() - begin
    note = f"{count} cases in {given.seconds:.0f} s" + ("" if could_be_read else " (the seed itself is refused)")
    (folder / "found.json").write_text(json.dumps([note, found]))


def fuzzed(name: str, data: Path | None, given: argparse.Namespace) -> dict[str, str]:
    """Fuzz one target in a process of its own, which a decoder may kill or hold for ever; give what was found."""
    with tempfile.TemporaryDirectory(prefix="fuzz-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        process = multiprocessing.get_context("spawn").Process(target=run, args=(name, data, folder, given))
        process.start()
        process.join(None if given.every else given.seconds + 120 + 6 * LONGEST)
        hung = process.is_alive()
        if hung:
            process.kill()
            process.join()
        try:
            note, found = json.loads((folder / "found.json").read_text())
        except FileNotFoundError:
            code = process.exitcode or 0
            said = f"ended by {signal.Signals(-code).name}" if code < 0 and not hung else f"exit code {code}"
            said = "did not end" if hung else said
            note, found = "the process died", {said: "see case"}
            if (folder / name).is_dir():
                keep_case(Target(name, folder / name, print), said, given.keep)
    print(f"{name}: {note}, {len(found)} faults", flush=True)
    for where, text in found.items():
        print(f"  {where}: {text}", flush=True)
    return found


def replay(kept: Path) -> int:
    """Read a case again; 0 when it is no fault any more."""
    case = json.loads((kept / "case.json").read_text())
    folder = Path(case["folder"])
    if folder.parent.exists():
        print(f"{folder.parent} is in use: wait until the run that made it has ended, or remove it")
        return 2
    folder.parent.mkdir(parents=True)  # the same place: a plate names its source
    try:
        seeds = written_seeds().get(case["target"])
        target = seeds and made(case["target"], seeds, folder.parent)
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(kept / "case", folder)
        target = target or target_of(case["target"], folder)
        for read in filter(None, (target.read, target.deeper)):
            fault, _ = fault_of(read, folder)
            if fault is not None:
                raise fault
    finally:
        shutil.rmtree(folder.parent)
    print(f"{kept}: no fault any more")
    return 0


def quiet() -> None:
    """Say nothing but what was found."""
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    faulthandler.enable()


def main() -> int:
    """Fuzz; 0 when nothing was found."""
    parser = argparse.ArgumentParser(prog="python dev/faults/fuzz.py", description=__doc__.split("\n")[0])
    parser.add_argument("targets", nargs="*", help="names, or their beginnings: 'incell' is all targets of this format")
    parser.add_argument("--seconds", type=float, default=600, help="for each target")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=Path, help="folder of real data")
    parser.add_argument(
        "--every", action="store_true", help="instead of at random: each value of XML, JSON and tables in turn"
    )
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "omezarr-fuzz")
    parser.add_argument("--replay", type=Path, help="a folder that was kept")
    parser.add_argument("--list", action="store_true", help="name the targets")
    given = parser.parse_args()
    quiet()
    if given.replay is not None:
        limit()
        return replay(given.replay)
    wanted = [
        name
        for name in known_seeds(given.seeds)
        if not given.targets or any(name == each or name.startswith(f"{each}-") for each in given.targets)
    ]
    if given.list or not wanted:
        print("\n".join(wanted) if wanted else f"There is no target called {', '.join(given.targets)}.")
        return 0 if wanted else 2
    found = sum(len(fuzzed(name, given.seeds, given)) for name in wanted)
    print(f"{found} faults found" + (f"; cases are in {given.keep}" if found else ""))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
