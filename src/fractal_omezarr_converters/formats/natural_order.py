"""Order of names that hold numbers, as people count: ``Pos2`` comes before ``Pos10``."""

from __future__ import annotations

import re

_PARTS = re.compile(r"(\d+)")


def natural(text: str) -> tuple[tuple[int, int, str], ...]:
    """Give the parts of a name such that ``Pos2`` comes before ``Pos10``."""
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in _PARTS.split(text) if part)
