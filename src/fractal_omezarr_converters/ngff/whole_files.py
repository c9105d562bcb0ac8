"""A folder in which every file appears whole or not at all, for images that several processes write together.

A file grows in a hidden folder below the image and is moved into its place when it is whole. A process that dies leaves
nothing that looks like a chunk; one that was given up and still writes can neither cut short what another has written nor
bring back a folder that was removed.
"""

from __future__ import annotations

import contextlib
import os

from fractal_omezarr_converters.ngff.stores import Buffer, ChunkSink, LocalStore, Store

PARTS = ".parts"
"""Folder below an image that is being written by several processes; it is gone when the image is committed."""


def whole_files(store: Store) -> Store:
    """The same place with whole files; object stores have no other."""
    return WholeFiles(store.path) if isinstance(store, LocalStore) else store


class WholeFiles(LocalStore):
    """A folder of the file system that has a folder ``PARTS``; without it nothing can be written."""

    def put(self, key: str, data: Buffer) -> None:
        """Write beside, flush to the disk, then move."""
        self._put(key, data, flush=True)

    def put_chunk(self, key: str, data: Buffer) -> None:
        """Write beside, then move."""
        self._put(key, data, flush=False)

    def _put(self, key: str, data: Buffer, *, flush: bool) -> None:
        sink = _MovedFile(self, key)
        try:
            sink.append(data)
            sink.finish(flush=flush)
        except BaseException:
            sink.abandon()
            raise

    def begin(self, key: str) -> ChunkSink:
        """A file that grows in the hidden folder."""
        return _MovedFile(self, key)

    def into_place(self, temporary: str, key: str) -> None:
        """Move a whole file to its key; a folder is made for it only while the image is still being written."""
        try:
            os.replace(temporary, os.path.join(self.url, key))  # noqa: PTH105,PTH118
        except FileNotFoundError:
            if not os.path.exists(temporary):  # noqa: PTH110
                raise
            os.replace(temporary, self._ready(key))  # noqa: PTH105

    def temporary(self) -> str:
        """A new path in the hidden folder."""
        return os.path.join(self.url, PARTS, f"{os.getpid()}-{os.urandom(6).hex()}.part")  # noqa: PTH118


class _MovedFile:
    def __init__(self, store: WholeFiles, key: str) -> None:
        self._store, self._key = store, key
        self._path = store.temporary()
        self._file = open(self._path, "xb", buffering=0)  # noqa: PTH123, SIM115  (closed by finish)

    def append(self, part: Buffer) -> None:
        view = memoryview(part).cast("B")
        while view:
            view = view[self._file.write(view) :]

    def finish(self, *, flush: bool = False) -> None:
        if flush:
            os.fsync(self._file.fileno())
        self._file.close()
        self._store.into_place(self._path, self._key)

    def abandon(self) -> None:
        self._file.close()
        with contextlib.suppress(OSError):
            os.unlink(self._path)  # noqa: PTH108
