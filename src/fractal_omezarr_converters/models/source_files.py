"""The files that pixels come from, with size and time; of many files the folder of all is opened once."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, overload

from fractal_omezarr_converters.models.urls import refuse_special_file

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    type Numbers = npt.NDArray[np.int64]

UNKNOWN, NO_FILE = -1, -2
"""Sizes of what was not looked at, and of what is no file."""
_TOGETHER_FROM = 8
_AT_A_TIME = 128
_SLOW = 0.0001
"""Seconds for one file from where a disk answers several questions together faster than one after the other."""
_SLOW_FROM = 4
_TOGETHER = 16


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


class SourceFiles(Sequence[SourceFile]):
    """Files as columns: paths, sizes in bytes and times of change in nanoseconds; reads like a list of :class:`SourceFile`."""

    __slots__ = ("mtime_ns", "paths", "size")

    def __init__(self, paths: list[str], size: Numbers, mtime_ns: Numbers) -> None:
        """Join the columns."""
        self.paths, self.size, self.mtime_ns = paths, size, mtime_ns

    @classmethod
    def taken(cls, files: Sequence[SourceFile]) -> SourceFiles:
        """Take any sequence of files as columns."""
        if isinstance(files, cls):
            return files
        import numpy as np

        size, mtime = (np.array([file[at] for file in files], dtype=np.int64) for at in (1, 2))
        return cls([file.path for file in files], size, mtime)

    def select(self, rows: Numbers) -> SourceFiles:
        """Give some files, by their places."""
        return SourceFiles([self.paths[row] for row in rows.tolist()], self.size[rows], self.mtime_ns[rows])

    def __len__(self) -> int:
        """Count the files."""
        return len(self.paths)

    @overload
    def __getitem__(self, index: int) -> SourceFile: ...
    @overload
    def __getitem__(self, index: slice) -> SourceFiles: ...
    def __getitem__(self, index: int | slice) -> SourceFile | SourceFiles:
        """Give one file, or some."""
        if isinstance(index, slice):
            return SourceFiles(self.paths[index], self.size[index], self.mtime_ns[index])
        return SourceFile(self.paths[index], int(self.size[index]), int(self.mtime_ns[index]))

    def __iter__(self) -> Iterator[SourceFile]:
        """Give one file after the other."""
        return map(SourceFile, self.paths, self.size.tolist(), self.mtime_ns.tolist())


def facts_of(paths: Sequence[str | None], *, follow_links: bool = True) -> tuple[Numbers, Numbers]:
    """Give size and time of absolute local paths; the size is ``UNKNOWN`` for None, and ``NO_FILE`` for what is no file.

    What is not there, or is spelled in another way than on the disk, is no file; nor is a link, unless links are followed.
    """
    import numpy as np

    size, mtime = np.full(len(paths), UNKNOWN, np.int64), np.zeros(len(paths), np.int64)
    known = [at for at, path in enumerate(paths) if path is not None] if None in paths else None
    own = [path for path in paths if path is not None]
    if own:
        where = slice(None) if known is None else known
        folder = common_folder(own)
        size[where], mtime[where] = _facts(folder, own, len(folder), follow_links=follow_links)
    return size, mtime


def facts_below(folder: str, names: Sequence[str], *, follow_links: bool = True) -> tuple[Numbers, Numbers]:
    """Give size and time of files by their names below one local folder, as :func:`facts_of` does of paths."""
    return _facts(os.path.join(folder, ""), names, 0, follow_links=follow_links)  # noqa: PTH118


def common_folder(paths: Sequence[str]) -> str:
    """Give the innermost folder that all paths lie in, with the slash behind it."""
    first, last = min(paths), max(paths)
    alike = next((at for at, (one, other) in enumerate(zip(first, last)) if one != other), min(len(first), len(last)))
    return first[: first.rfind("/", 0, alike) + 1]


def look_at(paths: Iterable[str]) -> dict[str, SourceFile]:
    """Give the facts of absolute local paths; what is no file, not there or not spelled so is left out."""
    asked = list(dict.fromkeys(paths))
    size, mtime = facts_of(asked)
    return {file.path: file for file in SourceFiles(asked, size, mtime) if file.size >= 0}


def _facts(folder: str, names: Sequence[str], known: int, *, follow_links: bool) -> tuple[Numbers, Numbers]:
    """Sizes and times of files below one folder, which is looked up once for many of them.

    The first ``known`` characters of the names are the folder's own; it is put before names that have none of them.
    """
    import numpy as np

    descriptor = None
    if len(names) >= _TOGETHER_FROM and os.stat in os.supports_dir_fd:
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
    size, mtime = np.empty(len(names), np.int64), np.empty(len(names), np.int64)
    look = os.stat if follow_links else os.lstat

    def look_at_some(begin: int) -> None:
        part = names[begin : begin + _AT_A_TIME]
        if descriptor is None:
            part = part if known else [folder + name for name in part]
        elif known:
            part = [name[known:] for name in part]
        end = begin + len(part)
        try:
            found: Sequence[_Stated | os.stat_result] = [look(name, dir_fd=descriptor) for name in part]
        except (OSError, ValueError):
            found = [_stated(look, name, descriptor) for name in part]
        size[begin:end] = [one.st_size for one in found]
        mtime[begin:end] = [one.st_mtime_ns for one in found]
        if not all(map(stat.S_ISREG, {one.st_mode for one in found})):
            other = [begin + at for at, one in enumerate(found) if not stat.S_ISREG(one.st_mode)]
            size[other], mtime[other] = NO_FILE, 0

    try:
        _together_where_slow(look_at_some, range(0, len(names), _AT_A_TIME))
    finally:
        if descriptor is not None:
            os.close(descriptor)
    return size, mtime


def _together_where_slow(look_at_some: Callable[[int], None], begins: Sequence[int]) -> None:
    """Look at one part after the other; where they turn out to be slow, as behind a network, at several together."""
    started = time.monotonic()
    for number, begin in enumerate(begins, 1):
        look_at_some(begin)
        # on a fast disk threads would cost more than they save; a single slow part may be a busy computer
        if number >= _SLOW_FROM and time.monotonic() - started > _SLOW * _AT_A_TIME * number:
            from concurrent.futures import ThreadPoolExecutor

            with ThreadPoolExecutor(_TOGETHER) as several:
                list(several.map(look_at_some, begins[number:]))
            return


class _Stated(NamedTuple):
    """What is looked at of a file."""

    st_mode: int = 0
    st_size: int = 0
    st_mtime_ns: int = 0


def _stated(look: Callable[..., os.stat_result], name: str, descriptor: int | None) -> _Stated | os.stat_result:
    """The facts of what may not be there."""
    try:
        return look(name, dir_fd=descriptor)
    except (OSError, ValueError):
        return _Stated()
