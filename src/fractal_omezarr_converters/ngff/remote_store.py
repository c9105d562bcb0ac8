"""An object store, or any other file system that fsspec knows, as a store: every put is whole or nothing.

Requests are repeated as far as that helps. No listing is kept from one request to the next, and nothing is moved.
"""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsStoreError, ConvertersToolsUserError
from fractal_omezarr_converters.models.remote_calls import refused, request
from fractal_omezarr_converters.models.remote_calls import storage_options as default_options
from fractal_omezarr_converters.ngff.store_contract import Buffer, ChunkSink, checked_key


class RemoteStore:
    """A prefix of an object store."""

    can_rename = False

    def __init__(self, url: str, filesystem: Any = None, **storage_options: Any) -> None:
        import fsspec

        self.url = url.rstrip("/")
        try:
            self._fs, self._root = (
                (filesystem, fsspec.core.strip_protocol(url))
                if filesystem
                else fsspec.core.url_to_fs(url, **{**default_options(url), **storage_options})
            )
        except (ImportError, ValueError) as error:
            raise ConvertersToolsUserError(
                f"'{url}' cannot be used: {error}; give a local path or install 'fractal-omezarr-converters[remote]'."
            ) from error
        self._root = self._root.rstrip("/")

    def _at(self, key: str) -> str:
        return f"{self._root}/{checked_key(key)}" if key else self._root

    def _ask[T](self, key: str, done: str, act: Callable[[str], T]) -> T:
        return request(f"{self.url}/{key}".rstrip("/"), done, lambda: act(self._at(key)))

    def get(self, key: str) -> bytes | None:
        """The bytes of a key, None when there is none."""
        try:
            return bytes(self._ask(key, "read", self._fs.cat_file))
        except (FileNotFoundError, IsADirectoryError):
            return None

    def put(self, key: str, data: Buffer) -> None:
        """One put of the whole object."""
        content = bytes(data)
        self._put(key, lambda path: self._fs.pipe_file(path, content))

    def _put(self, key: str, act: Callable[[str], Any]) -> None:
        try:
            self._ask(key, "written", act)
        except FileNotFoundError as error:
            raise refused(f"{self.url}/{key}", "written", error) from error

    def put_chunk(self, key: str, data: Buffer) -> None:
        """One put of the whole object."""
        self.put(key, data)

    def put_new(self, key: str, data: Buffer) -> bool:
        """Put an object that must not be there yet; False when it is.

        Where a store does not know the condition, the last one to put wins.
        """
        content = bytes(data)
        try:
            self._put(key, lambda path: self._fs.pipe_file(path, content, mode="create"))
        except FileExistsError:
            return False
        except ConvertersToolsStoreError as error:
            if _is_refused_condition(error.__cause__):
                return False
            if getattr(error.__cause__, "errno", None) != errno.ENOSYS:
                raise
            return self._put_unless_there(key, content)
        except (NotImplementedError, TypeError):
            # file systems of fsspec that know no mode="create" say one of these; then the key is looked for first, as documented
            return self._put_unless_there(key, content)
        return True

    def _put_unless_there(self, key: str, content: bytes) -> bool:
        """Without a condition: two that put at the same time are not kept apart."""
        if self.get(key) is not None:
            return False
        self.put(key, content)
        return True

    def put_instead(self, key: str, data: Buffer, old: bytes) -> bool:
        """Replace an object as long as it holds ``old``; False when somebody else was faster."""
        content = bytes(data)
        try:
            tag = self._ask(key, "read", self._fs.info).get("ETag")
            if self.get(key) != old:
                return False
            if tag is None:
                self.put(key, content)
            else:
                self._ask(key, "written", lambda path: self._fs.pipe_file(path, content, IfMatch=tag))
        except (FileNotFoundError, FileExistsError):
            return False
        except ConvertersToolsStoreError as error:
            if not _is_refused_condition(error.__cause__):
                raise
            return False
        return True

    def begin(self, key: str) -> ChunkSink:
        """Parts are gathered in a temporary file, so that open shards take no memory, and put as one object."""
        return _RemoteSink(self, key)

    def put_file(self, local: str, key: str) -> None:
        """Put a local file as one object; a large one goes in parts that appear together."""
        self._put(key, lambda path: self._fs.put_file(local, path))

    def exists(self, key: str) -> bool:
        """True for an object, and for a prefix with objects below."""
        return bool(self._ask(key, "looked for", self._fs.exists))

    def list(self, prefix: str = "") -> Iterator[str]:
        """All objects below a prefix."""
        self._fs.invalidate_cache()
        with contextlib.suppress(FileNotFoundError):
            for found in self._ask(prefix, "listed", self._fs.find):
                yield found.removeprefix(f"{self._root}/")

    def folders(self, prefix: str = "") -> Sequence[str]:
        """Names of prefixes directly below."""
        self._fs.invalidate_cache()
        try:
            entries: Sequence[dict[str, Any]] = self._ask(prefix, "listed", lambda path: self._fs.ls(path, detail=True))
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(entry["name"].rstrip("/").rpartition("/")[2] for entry in entries if entry["type"] == "directory")

    def linked_folders(self, prefix: str = "") -> Sequence[str]:
        """None: stores know no links."""
        del prefix
        return []

    def delete(self, prefix: str) -> None:
        """Remove an object or all objects below a prefix."""
        self._fs.invalidate_cache()
        with contextlib.suppress(FileNotFoundError):
            self._ask(prefix, "removed", lambda path: self._fs.rm(path, recursive=True))
        self._fs.invalidate_cache()

    def copy(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Copy objects within the store, many at a time; no byte passes this computer where the store can do that."""
        if pairs:
            sources, targets = ([self._at(pair[side]) for pair in pairs] for side in (0, 1))
            try:
                self._ask(pairs[0][1], "copied", lambda _: self._fs.copy(sources, targets))
            except FileNotFoundError as error:
                raise refused(f"{self.url}/{pairs[0][0]}", "copied", error) from error
            self._fs.invalidate_cache()

    def rename(self, source: str, target: str) -> None:
        """Object stores cannot rename."""
        raise ConvertersToolsUserError(
            f"{self.url} cannot rename {source!r} to {target!r}; objects are written in place."
        )

    def child(self, prefix: str) -> RemoteStore:
        """The store of a prefix."""
        return RemoteStore(f"{self.url}/{checked_key(prefix)}", filesystem=self._fs)

    def above(self) -> tuple[RemoteStore, str]:
        """The store of the prefix above, reached in the same way, and the name of this one in it."""
        above, _, name = self.url.rpartition("/")
        return RemoteStore(above, filesystem=self._fs), name


def _is_refused_condition(error: BaseException | None) -> bool:
    """Whether a store says that the object is there already, or another one than expected (412, or 409 while others put it)."""
    words = f"{error} {getattr(error, 'response', '')} {getattr(getattr(error, '__cause__', None), 'response', '')}"
    return any(word in words for word in ("PreconditionFailed", "ConditionalRequestConflict", "'412'", " 412 "))


class _RemoteSink:
    def __init__(self, store: RemoteStore, key: str) -> None:
        import tempfile

        self._store, self._key = store, key
        self._file = tempfile.NamedTemporaryFile(prefix="omezarr-shard-")  # noqa: SIM115  (closed by finish)

    def append(self, part: Buffer) -> None:
        self._file.write(part)

    def finish(self) -> None:
        self._file.flush()
        self._store.put_file(self._file.name, self._key)
        self._file.close()

    def abandon(self) -> None:
        self._file.close()
