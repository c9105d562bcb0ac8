"""Images on several workers: large ones divided into lanes, one after the other, then the others whole, one per worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any, Protocol

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.fractal.compute import compute_image, generic_compute_task
from fractal_omezarr_converters.fractal.lane_jobs import Crew, LaneJob, in_lanes, split_of, write_lane_job
from fractal_omezarr_converters.fractal.local_workers import LocalWorkers
from fractal_omezarr_converters.fractal.runners import DaskRunner, Job, Outcome, run_job
from fractal_omezarr_converters.models.options import ConverterOptions
from fractal_omezarr_converters.pipelines.plan import ImagePlan

WRITERS_UNKNOWN = 8
"""Taken for the size of a cluster that has no worker yet because it grows on demand."""
LONGEST_GOODBYE = 60.0


class Workers(Protocol):
    """What runs jobs elsewhere."""

    count: int

    def whole(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Write images, one per worker."""
        ...

    def crew(self, jobs: Sequence[LaneJob]) -> Iterator[int]:
        """Write lanes; the first failure ends all."""
        ...


def outcomes_of(
    jobs: Sequence[Job], plans: Sequence[ImagePlan], options: ConverterOptions, workers: Workers
) -> Iterator[Outcome]:
    """Run every job; give outcomes as they come."""
    fair = sum(plan.bytes for plan in plans) / max(1, workers.count)
    large = [
        index
        for index, plan in enumerate(plans)
        if plan.bytes > fair and split_of(plan, workers.count, options) is not None
    ]
    for index in large:
        crew: Crew = workers.crew
        task = partial(compute_image, write=in_lanes(crew, workers.count, options))
        yield run_job(task, index, jobs[index])
    rest = [index for index in range(len(jobs)) if index not in set(large)]
    if rest:
        for outcome in workers.whole([jobs[index] for index in rest]):
            yield replace(outcome, index=rest[outcome.index])


class LocalCrew:
    """Processes of this computer."""

    def __init__(self, count: int) -> None:
        self.count = count

    def whole(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """One image per process."""
        return LocalWorkers(self.count).outcomes(jobs)

    def crew(self, jobs: Sequence[LaneJob]) -> Iterator[int]:
        """One lane per process."""
        for outcome in LocalWorkers(self.count).outcomes(jobs):
            if outcome.error is not None:
                raise outcome.error
            yield int(outcome.result)


class DaskCrew:
    """Workers of a dask.distributed cluster, each of whose threads writes one image or lane at a time."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.count = sum(client.nthreads().values()) or WRITERS_UNKNOWN

    def whole(self, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """One image per thread of a worker."""
        return DaskRunner.submitted(self._client, generic_compute_task, jobs)

    def crew(self, jobs: Sequence[LaneJob]) -> Iterator[int]:
        """One lane per thread of a worker; a lane whose worker dies is written again by another one."""
        from distributed import CancelledError, KilledWorker, as_completed, wait

        futures = [self._client.submit(write_lane_job, **job, pure=False, priority=10) for job in jobs]
        try:
            for future in as_completed(futures):
                yield future.result()
                future.release()
        except BaseException as error:
            running = [future for future in futures if future.status == "pending"]
            self._client.cancel(running)
            # cancelled, too slow, or out of reach: all are given up
            with suppress(CancelledError, TimeoutError, OSError):
                wait(running, timeout=LONGEST_GOODBYE)
            if isinstance(error, KilledWorker):
                raise ConvertersToolsUserError(
                    "Several workers died one after the other while they wrote the same part of the image, most likely because "
                    "they ran out of memory; give workers more memory or fewer threads, then run the conversion again."
                ) from error
            raise
