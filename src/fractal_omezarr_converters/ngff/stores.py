"""Where documents and chunks go: a folder, or any fsspec URL (s3://, memory://), by key.

Documents are put whole: on local disks by a temporary file, fsync and rename. Chunks are plain writes, since an image is
written below a staging path that nobody reads before it is complete.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.ngff.store_contract import Buffer, ChunkSink, Store, checked_key

__all__ = ["Buffer", "ChunkSink", "LocalStore", "Store", "open_store"]


def open_store(url: str | os.PathLike[str] | Store, **storage_options: Any) -> Store:
    """A store for a local path or an fsspec URL; a store is handed through. Nothing is created."""
    if not isinstance(url, str | os.PathLike):
        return url
    text = os.fspath(url)
    if "://" in text and not text.startswith("file://"):
        from fractal_omezarr_converters.ngff.remote_store import RemoteStore

        return RemoteStore(text, **storage_options)
    return LocalStore(text.removeprefix("file://"))


class LocalStore:
    """A folder of the file system."""

    can_rename = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).expanduser().absolute()
        self.url = str(self.path)
        self._made: set[str] = set()

    def _at(self, key: str) -> Path:
        return self.path / checked_key(key) if key else self.path

    def _ready(self, key: str) -> str:
        """The path of a key to be written, its folder made."""
        path = os.path.join(self.url, checked_key(key))  # noqa: PTH118  (a million chunks: pathlib costs more than the write)
        folder = path.rpartition("/")[0]
        if folder not in self._made:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103
            self._made.add(folder)
        return path

    def get(self, key: str) -> bytes | None:
        """The bytes of a key, None when there is none."""
        try:
            with open(os.path.join(self.url, checked_key(key)) if key else self.url, "rb") as file:  # noqa: PTH118, PTH123
                return file.read()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except (OSError, ValueError) as error:
            if not _is_of_no_name(error, key):
                raise
            return None

    def put(self, key: str, data: Buffer) -> None:
        """Temporary file beside the target, fsync, rename."""
        path = self._ready(key)
        temporary = f"{path}.{os.urandom(6).hex()}.part"
        try:
            with open(temporary, "xb") as file:  # noqa: PTH123
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)  # noqa: PTH105
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)  # noqa: PTH108
            raise

    def put_chunk(self, key: str, data: Buffer) -> None:
        """One plain write, all bytes or an error."""
        with open(self._ready(key), "wb", buffering=0) as file:  # noqa: PTH123
            _write_all(file.fileno(), data)

    def begin(self, key: str) -> ChunkSink:
        """A file that grows on disk."""
        return _LocalSink(self._ready(key))

    def exists(self, key: str) -> bool:
        """True for a file or folder."""
        return os.path.lexists(self._at(key))

    def list(self, prefix: str = "") -> Iterator[str]:
        """All files below a folder, in no particular order."""
        root = self._at(prefix)
        if os.path.isfile(root):  # noqa: PTH113 -- false for names that no disk has
            yield prefix
            return
        if not os.path.isdir(root):  # noqa: PTH112
            return
        for folder, _, names in os.walk(root):
            inside = Path(folder).relative_to(self.path).as_posix()
            yield from (name if inside == "." else f"{inside}/{name}" for name in names)

    def folders(self, prefix: str = "") -> Sequence[str]:
        """Names of folders directly below."""
        return self._names(prefix, lambda entry: entry.is_dir(follow_symlinks=False))

    def linked_folders(self, prefix: str = "") -> Sequence[str]:
        """Names of links to folders directly below."""
        return self._names(prefix, lambda entry: entry.is_symlink() and entry.is_dir())

    def _names(self, prefix: str, wanted: Callable[[os.DirEntry[str]], bool]) -> Sequence[str]:
        try:
            return sorted(entry.name for entry in os.scandir(self._at(prefix)) if wanted(entry))
        except (FileNotFoundError, NotADirectoryError):
            return []
        except (OSError, ValueError) as error:
            if not _is_of_no_name(error, prefix):
                raise
            return []

    def delete(self, prefix: str) -> None:
        """Remove a file or folder; links are removed, not followed."""
        path = self._at(prefix)
        self._made.clear()
        if path.is_dir() and not path.is_symlink():
            import shutil

            shutil.rmtree(path, onexc=_unless_gone)
        else:
            path.unlink(missing_ok=True)

    def rename(self, source: str, target: str) -> None:
        """Move within the file system; the target must not exist."""
        if self.exists(target):
            raise ConvertersToolsUserError(f"{self._at(target)} exists already; move or remove it and run again.")
        self._made.clear()
        self._at(target).parent.mkdir(parents=True, exist_ok=True)
        self._at(source).rename(self._at(target))

    def child(self, prefix: str) -> LocalStore:
        """The store of a sub-folder."""
        return LocalStore(self._at(prefix))


def _is_of_no_name(error: OSError | ValueError, key: str) -> bool:
    """Whether an error says that no disk has such a name: it is too long, or has a zero byte."""
    return error.errno == errno.ENAMETOOLONG if isinstance(error, OSError) else "\0" in key


def _unless_gone(_function: object, _path: str, error: BaseException) -> None:
    """Another process that removes the same folder may be faster."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _write_all(descriptor: int, data: Buffer) -> None:
    view = memoryview(data).cast("B")
    while view:
        view = view[os.write(descriptor, view) :]


class _LocalSink:
    def __init__(self, path: str) -> None:
        self._file = open(path, "wb", buffering=0)  # noqa: PTH123, SIM115  (closed by finish)

    def append(self, part: Buffer) -> None:
        _write_all(self._file.fileno(), part)

    def finish(self) -> None:
        self._file.close()

    def abandon(self) -> None:
        self._file.close()
