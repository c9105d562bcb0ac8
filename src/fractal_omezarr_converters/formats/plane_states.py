"""Which planes of a measurement have a file, and in words what becomes of those that have none."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter
from pathlib import PurePath

from fractal_omezarr_converters.errors import ConvertersToolsUserError, raise_together
from fractal_omezarr_converters.formats.contract import PlaneStates
from fractal_omezarr_converters.formats.plane_records import Measurement, PlaneRecord
from fractal_omezarr_converters.models.well_names import row_name

MAX_PROBLEMS = 20
SMALLEST_PIXEL, LARGEST_PIXEL = 1e-6, 1e6  # µm
#: Seconds since 1970 at the end of the year 9999, the last day that has a date.
LAST_MOMENT = 253402300799.0
MOST = 2**31
NAMES = {"z": "plane", "t": "frame"}
MAX_EXAMPLES = 6
MAX_WELLS = 24


@dataclass
class SortedPlanes:
    """Positions of the records to convert with their files, and the states of all planes.

    ``files_there`` is False when not one file is there and the records are kept for a plan.
    """

    kept: list[int] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    states: PlaneStates = field(default_factory=PlaneStates)
    files_there: bool = True


def sort_planes(measured: Measurement) -> SortedPlanes:
    """Find the file of every plane; planes without one are counted and left out.

    Raises:
        ConvertersToolsUserError: a file name leads out of the folder, two files claim one place, or no plane is named.
    """
    _check_numbers(measured)
    planes = measured.planes
    found = SortedPlanes()
    named = []
    for number, each in enumerate(planes):
        if each.file is None:
            found.states.count("named_empty", each.label(measured.channels))
        else:
            named.append(number)
    if not named:
        raise ConvertersToolsUserError(
            f"'{measured.described_in}' names no image file; export the measurement with its images."
        )
    located = _locate(measured, named)
    kept = _without_repeats(measured, named, located)
    for number in kept:
        path, there = located[number]
        if there:
            found.kept.append(number)
            found.files.append(path)
        else:
            found.states.count("missing_file", planes[number].file or "")
    found.states.present = len(found.kept)
    if not found.kept:
        found.files_there = False
        found.kept, found.files = kept, [located[number][0] for number in kept]
        measured.warnings.append(
            f"No image file named in '{measured.described_in}' is there; only a plan can be made from it."
        )
    _warn_of_wells(measured, found)
    _count_never_acquired(measured, found.states)
    return found


def _check_numbers(measured: Measurement) -> None:
    """Refuse pixels that no microscope has, dates without a calendar, and numbers that no instrument counts to."""
    problems = []
    # planes without a file may have any size
    used = {each.frame for each in measured.planes if each.file is not None}
    sizes = sorted({size for number in used for size in measured.frames[number][2:]})
    wrong = [f"{size:g}" for size in sizes if not SMALLEST_PIXEL <= size <= LARGEST_PIXEL]
    if wrong:
        problems.append(
            f"'{measured.described_in}' states pixels of {', '.join(wrong)} µm, which no microscope has; expected"
            f" {SMALLEST_PIXEL:g} to {LARGEST_PIXEL:g}: correct the metadata."
        )
    latest = max(measured.planes, key=lambda each: abs(each.clock or 0.0), default=None)
    if latest is not None and abs(latest.clock or 0.0) > LAST_MOMENT:
        problems.append(
            f"'{measured.described_in}' says that '{latest.file}' was taken {latest.clock:g} s after 1970, a day that no"
            " calendar has; correct the metadata."
        )
    for axis in ("field", "channel", "z", "t"):
        most = max(map(attrgetter(axis), measured.planes), default=0)
        if most > MOST:
            problems.append(
                f"'{measured.described_in}' states the number {most} of a {NAMES.get(axis, axis)}; no instrument counts so"
                " far: correct the metadata."
            )
    raise_together(problems, f"'{measured.described_in}' has numbers that cannot be right")


def _locate(measured: Measurement, named: Sequence[int]) -> dict[int, tuple[str, bool]]:
    located: dict[int, tuple[str, bool]] = {}
    problems: list[str] = []
    for number in named:
        each = measured.planes[number]
        try:
            located[number] = _locate_one(measured, each)
        except ConvertersToolsUserError as error:
            problems.append(str(error))
            if len(problems) == MAX_PROBLEMS:
                break
    raise_together(problems, f"'{measured.described_in}' names files that may not be read")
    return located


def _locate_one(measured: Measurement, each: PlaneRecord) -> tuple[str, bool]:
    where = f"{measured.described_in}, line {each.line}" if each.line else measured.described_in
    name = each.file or ""
    path, there = measured.files.locate(name, where=where)
    if there or not measured.other_endings:
        return path, there
    stem = name.removesuffix(PurePath(name).suffix)
    for ending in measured.other_endings:
        other, there = measured.files.locate(stem + ending, where=where)
        if there:
            return other, True
    return path, False


def _without_repeats(measured: Measurement, named: Sequence[int], located: dict[int, tuple[str, bool]]) -> list[int]:
    """Positions of the records to keep: a record that repeats another one word for word is dropped."""
    planes, described_in = measured.planes, measured.described_in
    first: dict[tuple[int, ...], int] = {}
    kept: list[int] = []
    problems: list[str] = []
    for number in named:
        each = planes[number]
        before = first.setdefault(each[:6], number)
        if before == number:
            kept.append(number)
        elif (located[before][0], planes[before].page) != (located[number][0], each.page):
            line = f", line {each.line}" if each.line else ""
            problems.append(
                f"{described_in}{line}: '{each.file}' and '{planes[before].file}' both claim"
                f" {each.label(measured.channels)};"
                " one plane can have one file only."
            )
    raise_together(problems[:MAX_PROBLEMS], f"'{described_in}' names two files for one plane")
    if len(kept) < len(named):
        measured.warnings.append(
            f"{len(named) - len(kept)} records of '{described_in}' repeat another record and are left out."
        )
    return kept


def _warn_of_wells(measured: Measurement, found: SortedPlanes) -> None:
    planes, warnings = measured.planes, measured.warnings
    converted = {planes[number][:2] for number in found.kept}
    fields: dict[tuple[int, ...], set[int]] = defaultdict(set)
    for each in planes:
        fields[each[:2]].add(each.field)
    lost = sorted(set(fields) - converted)
    if lost:
        warnings.append(
            f"No image file is there for {len(lost)} wells: {wells_in_words(lost)}; they are not converted."
        )
    most = set().union(*fields.values())
    fewer = {well: sorted(most - there) for well, there in sorted(fields.items()) if len(there) < len(most)}
    if fewer:
        shown = "; ".join(
            f"{wells_in_words([well])} lacks {gone[:MAX_EXAMPLES]}" for well, gone in list(fewer.items())[:4]
        )
        warnings.append(f"{len(fewer)} wells have fewer fields than others: {shown}.")


def wells_in_words(wells: Sequence[tuple[int, ...]]) -> str:
    """List wells (row, column) by name, the first two dozen of them."""
    shown = ", ".join(f"{row_name(row)}{column:02d}" for row, column in wells[:MAX_WELLS])
    return shown + (", ..." if len(wells) > MAX_WELLS else "")


def _count_never_acquired(measured: Measurement, states: PlaneStates) -> None:
    """Count what the fields of a well lack of the channels, planes and times that the well has."""
    fields: dict[tuple[int, ...], dict[int, set[tuple[int, ...]]]] = defaultdict(lambda: defaultdict(set))
    for each in measured.planes:
        fields[each[:2]][each.field].add(each[3:6])
    for (row, column), present in fields.items():
        planes = set().union(*present.values())
        channels, depths, times = (sorted({plane[axis] for plane in planes}) for axis in range(3))
        full = len(channels) * len(depths) * len(times)
        for number, there in present.items():
            if len(there) < full:
                gone = next((c, z, t) for c in channels for z in depths for t in times if (c, z, t) not in there)
                lost = PlaneRecord(row, column, number, *gone, None)
                states.count("never_acquired", lost.label(measured.channels), full - len(there))
