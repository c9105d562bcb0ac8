"""Changes of XML: elements and attributes that are missing, doubled, renamed, exchanged or empty."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from fuzzing.tokens import TOKENS

_TAG = re.compile(rb"<(/?)([A-Za-z_][\w:.-]*)([^<>]*?)(/?)>")
_ATTRIBUTE = re.compile(rb"""\s([A-Za-z_][\w:.-]*)\s*=\s*("[^"]*"|'[^']*')""")


@dataclass(frozen=True)
class Element:
    """Where an element stands: its first tag, and the end of its last."""

    name: bytes
    begin: int
    inside: int
    inside_end: int
    end: int


def elements_of(content: bytes) -> list[Element]:
    """All elements that are closed, in the order in which they end."""
    found: list[Element] = []
    open_tags: list[tuple[bytes, int, int]] = []
    for tag in _TAG.finditer(content):
        closes, name, _, alone = tag.groups()
        if alone:
            found.append(Element(name, tag.start(), tag.end(), tag.end(), tag.end()))
        elif not closes:
            open_tags.append((name, tag.start(), tag.end()))
        elif open_tags and open_tags[-1][0] == name:
            _, begin, inside = open_tags.pop()
            found.append(Element(name, begin, inside, tag.start(), tag.end()))
    return found


def xml_changed(content: bytes, chance: random.Random) -> bytes | None:
    """One change of an element or attribute; None when there is none."""
    elements = elements_of(content)
    if not elements:
        return None
    if chance.random() < 0.5:
        changed = _attribute_changed(content, elements, chance)
        if changed is not None:
            return changed
    return _element_changed(content, elements, chance)


def every_xml_change(content: bytes) -> Iterator[bytes]:
    """One after the other, each element and attribute missing, doubled, renamed, empty and with each odd text.

    The first and the last element of a name stand for all.
    """
    elements = elements_of(content)
    of_a_name = {each.name: each for each in reversed(elements)}
    chosen = dict.fromkeys([*of_a_name.values(), *{each.name: each for each in elements}.values()])
    for one in chosen:
        whole, before, after = content[one.begin : one.end], content[: one.begin], content[one.end :]
        yield before + after
        yield before + whole * 2 + after
        yield before + re.sub(rb"(</?)" + re.escape(one.name) + rb"\b", rb"\1Other", whole) + after
        for text in TOKENS:
            yield content[: one.inside] + text + content[one.inside_end :]
        for found in _ATTRIBUTE.finditer(content, one.begin, one.inside):
            yield content[: found.start()] + content[found.end() :]
            yield content[: found.end(1)] + b"_" + content[found.end(1) :]
            for text in TOKENS:
                yield _with(content, found, b'"' + re.sub(rb"[<&\"]", b"_", text) + b'"')


def _element_changed(content: bytes, elements: list[Element], chance: random.Random) -> bytes:
    """Every kind of element is as likely as any other: there are thousands of planes and one plate."""
    one = _any_of_a_kind(elements, chance)
    whole, inside = content[one.begin : one.end], content[one.inside : one.inside_end]
    before, after = content[: one.begin], content[one.end :]
    kind = chance.randrange(7)
    if kind == 0:
        return before + after
    if kind == 1:
        return before + whole * chance.choice((2, 2, 3, 40)) + after
    if kind == 2:
        return before + re.sub(rb"(</?)" + re.escape(one.name) + rb"\b", rb"\1Other", whole) + after
    if kind == 3:
        return content[: one.inside] + content[one.inside_end :]
    if kind == 4:
        return content[: one.inside] + chance.choice(TOKENS) + content[one.inside_end :]
    if kind == 5:
        other = _any_of_a_kind(elements, chance)
        return content[: one.inside] + content[other.inside : other.inside_end] + content[one.inside_end :]
    return before + whole[: one.inside - one.begin] + whole + inside + whole[one.inside_end - one.begin :] + after


def _attribute_changed(content: bytes, elements: list[Element], chance: random.Random) -> bytes | None:
    for _ in range(20):
        one = _any_of_a_kind(elements, chance)
        here = list(_ATTRIBUTE.finditer(content, one.begin, one.inside))
        if here:
            break
    else:
        return None
    found = chance.choice(here)
    name, value = found.groups()
    kind = chance.randrange(6)
    if kind == 0:
        return content[: found.start()] + content[found.end() :]
    if kind == 1:
        return content[: found.end()] + found.group() + content[found.end() :]
    if kind == 2:
        return content[: found.start(1)] + name + b"_" + content[found.end(1) :]
    if kind == 3:
        token = re.sub(rb"[<&\"]", b"_", chance.choice(TOKENS))
        return _with(content, found, b'"' + token + b'"')
    alike = _attributes_alike(content, elements, one, name, chance) if kind == 4 else here
    other = chance.choice(alike)
    first, second = sorted((found, other), key=lambda each: each.start())
    if first.start() == second.start():
        return _with(content, found, b'""')
    changed = _with(content, second, first.group(2))
    return _with(changed, first, second.group(2)) if value != other.group(2) else changed


def _attributes_alike(
    content: bytes, elements: list[Element], one: Element, name: bytes, chance: random.Random
) -> list[re.Match[bytes]]:
    """The same attribute of some elements of the same name."""
    alike = [each for each in elements if each.name == one.name]
    return [
        found
        for each in [*chance.sample(alike, min(len(alike), 8)), one]
        for found in _ATTRIBUTE.finditer(content, each.begin, each.inside)
        if found[1] == name
    ]


def _any_of_a_kind(elements: list[Element], chance: random.Random) -> Element:
    name = chance.choice(sorted({each.name for each in elements}))
    return chance.choice([each for each in elements if each.name == name])


def _with(content: bytes, attribute: re.Match[bytes], value: bytes) -> bytes:
    return content[: attribute.start(2)] + value + content[attribute.end(2) :]
