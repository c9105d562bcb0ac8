"""Files that stand for images in an object store while metadata are read: name, size and time are true, the content is not here.

Whoever opens an image file to read its header asks :func:`address_of` first, or opens it by :func:`open_binary`. A
placeholder may not be read by anybody (no rights), and is empty of any header, so that it is never taken for an image.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO, NamedTuple

_stores: dict[str, str] = {}
"""Folders in which there are placeholders, with what their paths begin with in the store."""


class Address(NamedTuple):
    """URL and size in bytes of the object that a placeholder stands for."""

    url: str
    size: int


def stands_for(folder: str, store: str) -> None:
    """Say that files below a folder (with a slash behind it) lie below ``store`` (``s3://``) in truth."""
    _stores[folder] = store


def forget(folder: str) -> None:
    """Say that a folder is no more."""
    _stores.pop(folder, None)


def make_placeholder(path: str, size: int, mtime_ns: int) -> None:
    """Make a file of a size and time without content, which takes no place on the disk and may not be opened.

    Raises:
        OSError: it cannot be made, or is there.
    """
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0)
    try:
        os.ftruncate(descriptor, size)
    finally:
        os.close(descriptor)
    os.utime(path, ns=(mtime_ns, mtime_ns))


def address_of(path: str | os.PathLike[str]) -> Address | None:
    """Give the object that a local file stands for; None for files that are what they are."""
    if not _stores:
        return None
    text = os.fspath(path)
    folder = next((each for each in _stores if text.startswith(each)), None)
    if folder is None:
        return None
    try:
        facts = os.stat(text)  # noqa: PTH116  # as everywhere where there may be thousands
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(facts.st_mode) or facts.st_mode & stat.S_IWUSR:
        return None
    return Address(_stores[folder] + text[len(folder) :].replace(os.sep, "/"), facts.st_size)


def open_binary(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a file for reading, wherever its content is.

    Raises:
        OSError: it cannot be opened.
        ConvertersToolsStoreError: the store refuses.
    """
    address = address_of(path)
    if address is None:
        return Path(path).open("rb")
    from fractal_omezarr_converters.models.remote_ranges import open_for_header

    return open_for_header(*address)
