"""Changes of JSON: keys that are missing or doubled, values of another type, nested or exchanged."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

from fuzzing.tokens import VALUES

Place = tuple[Any, Any]
"""A dictionary or list, and a key or number in it."""


def json_changed(content: bytes, chance: random.Random) -> bytes | None:
    """One change of a key or value; None when this is no JSON, or it holds nothing."""
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if chance.random() < 0.03:
        return json.dumps(chance.choice((*VALUES, [document], {"a": document}))).encode()
    places = list(_places(document))
    if not places:
        return None
    holder, key = chance.choice(_of_a_kind(places, chance))
    kind = chance.randrange(7)
    if kind == 0:
        del holder[key]
    elif kind == 1:
        holder[key] = chance.choice(VALUES)
    elif kind == 2:
        holder[key] = chance.choice(([holder[key]], {"a": holder[key]}, str(holder[key]), [holder[key]] * 3))
    elif kind == 3 and isinstance(holder, dict):
        holder[f"{key}_"] = holder.pop(key)
    elif kind == 4 and isinstance(holder, list):
        holder[key:key] = [copy.deepcopy(holder[key]) for _ in range(chance.choice((1, 2, 40)))]
    elif kind == 5:
        other, place = chance.choice(places)
        holder[key] = copy.deepcopy(other[place])
    else:
        holder[key] = _near(holder[key], chance)
    return json.dumps(document, indent=chance.choice((None, 2))).encode()


def every_json_change(content: bytes) -> Iterator[bytes]:
    """One after the other, each value missing, of each odd kind, within others, and near what it was; each key renamed.

    Of a list the first two members stand for all.
    """
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return
    for path in list(_paths(document)):
        original = _at(document, path)
        others = (*VALUES, 10**400, [original], {"a": original}, str(original), [original] * 3, *_all_near(original))
        for put in (*others, _MISSING, _RENAMED):
            made = copy.deepcopy(document)
            holder, key = _at(made, path[:-1]), path[-1]
            if put is _RENAMED and isinstance(holder, dict):
                holder[f"{key}_"] = holder.pop(key)
            elif put in (_MISSING, _RENAMED):
                del holder[key]
            else:
                holder[key] = put
            yield json.dumps(made).encode()


_MISSING, _RENAMED = "\udc00missing", "\udc00renamed"


def _paths(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    keys: list[Any] = list(value) if isinstance(value, dict) else []
    keys = list(range(min(2, len(value)))) if isinstance(value, list) else keys
    for key in keys:
        yield (*before, key)
        yield from _paths(value[key], (*before, key))


def _at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


def _near(value: Any, chance: random.Random) -> Any:
    """A value of the same type that is another one."""
    return chance.choice(_all_near(value))


def _all_near(value: Any) -> tuple[Any, ...]:
    if isinstance(value, bool):
        return (not value,)
    if isinstance(value, (int, float)):
        return (value + 1, value - 1, -value, value * 1000, 0, value // 2)
    if isinstance(value, str):
        return (value[1:], value[:-1], value.upper(), f"{value} ", value * 2, value[::-1])
    if isinstance(value, list):
        return (value[1:], value[::-1], value * 2, [])
    return ({},)


def _places(value: Any) -> list[Place]:
    found: list[Place] = []
    waiting = [value]
    while waiting:
        holder = waiting.pop()
        inside: list[Any] = list(holder) if isinstance(holder, dict) else []
        inside = list(range(len(holder))) if isinstance(holder, list) else inside
        found += [(holder, key) for key in inside]
        waiting += [holder[key] for key in inside if isinstance(holder[key], (dict, list))]
    return found


def _of_a_kind(places: list[Place], chance: random.Random) -> list[Place]:
    """All places of one key: there are thousands of planes and one plate."""
    key = chance.choice(sorted({str(key) if isinstance(key, str) else "" for _, key in places}))
    return [place for place in places if (place[1] if isinstance(place[1], str) else "") == key]
