"""A lock for the documents of a plate: two runs that extend one plate at the same time wait for each other.

The lock is a hidden file beside the plate, made in one step and removed again; one whose owner died is taken over. On object
stores it is an object that is put on condition.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.ngff.staging_owner import is_silent, process_start, still_runs
from fractal_omezarr_converters.ngff.stores import LocalStore, Store

logger = logging.getLogger(__name__)

# A lock on another machine that was not touched for longer than this belongs to a dead run.
STALE_SECONDS = 600.0
TOUCH_SECONDS = 60.0
SUFFIX = ".being-set-up"
_held: ContextVar[frozenset[Path | str]] = ContextVar("held plate locks", default=frozenset())


@contextlib.contextmanager
def plate_lock(store: Store, plate_path: str, timeout: float = 120.0) -> Iterator[None]:
    """Hold the lock of a plate while its documents are read, merged and written; whoever holds it may ask for it again.

    Raises:
        ConvertersToolsUserError: another run holds it for longer than ``timeout`` seconds.
    """
    if not isinstance(store, LocalStore):
        with _lock_of_store(store, plate_path, timeout):
            yield
        return
    target = store.path / plate_path
    lock = target.parent / f".{target.name}{SUFFIX}"
    if lock in _held.get():
        yield
        return
    lock.parent.mkdir(parents=True, exist_ok=True)
    _acquire(lock, plate_path, timeout)
    before = _held.set(_held.get() | {lock})
    try:
        with _kept_fresh(lock):
            yield
    finally:
        _held.reset(before)
        lock.unlink(missing_ok=True)


@contextlib.contextmanager
def _lock_of_store(store: Store, plate_path: str, timeout: float) -> Iterator[None]:
    from fractal_omezarr_converters.ngff.object_lock import object_lock
    from fractal_omezarr_converters.ngff.remote_store import RemoteStore

    folder, _, name = plate_path.strip("/").rpartition("/")
    key = f"{folder}/.{name}{SUFFIX}".lstrip("/")
    url = f"{store.url}/{key}"
    if url in _held.get() or not isinstance(store, RemoteStore):
        yield
        return
    with object_lock(store, key, plate_path, timeout):
        before = _held.set(_held.get() | {url})
        try:
            yield
        finally:
            _held.reset(before)


@contextlib.contextmanager
def _kept_fresh(lock: Path) -> Iterator[None]:
    """Touch a lock every minute while it is held: the removal of an old plate may take longer than a lock counts as alive."""
    released = threading.Event()

    def touch() -> None:
        while not released.wait(TOUCH_SECONDS):
            with contextlib.suppress(OSError):
                os.utime(lock)

    threading.Thread(target=touch, daemon=True, name="omezarr-plate-lock").start()
    try:
        yield
    finally:
        released.set()


def _acquire(lock: Path, plate_path: str, timeout: float) -> None:
    began = process_start(os.getpid())
    owner = json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "started": began}).encode()
    end = time.monotonic() + timeout
    while True:
        try:
            descriptor = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        except FileExistsError as error:
            left = _dead_owner(lock)
            if left is not None:
                _take_away(lock, left)
                continue
            if time.monotonic() > end:
                raise ConvertersToolsUserError(
                    f"Plate '{plate_path}' is being set up by another run{_holder(lock)} since {timeout:g} s ({lock}); "
                    "wait for it, or remove this file when no run is going on."
                ) from error
            time.sleep(random.uniform(0.02, 0.1))
        else:
            _sign(lock, descriptor, owner)
            return


def _sign(lock: Path, descriptor: int, owner: bytes) -> None:
    """Write into a lock who holds it; one that a full disk leaves empty would stand in everybody's way."""
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(owner)
    except BaseException:
        lock.unlink(missing_ok=True)
        raise


def _holder(lock: Path) -> str:
    """Who holds a lock, in words."""
    try:
        owner = json.loads(lock.read_bytes())
        return f" (process {owner['pid']} on {owner['host']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _dead_owner(lock: Path) -> bytes | None:
    """Return what the lock says when its owner is gone: a process of this machine that ended, or an old lock of another.

    The number of a process that ended may be another one's by now.
    """
    try:
        age = time.time() - lock.stat().st_mtime
        content = lock.read_bytes()
        owner = json.loads(content)
        host, process = str(owner["host"]), int(owner["pid"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        return content if age > STALE_SECONDS else None
    if host != socket.gethostname():
        # the clock of this computer may be far from that of the disk: whether the lock is old is asked there
        is_old = age > STALE_SECONDS and is_silent(LocalStore(lock.parent), lock, STALE_SECONDS)
        return content if is_old else None
    return None if still_runs(process, owner.get("started")) else content


def _take_away(lock: Path, content: bytes) -> None:
    """Remove the lock of a dead owner; of several waiting runs only one does it, and a newer lock is put back."""
    aside = lock.with_name(f"{lock.name}-{os.getpid()}-{random.getrandbits(32):08x}")
    with contextlib.suppress(FileNotFoundError):
        lock.rename(aside)
        if aside.read_bytes() != content:
            with contextlib.suppress(FileExistsError):
                os.link(aside, lock)
        else:
            logger.info("Took over the lock of a run that ended without removing it: %s", lock)
        aside.unlink(missing_ok=True)
