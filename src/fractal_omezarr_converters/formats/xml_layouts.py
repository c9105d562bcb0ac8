"""Layouts of XML records: software writes records that are alike letter for letter, except for their values.

The layout of a record that was read strictly becomes a pattern that matches records of the same layout: the same names in
the same order with the same blanks, and values without anything that XML treats in a special way (markup, entities,
quotes, control characters, line breaks, letters that were not decoded). Whatever a pattern matches would have been read
alike by the strict reader; whatever it does not match is left to that one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from fractal_omezarr_converters.formats.xml_records import XmlRecord

TEXT = "."
"""The field that is the text of the record itself."""

type Row = tuple[str | None, ...]

# letters that are allowed and not those that are forbidden: the most frequent ones come first, so that they are found sooner
_VALUE = r"""[ !#-%'-;=?-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]*+"""
_TAG = re.compile(r'<(/?)([\w.:-]+)((?:\s+[\w.:-]+\s*=\s*"[^"<>&]*")*)\s*(/?)>([^<>&]*)')
_ATTRIBUTE = re.compile(r'([\w.:-]+)\s*=\s*"([^"]*)"')
BLANK = re.compile(r"[ \t\r\n]*")
_LONE_RETURN = re.compile(r"\r(?!\n)")


def field_values(record: XmlRecord, fields: Sequence[str]) -> Row:
    """Give fields of a record as they are written, None for what is not there.

    A field is ``@Name`` (attribute of the record), ``.`` (its text), ``Name`` (text of the first child of that name) or
    ``Name@Attribute``.
    """
    return tuple(_field_value(record, name) for name in fields)


def _field_value(record: XmlRecord, field: str) -> str | None:
    if field == TEXT:
        return record.text
    name, at, attribute = field.partition("@")
    found = record.child(name) if name else record
    if found is None:
        return None
    return found.attributes.get(attribute) if at else found.text


class Repeated(NamedTuple):
    """What is wanted of a repeated record: ``fields`` (see :func:`field_values`), and ``fixed`` ones, which differ seldom.

    Fields are none, or at least two.
    """

    fields: tuple[str, ...] = ()
    fixed: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Layout:
    """Pattern of a record with the blanks before it; ``groups`` are those of the wanted fields, in their order.

    ``each`` finds them one after the other, and the text behind the last one as a further group. ``many`` matches such
    records as long as they follow each other, ``tags`` counts the tags of one. ``fixed`` are the values of the fixed
    fields, ``lines`` the line breaks in the blanks and in both together.
    """

    pattern: re.Pattern[str]
    each: re.Pattern[str]
    many: re.Pattern[str]
    tags: int
    groups: tuple[int, ...]
    fixed: Row
    lines: tuple[int, int]


def layout_of(text: str, blanks: str, record: XmlRecord, wanted: Repeated) -> Layout | None:
    """Take the layout of a record that was read strictly.

    Args:
        text: the record as it stands in the file, from its first ``<`` to its last ``>``.
        blanks: what stands between it and the next record.
        record: what the strict reader made of it.
        wanted: the fields that are captured.

    Returns:
        None when the record holds anything else than elements, attributes and plain values.
    """
    if BLANK.fullmatch(blanks) is None or _LONE_RETURN.search(f"{text}{blanks}<") is not None:
        return None
    slots = _slots(text)
    if slots is None:
        return None
    names: list[str] = []
    parts: list[str] = [re.escape(blanks)]
    at = 0
    for field, start, end in slots:
        if field in wanted.fixed:
            continue
        if field in names:
            return None  # two attributes or children of one name: the strict reader knows which one counts
        parts.append(re.escape(text[at:start]))
        parts.append(f"({_VALUE})" if field in wanted.fields else _VALUE)
        if field in wanted.fields:
            names.append(field)
        at = end
    parts.append(re.escape(text[at:]))
    each = re.compile(f"{''.join(parts)}|([\\s\\S]+)")
    # the last group never takes part: it stands for the fields that are not there
    parts.append("((?!))?")
    groups = tuple(names.index(name) + 1 if name in names else len(names) + 1 for name in wanted.fields)
    pattern, lines = "".join(parts), blanks.count("\n")
    found = Layout(
        re.compile(pattern),
        each,
        re.compile(f"(?:{pattern})++"),
        text.count("<"),
        groups,
        field_values(record, wanted.fixed),
        (lines, lines + text.count("\n")),
    )
    # the record itself must be read alike
    match = found.pattern.fullmatch(blanks + text)
    alike = match is not None and tuple(map(match.group, groups)) == field_values(record, wanted.fields)
    return found if alike else None


def _slots(text: str) -> list[tuple[str, int, int]] | None:
    """Give the places of all values in a record, with the field that each is; None when there is other markup in it."""
    slots: list[tuple[str, int, int]] = []
    way: list[str] = []
    at, opened = 0, -1
    while at < len(text):
        tag = _TAG.match(text, at)
        if tag is None or (at and not way):
            return None
        closes, name, closed = tag[1], tag[2].rpartition(":")[2], tag[4]
        if closes:
            if way.pop() != name:
                return None
            if opened >= 0:
                slots.append(("/".join([*way[1:], name]) if way else TEXT, opened, tag.start()))
            opened = -1
        else:
            way.append(name)
            prefix = "/".join(way[1:])
            slots += [
                (f"{prefix}@{each[1].rpartition(':')[2]}", each.start(2), each.end(2))
                for each in _ATTRIBUTE.finditer(text, tag.start(3), tag.end(3))
                if not each[1].startswith("xmlns")
            ]
            opened = -1 if closed else tag.start(5)
            if closed:
                way.pop()
        if opened < 0 and way and BLANK.fullmatch(tag[5]) is None:
            return None  # text beside elements
        if opened >= 0 and tag.end() < len(text) and text[tag.end() + 1] != "/":
            if BLANK.fullmatch(tag[5]) is None:
                return None
            opened = -1  # it holds elements
        at = tag.start(5) if not way else tag.end()
    return slots if not way else None
