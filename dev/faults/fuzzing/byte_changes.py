"""Changes of any file: bits, bytes and numbers in text."""

from __future__ import annotations

import random
import re

from fuzzing.tokens import TOKENS

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
_LARGEST_TEXT = 200_000


def bytes_changed(content: bytes, chance: random.Random) -> bytes:
    """One small change, as bytes and numbers go wrong."""
    data = bytearray(content)
    at, kind = chance.randrange(len(data) + 1), chance.randrange(8)
    length = min(len(data) - at, chance.choice((1, 2, 4, 8, 40, 400)))
    numbers = list(_NUMBER.finditer(data)) if kind in (0, 1) and len(data) < _LARGEST_TEXT else []
    if numbers:
        found = chance.choice(numbers)
        data[found.start() : found.end()] = chance.choice(TOKENS)
    elif kind == 2 and data:
        data[at - 1] ^= 1 << chance.randrange(8)
    elif kind == 3:
        del data[at : at + length]
    elif kind == 4:
        data[at:at] = data[at : at + length] * chance.choice((1, 2, 50))
    elif kind == 5:
        data[at : at + length] = chance.randbytes(length)
    elif kind == 6:
        del data[at:]
    else:
        data[at:at] = chance.choice(TOKENS)
    return bytes(data)
