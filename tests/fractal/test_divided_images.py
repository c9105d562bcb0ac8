"""One large image written by several processes: the same files as from one process, and nothing half when one of them dies."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fractal_omezarr_converters.convert import convert, verify
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.fractal.lane_jobs import write_lane_job
from fractal_omezarr_converters.testing.synthetic_operetta import SyntheticOperetta, write_operetta

PLATE = "Synthetic Plate.zarr"
IMAGE = f"{PLATE}/B/03/0"
ALWAYS = {"divide_above_mb": 0}


def mosaic(folder: Path, layout: tuple[int, int] = (6, 5), **settings: Any) -> SyntheticOperetta:
    """One well with one large image; fields overlap, are not square, and three are missing."""
    chosen: dict[str, Any] = {"wells": ("B03",), "layout": layout, "field_shape": (40, 56), "overlap": 4, "planes": 1}
    return write_operetta(folder / "source", **{**chosen, **settings})


def options(version: str = "0.4", shards: bool = False, chunk: int | None = 32, **runtime: Any) -> dict[str, Any]:
    written: dict[str, Any] = {"ngff_version": version, "levels": {"num_levels": 4}}
    if chunk is not None:
        written["chunks"] = {"mode": "Fixed Size", "xy_chunk": chunk}
    if shards:
        written["shards"] = {"mode": "Multiple of Chunks", "xy_factor": 2}
    return {
        "omezarr_options": written,
        "grouping": {"mode": "Mosaic", "tiling_strategy": {"mode": "Inplace"}},
        "runtime_settings": {**ALWAYS, **runtime},
    }


def files_of(out: Path) -> dict[str, bytes]:
    """Every file, without the name of the run in the image's attributes."""
    found = {}
    for path in (out / IMAGE).rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            if path.name in {".zattrs", "zarr.json"}:
                document = json.loads(content)
                document.get("attributes", document).get("fractal_omezarr_converters", {}).pop("run", None)
                content = json.dumps(document, sort_keys=True).encode()
            found[path.relative_to(out / IMAGE).as_posix()] = content
    return found


@pytest.fixture
def cluster() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None) as made:
        made.wait_for_workers(2)
        yield made


def parts_in(caplog: pytest.LogCaptureFixture) -> int:
    """Into how many parts the log says the image was divided."""
    [line] = [record.getMessage() for record in caplog.records if " parts by " in record.getMessage()]
    return int(line.split(" is written in ")[1].split()[0])


@pytest.mark.parametrize("case", [("0.4", False, 1, 1), ("0.5", True, 1, 1), ("0.6", False, 3, 2)])
def test_an_image_divided_over_dask_has_the_same_files(
    tmp_path: Path, cluster: Any, caplog: pytest.LogCaptureFixture, case: tuple[str, bool, int, int]
) -> None:
    version, shards, planes, times = case
    truth = mosaic(tmp_path, planes=planes, times=times)
    convert(truth.folders[0], tmp_path / "one", converter_options=options(version, shards), workers=1)
    with caplog.at_level(logging.INFO):
        done = convert(
            truth.folders[0],
            tmp_path / "many",
            converter_options=options(version, shards),
            scheduler=cluster.scheduler_address,
            verify=True,
        )
    assert parts_in(caplog) > 2
    assert done.verification is not None and done.verification.ok, done.verification
    assert files_of(tmp_path / "many") == files_of(tmp_path / "one")


def test_an_image_divided_over_local_processes_has_the_same_files(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    truth = mosaic(tmp_path)
    convert(truth.folders[0], tmp_path / "one", converter_options=options(), workers=1)
    with caplog.at_level(logging.INFO):
        convert(truth.folders[0], tmp_path / "many", converter_options=options(), workers=3)
    assert parts_in(caplog) > 2
    assert files_of(tmp_path / "many") == files_of(tmp_path / "one")
    again = convert(truth.folders[0], tmp_path / "many", converter_options=options(), workers=3, overwrite="Extend")
    assert again.failures == []
    assert [record for record in caplog.records if " parts by " in record.getMessage()][1:] == []


def test_small_images_and_many_images_are_written_whole(
    tmp_path: Path, cluster: Any, caplog: pytest.LogCaptureFixture
) -> None:
    truth = mosaic(tmp_path, wells=("B03", "C05", "D07", "E09"), layout=(2, 2))
    with caplog.at_level(logging.INFO):
        done = convert(
            truth.folders[0], tmp_path / "out", converter_options=options(), scheduler=cluster.scheduler_address
        )
        small = convert(truth.folders[0], tmp_path / "small", wells=["B03"], scheduler=cluster.scheduler_address)
    assert len(done.updates) == 4 and len(small.updates) == 1
    assert not [record for record in caplog.records if " parts by " in record.getMessage()]


def test_the_command_line_reaches_a_scheduler(tmp_path: Path, cluster: Any) -> None:
    truth = mosaic(tmp_path)
    convert(truth.folders[0], tmp_path / "one", converter_options=options(), workers=1)
    settings = [
        "runtime_settings.divide_above_mb=0",
        "omezarr_options.levels.num_levels=4",
        'omezarr_options.chunks={"mode": "Fixed Size", "xy_chunk": 32}',
        "grouping.tiling_strategy.mode=Inplace",
    ]
    command = [sys.executable, "-m", "fractal_omezarr_converters.cli", "convert", str(truth.folders[0])]
    command += [str(tmp_path / "many"), "--scheduler", cluster.scheduler_address, "--verify"]
    for setting in settings:
        command += ["--set", setting]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert files_of(tmp_path / "many") == files_of(tmp_path / "one")


PART, CHUNK = ".parts/*.npz", "0/*/"


def as_soon_as(what: str, out: Path, act: Callable[[], None]) -> threading.Thread:
    """Do something as soon as the first part of the image is finished, or its first chunk begun."""

    def watch() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if any((out / PLATE).glob(f"B/03/.0.writing-*/{what}")):
                act()
                return
            time.sleep(0.005)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def test_a_worker_that_dies_is_replaced(tmp_path: Path, cluster: Any) -> None:
    truth = mosaic(tmp_path, layout=(12, 12))
    convert(truth.folders[0], tmp_path / "one", converter_options=options(chunk=16), workers=1)
    killed: list[int] = []

    def kill_one() -> None:
        killed.append(next(iter(cluster.workers.values())).process.process.pid)
        os.kill(killed[0], signal.SIGKILL)

    watcher = as_soon_as(PART, tmp_path / "many", kill_one)
    done = convert(
        truth.folders[0],
        tmp_path / "many",
        converter_options=options(chunk=16),
        scheduler=cluster.scheduler_address,
    )
    watcher.join()
    assert killed and done.failures == []
    assert files_of(tmp_path / "many") == files_of(tmp_path / "one")


def test_processes_that_die_leave_no_image_and_the_next_run_writes_it(tmp_path: Path) -> None:
    truth = mosaic(tmp_path, layout=(12, 12))

    def kill_workers() -> None:
        children = subprocess.run(
            ["pgrep", "-P", str(os.getpid()), "-f", "local_worker"], capture_output=True, text=True, check=False
        )
        for pid in children.stdout.split():
            os.kill(int(pid), signal.SIGKILL)

    watcher = as_soon_as(
        CHUNK, tmp_path / "out", kill_workers
    )  # looking for the workers takes time in which others end
    with pytest.raises(ConvertersToolsUserError, match="ended by SIGKILL"):
        convert(truth.folders[0], tmp_path / "out", converter_options=options(chunk=16), workers=2)
    watcher.join()
    assert [path.name for path in (tmp_path / "out" / PLATE / "B/03").iterdir() if path.is_dir()] == []
    assert not verify(tmp_path / "out").ok
    convert(truth.folders[0], tmp_path / "out", converter_options=options(chunk=16), workers=2, overwrite="Extend")
    assert verify(tmp_path / "out").ok


def test_a_worker_that_was_given_up_brings_no_folder_back(tmp_path: Path) -> None:
    from fractal_omezarr_converters.ngff.whole_files import PARTS, WholeFiles

    store = WholeFiles(tmp_path / "image")
    (tmp_path / "image" / PARTS).mkdir(parents=True)
    store.put("0/0/0", b"chunk")
    store.put(f"{PARTS}/0.npz", b"account")
    store.put_chunk(f"{PARTS}/0-1.seam", b"seam")
    assert store.get("0/0/0") == b"chunk" and sorted(store.list(PARTS)) == [f"{PARTS}/0-1.seam", f"{PARTS}/0.npz"]
    shutil.rmtree(tmp_path / "image")
    for put, key in ((store.put, f"{PARTS}/0.npz"), (store.put_chunk, "0/0/1"), (store.put_chunk, f"{PARTS}/0-2.seam")):
        with pytest.raises(FileNotFoundError):
            put(key, b"late")
    assert not (tmp_path / "image").exists()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are read from /proc")
def test_parts_that_are_given_up_keep_no_file_open(tmp_path: Path) -> None:
    """The error is kept as long as the outcome of the image; files of shards that lanes meet in would be as well."""
    from fractal_omezarr_converters.fractal.acquisition_inputs import AcquisitionInput
    from fractal_omezarr_converters.fractal.compute import compute_image
    from fractal_omezarr_converters.fractal.init import init_acquisitions
    from fractal_omezarr_converters.fractal.lane_jobs import in_lanes
    from fractal_omezarr_converters.models import ConverterOptions

    def open_files() -> list[str]:
        links = [str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
        return [link for link in links if link.startswith(str(tmp_path / "out"))]

    def crew(jobs: Any) -> Iterator[int]:
        for job in jobs[:-1]:
            yield write_lane_job(**job)
        assert open_files()
        raise ConvertersToolsUserError("the cluster is gone")

    given = {"path": str(mosaic(tmp_path).folders[0]), "plate_name": "P"}
    chosen = ConverterOptions.model_validate(options("0.5", shards=True, chunk=16))
    made = init_acquisitions(
        "operetta",
        zarr_dir=str(tmp_path / "out"),
        acquisitions=[AcquisitionInput(**given)],
        converter_options=chosen,
    )
    (job,) = made["parallelization_list"]
    with pytest.raises(ConvertersToolsUserError, match="the cluster is gone") as kept:
        compute_image(**job, write=in_lanes(crew, 4, chosen))
    assert kept.value.__traceback__ is not None
    assert not open_files()


@pytest.mark.parametrize("remote", [False, True])
def test_parts_that_are_given_up_leave_leave_nothing_that_looks_like_an_image(tmp_path: Path, remote: bool) -> None:
    from fractal_omezarr_converters.fractal.acquisition_inputs import AcquisitionInput
    from fractal_omezarr_converters.fractal.compute import compute_image
    from fractal_omezarr_converters.fractal.init import init_acquisitions
    from fractal_omezarr_converters.fractal.lane_jobs import in_lanes
    from fractal_omezarr_converters.models import ConverterOptions
    from fractal_omezarr_converters.ngff.stores import open_store

    def crew(jobs: Any) -> Iterator[int]:
        for job in jobs[:2]:
            yield write_lane_job(**job)
        raise ConvertersToolsUserError("the cluster is gone")

    out = f"memory://{tmp_path.name}-{uuid.uuid4().hex}" if remote else str(tmp_path / "out")
    given = {"path": str(mosaic(tmp_path).folders[0]), "plate_name": "P"}
    chosen = ConverterOptions.model_validate(options())
    made = init_acquisitions(
        "operetta", zarr_dir=out, acquisitions=[AcquisitionInput(**given)], converter_options=chosen
    )
    (job,) = made["parallelization_list"]
    with pytest.raises(ConvertersToolsUserError, match="the cluster is gone"):
        compute_image(**job, write=in_lanes(crew, 4, chosen))
    well = open_store(f"{out}/P.zarr/B/03")
    assert not [key for key in well.list() if ".parts" in key or "/writing" in key]
    assert not verify(out).ok
    if remote:
        store = well.child("0")
        store.put(".parts/9.npz", b"of a coordinator that was killed")
    compute_image(**job)
    assert verify(out).ok
    assert not [key for key in well.list() if ".parts" in key or "writing" in key]


def test_a_worker_that_sees_another_disk_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConvertersToolsUserError, match="must see the folder of output under the same path"):
        write_lane_job(store=str(tmp_path), lane=0, unit=[1] * 5, lanes=2, digest="0")


def test_a_worker_of_another_version_says_so(tmp_path: Path) -> None:
    from fractal_omezarr_converters.convert import plan
    from fractal_omezarr_converters.fractal.handover import digest_of
    from fractal_omezarr_converters.fractal.job import changed_options
    from fractal_omezarr_converters.models import ConverterOptions

    image = plan(mosaic(tmp_path, layout=(1, 1)).folders[0]).images[0].image
    document = {
        "software_version": "0.0.1",
        "image": image.model_dump_json(),
        "converter_options": changed_options(ConverterOptions(), ConverterOptions),
        "layout": "another",
    }
    description = json.dumps(document).encode()
    (tmp_path / ".parts").mkdir()
    (tmp_path / ".parts/image.json").write_bytes(description)
    with pytest.raises(ConvertersToolsUserError, match=r"started with 0\.0\.1; install the same version everywhere"):
        write_lane_job(store=str(tmp_path), lane=0, unit=[1] * 5, lanes=2, digest=digest_of(description))
