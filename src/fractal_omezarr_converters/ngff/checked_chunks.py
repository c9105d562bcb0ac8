"""Look at the headers of Blosc frames before they are decoded: the decoder believes them, and reads beyond a chunk that was cut.

Sources: c-blosc 1, README_CHUNK_FORMAT (bytes 12 to 15 of a frame are its length); Zarr format 3, sharding codec 1.0 (the index
holds offset and length of every inner chunk, in 64 bits each, and a checksum).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from zarr.storage import FsspecStore, LocalStore

_HEADER = 16
_EMPTY = 2**64 - 1
_CHECKSUM = 4
_PARTS = ("start", "offset")
"""Of a request for bytes from somewhere on; one for the last bytes has a suffix."""
_DOCUMENTS = (".zarray", ".zattrs", ".zgroup", ".zmetadata", "zarr.json")


class CheckedLocalStore(LocalStore):
    """A folder whose chunks are Blosc frames, alone or as many as ``inner`` in a shard; nothing is checked before it is told."""

    inner: int | None = None

    async def get(self, key: str, *how: Any, **also: Any) -> Any:
        """Read a value, or a part of it.

        Raises:
            ValueError: it is a frame, or a shard with one, that is shorter than its header says.
        """
        self._check(key, *how, **also)
        return await super().get(key, *how, **also)

    def get_sync(self, key: str, *how: Any, **also: Any) -> Any:
        """Read a value as :meth:`get` does; not every version of zarr calls it."""
        self._check(key, *how, **also)
        return super().get_sync(key, *how, **also)

    def _check(self, key: str, *how: Any, **also: Any) -> None:
        """Look at the file before it is read; parts of a shard are read only after its end, where the index lies."""
        inside = any(hasattr(each, name) for each in (*how, *also.values()) for name in _PARTS)
        if self.inner is None or inside or key.rpartition("/")[2] in _DOCUMENTS:
            return
        path = self.root / key
        if not path.is_file() or not path.stat().st_size:
            return
        content = np.memmap(path, np.uint8, "r")
        if self.inner:
            _check_shard(content, self.inner)
        else:
            _check_frame(content)


class CheckedRemoteStore(FsspecStore):
    """A folder of an object store, as :class:`CheckedLocalStore`; what was fetched is looked at before it is decoded."""

    inner: int | None = None

    async def get(self, key: str, *how: Any, **also: Any) -> Any:
        """Read a value, or a part of it.

        Raises:
            ValueError: it is a frame, or a shard with one, that is shorter than its header says.
        """
        found = await super().get(key, *how, **also)
        if found is None or self.inner is None or key.rpartition("/")[2] in _DOCUMENTS:
            return found
        content = found.as_numpy_array().view(np.uint8)
        parts = [each for each in (*how, *also.values()) if any(hasattr(each, name) for name in (*_PARTS, "suffix"))]
        if not parts and self.inner:
            _check_shard(content, self.inner)
        elif not parts or not hasattr(parts[0], "suffix"):  # at the end of a shard is its index
            _check_frame(content)
        return found


def frames_of(document: Mapping[str, Any]) -> int | None:
    """How many frames lie in a shard of an array, 0 when a file is one frame, None when they are none, from its document."""
    if document.get("zarr_format") == 2:
        compressor = document.get("compressor") or {}
        return 0 if compressor.get("id") == "blosc" and not document.get("filters") else None
    codecs = document.get("codecs") or []
    if not codecs:
        return None
    settings = codecs[0].get("configuration") or {}
    if codecs[0].get("name") != "sharding_indexed":
        return 0 if codecs[-1].get("name") == "blosc" else None
    if (
        len(codecs) > 1
        or settings["codecs"][-1].get("name") != "blosc"
        or settings.get("index_location", "end") != "end"
    ):
        return None
    shard = document["chunk_grid"]["configuration"]["chunk_shape"]
    return int(np.prod([-(-outer // inner) for outer, inner in zip(shard, settings["chunk_shape"])]))


def _check_frame(content: np.ndarray[Any, Any]) -> None:
    """Refuse a Blosc frame that is shorter than it says.

    Raises:
        ValueError: it is.
    """
    stated = struct.unpack("<I", content[12:_HEADER].tobytes())[0] if len(content) >= _HEADER else _HEADER
    if stated > len(content):
        raise ValueError(f"it holds {len(content)} bytes, its header states {stated}")


def _check_shard(content: np.ndarray[Any, Any], inner: int) -> None:
    """Check the frames that the index names; whether the index itself is right, its checksum tells."""
    length = 16 * inner
    if len(content) < length + _CHECKSUM:
        return
    index = content[-length - _CHECKSUM : -_CHECKSUM].copy().view("<u8").reshape(inner, 2)
    for offset, size in index.tolist():
        if offset != _EMPTY and offset + size <= len(content):
            _check_frame(content[offset : offset + size])
