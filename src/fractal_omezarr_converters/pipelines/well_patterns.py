"""Which wells a user means: names such as ``A01``, ranges such as ``A01-B03``, patterns such as ``*01``."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase

from fractal_omezarr_converters.errors import ConvertersToolsUsageError, ConvertersToolsUserError
from fractal_omezarr_converters.models.well_names import parse_well, row_index

Well = tuple[str, int]

RANGE = re.compile(r"^(?P<first>.*[0-9])\s*(?:-|:|\.\.)\s*(?P<last>[A-Za-z].*)$")


def wells_meant(patterns: Iterable[str], existing: Collection[Well]) -> set[Well]:
    """The existing wells that any of the patterns means.

    Raises:
        ConvertersToolsUserError: a pattern cannot be read or means no existing well; the message lists those that exist.
    """
    chosen: set[Well] = set()
    for pattern in patterns:
        found = _matches(pattern.strip(), existing)
        if not found:
            raise ConvertersToolsUserError(
                f"The filter names the well '{pattern}', which does not occur; the wells are {listed_wells(existing)}."
            )
        chosen |= found
    return chosen


def is_meant(pattern: str, existing: Collection[Well]) -> bool:
    """Whether a pattern means any of the wells.

    Raises:
        ConvertersToolsUserError: it cannot be read.
    """
    return bool(_matches(pattern.strip(), existing))


def listed_wells(wells: Collection[Well], most: int = 24) -> str:
    """The wells as text, in plate order, shortened when there are many."""
    ordered = sorted(wells, key=lambda well: (row_index(well[0]), well[1]))
    names = [f"{row}{column:02d}" for row, column in ordered]
    if not names:
        return "none"
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[:most])} and {len(names) - most} more"


def _matches(pattern: str, existing: Collection[Well]) -> set[Well]:
    if "*" in pattern or "?" in pattern or "[" in pattern:
        wanted = pattern.upper()
        return {
            (row, column)
            for row, column in existing
            if fnmatchcase(f"{row}{column:02d}", wanted) or fnmatchcase(f"{row}{column}", wanted)
        }
    ends = RANGE.match(pattern)
    if ends:
        first, last = _parse(ends["first"], pattern), _parse(ends["last"], pattern)
        rows = sorted((row_index(first[0]), row_index(last[0])))
        columns = sorted((first[1], last[1]))
        return {
            (row, column)
            for row, column in existing
            if rows[0] <= row_index(row) <= rows[1] and columns[0] <= column <= columns[1]
        }
    return {_parse(pattern, pattern)} & set(existing)


def _parse(text: str, pattern: str) -> Well:
    try:
        return parse_well(text)
    except ValueError as error:
        raise ConvertersToolsUsageError(
            f"'{pattern}' is neither a well, a range of wells nor a pattern; write for example A01, A01-B03 or *01."
        ) from error
