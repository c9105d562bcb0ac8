"""Find the files that tell what wrote a folder: by patterns, level by level. A folder of 100,000 planes is listed once."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from fnmatch import translate
from pathlib import Path
from typing import NamedTuple


class Listing(NamedTuple):
    """What lies in a folder: names of all entries, and of those that are folders (or links to one)."""

    names: list[str]
    folders: list[str]


_kept: ContextVar[dict[str, Listing] | None] = ContextVar("kept_listings", default=None)


@contextmanager
def kept_listings() -> Iterator[None]:
    """List every folder once while many formats look into it; nothing is kept afterwards."""
    token = _kept.set({})
    try:
        yield
    finally:
        _kept.reset(token)


def files_that_match(folder: str, pattern: str) -> list[Path]:
    """Files below a folder that match a pattern such as ``*/Index.xml``, in order."""
    first, _, rest = pattern.partition("/")
    if not any(letter in first for letter in "*?["):
        path = os.path.join(folder, first)  # noqa: PTH118
        if rest:
            return files_that_match(path, rest) if os.path.isdir(path) else []  # noqa: PTH112
        return [Path(path)] if _is_there(path) else []
    listing, matches = _listing(folder), re.compile(translate(first)).match
    if rest:
        places = sorted(os.path.join(folder, name) for name in listing.folders if matches(name))  # noqa: PTH118
        return [each for place in places for each in _those_that_match_if_allowed(place, rest)]
    ending = re.split(r"[*?\]]", first)[-1]
    names = [name for name in listing.names if name.endswith(ending) and matches(name)]
    return [Path(path) for path in sorted(os.path.join(folder, name) for name in names)]  # noqa: PTH118


def _those_that_match_if_allowed(folder: str, pattern: str) -> list[Path]:
    """Files below one of several folders; those that may not be looked into are somebody else's (``lost+found``)."""
    try:
        return files_that_match(folder, pattern)
    except PermissionError:
        return []


def _is_there(path: str) -> bool:
    """Whether there is a file or folder; where this may not be asked, an error instead of a no."""
    try:
        os.stat(path)  # noqa: PTH116
    except PermissionError:
        raise
    except OSError:
        return False
    return True


def _listing(folder: str) -> Listing:
    kept = _kept.get()
    if kept is not None and folder in kept:
        return kept[folder]
    found = Listing([], [])
    with os.scandir(folder) as entries:
        for entry in entries:
            found.names.append(entry.name)
            if entry.is_dir():
                found.folders.append(entry.name)
    if kept is not None:
        kept[folder] = found
    return found
