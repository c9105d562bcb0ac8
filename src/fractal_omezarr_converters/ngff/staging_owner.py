"""Who is writing in a staging folder, and whether they still live.

The folder's name says host and process; a file in it is touched every minute. On the same host the process itself is asked. On
another host a folder counts as left behind when that file was not touched for an hour, by the clock of the file server.
"""

from __future__ import annotations

import json
import os
import platform
import threading
import time
import zlib
from pathlib import Path

from fractal_omezarr_converters.ngff.stores import LocalStore, Store

OWNER_FILE = ".fractal-omezarr-converters-writing.json"
_TOUCH_SECONDS = 60.0
_SILENT_SECONDS = 3600.0


class Owner:
    """Our own claim to a folder, kept alive until ``release``.

    Where a folder cannot be moved into its place, two processes that write one image write in one folder, and the later claim
    counts: the other one notices by ``lost`` and must not call the image complete.
    """

    def __init__(self, store: Store, **facts: str) -> None:
        self._store = store
        self._released = threading.Event()
        claim = {
            "host": platform.node(),
            "pid": os.getpid(),
            "since": time.time(),
            "claim": os.urandom(8).hex(),
            **facts,
        }
        self._content = json.dumps(claim).encode()
        store.put(OWNER_FILE, self._content)
        if isinstance(store, LocalStore):
            threading.Thread(
                target=self._touch, args=(store.path / OWNER_FILE,), daemon=True, name="omezarr-staging"
            ).start()

    def _touch(self, path: Path) -> None:
        while not self._released.wait(_TOUCH_SECONDS):
            try:
                os.utime(path)
            except OSError:
                return

    def stop(self) -> None:
        """Touch the file no more."""
        self._released.set()

    def lost(self) -> bool:
        """Whether another process has begun to write here since."""
        return self._store.get(OWNER_FILE) != self._content

    def release(self) -> None:
        """Give the folder up: it is finished."""
        self.stop()
        self._store.delete(OWNER_FILE)


def new_token() -> str:
    """A name for a staging folder that says who writes in it: host, process, its start, and a random end."""
    return "-".join([_host(), str(os.getpid()), process_start(os.getpid()) or "", os.urandom(4).hex()])


def is_left_behind(root: LocalStore, folder: str, token: str) -> bool:
    """True when whoever wrote in a folder is gone."""
    gone = writer_is_gone(token)
    if gone is not None:
        return gone
    claim = root.path / folder / OWNER_FILE
    return _is_silent(root, claim if claim.exists() else root.path / folder)


def writer_is_gone(token: str) -> bool | None:
    """Whether the process that a staging folder names has ended; None when it ran on another host."""
    host, pid, started, *_ = [*token.split("-"), "", "", ""]
    if host == _host() and pid.isdecimal():
        return process_start(int(pid)) != started
    return None


def _host() -> str:
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _is_silent(root: LocalStore, path: Path) -> bool:
    """True when a file was not touched for long, measured by the clock that stamps files there."""
    probe = f".{os.getpid()}-{threading.get_ident()}.clock"
    try:
        root.put(probe, b"")
        now = (root.path / probe).stat().st_mtime
        root.delete(probe)
        return now - path.stat().st_mtime > _SILENT_SECONDS
    except OSError:
        return False


def process_start(pid: int) -> str | None:
    """When a process began, so that a number used again is not taken for it; None when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        pass
    try:
        os.kill(pid, 0)
    except PermissionError:
        return "running"
    except (OSError, OverflowError):
        return None
    return "running"
