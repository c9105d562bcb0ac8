"""Who is writing in a staging folder, and whether they still live.

The folder's name says host and process; a file in it is touched every minute. On the same host the process itself is asked. On
another host a folder counts as left behind when that file was not touched for an hour, by the clock of the file server; whether
somebody is writing at this moment is answered more strictly, by three minutes.
"""

from __future__ import annotations

import getpass
import json
import os
import platform
import threading
import time
import zlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from fractal_omezarr_converters.ngff.stores import LocalStore, Store

OWNER_FILE = ".fractal-omezarr-converters-writing.json"
_TOUCH_SECONDS = 60.0
_SILENT_SECONDS = 3600.0
_UNKNOWN = "running"
ALIVE_SECONDS = 180.0
"""Who did not touch their file for so long on another host is not taken for alive: three touches."""


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
            "started": process_start(os.getpid()),
            "user": _user(),
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
            except FileNotFoundError:
                return
            except OSError:  # a network disk that does not answer now may do so the next time
                continue

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


@dataclass(frozen=True)
class Writer:
    """A process that is writing an image: on this host it is alive, on another one it was a few minutes ago."""

    user: str
    host: str
    pid: int
    since: datetime

    @property
    def here(self) -> bool:
        """Whether it runs on this host."""
        return self.host == platform.node()

    def said(self) -> str:
        """Who it is and since when, in words."""
        since = self.since.isoformat(sep=" ", timespec="seconds")
        return f"user {self.user}, host {self.host}, process {self.pid}, since {since}"


def living_writer(root: LocalStore, folder: str) -> Writer | None:
    """Who is writing in a staging folder; None when nobody is known to live. This process does not count."""
    try:
        claim = json.loads((root.path / folder / OWNER_FILE).read_bytes())
        since = datetime.fromtimestamp(float(claim["since"])).astimezone()
        writer = Writer(str(claim.get("user", "unknown")), str(claim["host"]), int(claim["pid"]), since)
        started = claim.get("started")
    except (
        OSError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
    ):  # finished just now, or no claim of ours
        return None
    if not writer.here:
        return None if is_silent(root, root.path / folder / OWNER_FILE, ALIVE_SECONDS) else writer
    return writer if writer.pid != os.getpid() and still_runs(writer.pid, started) else None


def new_token() -> str:
    """A name for a staging folder that says who writes in it: host, process, its start, and a random end."""
    return "-".join([_host(), str(os.getpid()), process_start(os.getpid()) or "", os.urandom(4).hex()])


def is_left_behind(root: LocalStore, folder: str, token: str) -> bool:
    """True when whoever wrote in a folder is gone."""
    gone = writer_is_gone(token)
    if gone is not None:
        return gone
    claim = root.path / folder / OWNER_FILE
    return is_silent(root, claim if claim.exists() else root.path / folder)


def writer_is_gone(token: str) -> bool | None:
    """Whether the process that a staging folder names has ended; None when it ran on another host."""
    host, pid, started, *_ = [*token.split("-"), "", "", ""]
    if host == _host() and pid.isdecimal():
        return not still_runs(int(pid), started)
    return None


def _host() -> str:
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # an account without a name, as containers have them
        return str(os.getuid()) if hasattr(os, "getuid") else "unknown"


def is_silent(root: LocalStore, path: Path, seconds: float = _SILENT_SECONDS) -> bool:
    """True when a file was not touched for long, measured by the clock that stamps files there."""
    probe = f".{os.getpid()}-{threading.get_ident()}.clock"
    try:
        root.put(probe, b"")
        now = (root.path / probe).stat().st_mtime
        root.delete(probe)
        return now - path.stat().st_mtime > seconds
    except OSError:
        return False


def still_runs(pid: int, started: object) -> bool:
    """Whether the process of this number is the one that began then; any of this number where that is not known."""
    now = process_start(pid)
    return now is not None and (not started or now == started or _UNKNOWN in (now, started))


def process_start(pid: int) -> str | None:
    """When a process began, so that a number used again is not taken for it; None when it is gone.

    Not every system says so, and some hide the processes of other users: what runs is then ``running``.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        pass
    try:
        os.kill(pid, 0)
    except PermissionError:
        return _UNKNOWN
    except (OSError, OverflowError):
        return None
    return _UNKNOWN
