"""Change a file as its kind goes wrong: by its structure, or by its bytes."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Iterator

from fuzzing.byte_changes import bytes_changed
from fuzzing.json_changes import every_json_change, json_changed
from fuzzing.table_changes import every_table_change, table_changed
from fuzzing.tiff_changes import description_of, tiff_changed, tiff_layout, with_description
from fuzzing.xml_changes import every_xml_change, xml_changed

PNG = b"\x89PNG\r\n\x1a\n"
_NO_TEXT = b" \t\r\n\xef\xbb\xbf"


def changed(content: bytes, chance: random.Random) -> bytes:
    """One to four small changes; two of three know the structure of the file."""
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        found = _structure_changed(content, chance) if chance.random() < 2 / 3 else None
        content = bytes_changed(content, chance) if found is None else found
    return content


def _structure_changed(content: bytes, chance: random.Random) -> bytes | None:
    """A change by the kind of the file, which its content tells; None when it has no structure that we know."""
    if tiff_layout(content) is not None:
        described = description_of(content) if chance.random() < 0.5 else None
        if described is None:
            return tiff_changed(content, chance)
        layout, tag, text = described
        other = _text_changed(text, chance)
        return with_description(content, layout, tag, bytes_changed(text, chance) if other is None else other)
    if content.startswith(PNG):
        return _png_changed(content, chance)
    return _text_changed(content, chance)


def _text_changed(content: bytes, chance: random.Random) -> bytes | None:
    return {"xml": xml_changed, "json": json_changed, "table": table_changed}[_kind_of_text(content)](content, chance)


def every_change(content: bytes) -> Iterator[bytes]:
    """All changes of text that has a structure, one after the other; none of other files."""
    every = {"xml": every_xml_change, "json": every_json_change, "table": every_table_change}
    return every[_kind_of_text(content)](content)


def _kind_of_text(content: bytes) -> str:
    begin = content[:64].lstrip(_NO_TEXT)[:1]
    return "xml" if begin == b"<" else "json" if begin in (b"{", b"[") else "table"


def _png_changed(content: bytes, chance: random.Random) -> bytes:
    """Another byte in a part of a PNG file, whose checksum is right again: the decoder gets to see it."""
    parts, at = [], len(PNG)
    while at + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, at)
        parts.append((content[at + 4 : at + 8], content[at + 8 : at + 8 + length]))
        at += 12 + length
    if not parts:
        return bytes_changed(content, chance)
    number = chance.randrange(len(parts))
    name, inside = parts[number]
    kind = chance.randrange(4)
    if kind == 0:
        del parts[number]
    elif kind == 1:
        parts.insert(chance.randrange(len(parts)), (name, inside))
    elif inside:
        place = chance.randrange(len(inside))
        parts[number] = name, inside[:place] + bytes([chance.randrange(256)]) + inside[place + 1 :]
    made = [PNG]
    for name, inside in parts:
        made.append(struct.pack(">I", len(inside)) + name + inside + struct.pack(">I", zlib.crc32(name + inside)))
    return b"".join(made)
