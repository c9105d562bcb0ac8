"""The files that pixels come from, with size and time; of many files every folder is listed once."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from typing import NamedTuple

from fractal_omezarr_converters.models.urls import refuse_special_file

_LISTED_FROM = 8


class SourceFile(NamedTuple):
    """A file that pixels come from, as it was when it was looked at."""

    path: str
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> SourceFile:
        """Look at a file.

        Raises:
            ConvertersToolsUserError: it is a pipe, a device or a socket.
        """
        refuse_special_file(path)
        facts = os.stat(path)  # noqa: PTH116  # 100,000 files
        return cls(os.fspath(path), facts.st_size, facts.st_mtime_ns)


def look_at(paths: Iterable[str]) -> dict[str, SourceFile]:
    """Give the facts of absolute local paths; what is no file, not there or not spelled so is left out."""
    folders: dict[str, dict[str, str]] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        folders.setdefault(folder, {})[name] = path
    found: dict[str, SourceFile] = {}
    for folder, names in folders.items():
        if len(names) < _LISTED_FROM:
            for path in names.values():
                _ask(path, found)
        else:
            _list(folder, names, found)
    return found


def _list(folder: str, names: dict[str, str], found: dict[str, SourceFile]) -> None:
    """Take the facts from the listing of a folder: on network disks and Windows it brings them along."""
    try:
        with os.scandir(folder or "/") as entries:
            for entry in entries:
                path = names.get(entry.name)
                if path is not None:
                    _ask(path, found, entry)
    except OSError:
        pass
    for path in names.values():
        if path not in found:  # another spelling of the name, or not there
            _ask(path, found)


def _ask(path: str, found: dict[str, SourceFile], entry: os.DirEntry[str] | None = None) -> None:
    try:
        facts = os.stat(path) if entry is None else entry.stat()  # noqa: PTH116  # 100,000 files
    except (OSError, ValueError):
        return
    if stat.S_ISREG(facts.st_mode):
        found[path] = SourceFile(path, facts.st_size, facts.st_mtime_ns)
