"""Read ``MeasurementData.mlf`` of a Yokogawa measurement: one record per image that was taken or failed.

Facts: attributes of ``MeasurementRecord`` (schema BTS 1.0), seen in files of CV7000 and CV8000. ``Type`` is IMG or ERR;
an ERR record has free text instead of a file and may lack channel, z and action. ``X``, ``Y`` and ``Z`` are µm, the first
two from the centre of the well with y up, cut (not rounded) after one decimal. ``ZImageProcessing`` marks projections,
which share z, channel and field with slices.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from fractal_omezarr_converters.errors import ConvertersToolsUserError, raise_together
from fractal_omezarr_converters.formats.clock_times import seconds_of
from fractal_omezarr_converters.formats.xml_records import XmlRecord
from fractal_omezarr_converters.formats.xml_stream import XmlStream

MAX_PROBLEMS = 20
MAX_ROW, MAX_COLUMN = 32, 48
MAX_ID = 1 << 31
MAX_POSITION_UM = 1e6
SLICES = ""
PER_ACTION = 1000
"""Channels are numbered by action and channel: 2003 is channel 3 of action 2."""


class ImageRecord(NamedTuple):
    """One image: numbers as the instrument counts them (from 1), µm, seconds since 1970-01-01 UTC."""

    row: int
    column: int
    field: int
    z: int
    time_point: int
    timeline: int
    action: int
    channel: int
    x: float
    y: float
    height: float
    clock: float | None
    processing: str
    file: str
    line: int


@dataclass
class MeasurementData:
    """All records of one file; ``failures`` are the texts of what could not be imaged."""

    path: str
    images: list[ImageRecord] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def kinds(self) -> list[str]:
        """Give what the images are: :data:`SLICES` and the kinds of projections, in order of appearance."""
        return list(dict.fromkeys(each.processing for each in self.images))


def read_records(path: str) -> MeasurementData:
    """Read all records; all faults are reported together.

    Raises:
        ConvertersToolsUserError: the file is damaged, or records have wrong values.
    """
    stream = XmlStream(path, ["MeasurementRecord"])
    data = MeasurementData(path)
    problems: list[str] = []
    for record in stream:
        if record.attributes.get("Type", "IMG") != "IMG":
            data.failures.append(_failure(record))
            continue
        try:
            data.images.append(_image(record))
        except ConvertersToolsUserError as error:
            problems.append(str(error))
            if len(problems) == MAX_PROBLEMS:
                break
    data.warnings.extend(stream.warnings)
    if not data.images and not problems:
        problems.append(f"'{path}' lists no image; copy or export the measurement again.")
    raise_together(problems, f"'{path}' cannot be used")
    return data


def _image(record: XmlRecord) -> ImageRecord:
    given = record.attributes
    try:
        found = ImageRecord(
            int(given["Row"]),
            int(given["Column"]),
            int(given["FieldIndex"]),
            int(given["ZIndex"]),
            int(given["TimePoint"]),
            int(given.get("TimelineIndex", 1)),
            int(given.get("ActionIndex", 1)),
            int(given["Ch"]),
            float(given["X"]),
            float(given["Y"]),
            float(given["Z"]),
            seconds_of(given.get("Time")),
            given.get("ZImageProcessing", SLICES),
            record.text.strip(),
            record.line,
        )
    except (KeyError, ValueError):
        found = None
    if found is None or not _is_possible(found):
        raise _what_is_wrong(record)
    return found


def _is_possible(each: ImageRecord) -> bool:
    numbers = each[2:8]
    return (
        0 < each.row <= MAX_ROW
        and 0 < each.column <= MAX_COLUMN
        and min(numbers) >= 0
        and max(numbers) <= MAX_ID
        and abs(each.x) <= MAX_POSITION_UM  # false for NaN
        and abs(each.y) <= MAX_POSITION_UM
        and abs(each.height) <= MAX_POSITION_UM
        and bool(each.file)
    )


def _what_is_wrong(record: XmlRecord) -> ConvertersToolsUserError:
    """Say which attribute is wrong; slow, for records that are."""
    try:
        record.attribute_integer("Row", least=1, most=MAX_ROW)
        record.attribute_integer("Column", least=1, most=MAX_COLUMN)
        for name in ("FieldIndex", "ZIndex", "TimePoint", "Ch"):
            record.attribute_integer(name, least=0, most=MAX_ID)
        for name in ("TimelineIndex", "ActionIndex"):
            record.attribute_integer(name, least=0, most=MAX_ID, default=1)
        for name in ("X", "Y", "Z"):
            record.attribute_number(name, least=-MAX_POSITION_UM, most=MAX_POSITION_UM)
    except ConvertersToolsUserError as error:
        return error
    return ConvertersToolsUserError(
        f"{record.file}, line {record.line}: <{record.name}> names no image file; copy or export the data again."
    )


def _failure(record: XmlRecord) -> str:
    given = record.attributes
    place = " ".join(f"{name} {given[name]}" for name in ("Row", "Column", "FieldIndex") if given.get(name))
    return ": ".join(text for text in (place, " ".join(record.text.split())) if text) or f"line {record.line}"


def frame_numbers(images: Sequence[ImageRecord]) -> dict[tuple[int, int], int]:
    """Number of each (timeline, TimePoint), from 0: a TimePoint counts through all timelines of a measurement.

    Timelines that image other wells start again at 0; wells of one timeline, or of timelines that share a well, keep one
    common count, so that their frames stay comparable.
    """
    timelines_of: dict[tuple[int, int], set[int]] = defaultdict(set)
    points_of: dict[int, set[int]] = defaultdict(set)
    for each in images:
        timelines_of[each.row, each.column].add(each.timeline)
        points_of[each.timeline].add(each.time_point)
    groups: list[set[int]] = []
    for timelines in timelines_of.values():
        joined = set(timelines).union(*(group for group in groups if group & timelines))
        groups = [group for group in groups if not group & joined] + [joined]
    numbers: dict[tuple[int, int], int] = {}
    for group in groups:
        points = sorted(set().union(*(points_of[timeline] for timeline in group)))
        rank = {point: number for number, point in enumerate(points)}
        numbers.update(((timeline, point), rank[point]) for timeline in group for point in points_of[timeline])
    return numbers
