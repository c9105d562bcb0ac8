"""Which planes of a measurement have a file, and in words what becomes of those that have none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsUserError, raise_together
from fractal_omezarr_converters.formats.acquisition_files import MAX_PROBLEMS, Located, name_beside
from fractal_omezarr_converters.formats.contract import PlaneStates
from fractal_omezarr_converters.formats.plane_records import Measurement, PlaneRecord
from fractal_omezarr_converters.formats.plane_table import WELL_COLUMNS, PlaneTable, joint_ranks, ranked
from fractal_omezarr_converters.models.source_files import SourceFiles
from fractal_omezarr_converters.models.well_names import row_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fractal_omezarr_converters.formats.plane_table import Ints

MAX_EXAMPLES = 6
MAX_WELLS = 24


@dataclass
class SortedPlanes:
    """Positions of the planes to convert with their files, and the states of all planes.

    ``files_there`` is False when not one file is there and the planes are kept for a plan. ``are_plain``: the paths of the
    files are certainly what they say.
    """

    kept: Ints
    files: SourceFiles
    states: PlaneStates = field(default_factory=PlaneStates)
    files_there: bool = True
    are_plain: bool = False


def sort_planes(measured: Measurement, planes: PlaneTable) -> SortedPlanes:
    """Find the file of every plane; planes without one are counted and left out.

    Args:
        measured: the measurement; it takes warnings.
        planes: its planes.

    Raises:
        ConvertersToolsUserError: a file name leads out of the folder, two files claim one place, or no plane is named.
    """
    if None in planes.file:
        named = np.array([number for number, name in enumerate(planes.file) if name is not None], np.int64)
    else:
        named = np.arange(len(planes))
    if not len(named):
        raise ConvertersToolsUserError(
            f"'{measured.described_in}' names no image file; export the measurement with its images."
        )
    files, present, plain = _locate(measured, planes, named)
    found = SortedPlanes(named, files, are_plain=plain)
    for number in np.setdiff1d(np.arange(len(planes)), named, assume_unique=True).tolist():
        found.states.count("named_empty", planes[number].label(measured.channels))
    kept = _without_repeats(measured, planes.select(named), files.paths)
    _warn_of_shared(measured, planes.select(named), files.paths, kept[present[kept]])
    for number in kept[~present[kept]].tolist():
        found.states.count("missing_file", planes.file[named[number]] or "")
    found.states.present = int(present[kept].sum())
    if found.states.present:
        kept = kept[present[kept]]
    else:
        found.files_there = False
        measured.warnings.append(
            f"No image file named in '{measured.described_in}' is there; only a plan can be made from it."
        )
    if len(kept) < len(files):
        found.files = files.select(kept)
    found.kept = named[kept]
    fields = _Fields(planes)
    _warn_of_wells(measured, found, fields)
    _count_never_acquired(measured, planes, found.states, fields)
    return found


def _locate(measured: Measurement, planes: PlaneTable, named: Ints) -> Located:
    """Look for every named file, also under another ending."""
    described_in = measured.described_in

    def where(number: int) -> str:
        line = int(planes.line[named[number]])
        return f"{described_in}, line {line}" if line else described_in

    names = [planes.file[number] or "" for number in named.tolist()]
    heading = f"'{described_in}' names files that may not be read"
    found = measured.files.locate_all(names, where=where, heading=heading)
    for number in np.flatnonzero(~found.there).tolist() if measured.other_endings else ():
        name = name_beside(names[number])
        stem = name.removesuffix(PurePath(name).suffix)
        for ending in measured.other_endings:
            other, is_there = measured.files.locate(stem + ending, where=where(number))
            if is_there:
                found.files.paths[number], found.there[number] = other, True
                break
    return found


def _without_repeats(measured: Measurement, planes: PlaneTable, files: Sequence[str]) -> Ints:
    """Positions of the planes to keep: one that repeats another one word for word is dropped."""
    place, first = joint_ranks(planes.row, planes.column, planes.field, planes.channel, planes.z, planes.t)
    if len(first) == len(planes):
        return np.arange(len(planes))
    described_in = measured.described_in
    problems: list[str] = []
    kept = first[place] == np.arange(len(planes))
    for number in np.flatnonzero(~kept).tolist():
        before = int(first[place[number]])
        if (files[before], planes.page[before]) != (files[number], planes.page[number]):
            each, other = planes[number], planes[before]
            line = f", line {each.line}" if each.line else ""
            problems.append(
                f"{described_in}{line}: {_image_in_words(each, other)} and {_image_in_words(other, each)} both claim"
                f" {each.label(measured.channels)};"
                " one plane can have one file only."
            )
            if len(problems) == MAX_PROBLEMS:
                break
    raise_together(problems, f"'{described_in}' names two files for one plane")
    measured.warnings.append(
        f"{len(planes) - int(kept.sum())} records of '{described_in}' repeat another record and are left out."
    )
    return np.flatnonzero(kept)


def _image_in_words(plane: PlaneRecord, other: PlaneRecord) -> str:
    """Name the file of a plane, and its page where the other plane is in the same file."""
    in_same_file = plane.file == other.file and plane.page is not None
    return f"'{plane.file}'" + (f" page {plane.page}" if in_same_file else "")


def _warn_of_shared(measured: Measurement, planes: PlaneTable, files: Sequence[str], there: Ints) -> None:
    """Say when two planes name one image: at one of both places it is not what was taken there."""
    if len(set(files)) == len(files):
        return
    sources = list(zip(files, planes.page.tolist(), strict=True))
    first: dict[tuple[str, int], int] = {}
    shared = [(at, before) for at in there.tolist() if (before := first.setdefault(sources[at], at)) != at]
    if shared:
        one, other = (planes[number].label(measured.channels) for number in reversed(shared[0]))
        measured.warnings.append(
            f"{len(shared)} planes of '{measured.described_in}' name an image that another plane names, too (for example"
            f" '{planes.file[shared[0][0]]}': {one}, and {other}); it is written to both places. Check the metadata."
        )


class _Fields:
    """The fields of the wells: ``well`` and ``field`` rank those of every plane, ``there`` (wells x fields) says which are."""

    def __init__(self, planes: PlaneTable) -> None:
        self.wells, self.well = ranked(planes.wells())
        self.numbers, self.field = ranked(planes.field)
        self.there = np.zeros((len(self.wells), len(self.numbers)), np.bool_)
        self.there[self.well, self.field] = True

    def well_of(self, rank: int) -> tuple[int, int]:
        """Row and column of a well."""
        row, column = divmod(int(self.wells[rank]), WELL_COLUMNS)
        return row, column


def _warn_of_wells(measured: Measurement, found: SortedPlanes, fields: _Fields) -> None:
    warnings = measured.warnings
    converted = np.zeros(len(fields.wells), np.bool_)
    converted[fields.well[found.kept]] = True
    lost = [fields.well_of(rank) for rank in np.flatnonzero(~converted).tolist()]
    if lost:
        warnings.append(
            f"No image file is there for {len(lost)} wells: {wells_in_words(lost)}; they are not converted."
        )
    fewer = np.flatnonzero(~fields.there.all(axis=1)).tolist()
    if fewer:
        shown = "; ".join(
            f"{wells_in_words([fields.well_of(rank)])} lacks"
            f" {fields.numbers[~fields.there[rank]][:MAX_EXAMPLES].tolist()}"
            for rank in fewer[:4]
        )
        warnings.append(f"{len(fewer)} wells have fewer fields than others: {shown}.")


def wells_in_words(wells: Sequence[tuple[int, ...]]) -> str:
    """List wells (row, column) by name, the first two dozen of them."""
    shown = ", ".join(f"{row_name(row)}{column:02d}" for row, column in wells[:MAX_WELLS])
    return shown + (", ..." if len(wells) > MAX_WELLS else "")


def _count_never_acquired(measured: Measurement, planes: PlaneTable, states: PlaneStates, fields: _Fields) -> None:
    """Count what the fields of a well lack of the channels, planes and times that the well has."""
    axes = [ranked(values) for values in (planes.channel, planes.z, planes.t)]
    # how many of each axis every well has, and how many distinct planes every field
    of_wells = [_present(fields.well, len(fields.wells), rank, len(distinct)) for distinct, rank in axes]
    full = np.prod([each.sum(axis=1) for each in of_wells], axis=0)
    place = fields.well * len(fields.numbers) + fields.field
    _, first = joint_ranks(place, *(rank for _, rank in axes))
    count = np.bincount(place[first], minlength=fields.there.size).reshape(fields.there.shape)
    lacking = np.flatnonzero(((count < full[:, None]) & fields.there).any(axis=1)).tolist()
    # in the order in which the wells are listed
    for well in sorted(lacking, key=lambda each: int(np.argmax(fields.well == each))):
        rows = np.flatnonzero(fields.well == well)
        present: dict[int, set[tuple[int, ...]]] = {}
        combined = zip(*(values[rows].tolist() for values in (planes.field, planes.channel, planes.z, planes.t)))
        for number, *plane in combined:
            present.setdefault(number, set()).add(tuple(plane))
        channels, depths, times = (
            distinct[of_well[well]].tolist() for (distinct, _), of_well in zip(axes, of_wells, strict=True)
        )
        row, column = fields.well_of(well)
        for number, there in present.items():
            if len(there) < full[well]:
                gone = next((c, z, t) for c in channels for z in depths for t in times if (c, z, t) not in there)
                lost = PlaneRecord(row, column, number, *gone, None)
                states.count("never_acquired", lost.label(measured.channels), int(full[well]) - len(there))


def _present(well: Ints, wells: int, rank: Ints, size: int) -> NDArray[np.bool_]:
    """Which values of an axis occur in each well (wells x values)."""
    found = np.zeros((wells, size), np.bool_)
    found[well, rank] = True
    return found
