"""Read the brace text of PerkinElmer's software: ``{Background: {Mean: 1.5, Profile: {Type: Identity}}, Channel: 1}``.

It is neither JSON nor YAML: words stand without quotes, numbers may be ``INF`` or ``NaN``, and a value is quoted only
when punctuation in it would mislead (``ChannelName: "405ex, 570-630-em)"``). Found in ``FlatfieldProfile``.
"""

from __future__ import annotations

from typing import Any

MAX_DEPTH = 20


class BraceTextError(ValueError):
    """The text does not follow the rules; the message says at which character."""


def parse_brace_text(text: str) -> Any:
    """Turn brace text into dicts, lists, numbers and words.

    Raises:
        BraceTextError: the text is not complete or not of this kind.
    """
    value, position = _value(text, 0, 0)
    position = _blanks(text, position)
    if position != len(text):
        raise BraceTextError(f"unexpected '{text[position]}' at character {position + 1}")
    return value


def _blanks(text: str, position: int) -> int:
    while position < len(text) and text[position].isspace():
        position += 1
    return position


def _value(text: str, position: int, depth: int) -> tuple[Any, int]:
    position = _blanks(text, position)
    if depth > MAX_DEPTH:
        raise BraceTextError(f"nested more than {MAX_DEPTH} deep")
    if position >= len(text):
        raise BraceTextError("ends too early")
    if text[position] == "{":
        return _mapping(text, position + 1, depth)
    if text[position] == "[":
        return _list(text, position + 1, depth)
    if text[position] == '"':
        return _quoted(text, position + 1)
    end = position
    while end < len(text) and text[end] not in ",}]":
        end += 1
    return _word(text[position:end].strip()), end


def _mapping(text: str, position: int, depth: int) -> tuple[dict[str, Any], int]:
    found: dict[str, Any] = {}
    position = _blanks(text, position)
    while position < len(text) and text[position] != "}":
        colon = text.find(":", position)
        if colon < 0:
            raise BraceTextError(f"no ':' after character {position + 1}")
        key = text[position:colon].strip().strip('"')
        value, position = _value(text, colon + 1, depth + 1)
        found[key] = value
        position = _after_item(text, position, "}")
    return found, _closed(text, position)


def _list(text: str, position: int, depth: int) -> tuple[list[Any], int]:
    found: list[Any] = []
    position = _blanks(text, position)
    while position < len(text) and text[position] != "]":
        value, position = _value(text, position, depth + 1)
        found.append(value)
        position = _after_item(text, position, "]")
    return found, _closed(text, position)


def _after_item(text: str, position: int, closing: str) -> int:
    position = _blanks(text, position)
    if position < len(text) and text[position] == ",":
        return _blanks(text, position + 1)
    if position < len(text) and text[position] != closing:
        raise BraceTextError(f"expected ',' or '{closing}' at character {position + 1}")
    return position


def _closed(text: str, position: int) -> int:
    if position >= len(text):
        raise BraceTextError("ends too early")
    return position + 1


def _quoted(text: str, position: int) -> tuple[str, int]:
    letters: list[str] = []
    while position < len(text):
        letter = text[position]
        if letter == "\\" and position + 1 < len(text):
            letters.append(text[position + 1])
            position += 2
            continue
        if letter == '"':
            return "".join(letters), position + 1
        letters.append(letter)
        position += 1
    raise BraceTextError("a quoted text has no end")


def _word(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
