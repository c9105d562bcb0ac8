"""Try the package on a real Fractal: PostgreSQL, fractal-server and fractal-client, private and temporary.

    python dev/fractal_stack                    everything in a temporary folder that is removed at the end
    python dev/fractal_stack --cache FOLDER     keep downloads and the environments of server and client for the next time
    python dev/fractal_stack --keep             leave the scratch folder behind, to look at it
    python dev/fractal_stack --wells 24         a smaller part of the large plate (384 wells), for a quick look
    python dev/fractal_stack --beside fractal-uzh-converters     also time two tiny images by that converter in the same server

Needs Python 3.12 or newer and, unless run by root on Debian, an installed PostgreSQL. Exit status 0: all stories hold.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from client import Client
from environments import build_wheel, download_wheel, environment, measure
from figures import large_plate_is_converted, tiny_images_beside, write_large_plate
from postgres import Postgres, find_programs, install
from programs import StackError, last_lines, run
from reruns import Reruns
from server import FractalServer
from stages import Stages
from stories import Stories

SERVER = "fractal-server==2.25.4"
CLIENT = "fractal-client>=2.24.1,<3"
CORE = "fractal-tasks-core"
JUDGES = ("yaozarrs[io]", "ome-zarr-models")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def try_everything(given: argparse.Namespace, scratch: Path, cache: Path, stages: Stages, stack: ExitStack) -> None:
    """Start the stack, tell all stories; ``stack`` stops what was started, the last first."""
    with stages.stage("PostgreSQL"):
        database = Postgres(scratch, find_programs() or install())
        stack.callback(database.stop)
        database.start()
    with stages.stage("environments of server and client"):
        server_programs = environment(cache, "server", SERVER)
        client_programs = environment(cache, "client", CLIENT)
    with stages.stage("fractal-server"):
        server = FractalServer(scratch, server_programs, cache / "pip")
        stack.callback(server.stop)
        stack.push(lambda kind, *_: print(_end_of(server.log)) if kind and kind is not KeyboardInterrupt else None)
        server.start(database)
    client = Client(scratch, client_programs, server)
    with stages.stage("wheel of this package"):
        wheel = build_wheel(client_programs / "python", cache, scratch)
    with stages.stage(f"collect {wheel.name}"):
        tasks = client.collect(wheel)
    megabytes, packages = measure(tasks.environment)
    stages.figure("task environment", f"{megabytes:.0f} MB, {packages} packages")
    stories = Stories(client, tasks, scratch / "data")
    with stages.stage("synthetic data"):
        stories.prepare()
    again = Reruns(stories)
    for name, story in (
        ("plate, 2 wells", stories.plate_is_converted),
        ("the same, instrument found out", stories.plate_is_detected),
        ("2 single images of a table", stories.single_images_are_converted),
        ("again, No Overwrite", again.second_run_is_refused),
        ("again, Overwrite", again.plate_is_overwritten),
        ("Extend with one more well", again.well_is_added),
        ("a well fails, Extend does it", again.failed_well_is_done_by_extend),
        ("Extend with more fields", again.fields_are_added),
        ("Extend with a second acquisition", again.acquisition_is_added),
        ("a job is killed, Extend does it", again.killed_image_is_done_by_extend),
        ("Overwrite with fewer wells", again.plate_is_overwritten_with_less),
    ):
        with stages.stage(name):
            story()
    with stages.stage(f"files of {given.wells} wells"):
        write_large_plate(stories, given.wells)
    with stages.stage(f"plate, {given.wells} wells of 9 fields"):
        large_plate_is_converted(stories, given.wells, stages)
    with stages.stage(f"collect {CORE}"):
        core_wheel = download_wheel(client_programs / "python", cache, scratch, CORE)
        core = client.collect(core_wheel)
    megabytes, packages = measure(core.environment)
    stages.figure(f"environment of {core_wheel.name.rsplit('-', 3)[0]}", f"{megabytes:.0f} MB, {packages} packages")
    with stages.stage("conversion, projection, ngio"):
        stories.workflow_goes_on(core)
    with stages.stage("judges"):
        judges = environment(cache, "judges", *JUDGES)
        plates = sorted(server.projects.rglob("*.zarr"))
        print("   " + run([judges / "python", Path(__file__).with_name("judge_plates.py"), *plates]).strip())
    if given.beside:
        with stages.stage(f"collect {given.beside}"):
            other_wheel = download_wheel(client_programs / "python", cache, scratch, given.beside)
            other = client.collect(other_wheel)
        name = "-".join(other_wheel.name.split("-")[:2])
        megabytes, packages = measure(other.environment)
        stages.figure(f"environment of {name}", f"{megabytes:.0f} MB, {packages} packages")
        with stages.stage(f"2 tiny images beside {name}"):
            tiny_images_beside(stories, name, stages)


def _end_of(log: Path) -> str:
    return f"The end of {log.name}:\n{last_lines(log.read_text(errors='replace'), 12)}" if log.exists() else ""


def _stop(number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt(f"signal {number}")


def main() -> int:
    """Read the command line, try everything, clean up, print the times."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--cache", type=Path, help="folder for downloads and environments of server and client")
    parser.add_argument("--keep", action="store_true", help="leave the scratch folder behind")
    parser.add_argument("--wells", type=int, default=384, help="wells of the large plate, 1 to 384 (default: all)")
    parser.add_argument("--beside", metavar="PACKAGE", help="also time two tiny images beside this converter")
    given = parser.parse_args()
    if not 1 <= given.wells <= 384:
        parser.error(f"--wells is {given.wells}; it must be 1 to 384")
    for number in SIGNALS:
        signal.signal(number, _stop)
    scratch = Path(tempfile.mkdtemp(prefix="fractal-stack-")).resolve()
    scratch.chmod(0o711)  # the account of PostgreSQL must be able to pass, not to look
    temporary = scratch / "tmp"  # what programs that are stopped leave behind is removed with the rest
    temporary.mkdir()
    temporary.chmod(0o1777)
    os.environ["TMPDIR"] = str(temporary)
    cache = given.cache.resolve() if given.cache else scratch / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    stages = Stages()
    code = 1
    try:
        with ExitStack() as stack:
            try:
                try_everything(given, scratch, cache, stages, stack)
                code = 0
            finally:
                for number in SIGNALS:  # what was started is stopped in peace
                    signal.signal(number, signal.SIG_IGN)
    except StackError as error:
        print(f"FAILED: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        print("Interrupted; everything that was started is stopped.", file=sys.stderr)
        code = 130
    finally:
        if given.keep:
            print(f"The scratch folder is {scratch}")
        else:
            with stages.stage("remove the scratch folder"):
                _remove(scratch)
            if scratch.exists():
                print(f"Could not remove all of {scratch}")
        print(stages.summary())
        print("The package works on Fractal." if code == 0 else "The package was NOT shown to work on Fractal.")
    return code


def _remove(folder: Path) -> None:
    """Remove a folder; what a program that was killed had begun to write may still appear in it for a moment."""
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
