"""Plan, convert, verify and inspect in Python: the same init and compute steps that Fractal runs, on one computer or on dask.

from fractal_omezarr_converters.convert import convert, plan

plan("/data/MyPlate__2024-05-01")                  # what would be done
convert("/data/MyPlate__2024-05-01", "/data/zarr") # do it
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from fractal_omezarr_converters.errors import (
    ConvertersToolsUsageError,
    ConvertersToolsUserError,
    ConvertersToolsWarning,
)
from fractal_omezarr_converters.formats.store_folders import kept_folders
from fractal_omezarr_converters.fractal.compute import generic_compute_task
from fractal_omezarr_converters.fractal.conversion import Conversion
from fractal_omezarr_converters.fractal.conversion_plan import Plan
from fractal_omezarr_converters.fractal.init import absolute_zarr_dir, check_images, setup_images_for_conversion
from fractal_omezarr_converters.fractal.inspection import Inspection, inspect_source
from fractal_omezarr_converters.fractal.kept_images import kept_images
from fractal_omezarr_converters.fractal.requests import ConversionRequest, conversion_request, with_runtime
from fractal_omezarr_converters.fractal.runners import DaskRunner, Job, Outcome, SequentialRunner, ThreadedRunner
from fractal_omezarr_converters.fractal.runners import raise_failures as raise_failed
from fractal_omezarr_converters.fractal.verification import Verification, verify_output
from fractal_omezarr_converters.models.options import ConverterOptions, OverwriteMode
from fractal_omezarr_converters.pipelines.acquisitions import ReadReport, read_acquisitions
from fractal_omezarr_converters.pipelines.plan import ImagePlan

__all__ = ["Conversion", "Inspection", "Plan", "Verification", "convert", "inspect", "plan", "verify"]

Sources = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]
#: Called with images done, images in all, and bytes of pixels written so far.
ProgressFunction = Callable[[int, int, int], None]


def plan(sources: Sources, out: str | os.PathLike[str] | None = None, **options: Any) -> Plan:
    """Say what ``convert`` with the same arguments would do; reads metadata alone and writes nothing.

    Image files that are not there become warnings; ``convert`` refuses an acquisition of which no file is there.

    Args:
        sources: folder or file of one acquisition, or several; paths, or URLs such as ``s3://bucket/folder``.
        out: folder that would be written into; with Overwrite the plan says what is lost there.
        **options: the options of :func:`convert` up to ``configuration``.
    """
    with kept_folders():
        request = conversion_request(sources, **options)
        made, images, _ = _planned(request, out, files_needed=False)
    if made.out is None or request.overwrite is not OverwriteMode.OVERWRITE:
        return made
    from fractal_omezarr_converters.ngff.stores import open_store
    from fractal_omezarr_converters.pipelines.losses import losses

    return replace(made, losses=tuple(losses(open_store(made.out), images)))


def convert(
    sources: Sources,
    out: str | os.PathLike[str],
    *,
    workers: int | None = None,
    executor: Literal["processes", "threads"] = "processes",
    scheduler: str | None = None,
    progress: ProgressFunction | None = None,
    verify: bool = False,
    raise_failures: bool = True,
    **options: Any,
) -> Conversion:
    """Convert acquisitions and write OME-Zarr into a folder.

    Args:
        sources: folder or file of one acquisition, or several; paths, or URLs such as ``s3://bucket/folder``.
        out: folder to write into; it is made if needed.
        workers: processes or threads at once; by default as many as the computer has processors and memory for. Each writes an
            image; when there are fewer images, several share one.
        executor: processes (default), or threads of this process.
        scheduler: address of a dask.distributed scheduler whose workers write instead; a large image is divided among them.
        progress: called after each image with images done, images in all, bytes of pixels so far.
        verify: read every source plane again afterwards and compare.
        raise_failures: raise after all images when any failed; otherwise they are listed in the result.
        **options: ``format`` (else detected), ``plate_name``, ``acquisition``, ``wells``, ``format_options``,
            ``acquisition_options``, ``converter_options``, ``ngff_version``, ``overwrite`` ("No Overwrite", "Overwrite",
            "Extend"), ``memory`` (bytes, or text such as "4GB": what all processes of this computer may take together; of
            each image where a scheduler runs them), ``configuration`` (a mapping with the keys of the Fractal form).
    """
    started = time.perf_counter()
    if workers is not None and workers < 1:
        raise ConvertersToolsUsageError(f"The number of workers must be at least 1, not {workers}.")
    if executor not in ("processes", "threads"):
        raise ConvertersToolsUsageError(f"'{executor}' is no way to run conversions; give 'processes' or 'threads'.")
    place = absolute_zarr_dir(out)
    with kept_folders():
        request = conversion_request(sources, **options)
        made, images, report = _planned(request, place, files_needed=True)
    count = _workers(made, workers, None if scheduler is not None else request.memory)
    jobs = setup_images_for_conversion(
        images,
        zarr_dir=place,
        converter_options=request.converter_options,
        overwrite_mode=request.overwrite,
        plate_facts=report.plate_facts,
        metadata_files=report.metadata_files,
    )
    running = _run(jobs, made, count, executor=executor, scheduler=scheduler, memory=request.memory)
    outcomes = _watched(running, made.images, progress)
    if raise_failures:
        raise_failed(outcomes)
    written = [each.name for each in outcomes if each.error is None]
    verification = verify_output(place, only=written) if verify and written else None
    return Conversion(
        out=place,
        plan=made,
        outcomes=tuple(outcomes),
        seconds=time.perf_counter() - started,
        verification=verification,
        kept=kept_images(outcomes, jobs) if request.overwrite is OverwriteMode.EXTEND else 0,
    )


def verify(out: str | os.PathLike[str], *, progress: ProgressFunction | None = None) -> Verification:
    """Read every source plane again and compare it with what was written, pixel by pixel; check that no chunk is missing.

    Args:
        out: a plate, an image, or the folder that was converted into.
        progress: called after each image.
    """
    return verify_output(absolute_zarr_dir(out), progress=progress)


def inspect(
    source: str | os.PathLike[str], *, format: str | None = None, format_options: Mapping[str, Any] | None = None
) -> Inspection:
    """Say what the metadata of one acquisition states: wells, fields, channels, sizes, spacings, positions, times."""
    return inspect_source(os.fspath(source), format_name=format, format_options=format_options)


def _planned(
    request: ConversionRequest, out: str | os.PathLike[str] | None, *, files_needed: bool
) -> tuple[Plan, list[Any], ReadReport]:
    images, report = read_acquisitions(list(request.acquisitions), request.converter_options, files_needed=files_needed)
    check_images(images)
    made = Plan(
        images=tuple(report.plans),
        out=None if out is None else absolute_zarr_dir(out),
        options=request.converter_options,
        overwrite=request.overwrite,
        formats=request.formats,
        read_warnings=tuple(report.warnings),
        filters=tuple(count for counts in report.filter_counts for count in counts),
        configuration=request.configuration,
        plate_facts=report.plate_facts,
    )
    return made, images, report


def _run(
    jobs: Sequence[Job],
    made: Plan,
    workers: int,
    *,
    executor: Literal["processes", "threads"],
    scheduler: str | None,
    memory: int | None,
) -> Iterator[Outcome]:
    if scheduler is not None:
        from fractal_omezarr_converters.fractal.divided_images import DaskCrew, outcomes_of

        with DaskRunner(address=scheduler).connected() as client:
            yield from outcomes_of(jobs, made.images, made.options, DaskCrew(client))
        return
    runtime = made.options.runtime_settings
    divide = made.bytes > runtime.divide_above_mb * 2**20
    processes = workers if divide or executor == "threads" else min(workers, len(jobs))
    limit = {} if memory is None else {"memory_limit_mb": memory // processes // 2**20}
    threads = workers // max(1, len(jobs))
    shared = {"num_workers": threads} if threads > 1 and runtime.num_workers is None else {}
    whole = _with_runtime(jobs, with_runtime(made.options, **limit, **shared)) if limit or shared else jobs
    if executor == "threads" and workers > 1:
        yield from ThreadedRunner(num_threads=workers).outcomes(generic_compute_task, whole)
    elif workers == 1 or (len(jobs) == 1 and not divide):
        yield from SequentialRunner().outcomes(generic_compute_task, whole)
    else:
        from fractal_omezarr_converters.fractal.divided_images import LocalCrew, outcomes_of

        yield from outcomes_of(whole, made.images, with_runtime(made.options, **limit), LocalCrew(workers))


def _with_runtime(jobs: Sequence[Job], options: ConverterOptions) -> list[Job]:
    """The same jobs with the runtime settings of these options."""
    runtime = options.runtime_settings.model_dump(mode="json")
    return [
        {
            **job,
            "init_args": {
                **job["init_args"],
                "converter_options": {**job["init_args"]["converter_options"], "runtime_settings": runtime},
            },
        }
        for job in jobs
    ]


def _watched(
    outcomes: Iterator[Outcome], plans: Sequence[ImagePlan], progress: ProgressFunction | None
) -> list[Outcome]:
    """Collect outcomes in the order of the jobs and report progress on the way."""
    finished: list[Outcome] = []
    written = 0
    for outcome in outcomes:
        finished.append(outcome)
        written += plans[outcome.index].bytes
        for text in outcome.warnings:
            warnings.warn(text, ConvertersToolsWarning, stacklevel=3)
        if progress is not None:
            progress(len(finished), len(plans), written)
    return sorted(finished, key=lambda outcome: outcome.index)


def _workers(made: Plan, wished: int | None, memory: int | None) -> int:
    """As many as wished; else one per processor, as far as the memory allows.

    Raises:
        ConvertersToolsUserError: so many workers do not fit into the memory.
    """
    if wished is not None:
        if memory is not None and wished * made.least_memory > memory:
            raise ConvertersToolsUserError(
                f"{wished} workers need at least {-(-wished * made.least_memory // 2**20)} MB of memory, and "
                f"{memory // 2**20} MB are granted; use at most {memory // made.least_memory}, or grant more."
            )
        return wished
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if memory is not None:
        return max(1, min(processors, memory // max(made.memory, 1)))
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        free = 0
    by_memory = int(0.7 * free // max(made.memory, 1)) if free > 0 else processors
    return max(1, min(processors, by_memory))
