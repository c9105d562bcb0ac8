"""Where documents and chunks go: a folder, or any fsspec URL (s3://, memory://), by key.

Documents are put whole: on local disks by a temporary file, fsync and rename. Chunks are plain writes, since an image is
written below a staging path that nobody reads before it is complete.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from fractal_omezarr_converters.errors import ConvertersToolsUserError

Buffer = bytes | bytearray | memoryview


class ChunkSink(Protocol):
    """A file under construction: parts are appended, and it exists for readers after ``finish``."""

    def append(self, part: Buffer) -> None:
        """Add bytes at the end."""
        ...

    def finish(self) -> None:
        """Close the file; it is complete."""
        ...

    def abandon(self) -> None:
        """Close the file without completing it."""
        ...


class Store(Protocol):
    """Bytes by key; keys are relative paths with forward slashes."""

    url: str
    can_rename: bool

    def get(self, key: str) -> bytes | None:
        """The bytes of a key, None when there is none."""
        ...

    def put(self, key: str, data: Buffer) -> None:
        """Write a document: readers see the old or the new one, never half of it."""
        ...

    def put_chunk(self, key: str, data: Buffer) -> None:
        """Write a chunk without the guard of ``put``."""
        ...

    def begin(self, key: str) -> ChunkSink:
        """Begin a file that is written in parts, once."""
        ...

    def exists(self, key: str) -> bool:
        """True for a key, and for a folder with keys below."""
        ...

    def list(self, prefix: str = "") -> Iterator[str]:
        """All keys below a folder."""
        ...

    def folders(self, prefix: str = "") -> Sequence[str]:
        """Names of folders directly below a folder, hidden ones included."""
        ...

    def delete(self, prefix: str) -> None:
        """Remove a key or a folder with all below; nothing happens when it is not there."""
        ...

    def rename(self, source: str, target: str) -> None:
        """Move a folder in one step (local only)."""
        ...

    def child(self, prefix: str) -> Store:
        """The store rooted at a folder of this one."""
        ...


def open_store(url: str | os.PathLike[str] | Store, **storage_options: Any) -> Store:
    """A store for a local path or an fsspec URL; a store is handed through. Nothing is created."""
    if not isinstance(url, str | os.PathLike):
        return url
    text = os.fspath(url)
    if "://" in text and not text.startswith("file://"):
        return RemoteStore(text, **storage_options)
    return LocalStore(text.removeprefix("file://"))


def _checked(key: str) -> str:
    if key.startswith("/") or ".." in key.split("/"):
        raise ConvertersToolsUserError(
            f"Key {key!r} leaves its store; names must not contain '..' or begin with a slash."
        )
    return key


class LocalStore:
    """A folder of the file system."""

    can_rename = True

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path).expanduser().absolute()
        self.url = str(self.path)
        self._made: set[str] = set()

    def _at(self, key: str) -> Path:
        return self.path / _checked(key) if key else self.path

    def _ready(self, key: str) -> str:
        """The path of a key to be written, its folder made."""
        path = os.path.join(self.url, _checked(key))  # noqa: PTH118  (a million chunks: pathlib costs more than the write)
        folder = path.rpartition("/")[0]
        if folder not in self._made:
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103
            self._made.add(folder)
        return path

    def get(self, key: str) -> bytes | None:
        """The bytes of a key, None when there is none."""
        try:
            with open(os.path.join(self.url, _checked(key)) if key else self.url, "rb") as file:  # noqa: PTH118, PTH123
                return file.read()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
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
        if root.is_file():
            yield prefix
            return
        for folder, _, names in os.walk(root):
            inside = Path(folder).relative_to(self.path).as_posix()
            yield from (name if inside == "." else f"{inside}/{name}" for name in names)

    def folders(self, prefix: str = "") -> Sequence[str]:
        """Names of folders directly below."""
        try:
            return sorted(entry.name for entry in os.scandir(self._at(prefix)) if entry.is_dir(follow_symlinks=False))
        except (FileNotFoundError, NotADirectoryError):
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


class RemoteStore:
    """An object store or any other file system that fsspec knows; a put is atomic there by itself."""

    can_rename = False

    def __init__(self, url: str, filesystem: Any = None, **storage_options: Any) -> None:
        import fsspec

        self.url = url.rstrip("/")
        self._fs, self._root = (
            (filesystem, fsspec.core.strip_protocol(url))
            if filesystem
            else fsspec.core.url_to_fs(url, **storage_options)
        )
        self._root = self._root.rstrip("/")

    def _at(self, key: str) -> str:
        return f"{self._root}/{_checked(key)}" if key else self._root

    def get(self, key: str) -> bytes | None:
        """The bytes of a key, None when there is none."""
        try:
            return bytes(self._fs.cat_file(self._at(key)))
        except (FileNotFoundError, IsADirectoryError):
            return None

    def put(self, key: str, data: Buffer) -> None:
        """One put of the whole object."""
        self._fs.pipe_file(self._at(key), bytes(data))

    def put_chunk(self, key: str, data: Buffer) -> None:
        """One put of the whole object."""
        self.put(key, data)

    def begin(self, key: str) -> ChunkSink:
        """Parts are gathered in a temporary file, so that open shards take no memory, and put as one object."""
        return _RemoteSink(self._fs, self._at(key))

    def exists(self, key: str) -> bool:
        """True for an object, and for a prefix with objects below."""
        return bool(self._fs.exists(self._at(key)))

    def list(self, prefix: str = "") -> Iterator[str]:
        """All objects below a prefix."""
        self._fs.invalidate_cache()
        with contextlib.suppress(FileNotFoundError):
            for found in self._fs.find(self._at(prefix)):
                yield found.removeprefix(f"{self._root}/")

    def folders(self, prefix: str = "") -> Sequence[str]:
        """Names of prefixes directly below."""
        self._fs.invalidate_cache()
        try:
            entries: Sequence[dict[str, Any]] = self._fs.ls(self._at(prefix), detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(entry["name"].rstrip("/").rpartition("/")[2] for entry in entries if entry["type"] == "directory")

    def delete(self, prefix: str) -> None:
        """Remove an object or all objects below a prefix."""
        with contextlib.suppress(FileNotFoundError):
            self._fs.rm(self._at(prefix), recursive=True)
        self._fs.invalidate_cache()

    def copy(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Copy objects within the store, many at a time; no byte passes this computer where the store can do that."""
        if pairs:
            self._fs.copy([self._at(source) for source, _ in pairs], [self._at(target) for _, target in pairs])
            self._fs.invalidate_cache()

    def rename(self, source: str, target: str) -> None:
        """Object stores cannot rename."""
        raise ConvertersToolsUserError(
            f"{self.url} cannot rename {source!r} to {target!r}; objects are written in place."
        )

    def child(self, prefix: str) -> RemoteStore:
        """The store of a prefix."""
        return RemoteStore(f"{self.url}/{_checked(prefix)}", filesystem=self._fs)


class _RemoteSink:
    def __init__(self, filesystem: Any, path: str) -> None:
        import tempfile

        self._fs, self._path = filesystem, path
        self._file = tempfile.NamedTemporaryFile(prefix="omezarr-shard-")  # noqa: SIM115  (closed by finish)

    def append(self, part: Buffer) -> None:
        self._file.write(part)

    def finish(self) -> None:
        self._file.flush()
        self._fs.put_file(self._file.name, self._path)
        self._file.close()

    def abandon(self) -> None:
        self._file.close()
