"""Sizes of memory and files as people write them: 4GB, 500 MB, 1.5G; a GB is 1024 MB, as SLURM counts."""

from __future__ import annotations

import re

from fractal_omezarr_converters.errors import ConvertersToolsUsageError

_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT])(?:i?B)?\s*", re.IGNORECASE)


def bytes_of(text: str | int) -> int:
    """The number of bytes; a number is one already.

    Raises:
        ConvertersToolsUsageError: it is no size.
    """
    if isinstance(text, int) and not isinstance(text, bool) and text > 0:
        return text
    found = _SIZE.fullmatch(str(text))
    size = int(float(found[1]) * 1024 ** _POWERS[found[2].upper()]) if found else 0
    if size < 1:
        raise ConvertersToolsUsageError(f"'{text}' is no size of memory; write it with a unit, such as 4GB or 500MB.")
    return size
