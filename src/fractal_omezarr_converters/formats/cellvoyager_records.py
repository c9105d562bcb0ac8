"""Read ``MeasurementData.mlf`` of a Yokogawa measurement: one record per image that was taken or failed.

Facts: attributes of ``MeasurementRecord`` (schema BTS 1.0), seen in files of CV7000 and CV8000. ``Type`` is IMG or ERR;
an ERR record has free text instead of a file and may lack channel, z and action. ``X``, ``Y`` and ``Z`` are µm, the first
two from the centre of the well with y up, cut (not rounded) after one decimal. ``ZImageProcessing`` marks projections,
which share z, channel and field with slices.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsUserError, raise_together
from fractal_omezarr_converters.formats.clock_times import many_seconds_of, seconds_of
from fractal_omezarr_converters.formats.plane_table import joint_ranks
from fractal_omezarr_converters.formats.row_columns import GrowingColumns, Known, decimal, whole
from fractal_omezarr_converters.formats.xml_layouts import TEXT, Repeated
from fractal_omezarr_converters.formats.xml_records import XmlRecord
from fractal_omezarr_converters.formats.xml_rows import XmlRows, XmlRowStream

if TYPE_CHECKING:
    from numpy.typing import NDArray

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


type Ints = NDArray[np.int64]
type Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ImageColumns:
    """Images as columns, see :class:`ImageRecord`; clocks that are not known are NaN."""

    row: Ints
    column: Ints
    field: Ints
    z: Ints
    time_point: Ints
    timeline: Ints
    action: Ints
    channel: Ints
    x: Floats
    y: Floats
    height: Floats
    clock: Floats
    processing: Sequence[str]
    file: Sequence[str]
    line: Ints

    def __len__(self) -> int:
        """Count the images."""
        return len(self.file)

    def select(self, chosen: NDArray[np.bool_]) -> ImageColumns:
        """Give some of them."""
        if chosen.all():
            return self
        columns: dict[str, Any] = {name: getattr(self, name) for name in ImageRecord._fields}
        for name, values in columns.items():
            columns[name] = list(compress(values, chosen)) if isinstance(values, list) else values[chosen]
        return ImageColumns(**columns)


@dataclass
class MeasurementData:
    """All records of one file; ``failures`` are the texts of what could not be imaged."""

    path: str
    images: ImageColumns
    failures: list[str]
    warnings: list[str]


_WANTED = Repeated(
    (
        *("@Row", "@Column", "@FieldIndex", "@ZIndex", "@TimePoint", "@TimelineIndex", "@ActionIndex", "@Ch"),
        *("@X", "@Y", "@Z", "@Time", "@ZImageProcessing", TEXT),
    ),
    fixed=("@Type",),
)


def read_records(path: str) -> MeasurementData:
    """Read all records; all faults are reported together.

    Raises:
        ConvertersToolsUserError: the file is damaged, or records have wrong values.
    """
    stream = XmlRowStream(path, [], {"MeasurementRecord": _WANTED})
    images = GrowingColumns(ImageRecord._fields, ("x", "y", "height", "clock"), ("processing", "file"))
    fast = _ImageRows()
    failures: list[str] = []
    problems: list[str] = []
    for found in stream:
        columns = fast.columns(found) if isinstance(found, XmlRows) else None
        if columns is not None:
            images.add(columns)
            continue
        for record in found.records() if isinstance(found, XmlRows) else [found]:
            if record.attributes.get("Type", "IMG") != "IMG":
                failures.append(_failure(record))
                continue
            try:
                images.add_row(_image(record))
            except ConvertersToolsUserError as error:
                problems.append(str(error))
        if len(problems) >= MAX_PROBLEMS:
            break
    if not len(images) and not problems:
        problems.append(f"'{path}' lists no image; copy or export the measurement again.")
    raise_together(problems[:MAX_PROBLEMS], f"'{path}' cannot be used")
    return MeasurementData(path, ImageColumns(**images.joined()), failures, list(stream.warnings))


class _ImageRows:
    """Reads the values of rows; gives None for rows with a value that :func:`_image` should see."""

    def __init__(self) -> None:
        self._whole = [whole() for _ in range(5)] + [whole(1), whole(1), whole()]
        self._numbers = [Known(decimal) for _ in range(3)]
        self._kinds = Known(lambda text: text or SLICES)

    def columns(self, rows: XmlRows) -> list[Any] | None:
        if rows.fixed[0] not in (None, "IMG"):
            return None
        *texts, times, kinds, names = rows.columns()
        try:
            numbers = [known.column(text, np.int64) for known, text in zip(self._whole, texts)]
            places = [known.column(text, np.float64) for known, text in zip(self._numbers, texts[8:])]
        except (ValueError, OverflowError):
            return None
        files = [(name or "").strip() for name in names]
        row, column, *others = numbers
        possible = (
            row.min() > 0
            and row.max() <= MAX_ROW
            and column.min() > 0
            and column.max() <= MAX_COLUMN
            and all(each.min() >= 0 and each.max() <= MAX_ID for each in others)
            and all((np.abs(each) <= MAX_POSITION_UM).all() for each in places)  # false for NaN
            and all(files)
        )
        if not possible:
            return None
        clocks = many_seconds_of(times)
        return [*numbers, *places, clocks, list(map(self._kinds.__getitem__, kinds)), files, rows.lines()]


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


def frame_numbers(images: ImageColumns) -> Ints:
    """Number of the frame of each image, from 0: a TimePoint counts through all timelines of a measurement.

    Timelines that image other wells start again at 0; wells of one timeline, or of timelines that share a well, keep one
    common count, so that their frames stay comparable.
    """
    place, first = joint_ranks(images.row, images.column, images.timeline, images.time_point)
    columns = (images.row, images.column, images.timeline, images.time_point)
    combinations = list(zip(*(column[first].tolist() for column in columns), strict=True))
    timelines_of: dict[tuple[int, int], set[int]] = defaultdict(set)
    points_of: dict[int, set[int]] = defaultdict(set)
    for row, column, timeline, point in combinations:
        timelines_of[row, column].add(timeline)
        points_of[timeline].add(point)
    groups: list[set[int]] = []
    for timelines in timelines_of.values():
        joined = set(timelines).union(*(group for group in groups if group & timelines))
        groups = [group for group in groups if not group & joined] + [joined]
    numbers: dict[tuple[int, int], int] = {}
    for group in groups:
        points = sorted(set().union(*(points_of[timeline] for timeline in group)))
        rank = {point: number for number, point in enumerate(points)}
        numbers.update(((timeline, point), rank[point]) for timeline in group for point in points_of[timeline])
    return np.array([numbers[timeline, point] for _, _, timeline, point in combinations], np.int64)[place]
