"""A small pool of open TIFF files per process: opened by path, shared by threads, closed when others need the place.

A handle that several threads read without a lock gives wrong pixels without an error; every file of the pool has one.
A file that changed on disk (size or time) is opened again.
"""

from __future__ import annotations

import os
import struct
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import tifffile

from fractal_omezarr_converters.errors import (
    ConvertersToolsError,
    ConvertersToolsFileNotFoundError,
    ConvertersToolsUserError,
)
from fractal_omezarr_converters.models.placeholders import address_of
from fractal_omezarr_converters.models.remote_calls import open_remote, refused, store_errors
from fractal_omezarr_converters.models.rights_to_read import remedy
from fractal_omezarr_converters.models.urls import filesystem_for_url, is_remote_url

MOST_OPEN_FILES = 16
Key = tuple[str, int, int]
#: What readers raise on files that are cut off, damaged or of another kind.
READ_ERRORS = (
    OSError,
    ValueError,
    RuntimeError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    SyntaxError,
    struct.error,
    zlib.error,
    tifffile.TiffFileError,
)


@dataclass
class OpenTiff:
    """An open TIFF file. Multi-file descriptions are not followed here: ``is_ome=False``."""

    path: str
    tif: tifffile.TiffFile
    #: What readers found out about the file: kept as long as it is open.
    known: dict[Any, Any] = field(default_factory=dict)
    users: int = 0
    given_up: bool = False

    @property
    def lock(self) -> Any:
        """The lock of the file's position: one and the same for looking up pages and for reading pixels."""
        return self.tif.filehandle.lock

    def close(self) -> None:
        """Close the file, and the stream below it."""
        self.tif.close()


_for_headers: ContextVar[bool] = ContextVar("_for_headers", default=False)
_open: OrderedDict[Key, OpenTiff] = OrderedDict()
_guard = threading.Lock()


@contextmanager
def opened(path: str) -> Iterator[OpenTiff]:
    """Lend an open file; it stays open at least as long as the block lasts.

    Raises:
        ConvertersToolsFileNotFoundError: The file is not there.
        ConvertersToolsUserError: It is not a TIFF file or is damaged.
    """
    key = _key(path)
    with _guard:
        entry = _open.get(key)
        if entry is not None:
            entry.users += 1
            _open.move_to_end(key)
    if entry is None:
        entry = _add(key, _opened_now(path))
    try:
        yield entry
    finally:
        _give_back(entry)


@contextmanager
def headers_only() -> Iterator[None]:
    """Open files of stores for their headers alone in this block: not as a whole, and not compared with checksums."""
    token = _for_headers.set(True)
    try:
        yield
    finally:
        _for_headers.reset(token)


@contextmanager
def naming(source: str) -> Iterator[None]:
    """Turn what readers raise on a damaged file into one sentence that names it."""
    try:
        yield
    except ConvertersToolsError:
        raise
    except FileNotFoundError as error:
        raise ConvertersToolsFileNotFoundError(
            f"{source} does not exist; check the path, and that the disk or network is connected."
        ) from error
    except PermissionError as error:
        raise ConvertersToolsUserError(f"{source} cannot be read ({error.strerror}); {remedy(error)}.") from error
    except READ_ERRORS as error:
        said = str(error).strip().rstrip(".") or type(error).__name__
        raise ConvertersToolsUserError(
            f"{source} cannot be read ({said}); it is damaged, incomplete or of another kind than its name says: "
            "copy it again from the instrument, or leave it out."
        ) from error
    except store_errors() as error:
        raise refused(source, "read", error) from error


def close_files() -> None:
    """Close every file of the pool that nobody uses."""
    with _guard:
        idle = [key for key, entry in _open.items() if not entry.users]
        entries = [_open.pop(key) for key in idle]
    for entry in entries:
        entry.close()


def _key(path: str) -> Key:
    if is_remote_url(path):
        return path, 0, int(_for_headers.get())
    try:
        facts = Path(path).stat()
    except FileNotFoundError as error:
        raise ConvertersToolsFileNotFoundError(
            f"File '{path}' does not exist; check the path, and that the disk is connected."
        ) from error
    except OSError as error:
        raise ConvertersToolsUserError(f"File '{path}' cannot be opened ({error}); check its rights.") from error
    return path, facts.st_size, facts.st_mtime_ns


def _opened_now(path: str) -> OpenTiff:
    with naming(f"File '{path}'"):
        address = address_of(path)
        if address is not None or (_for_headers.get() and is_remote_url(path)):
            from fractal_omezarr_converters.models.remote_ranges import open_for_header

            stream = open_for_header(path) if address is None else open_for_header(*address)
            tif = tifffile.TiffFile(stream, name=path, is_ome=False)
        elif is_remote_url(path):
            stream = open_remote(filesystem_for_url(path, "Reading a TIFF file"), path)
            tif = tifffile.TiffFile(stream, name=path, is_ome=False)
        else:
            tif = tifffile.TiffFile(path, is_ome=False)
        tif.filehandle.set_lock(True)
        if not len(tif.pages):
            tif.close()
            raise ValueError("it has no pages")
        return OpenTiff(path, tif)


def _add(key: Key, made: OpenTiff) -> OpenTiff:
    """Put a file into the pool, unless another thread was faster; make room."""
    with _guard:
        entry = _open.setdefault(key, made)
        entry.users += 1
        _open.move_to_end(key)
        to_close = [made] if entry is not made else []
        for old in list(_open):
            if len(_open) <= MOST_OPEN_FILES:
                break
            if old != key:
                removed = _open.pop(old)
                removed.given_up = True
                if not removed.users:
                    to_close.append(removed)
    for old_entry in to_close:
        old_entry.close()
    return entry


def _give_back(entry: OpenTiff) -> None:
    with _guard:
        entry.users -= 1
        last = entry.given_up and not entry.users
    if last:
        entry.close()


def _forget_in_child() -> None:
    """A forked process shares file positions with its parent: it starts with an empty pool of its own."""
    global _guard  # noqa: PLW0603  # the lock may be held by a thread that the child does not have
    _guard = threading.Lock()
    _open.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_in_child)
