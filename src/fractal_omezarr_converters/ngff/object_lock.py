"""The lock of a plate on an object store: an object that is put on condition that it is not there.

S3 and its newer relatives know that condition (``If-None-Match: *``), and ``If-Match`` to take over the lock of a run that died.
A store that knows neither keeps no two runs apart: there, runs that set up one plate must follow each other.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import platform
import random
import threading
import time
from collections.abc import Iterator

from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsUserError
from fractal_omezarr_converters.ngff.remote_store import RemoteStore
from fractal_omezarr_converters.ngff.staging_owner import process_start, still_runs

logger = logging.getLogger(__name__)

STALE_SECONDS = 600.0
"""A lock of another computer that was not renewed for so long belongs to a dead run."""
RENEW_SECONDS = 60.0


@contextlib.contextmanager
def object_lock(store: RemoteStore, key: str, plate_path: str, timeout: float) -> Iterator[None]:
    """Hold the lock object ``key``.

    Raises:
        ConvertersToolsUserError: another run holds it for longer than ``timeout`` seconds.
    """
    held = _Held(store, key)
    _acquire(held, plate_path, timeout)
    released = threading.Event()

    def renew() -> None:
        while not released.wait(RENEW_SECONDS):
            with contextlib.suppress(ConvertersToolsError):
                held.renew()

    threading.Thread(target=renew, daemon=True, name="omezarr-plate-lock").start()
    try:
        yield
    finally:
        released.set()
        held.release()


class _Held:
    """The lock as it is held, or wished for, by this process."""

    def __init__(self, store: RemoteStore, key: str) -> None:
        self.store, self.key = store, key
        self._claim = {"host": platform.node(), "pid": os.getpid(), "claim": os.urandom(8).hex()}
        self._claim["started"] = process_start(os.getpid()) or ""
        self._guard = threading.Lock()
        self.content = self._now()

    def _now(self) -> bytes:
        return json.dumps({**self._claim, "renewed": time.time()}).encode()

    def take(self) -> bool:
        """Put the lock if there is none; True when it is ours, also when the answer to our put was lost."""
        self.content = self._now()
        return self.store.put_new(self.key, self.content) or self.store.get(self.key) == self.content

    def take_over(self, old: bytes) -> bool:
        """Put the lock in the place of a dead run's."""
        self.content = self._now()
        taken = self.store.put_instead(self.key, self.content, old) or self.store.get(self.key) == self.content
        if taken:
            logger.info("Took over the lock of a run that ended without removing it: %s/%s", self.store.url, self.key)
        return taken

    def renew(self) -> None:
        """Say that the holder lives."""
        with self._guard:
            now = self._now()
            if self.store.put_instead(self.key, now, self.content):
                self.content = now

    def release(self) -> None:
        """Remove the lock if it is still ours."""
        with self._guard:
            if self.store.get(self.key) == self.content:
                self.store.delete(self.key)


def _acquire(held: _Held, plate_path: str, timeout: float) -> None:
    end = time.monotonic() + timeout
    while not held.take():
        content = held.store.get(held.key)
        if content is not None and _is_dead(content):
            if held.take_over(content):
                return
            continue
        if content is not None and time.monotonic() > end:
            raise ConvertersToolsUserError(
                f"Plate '{plate_path}' is being set up by another run ({_holder(content)}) since {timeout:g} s "
                f"({held.store.url}/{held.key}); wait for it, or remove this object when no run is going on."
            )
        time.sleep(random.uniform(0.1, 0.5))


def _read(content: bytes) -> dict[str, object]:
    try:
        owner = json.loads(content)
    except ValueError:
        return {}
    return owner if isinstance(owner, dict) else {}


def _is_dead(content: bytes) -> bool:
    owner = _read(content)
    process, renewed = owner.get("pid"), owner.get("renewed")
    if owner.get("host") == platform.node() and isinstance(process, int):
        return not still_runs(process, owner.get("started"))
    return isinstance(renewed, int | float) and time.time() - renewed > STALE_SECONDS


def _holder(content: bytes) -> str:
    owner = _read(content)
    return f"process {owner.get('pid', '?')} on {owner.get('host', 'an unknown computer')}"
