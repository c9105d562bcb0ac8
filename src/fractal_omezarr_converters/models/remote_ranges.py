"""Parts of objects: headers of large files in a store, without the pixels between and behind them.

Parts have no checksum in the store. Where pixels are read, files are fetched whole and compared, see :mod:`remote_calls`.
"""

from __future__ import annotations

import errno
import io
from collections import OrderedDict
from typing import Any, BinaryIO, cast

from fractal_omezarr_converters.models.remote_calls import facts_of, found, read_whole
from fractal_omezarr_converters.models.urls import filesystem_for_url

BLOCK = 1 << 16
WHOLE_HEADER = 2 * BLOCK
"""Bytes up to which a file is fetched whole even though only its header is asked for."""
_MOST_BLOCKS = 16


def read_range(filesystem: Any, url: str, begin: int, count: int) -> bytes:
    """Fetch some bytes of an object, which must have them.

    Raises:
        ConvertersToolsFileNotFoundError: it is not there.
        ConvertersToolsStoreError: it cannot be read, or ends before.
    """
    if not count:
        return b""

    def fetch() -> bytes:
        content = bytes(filesystem.cat_file(url, start=begin, end=begin + count))
        if len(content) != count:
            raise OSError(errno.EIO, f"{len(content)} of {count} bytes from byte {begin} on came")
        return content

    return found(url, fetch)


def open_for_header(url: str, size: int | None = None) -> BinaryIO:
    """Open an object of which little will be read: small ones whole, of others the blocks that are asked for."""
    filesystem = filesystem_for_url(url, "Reading a header")
    if size is None:
        size = facts_of(filesystem, url)[0]
    if size <= WHOLE_HEADER:
        return io.BytesIO(read_whole(filesystem, url))
    return cast("BinaryIO", RangedFile(filesystem, url, size))


class RangedFile(io.RawIOBase):
    """An object as a file for reading; the blocks last read are kept. Not for several threads without a lock."""

    def __init__(self, filesystem: Any, url: str, size: int) -> None:
        """Take a file system, an address and the size of the object; nothing is read yet."""
        super().__init__()
        self._filesystem, self._url, self._size = filesystem, url, size
        self._at = 0
        self._blocks: OrderedDict[int, bytes] = OrderedDict()

    def readable(self) -> bool:
        """It can be read."""
        return True

    def seekable(self) -> bool:
        """Any place can be read."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise ValueError(f"there is no byte {base + offset}")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        """Say where the next byte is read."""
        return self._at

    def readinto(self, buffer: Any) -> int:
        """Read as many bytes as there are, up to the size of the buffer."""
        view = memoryview(buffer).cast("B")
        count = min(len(view), max(0, self._size - self._at))
        if count:
            view[:count] = self._bytes(self._at, count)
            self._at += count
        return count

    def _bytes(self, begin: int, count: int) -> bytes:
        """Give bytes that are there, from blocks that are kept or fetched in one request."""
        first, last = begin // BLOCK, (begin + count - 1) // BLOCK
        if last - first >= _MOST_BLOCKS // 2:
            return read_range(self._filesystem, self._url, begin, count)
        lacking = [number for number in range(first, last + 1) if number not in self._blocks]
        if lacking:
            start, stop = lacking[0] * BLOCK, min((lacking[-1] + 1) * BLOCK, self._size)
            content = read_range(self._filesystem, self._url, start, stop - start)
            for number in range(lacking[0], lacking[-1] + 1):
                self._blocks[number] = content[number * BLOCK - start :][:BLOCK]
        for number in range(first, last + 1):
            self._blocks.move_to_end(number)
        whole = b"".join(self._blocks[number] for number in range(first, last + 1))
        while len(self._blocks) > _MOST_BLOCKS:
            self._blocks.popitem(last=False)
        return whole[begin - first * BLOCK :][:count]
