"""How many threads write an image, and how much memory they may take, from options, writer mode and surroundings.

The writer modes of earlier generations are settings of one engine: By Tile and By FOV write with one thread, the others with as
many as the computer or the job grants; a number of workers, in the settings or in those of dask, wins. The pixels are the same.
"""

from __future__ import annotations

from typing import NamedTuple

from fractal_omezarr_converters.models.options import ConverterOptions, WriterMode


class WriteSettings(NamedTuple):
    """Threads (None: as many as are granted) and bytes of memory (None: no limit)."""

    threads: int | None
    memory_limit: int | None


def write_settings(options: ConverterOptions, writer_mode: WriterMode | str | None = None) -> WriteSettings:
    """What the options mean."""
    runtime = options.runtime_settings
    mode = WriterMode(writer_mode if writer_mode is not None else options.writer_mode)
    threads = runtime.num_workers
    if threads is None and mode.is_parallel:
        scheduler = runtime.dask_scheduler
        threads = 1 if scheduler.mode == "Synchronous" else getattr(scheduler, "num_workers", None)
    elif threads is None:
        threads = 1
    limit = runtime.memory_limit_mb
    return WriteSettings(threads, None if limit is None else limit * 2**20)
