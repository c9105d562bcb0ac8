"""Names of image files taken apart by patterns: the groups that patterns may have, and the names of known instruments.

Facts of the presets: ArrayScan and CellInsight name exported TIFF files ``<prefix>_<A01>f<ff>d<c>.TIF``, seen as files; ``o<c>``
are overlays (masks) beside such images, and images themselves where there are no others. From published descriptions: Incucyte
exports ``<name>_<A1>_<image>_<yyyy>y<mm>m<dd>d_<hh>h<mm>m.tif`` or with the time since the start ``<dd>d<hh>h<mm>m``, and
archives as ``EssenFiles/ScanData/<yymm>/<dd>/<hhmm>/<vessel>/<A1>-<image>-<channel>.tif`` (channels ``Ph``, ``C1``, ``C2``); BD
Pathway writes ``Well <A01>/<dye> - n<000000>.tif``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from fractal_omezarr_converters.errors import ConvertersToolsUserError, raise_together
from fractal_omezarr_converters.formats.natural_order import natural
from fractal_omezarr_converters.models.well_names import parse_row, parse_well, row_index

IMAGE_ENDINGS = (".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp")
MAX_DEPTH = 8
MAX_PROBLEMS = 20
MAX_ROW, MAX_COLUMN = 32, 48
_GROUPS = {
    "well": ("well",),
    "row": ("row",),
    "column": ("column", "col"),
    "field": ("field", "site", "fov", "position"),
    "channel": ("channel", "wavelength", "wave", "dye", "stain"),
    "z": ("z", "plane", "slice"),
    "t": ("t", "time", "timepoint", "frame"),
    "plate": ("plate",),
}
_CLOCK = ("year", "month", "day", "hour", "minute")
_SINCE = ("days", "hours", "minutes")


class NamePattern(NamedTuple):
    """How one instrument names its images."""

    title: str
    markers: tuple[str, ...]
    pattern: str

    @property
    def compiled(self) -> re.Pattern[str]:
        """The pattern, ready to be used; compiled once by ``re``."""
        return re.compile(self.pattern)


#: Words by which folders or names of exported images say their channel; Fredrik and Registered are none.
_INCUCYTE = "(?<![A-Za-z])(?i:phase|brightfield|green|red|orange|nir|blue)(?![a-z])"

PRESETS = (
    NamePattern(
        "ArrayScan and CellInsight",
        ("*f*d*.TIF", "*f*d*.tif", "*f*o*.TIF", "*f*o*.tif"),
        r"(?P<plate>[^/]+)_(?P<well>[A-Pa-p]\d{2})f(?P<field>\d{2,3})(?:d|(?P<overlay>o))(?P<channel>\d+)\."
        r"(?i:tiff?|png)$",
    ),
    NamePattern(
        "Incucyte",
        ("*_*_*y*m*d_*h*m.tif", "*_*_*d*h*m.tif", "*/*_*_*y*m*d_*h*m.tif", "*/*_*_*d*h*m.tif"),
        rf"(?:^|/)(?:(?P<channel>[^/]*{_INCUCYTE}[^/]*)/)?(?:(?P<plate>[^/]+?)_)??(?:(?P<dye>{_INCUCYTE})_)?"
        r"(?P<well>[A-P]\d{1,2})_(?P<field>\d+)_(?:(?P<year>\d{4})y(?P<month>\d{2})m(?P<day>\d{2})d_"
        r"(?P<hour>\d{2})h(?P<minute>\d{2})m|(?P<days>\d+)d(?P<hours>\d{2})h(?P<minutes>\d{2})m)\.(?i:tiff?|png|jpg)$",
    ),
    NamePattern(
        "Incucyte archives",
        ("EssenFiles/ScanData/*/*/*/*/*-*-*.tif", "ScanData/*/*/*/*/*-*-*.tif"),
        r"(?:^|/)(?P<year>\d{2})(?P<month>\d{2})/(?P<day>\d{2})/(?P<hour>\d{2})(?P<minute>\d{2})/(?P<plate>\d+)/"
        r"(?P<well>[A-P]\d{1,2})-(?P<field>\d+)-(?P<channel>[A-Za-z]+\d*)\.tif$",
    ),
    NamePattern(
        "BD Pathway",
        ("Well */* - n*.tif",),
        r"Well (?P<well>[A-P]\d{2,3})/(?P<channel>[^/]+) - n(?P<t>\d+)\.(?i:tiff?)$",
    ),
)


class NamedFile(NamedTuple):
    """What the name of a file says; numbers of row, column and field from 1, time in s since the start where it is stated."""

    row: int
    column: int
    field: int
    channel: str
    z: int
    t: int
    seconds: float | None
    plate: str
    file: str


def list_images(folder: Path, *, at_most: int | None = None) -> list[str]:
    """List image files below a folder by their path in it, in order; hidden files and OME-Zarr are passed over.

    Raises:
        OSError: all are asked for, and a folder cannot be looked into: its images would be lost without a word.
    """
    found: list[str] = []
    for place, folders, files in os.walk(folder, onerror=_raise if at_most is None else None):
        below = os.path.relpath(place, folder).replace(os.sep, "/")
        depth = 0 if below == "." else below.count("/") + 1
        folders[:] = sorted(
            each for each in folders if depth < MAX_DEPTH and not each.startswith(".") and not each.endswith(".zarr")
        )
        start = "" if below == "." else f"{below}/"
        found += [f"{start}{name}" for name in sorted(files) if name.lower().endswith(IMAGE_ENDINGS) and name[0] != "."]
        if at_most is not None and len(found) >= at_most:
            return found[:at_most]
    return found


def _raise(error: OSError) -> None:
    raise error


def compiled(pattern: str) -> re.Pattern[str]:
    """Compile a user's pattern.

    Raises:
        ConvertersToolsUserError: it is no regular expression, or has no group for the well.
    """
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ConvertersToolsUserError(f"The pattern '{pattern}' is no regular expression: {error}.") from error
    groups = set(expression.groupindex)
    if "well" not in groups and not ("row" in groups and groups & set(_GROUPS["column"])):
        raise ConvertersToolsUserError(
            f"The pattern '{pattern}' has no group for the well: name one (?P<well>...), or two (?P<row>...) and (?P<column>...)."
        )
    known = {name for names in _GROUPS.values() for name in names} | {*_CLOCK, *_SINCE, "action"}
    unknown = sorted(groups - known)
    if unknown:
        raise ConvertersToolsUserError(
            f"The pattern '{pattern}' has the unknown groups {', '.join(unknown)}; groups are"
            f" {', '.join(names[0] for names in _GROUPS.values())}."
        )
    return expression


def match_names(folder: Path, names: list[str], expression: re.Pattern[str], warnings: list[str]) -> list[NamedFile]:
    """Take all names apart; those that the pattern does not fit are passed over with a warning.

    Raises:
        ConvertersToolsUserError: no name fits, or names that fit say something impossible (all of them together).
    """
    found: list[NamedFile] = []
    problems: list[str] = []
    passed: list[str] = []
    overlays: list[NamedFile] = []
    dated: list[int] = []
    fields = field_numbers(expression, names)
    for name in names:
        match = expression.search(name)
        if match is None:
            passed.append(name)
            continue
        try:
            (overlays if match.groupdict().get("overlay") else found).append(_taken_apart(name, match, fields))
            if _is_dated(match.groupdict()):
                dated.append(len(found) - 1)
        except ValueError as error:
            problems.append(f"'{folder / name}': {error}")
            if len(problems) == MAX_PROBLEMS:
                break
    if not found:
        found, overlays = overlays, []
    if not found and not problems:
        problems.append(
            f"The pattern '{expression.pattern}' fits none of the {len(names)} images in '{folder}' (for example '{names[0]}')."
        )
    raise_together(problems, f"The names of the images in '{folder}' cannot be used")
    if passed:
        shown = ", ".join(passed[:3])
        warnings.append(f"{len(passed)} images have names that the pattern does not fit and are left out: {shown}.")
    if overlays:
        warnings.append(
            f"{len(overlays)} images are overlays of others (o instead of d in their names) and are left out:"
            f" {', '.join(each.file for each in overlays[:3])}."
        )
    # dates count from the earliest one, as times since the start do
    start = min((found[at].seconds or 0.0 for at in dated), default=0.0)
    for at in dated:
        found[at] = found[at]._replace(seconds=(found[at].seconds or 0.0) - start)
    return found


def _group(match: re.Match[str], what: str) -> str | None:
    groups = match.groupdict()
    return next((groups[name] for name in _GROUPS[what] if groups.get(name) is not None), None)


def field_numbers(expression: re.Pattern[str], names: list[str]) -> dict[str, int]:
    """Give numbers to fields that are named by words, by their order: from 1, behind the fields that have numbers."""
    found = {_group(match, "field") for name in names if (match := expression.search(name)) is not None}
    words = sorted((each for each in found if each is not None and not each.isdecimal()), key=natural)
    last = max((int(each) for each in found if each is not None and each.isdecimal()), default=0)
    return {word: number for number, word in enumerate(words, start=last + 1)}


def _taken_apart(name: str, match: re.Match[str], fields: dict[str, int]) -> NamedFile:
    well = _group(match, "well")
    if well is not None:
        letters, column = parse_well(well)
    else:
        letters, column = parse_row(_group(match, "row") or ""), int(_group(match, "column") or "")
    row = row_index(letters) + 1
    if not (1 <= row <= MAX_ROW and 1 <= column <= MAX_COLUMN):
        raise ValueError(
            f"well {letters}{column} does not exist; plates have at most {MAX_ROW} rows and {MAX_COLUMN} columns."
        )
    field = _group(match, "field")
    seconds = _seconds(match)
    t = _group(match, "t")
    return NamedFile(
        row,
        column,
        1 if field is None else int(field) if field.isdecimal() else fields[field],
        _group(match, "channel") or "",
        _whole(_group(match, "z"), "plane"),
        round(seconds) if seconds is not None else _whole(t, "frame"),
        seconds,
        _group(match, "plate") or "",
        name,
    )


def _whole(text: str | None, what: str) -> int:
    if text is None:
        return 0
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"the {what} '{text}' is not a whole number.") from None


def _is_dated(groups: Mapping[str, str | None]) -> bool:
    return all(groups.get(name) for name in _CLOCK)


def _seconds(match: re.Match[str]) -> float | None:
    """The time in a name: a date (since 1970), or days, hours and minutes since the start."""
    groups = match.groupdict()
    if _is_dated(groups):
        year, month, day, hour, minute = (int(groups[name]) for name in _CLOCK)
        return datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()
    if all(groups.get(name) for name in _SINCE):
        days, hours, minutes = (int(groups[name]) for name in _SINCE)
        return 86_400.0 * days + 3600.0 * hours + 60.0 * minutes
    return None
