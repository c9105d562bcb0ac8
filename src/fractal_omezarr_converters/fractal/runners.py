"""Run a converter's two steps in Python: one init, then one compute per image, where one failing image stops nothing else.

Every runner works through all jobs, whatever happens to one of them, and gives one outcome per job in the order of the list.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, Future, as_completed
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsUsageError, ConvertersToolsUserError
from fractal_omezarr_converters.models.checked_model import CheckedModel

logger = logging.getLogger(__name__)

Job = dict[str, Any]
Task = Callable[..., Any]


@dataclass(frozen=True)
class Outcome:
    """What became of one job: its result or its error, and the time it took."""

    index: int
    name: str
    seconds: float
    result: Any = None
    error: Exception | None = None
    warnings: tuple[str, ...] = ()

    @property
    def failure(self) -> str:
        """The image and what is wrong with it; errors that are not made for people say of which kind they are."""
        kind = "" if isinstance(self.error, ConvertersToolsError) else f"{type(self.error).__name__}: "
        return f"{self.name}: {kind}{self.error}"


def run_job(function: Task, index: int, job: Job) -> Outcome:
    """Run one job and catch whatever it raises, so that the other jobs go on."""
    start = time.perf_counter()
    name = str(job.get("zarr_url", f"job {index}"))
    try:
        result = function(**job)
    except Exception as error:  # whatever is wrong with one image, the others of the plate are still written
        return Outcome(index, name, time.perf_counter() - start, error=error)
    return Outcome(index, name, time.perf_counter() - start, result=result)


class _Runner(CheckedModel):
    model_config = ConfigDict(extra="forbid")

    def outcomes(self, function: Task, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Run every job; give outcomes as they come."""
        with self._executor() as executor:
            futures: dict[Future[Outcome], int] = {
                executor.submit(run_job, function, index, job): index for index, job in enumerate(jobs)
            }
            try:
                for future in as_completed(futures):
                    yield _outcome(future, futures[future], jobs)
            except BaseException:
                for future in futures:
                    future.cancel()
                raise

    def _executor(self) -> AbstractContextManager[Executor]:
        raise ConvertersToolsError(f"The runner {type(self).__name__} has no way to run jobs.")


def _outcome(future: Future[Outcome], index: int, jobs: Sequence[Job]) -> Outcome:
    """The outcome of a future, also when its process died or its result could not travel."""
    try:
        return future.result()
    except Exception as error:  # a killed process (memory, time limit) is told with its image; the others go on
        return Outcome(index, str(jobs[index].get("zarr_url", f"job {index}")), 0.0, error=error)


class SequentialRunner(_Runner):
    """One job after the other, in this process."""

    mode: Literal["Synchronous"] = "Synchronous"

    def outcomes(self, function: Task, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Run every job in the order of the list."""
        for index, job in enumerate(jobs):
            yield run_job(function, index, job)


class ThreadedRunner(_Runner):
    """Several jobs at once, in threads of this process."""

    mode: Literal["Threaded"] = "Threaded"
    num_threads: int = Field(default=4, ge=1)

    def _executor(self) -> AbstractContextManager[Executor]:
        from concurrent.futures import ThreadPoolExecutor

        return ThreadPoolExecutor(max_workers=self.num_threads)


class MultiprocessingRunner(_Runner):
    """Several jobs at once, in processes of their own; the compute function must be importable."""

    mode: Literal["Multiprocessing"] = "Multiprocessing"
    num_processes: int = Field(default=4, ge=1)

    def _executor(self) -> AbstractContextManager[Executor]:
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        context = multiprocessing.get_context(_way_to_start())
        return ProcessPoolExecutor(max_workers=self.num_processes, mp_context=context)


def _way_to_start() -> Literal["fork", "spawn"]:
    """How processes are made: by fork, a script needs no guard, but only a process with a single thread can do it safely."""
    return "fork" if sys.platform == "linux" and threading.active_count() == 1 else "spawn"


class DaskRunner(_Runner):
    """Jobs on a dask.distributed cluster: the address of its scheduler, or none for a cluster on this computer."""

    mode: Literal["Dask"] = "Dask"
    address: str | None = None
    timeout: float = Field(default=10, gt=0)

    def outcomes(self, function: Task, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Submit every job, give outcomes as they come."""
        with self.connected() as client:
            yield from self.submitted(client, function, jobs)

    @staticmethod
    def submitted(client: Any, function: Task, jobs: Sequence[Job]) -> Iterator[Outcome]:
        """Submit every job to a cluster that a client is connected to."""
        import distributed

        futures = {client.submit(run_job, function, index, job, pure=False): index for index, job in enumerate(jobs)}
        for future in distributed.as_completed(list(futures)):
            yield _outcome(future, futures[future], jobs)

    @contextmanager
    def connected(self) -> Iterator[Any]:
        """A client of the cluster.

        Raises:
            ConvertersToolsUserError: dask is not installed, or no scheduler answers.
        """
        try:
            import distributed
        except ImportError as error:
            raise ConvertersToolsUserError(
                "Running on dask needs the package distributed, which is not installed here: "
                "pip install 'fractal-omezarr-converters[dask]', or run without a scheduler."
            ) from error
        try:
            _check_address(self.address, self.timeout)
            client: Any = distributed.Client(self.address, set_as_default=False, timeout=self.timeout)
        except (OSError, ValueError) as error:
            raise ConvertersToolsUserError(
                f"No dask scheduler answers at {self.address}: {error}; check the address and that the scheduler runs."
            ) from error
        with client, client.as_current():
            yield client


def _check_address(address: Any, timeout: float) -> None:
    """Refuse a wrong address, or one at which none answers, before a client is made: half a client complains when it goes.

    Raises:
        OSError: nothing answers.
        ValueError: it has no port, or a scheme that distributed does not know, or something else answers.
    """
    import asyncio

    from distributed.comm.addressing import get_address_host_port, parse_address
    from distributed.comm.core import connect
    from distributed.comm.registry import get_backend

    if not isinstance(address, str):
        return
    scheme = parse_address(address)[0]
    get_backend(scheme)
    if scheme in ("tcp", "tls"):
        get_address_host_port(address)

    async def greet() -> None:
        await (await connect(address, timeout=timeout)).close()

    if scheme == "tcp":  # others need certificates, or the client's own loop
        try:
            asyncio.run(greet())
        except MemoryError as error:  # the first bytes of another protocol are taken for a size
            raise ValueError("something else answers, its dashboard perhaps, which has a port of its own") from error


RunnerType = Annotated[
    SequentialRunner | ThreadedRunner | MultiprocessingRunner | DaskRunner, Field(discriminator="mode")
]


def raise_failures(outcomes: Sequence[Outcome]) -> None:
    """Raise one error that lists every failed job; do nothing when there is none."""
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    if not failed:
        return
    errors = [outcome.error for outcome in failed if outcome.error is not None]
    if len(errors) == 1 and len(outcomes) == 1:
        raise errors[0]
    listed = "\n".join(f"  {outcome.failure}" for outcome in failed)
    kind = (
        ConvertersToolsUserError
        if all(isinstance(error, ConvertersToolsUserError) for error in errors)
        else ConvertersToolsError
    )
    raise kind(
        f"{len(failed)} of {len(outcomes)} images failed, the others are finished:\n{listed}"
    ) from ExceptionGroup("failed images", errors)


def _runner(stated: Any) -> _Runner:
    if stated is None or isinstance(stated, _Runner):
        return stated or SequentialRunner()
    try:
        adapter: TypeAdapter[_Runner] = TypeAdapter(RunnerType)
        return adapter.validate_python(stated)
    except ValidationError as error:
        raise ConvertersToolsUserError(
            f"The runner {stated!r} is not known: give SequentialRunner(), ThreadedRunner(), MultiprocessingRunner(), "
            "DaskRunner() or None."
        ) from error


def _refuse_to_begin_again() -> None:
    """Refuse to run init in a process that spawning made: it reads the script anew, and would set up the output once more."""
    from multiprocessing import current_process

    # the mark by which multiprocessing itself knows that the script is still being read
    if getattr(current_process(), "_inheriting", False):
        raise ConvertersToolsUsageError(
            "This script begins its conversion again in each of its processes; put what it does below "
            "\"if __name__ == '__main__':\", or use ThreadedRunner."
        )


def exec_compound_task(
    init_task_fn: Task,
    compute_task_fn: Task,
    init_task_kwargs: dict[str, Any],
    compute_task_kwargs: dict[str, Any] | None = None,
    runner: RunnerType | None = None,
) -> list[Any]:
    """Run init, then compute for every image, and give the image-list updates in the order of the list.

    Raises:
        ConvertersToolsUsageError: a process that was started for the jobs begins anew with the script that started it.
        ConvertersToolsError: after all other images are done, when any failed; it lists all failures.
    """
    _refuse_to_begin_again()
    chosen = _runner(runner)
    parallelization_list = init_task_fn(**init_task_kwargs)
    if isinstance(parallelization_list, dict):
        parallelization_list = parallelization_list.get("parallelization_list", [])
    jobs = [{**item, **(compute_task_kwargs or {})} for item in parallelization_list]
    finished: list[Outcome] = []
    told = 0
    for outcome in chosen.outcomes(compute_task_fn, jobs):
        finished.append(outcome)
        tenth = 10 * len(finished) // len(jobs)
        if tenth > told:
            told = tenth
            logger.info("%d of %d images done", len(finished), len(jobs))
    finished.sort(key=lambda outcome: outcome.index)
    raise_failures(finished)
    return [outcome.result for outcome in finished]
