"""Changes of TIFF files: types, counts, values and places of tags, and directories that lead nowhere or in a circle."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value by its type."""
NUMBERS = (0, 1, 2, 3, 7, 255, 256, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1)
MOST_DIRECTORIES = 2000
IMAGE_DESCRIPTION = 270


@dataclass(frozen=True)
class Tag:
    """Where a tag stands, and what it says of itself."""

    at: int
    code: int
    type: int
    count: int


@dataclass(frozen=True)
class Layout:
    """How a file writes numbers: order of bytes, and their width."""

    order: str
    big: bool

    @property
    def offset(self) -> str:
        """Format of a place in the file."""
        return self.order + ("Q" if self.big else "I")

    @property
    def entry(self) -> int:
        """Bytes of a tag."""
        return 20 if self.big else 12

    @property
    def value(self) -> int:
        """Place of its value in a tag."""
        return 12 if self.big else 8


def tiff_layout(content: bytes) -> Layout | None:
    """How a TIFF file is written; None when this is none."""
    order = {b"II": "<", b"MM": ">"}.get(content[:2])
    if order is None or len(content) < 16:
        return None
    version = struct.unpack_from(order + "H", content, 2)[0]
    return Layout(order, version == 43) if version in (42, 43) else None


def directories(content: bytes, layout: Layout) -> list[tuple[list[Tag], int]]:
    """Tags of each directory, and where it says where the next one is."""
    found: list[tuple[list[Tag], int]] = []
    seen: set[int] = set()
    (place,) = struct.unpack_from(layout.offset, content, 8 if layout.big else 4)
    head = layout.order + ("Q" if layout.big else "H")
    while place and place not in seen and len(found) < MOST_DIRECTORIES:
        seen.add(place)
        try:
            (number,) = struct.unpack_from(head, content, place)
            begin = place + struct.calcsize(head)
            tags = []
            for at in range(begin, begin + min(number, 200) * layout.entry, layout.entry):
                code, kind, count = struct.unpack_from(layout.order + ("HHQ" if layout.big else "HHI"), content, at)
                tags.append(Tag(at, code, kind, count))
            after = begin + number * layout.entry
            (place,) = struct.unpack_from(layout.offset, content, after)
        except (struct.error, OverflowError):
            break
        found.append((tags, after))
    return found


def tiff_changed(content: bytes, chance: random.Random) -> bytes | None:
    """One change of a tag or directory; None when this is no TIFF file."""
    layout = tiff_layout(content)
    found = directories(content, layout) if layout is not None else []
    if layout is None or not found:
        return None
    data, room = bytearray(content), 2 ** (64 if layout.big else 32)
    tags, after = chance.choice((found[0], chance.choice(found)))
    if not tags or chance.random() < 0.1:
        places = [0, 1, 8, len(data) - 2, 2**32 - 1, after, *(there for _, there in found)]
        at = chance.choice((after, 8 if layout.big else 4))
        struct.pack_into(layout.offset, data, at, chance.choice(places) % room)
        return bytes(data)
    tag, other = chance.choice(tags), chance.choice(tags)
    number = chance.choice((*NUMBERS, len(data), tag.count + 1, tag.count * 2, max(0, tag.count - 1))) % room
    kind = chance.randrange(7)
    if kind == 0:
        struct.pack_into(layout.order + "H", data, tag.at + 2, chance.choice((*SIZES, 0, 99)))
    elif kind == 1:
        struct.pack_into(layout.offset, data, tag.at + 4, number)
    elif kind == 2:
        code = chance.choice((other.code, 0, 254, 262, 277, 320, 330, 339, 50838, 65535))
        struct.pack_into(layout.order + "H", data, tag.at, code)
    elif kind == 3:
        data[tag.at : tag.at + layout.entry] = data[other.at : other.at + layout.entry]
    elif kind == 4:
        struct.pack_into(layout.offset, data, tag.at + layout.value, number)
    else:
        _value_changed(data, layout, tag, number)
    return bytes(data)


def _value_changed(data: bytearray, layout: Layout, tag: Tag, number: int) -> None:
    """Change the first of a tag's values, wherever it is."""
    size = SIZES.get(tag.type, 1)
    at = tag.at + layout.value
    if size * tag.count > struct.calcsize(layout.offset):
        (at,) = struct.unpack_from(layout.offset, data, at)
    if at + size <= len(data):
        width = min(size, 4)
        struct.pack_into(layout.order + {1: "B", 2: "H", 4: "I"}[width], data, at, number % 2 ** (8 * width))


def description_of(content: bytes) -> tuple[Layout, Tag, bytes] | None:
    """The first description in a TIFF file: OME-XML, or what a camera's software says."""
    layout = tiff_layout(content)
    for tags, _ in directories(content, layout)[:1] if layout is not None else []:
        for tag in tags:
            if layout is not None and tag.code == IMAGE_DESCRIPTION and tag.count > 8:
                (at,) = struct.unpack_from(layout.offset, content, tag.at + layout.value)
                return layout, tag, content[at : at + tag.count].rstrip(b"\x00")
    return None


def with_description(content: bytes, layout: Layout, tag: Tag, text: bytes) -> bytes:
    """The same file with another description, which stands at its end."""
    data = bytearray(content)
    struct.pack_into(layout.offset, data, tag.at + 4, len(text) + 1)
    struct.pack_into(layout.offset, data, tag.at + layout.value, len(data))
    return bytes(data + text + b"\x00")
