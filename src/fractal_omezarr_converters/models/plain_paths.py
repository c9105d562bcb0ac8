"""Absolute paths that are what they say: no fragment, no dots, quotes or blanks to resolve; many are looked at together."""

from __future__ import annotations

import re
from collections.abc import Sequence

from fractal_omezarr_converters.models.source_files import common_folder

PLAIN = re.compile(r"(?:/(?!\.{0,2}(?:/|$))[^/#\\\s][^/#\\\n]*)+(?<!\s)")
_NEVER_PLAIN = ("#", "\\", *"\t\r\v\f\x1c\x1d\x1e\x1f")
_NEVER_FIRST = "/. \n"
_TOGETHER = 10_000


def plain_paths(texts: Sequence[str]) -> list[str | None]:
    """Give the absolute paths that are what they say, and None for others."""
    found: list[str | None] = []
    for begin in range(0, len(texts), _TOGETHER):
        part = texts[begin : begin + _TOGETHER]
        shared = common_folder(part)
        skipped = len(shared)
        # most tables hold none but plain paths: a few looks at many of them at once are cheaper than one at each
        if skipped > 1 and are_plain(shared[:-1], [text[skipped:] for text in part]):
            found += part
        else:
            found += [text if PLAIN.fullmatch(text) else None for text in part]
    return found


def are_plain(folder: str, names: Sequence[str]) -> bool:
    """Say whether the paths of relative names below an absolute folder are certainly all what they say."""
    import numpy as np

    for begin in range(0, len(names), _TOGETHER):
        part = names[begin : begin + _TOGETHER]
        text = "\n".join(["", *part, ""])
        if text.count("\n") != len(part) + 1 or not text.isascii() or any(sign in text for sign in _NEVER_PLAIN):
            return False
        letters = np.frombuffer(text.encode(), np.uint8)
        is_end = letters == ord("\n")
        first = letters[1:][(is_end | (letters == ord("/")))[:-1]]
        if any((first == ord(sign)).any() for sign in _NEVER_FIRST) or (letters[:-1][is_end[1:]] == ord(" ")).any():
            return False
    return PLAIN.fullmatch(folder) is not None
