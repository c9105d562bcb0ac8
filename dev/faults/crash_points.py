"""Kill the two steps of a conversion at every change of a file, and at random times; run again; compare every pixel.

python dev/faults/crash_points.py [--every 1] [--random 120] [--layout "0.5 in shards"] [--tmp FOLDER]

Each kill is followed by a run of both steps in one of the three modes. What counts: the image is exact afterwards, and images
that were complete before are exact at every moment, also between the kill and the next run.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "faults"))

from faulty_jobs import harm  # type: ignore[import-not-found]  # noqa: E402
from small_plates import EXTEND, MODES, NO, OVER, files_below, init, is_exact, tiles  # type: ignore[import-not-found]  # noqa: E402

from fractal_omezarr_converters.fractal.compute import generic_compute_task  # noqa: E402

WELLS = "AB"
SETTINGS: dict[str, dict[str, Any]] = {
    "0.4": {},
    "0.5 in shards": {
        "omezarr_options": {
            "ngff_version": "0.5",
            "chunks": {"mode": "Fixed Size", "xy_chunk": 16},
            "shards": {"mode": "Multiple of Chunks", "xy_factor": 2},
            "levels": {"mode": "Number of Levels", "num_levels": 2},
        }
    },
}


class Sweep:
    """Counts kills and what came after."""

    def __init__(self, folder: Path, source: Path) -> None:
        self.folder, self.outcomes, self.failures = folder, Counter[str](), list[str]()
        self.some = tiles(source, WELLS)
        self._number = 0

    def fresh(self) -> Path:
        """An empty place of output."""
        self._number += 1
        return self.folder / f"out-{self._number}"

    def convert(self, out: Path, mode: Any, **settings: Any) -> None:
        """Both steps."""
        for job in init(self.some, out, mode, **settings):
            generic_compute_task(**job)

    def kill(self, out: Path, at: int | float, act: Callable[[], None]) -> bool:
        """Do something in a process that is killed at a change of a file (integer) or after some seconds; True when it was."""
        child = os.fork()
        if not child:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            try:
                if isinstance(at, int):
                    harm(str(out), at, "kill")
                act()
            finally:
                os._exit(0)
        if isinstance(at, float):
            time.sleep(at)
            os.kill(child, signal.SIGKILL)
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])

    def check(self, what: str, out: Path, mode: Any, **settings: Any) -> None:
        """Run again and look."""
        try:
            self.convert(out, mode, **settings)
            bad = [row for row in WELLS if not is_exact(out, row)]
            left = [
                name for name in files_below(out) if "writing" in name or "replaced-" in name or name.endswith(".part")
            ]
            said = f"not exact: {bad}" if bad else f"left: {left[:2]}" if left else ""
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
        self.outcomes["exact" if not said else "WRONG"] += 1
        if said:
            self.fail(f"{what}, then {mode.name}: {said}")
        shutil.rmtree(out, ignore_errors=True)

    def fail(self, said: str) -> None:
        """Note a failure, and say it at once."""
        self.failures.append(said)
        print(f"  {said}", flush=True)

    def points(self, act: Callable[[Path], None], prepare: Callable[[Path], None]) -> int:
        """How many changes of files something makes."""
        out = self.fresh()
        prepare(out)
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            count = harm(str(out), None, "kill")
            act(out)
            os.write(writing, str(count[0]).encode())
            os._exit(0)
        os.waitpid(child, 0)
        shutil.rmtree(out, ignore_errors=True)
        return int(os.read(reading, 20))


def sweep_points(sweep: Sweep, every: int, **settings: Any) -> None:
    """Kill init, compute, and the replacement of a finished plate, at every change of a file."""

    def nothing(_: Path) -> None: ...

    def first(out: Path) -> None:
        sweep.convert(out, NO, **settings)

    def replace(out: Path) -> None:
        sweep.convert(out, OVER, **settings)

    for name, act, prepare, modes in (
        ("first run", first, nothing, MODES),
        ("overwrite", replace, first, (OVER, EXTEND)),
    ):
        points = sweep.points(act, prepare)
        for number, at in enumerate(range(1, points + 1, every)):
            for mode in modes if every == 1 else (modes[number % len(modes)],):
                out = sweep.fresh()
                prepare(out)
                if not sweep.kill(out, at, lambda out=out, act=act: act(out)):  # type: ignore[misc]
                    continue
                if name == "overwrite":
                    lost = [row for row in WELLS if not is_safe(out, row)]
                    if lost:
                        sweep.fail(f"{name} killed at {at}: good images {lost} are gone")
                finish = EXTEND if name == "first run" and mode is NO and any_complete(out) else mode
                sweep.check(f"{name} killed at change {at} of {points}", out, finish, **settings)


def is_safe(out: Path, row: str) -> bool:
    """Whether the old or the new image is whole, in its place or moved aside beside it."""
    if is_exact(out, row):
        return True
    well = out / "Plate.zarr" / row / "01"
    return any((folder / ".zattrs").exists() or (folder / "zarr.json").exists() for folder in well.glob(".0.*"))


def any_complete(out: Path) -> bool:
    """No Overwrite refuses a plate with a finished image, as it must; Extend goes on then."""
    return any(is_exact(out, row) for row in WELLS)


def sweep_times(sweep: Sweep, kills: int, seed: int = 1, **settings: Any) -> None:
    """Kill at random times, which also hits what native code writes."""
    chance = random.Random(seed)
    begun = time.perf_counter()
    out = sweep.fresh()
    sweep.convert(out, NO, **settings)
    whole = time.perf_counter() - begun
    for _ in range(kills):
        out = sweep.fresh()
        again = chance.random() < 0.5
        if again:
            sweep.convert(out, NO, **settings)
        mode = OVER if again else NO
        if sweep.kill(
            out, chance.uniform(0.0, 1.1 * whole), lambda out=out, mode=mode: sweep.convert(out, mode, **settings)
        ):  # type: ignore[misc]
            if again and any(not is_safe(out, row) for row in WELLS):
                sweep.fail("killed at a random time: a good image is gone")
            sweep.check("killed at a random time", out, OVER if again else EXTEND, **settings)
        else:
            shutil.rmtree(out, ignore_errors=True)


def main() -> int:
    """Sweep; 0 when everything was exact."""
    parser = argparse.ArgumentParser(prog="python dev/faults/crash_points.py", description=__doc__.split("\n")[0])
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--random", type=int, default=120)
    parser.add_argument("--layout", choices=list(SETTINGS), help="only this one")
    parser.add_argument("--tmp", type=Path)
    given = parser.parse_args()
    chosen = {name: settings for name, settings in SETTINGS.items() if given.layout in (None, name)}
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(dir=given.tmp) as folder:
        sweep = Sweep(Path(folder), Path(folder) / "in")
        for name, settings in chosen.items():
            sweep_points(sweep, given.every, **settings)
            sweep_times(sweep, given.random // len(chosen), **settings)
            print(f"{name}: {sweep.outcomes.total()} kills so far, {dict(sweep.outcomes)}", flush=True)
    print(
        f"{sweep.outcomes.total()} kills, {sweep.outcomes['exact']} recovered to exact pixels, {len(sweep.failures)} failures"
    )
    return 1 if sweep.failures else 0


if __name__ == "__main__":
    sys.exit(main())
