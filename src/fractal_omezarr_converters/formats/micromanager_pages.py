"""List the pages of a TIFF file that Micro-Manager wrote, with the place of each page's own metadata; no pixel is read.

Source: TIFF 6.0 and the description of Micro-Manager's files (https://micro-manager.org/Micro-Manager_File_Formats). Every
page carries its metadata as JSON in tag 51123. Files are never larger than 4 GB, so there is no BigTIFF among them.
"""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsUserError
from fractal_omezarr_converters.models.placeholders import open_binary

WIDTH, HEIGHT, BITS, COMPRESSION, STRIP_OFFSETS, SAMPLES, STRIP_BYTES = 256, 257, 258, 259, 273, 277, 279
METADATA = 51123
SHORT, MAX_TAGS = 3, 1000
DAMAGED = "has a damaged page"
TOO_SHORT = "ends too early"


class Page(NamedTuple):
    """One page: its number in the file, offset of its directory, size in pixels, samples a pixel, and its metadata's place.

    ``pixels`` is where its pixels begin, None when they are compressed or in pieces; ``stored`` is their type.
    """

    number: int
    offset: int
    width: int
    height: int
    samples: int
    metadata_offset: int
    metadata_length: int
    pixels: int | None
    stored: str


class StackFile:
    """One open file of pages; ``cut_short`` says why pages after the last one listed cannot be read."""

    def __init__(self, path: str | Path) -> None:
        """Open the file and list its pages.

        Raises:
            ConvertersToolsUserError: the file is not a TIFF file, or cannot be opened.
        """
        self.path = str(path)
        self.cut_short: str | None = None
        try:
            self._file: BinaryIO = open_binary(self.path)
        except ConvertersToolsError:
            raise
        except OSError as error:
            raise ConvertersToolsUserError(f"'{path}' cannot be opened: {error.strerror}.") from error
        self._size = self._file.seek(0, os.SEEK_END)
        self._file.seek(0)
        start = self._file.read(8)
        self._order = {b"II": "<", b"MM": ">"}.get(start[:2], "")
        if len(start) < 8 or not self._order or struct.unpack(self._order + "H", start[2:4])[0] != 42:
            self._file.close()
            raise ConvertersToolsUserError(
                f"'{path}' is not a TIFF file; copy it again from the microscope's computer."
            )
        self.pages = self._pages(struct.unpack(self._order + "I", start[4:])[0])

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def metadata(self, offset: int, length: int) -> dict[str, Any]:
        """Read the metadata of one page; empty when it has none, or none that can be understood."""
        if not length:
            return {}
        self._file.seek(offset)
        try:
            found = json.loads(self._file.read(min(length, self._size)).rstrip(b"\0"))
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def _pages(self, offset: int) -> list[Page]:
        found: list[Page] = []
        seen: set[int] = set()
        while offset:
            page, following = (None, 0) if offset in seen else self._page(len(found), offset)
            if page is None:
                self.cut_short = DAMAGED if offset in seen else TOO_SHORT
                break
            seen.add(offset)
            found.append(page)
            offset = following
        return found

    def _page(self, number: int, offset: int) -> tuple[Page | None, int]:
        """Read one directory; None when it, its pixels or its metadata lie behind the end of the file."""
        self._file.seek(offset)
        start = self._file.read(2)
        count = struct.unpack(self._order + "H", start)[0] if len(start) == 2 else 0
        data = self._file.read(count * 12 + 4)
        if not 0 < count <= MAX_TAGS or len(data) < count * 12 + 4:
            return None, 0
        values: dict[int, tuple[int, int]] = {}
        for at in range(0, count * 12, 12):
            tag, kind, many, value = struct.unpack_from(self._order + "HHII", data, at)
            if kind == SHORT and many == 1:
                value = struct.unpack_from(self._order + "H", data, at + 8)[0]
            values[tag] = many, value
        where, length = values.get(METADATA, (0, 0))[::-1]
        _, pixels = values.get(STRIP_OFFSETS, (0, 0))
        many, size = values.get(STRIP_BYTES, (0, 0))
        if max(where + length, pixels + (size if many == 1 else 0)) > self._size:
            return None, 0
        width, height, samples, depth, packed = (
            values.get(tag, (1, 1))[1] for tag in (WIDTH, HEIGHT, SAMPLES, BITS, COMPRESSION)
        )
        in_one_piece = (many, size, packed, depth % 8) == (1, width * height * samples * depth // 8, 1, 0)
        following = struct.unpack_from(self._order + "I", data, count * 12)[0]
        place, stored = pixels if in_one_piece else None, f"{self._order}u{depth // 8}"
        return Page(number, offset, width, height, samples, where, length, place, stored), following
