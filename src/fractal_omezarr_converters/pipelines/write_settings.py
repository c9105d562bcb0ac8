"""How many threads write an image, and how much memory they may take, from options, writer mode and surroundings.

The writer modes of earlier generations are settings of one engine: By Tile and By FOV write with one thread (with as many as it
has processors in a job of SLURM), the others with as many as the computer grants; a number of workers, in the settings or in
those of dask, wins. The files are the same.

A limit of memory is that of the whole process. It comes from the options, or else from the environment variable
``OMEZARR_MEMORY_MB``, and is kept: an image that cannot be written within it is refused when it is planned. What SLURM or a
container grants is kept as far as possible: fewer threads, and fewer planes in memory.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NamedTuple

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.options import ConverterOptions, WriterMode
from fractal_omezarr_converters.ngff.layout import ImageLayout
from fractal_omezarr_converters.ngff.memory_need import MemoryNeed
from fractal_omezarr_converters.ngff.single_pass import granted_cpus

PROGRAM_BYTES = 96 << 20
"""What the program itself takes, with the libraries that read files."""
MEMORY_VARIABLE = "OMEZARR_MEMORY_MB"
SHARE_OF_GRANT = 0.9


class WriteSettings(NamedTuple):
    """Threads (None: as many as are granted) and bytes of memory for pixels (None: no limit)."""

    threads: int | None
    memory_limit: int | None


def write_settings(options: ConverterOptions, writer_mode: WriterMode | str | None = None) -> WriteSettings:
    """What the options mean for the process that writes now."""
    limit = memory_limit(options)
    if limit is None:
        granted = granted_memory()
        limit = None if granted is None else int(SHARE_OF_GRANT * granted)
    return WriteSettings(_threads(options, writer_mode), None if limit is None else max(1, limit - PROGRAM_BYTES))


def memory_limit(options: ConverterOptions) -> int | None:
    """Bytes that the process may take; None when nobody says.

    Raises:
        ConvertersToolsUserError: the environment variable is no number.
    """
    if options.runtime_settings.memory_limit_mb is not None:
        return options.runtime_settings.memory_limit_mb * 2**20
    stated = os.environ.get(MEMORY_VARIABLE, "").strip()
    if not stated:
        return None
    if not stated.isdecimal() or not int(stated):
        raise ConvertersToolsUserError(
            f"The environment variable {MEMORY_VARIABLE} is '{stated}'; give a whole number of MB, such as 2000, or remove it."
        )
    return int(stated) * 2**20


def planned_memory(
    need: MemoryNeed,
    layout: ImageLayout,
    options: ConverterOptions,
    writer_mode: WriterMode | str | None = None,
    *,
    ahead: int = 0,
) -> tuple[int, int]:
    """Bytes that writing an image will take, and the least that it can do with.

    ``ahead``: what is kept of sources before they are read, when there is no limit.

    Raises:
        ConvertersToolsUserError: the limit is lower than the least.
    """
    threads = _threads(options, writer_mode) or granted_cpus()
    least, usual, limit = (
        PROGRAM_BYTES + need.of(1),
        PROGRAM_BYTES + need.usual(threads),
        memory_limit(options),
    )
    if limit is None:
        return usual + ahead, least
    if limit < least:
        chunk = " x ".join(str(size) for size in layout.on_axes(layout.level_chunks(0)))
        plane = f"the largest source plane ({_mb(need.plane)} MB) and " if need.plane > need.chunk else ""
        smaller = "" if need.plane > 2 * need.chunk + need.waiting else ", or choose smaller chunks"
        raise ConvertersToolsUserError(
            f"needs at least {_mb(least)} MB of memory, and the limit is {limit // 2**20} MB: {_mb(PROGRAM_BYTES)} MB for the "
            f"program, {_mb(need.in_work)} MB for {plane}one chunk of {chunk} pixels ({_mb(need.chunk)} MB) in work, "
            f"{_mb(need.waiting)} MB for half-filled chunks of the smaller levels, {_mb(2 * need.counted)} MB for counting "
            f"pixels; raise the limit{smaller}"
        )
    return min(limit, usual), least


def granted_memory() -> int | None:
    """Bytes that SLURM, a container or a dask worker grants to this job; None when nobody limits it."""
    found = [_slurm_megabytes(), *_container_limits(), _dask_share()]
    return min((number for number in found if number is not None), default=None)


def _threads(options: ConverterOptions, writer_mode: WriterMode | str | None) -> int | None:
    runtime = options.runtime_settings
    mode = WriterMode(writer_mode if writer_mode is not None else options.writer_mode)
    if runtime.num_workers is not None:
        return runtime.num_workers
    if not mode.is_parallel:
        return granted_cpus() if os.environ.get("SLURM_CPUS_PER_TASK") else 1
    scheduler = runtime.dask_scheduler
    return 1 if scheduler.mode == "Synchronous" else getattr(scheduler, "num_workers", None)


def _slurm_megabytes() -> int | None:
    whole = os.environ.get("SLURM_MEM_PER_NODE", "")
    if whole.isdecimal() and int(whole):
        return int(whole) * 2**20
    each, cpus = os.environ.get("SLURM_MEM_PER_CPU", ""), os.environ.get("SLURM_CPUS_PER_TASK", "1")
    return int(each) * int(cpus) * 2**20 if each.isdecimal() and cpus.isdecimal() and int(each) else None


def _dask_share() -> int | None:
    """What each thread has of the memory of the dask worker that this runs on."""
    distributed = sys.modules.get("distributed.worker")
    if distributed is None:
        return None
    try:
        worker = distributed.get_worker()
    except ValueError:
        return None
    limit = worker.memory_manager.memory_limit
    return None if not limit else int(limit) // max(1, worker.state.nthreads)


def _container_limits() -> list[int | None]:
    """Limits of the control groups (version 2) that this process is in."""
    try:
        line = next(line for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::"))
    except (OSError, StopIteration):
        return []
    root = Path("/sys/fs/cgroup")
    group = root / line[3:].lstrip("/")
    found: list[int | None] = []
    for folder in (group, *group.parents):
        try:
            stated = (folder / "memory.max").read_text().strip()
            found.append(int(stated) if stated.isdecimal() else None)
        except OSError:
            found.append(None)
        if folder == root:
            break
    return found


def _mb(number: int) -> int:
    return -(-number // 2**20)
