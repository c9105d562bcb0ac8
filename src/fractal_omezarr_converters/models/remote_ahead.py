"""Fetch objects of a store before they are read: a store answers late, but answers several requests at the same time."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable

TOGETHER = 4
"""Requests at the same time."""


class _Fetched:
    """One object on its way, or here; ``content`` is None when it could not be fetched."""

    def __init__(self, fetch: Callable[[], bytes | None]) -> None:
        self.fetch = fetch
        self.content: bytes | None = None
        self.done = threading.Event()


_lock = threading.Lock()
_fetched: dict[str, _Fetched] = {}
_waiting: deque[_Fetched] = deque()
_workers = 0


def begin(url: str, fetch: Callable[[], bytes | None]) -> None:
    """Begin to fetch an object, and keep it until it is taken or forgotten; ``fetch`` gives None when the store refuses."""
    global _workers  # noqa: PLW0603  (one for the process)
    with _lock:
        if url in _fetched:
            return
        _fetched[url] = one = _Fetched(fetch)
        _waiting.append(one)
        begun = _workers < TOGETHER
        _workers += begun
    if begun:
        # a daemon: a store that does not answer must not keep the process from its end
        threading.Thread(target=_work, name="omezarr-fetch", daemon=True).start()


def taken(url: str) -> bytes | None:
    """Give an object that was fetched, once, waiting for it while it is on its way; None when it must be read.

    What is wrong with an object is told by reading it.
    """
    with _lock:
        one = _fetched.pop(url, None)
        if one is not None and one in _waiting:
            _waiting.remove(one)  # it comes as fast by reading it
            return None
    if one is None:
        return None
    one.done.wait()
    return one.content


def forget(urls: Iterable[str]) -> None:
    """Let go of objects that nobody takes."""
    with _lock:
        for url in urls:
            one = _fetched.pop(url, None)
            if one is not None and one in _waiting:
                _waiting.remove(one)


def _work() -> None:
    global _workers  # noqa: PLW0603
    while True:
        with _lock:
            if not _waiting:
                _workers -= 1
                return
            one = _waiting.popleft()
        try:
            one.content = one.fetch()
        except BaseException:  # this worker ends with it
            with _lock:
                _workers -= 1
            raise
        finally:
            one.done.set()


def _forget_in_child() -> None:
    """A process made by fork has none of the threads that fetch: it reads itself what they were at."""
    global _lock, _workers  # noqa: PLW0603
    _lock = threading.Lock()
    _fetched.clear()
    _waiting.clear()
    _workers = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
