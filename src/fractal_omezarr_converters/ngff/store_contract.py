"""What every store can do, and what a key may be."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

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
        """Names of folders directly below a folder, hidden ones included; links to folders are none."""
        ...

    def linked_folders(self, prefix: str = "") -> Sequence[str]:
        """Names of links to folders directly below a folder (local only, elsewhere there are none)."""
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


def checked_key(key: str) -> str:
    if key.startswith("/") or ".." in key.split("/"):
        raise ConvertersToolsUserError(
            f"Key {key!r} leaves its store; names must not contain '..' or begin with a slash."
        )
    return key
