"""Stories that give figures: a whole plate through the server, and two tiny images beside another converter."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from checks import require, require_clean_logs, require_done, require_images, require_verified
from programs import run
from stages import Stages
from stories import OPERETTA, TILE_TABLE, Stories

LARGE_PLATE = "Large Plate.zarr"
SECONDS_PER_WELL = 10
MOST_HANDED_OVER = 20_000_000
"""Bytes that the init step may give for a whole plate."""
THEIR_TASK = "Convert Custom TIFF HCS Plate to OME-Zarr"
MOST_OF_THEIR_TIME = 1 / 3
ROUNDS = 2


def write_large_plate(on: Stories, wells: int) -> None:
    """Write the files of a plate with nine small fields in every well."""
    run([on.tasks.programs / "python", Path(__file__).with_name("write_data.py"), on.data, str(wells)])


def large_plate_is_converted(on: Stories, wells: int, stages: Stages) -> None:
    """Every well of a large plate becomes an image: none is lost in the list, on disk, or in a pixel."""
    dataset, zarr_dir = on.client.new_dataset(on.project, "large")
    measurement = next((on.data / "large").iterdir())
    arguments = {"acquisitions": [{"path": str(measurement)}]}
    job = on.run([(OPERETTA, arguments)], dataset, seconds=300 + SECONDS_PER_WELL * wells)
    require_done(job)
    require_clean_logs(job.logs)
    files = {re.match(r"r(\d\d)c(\d\d)", path.name) for path in (measurement / "Images").glob("*.tiff")}
    places = {("ABCDEFGHIJKLMNOP"[int(found[1]) - 1], found[2]) for found in files if found}
    require(len(places) == wells, f"{len(places)} wells were imaged instead of {wells}.")
    expected: dict[Path, dict[str, Any]] = {
        zarr_dir / LARGE_PLATE / row / column / "0": {"plate": LARGE_PLATE, "well": row + column, "acquisition": 0}
        for row, column in places
    }
    require_images(on.client.images(on.project, dataset), expected, is_3d=False)
    left = sum(path.stat().st_size for path in zarr_dir.glob("_*/**/*") if path.is_file())
    handed = job.handed_over + left
    require(handed < MOST_HANDED_OVER, f"The init step gave {handed / 1e6:.1f} MB, more than {MOST_HANDED_OVER / 1e6}.")
    stages.figure(f"init output for {wells} wells", f"{handed / 1e6:.2f} MB")
    stages.figure(f"job for {wells} wells of 9 fields", f"{job.seconds:.0f} s")
    print("   " + require_verified(on.tasks.programs, zarr_dir / LARGE_PLATE))


def tiny_images_beside(on: Stories, name: str, stages: Stages) -> None:
    """Two tiny images by this package and by another converter, in turns; the best of each is compared."""
    source = {"path": str(on.data / "tiny"), "plate_name": "TinyPlate"}
    ours: dict[str, Any] = {"acquisitions": [{**source, "acquisition": 0}]}
    theirs: dict[str, Any] = {"acquisitions": [{**source, "acquisition_id": 0}], "overwrite": "No Overwrite"}
    seconds: dict[str, list[float]] = {"ours": [], name: []}
    for turn in range(ROUNDS):
        for who, task, arguments in (("ours", TILE_TABLE, ours), (name, THEIR_TASK, theirs)):
            dataset, _ = on.client.new_dataset(on.project, f"tiny {who} {turn}")
            job = on.run([(task, arguments)], dataset)
            require_done(job)
            found = on.client.images(on.project, dataset)
            require(len(found) == 2, f"{who} made {len(found)} images instead of 2.")
            seconds[who].append(job.seconds)
    best, reference = min(seconds["ours"]), min(seconds[name])
    stages.figure("2 tiny images", f"{best:.1f} s; {name} {reference:.1f} s, {reference / best:.1f} times as long")
    slow = f"Two tiny images took {best:.1f} s, more than a third of the {reference:.1f} s of {name}."
    require(best <= MOST_OF_THEIR_TIME * reference, slow)
