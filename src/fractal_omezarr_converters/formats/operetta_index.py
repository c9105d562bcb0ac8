"""Read the index of an Operetta or Opera Phenix measurement (Harmony V4 to V7, Columbus) into columns.

Where the facts of a channel stand depends on the version: in V4, V5 and Columbus in every ``Image``, in V6 and V7 only
in one of the ``Maps/Map`` elements, whose entries come in any order and are told apart by what they hold. A value in
``Image`` wins over the map. An ``Image`` with an ``id`` *attribute* is a reference of a well, not a record.
Units are read from the ``Unit`` attribute; Harmony writes m, nm and s. Sources: files of Harmony 4.5 to 5.2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from fractal_omezarr_converters.errors import ConvertersToolsUserError, raise_together
from fractal_omezarr_converters.formats.operetta_channels import ChannelRecord, channel_record
from fractal_omezarr_converters.formats.operetta_columns import NUMBERS, OBJECTS, IndexedPlane, IndexedPlanes
from fractal_omezarr_converters.formats.operetta_images import WANTED, ImageRows, channel_of, plane_of
from fractal_omezarr_converters.formats.row_columns import GrowingColumns
from fractal_omezarr_converters.formats.xml_layouts import Repeated
from fractal_omezarr_converters.formats.xml_records import XmlRecord
from fractal_omezarr_converters.formats.xml_rows import XmlRows, XmlRowStream

MAX_PROBLEMS = 20
CHANNEL = IndexedPlane._fields.index("channel")
NOT_NEEDED = ("PositionZ", "AbsPositionZ", "MeasurementTimeOffset")
"""Numbers without which an image is read all the same."""
_NO_NUMBER = ("nan", "inf", "infinity")


@dataclass
class OperettaIndex:
    """Everything that was read from one index file."""

    path: str
    harmony: str
    instrument: str = ""
    plate: XmlRecord | None = None
    planes: IndexedPlanes = field(init=False)
    channels: dict[int, ChannelRecord] = field(default_factory=dict)
    wells_selected: list[tuple[int, int]] = field(default_factory=list)
    images_referred_to: int = 0
    warnings: list[str] = field(default_factory=list)

    def plate_value(self, name: str) -> str | None:
        """Give a value of the ``Plate`` element, None when it is absent or empty."""
        return self.plate.get(name) if self.plate is not None else None


def read_index(path: str) -> OperettaIndex:
    """Read an index file completely; all faults in its records are reported together.

    Raises:
        ConvertersToolsUserError: the file is damaged, holds no image records, or records have wrong values.
    """
    few = ["InstrumentType", "Plates/Plate", "Maps/Map"]
    stream = XmlRowStream(path, few, {"Wells/Well/Image": Repeated(), "Images/Image": WANTED})
    index = OperettaIndex(path=path, harmony="")
    reading = _Reading(index)
    early: list[XmlRecord | XmlRows] = []
    for found in stream:
        if found.inside == "Wells/Well":
            index.images_referred_to += len(found) if isinstance(found, XmlRows) else 1
        elif found.name == "Image":
            if reading.entries:
                reading.take_images(found)
                continue
            for each in _alike(found):
                if _names_channels(each):
                    reading.take_images(each)
                else:
                    early.append(each)  # the channels' facts are still to come
        elif isinstance(found, XmlRecord):
            if found.name == "Map":
                _take_map(found, reading.entries, reading.problems)
            elif found.name == "Plate":
                _take_plate(index, found)
            else:
                index.instrument = found.text.strip()
    for found in early:
        reading.take_images(found)
    index.planes = IndexedPlanes(**reading.planes.joined())
    problems = reading.problems
    index.warnings.extend(
        f"{number} images in '{path}' state no number as <{name}>; they are converted without it."
        for name, number in sorted(reading.unknown.items())
    )
    index.harmony = stream.namespace.rstrip("/").rpartition("/")[2]
    if index.harmony == "Columbus":
        index.wells_selected.clear()  # its ids of wells are numbers of its database, not rows and columns
    index.warnings.extend(stream.warnings)
    if stream.root is not None and stream.root.name != "EvaluationInputData" and not len(index.planes):
        problems.append(f"'{path}' begins with <{stream.root.name}>; an Operetta index has <EvaluationInputData>.")
    if not len(index.planes) and not problems:
        problems.append(f"'{path}' describes no image; export the measurement again with its images.")
    raise_together(problems[:MAX_PROBLEMS], f"'{path}' cannot be used")
    _complete_channels(index, reading.entries)
    _settle_names(index, reading.names)
    return index


def _take_plate(index: OperettaIndex, record: XmlRecord) -> None:
    if index.plate is not None:
        index.warnings.append(f"'{index.path}' describes more than one plate; facts of the first one are used.")
        return
    index.plate = record
    for well in record.every("Well"):
        digits = well.attributes.get("id", "")
        if len(digits) == 4 and digits.isdecimal():
            index.wells_selected.append((int(digits[:2]), int(digits[2:])))


def _take_map(record: XmlRecord, entries: dict[int, dict[str, XmlRecord]], problems: list[str]) -> None:
    for entry in record.every("Entry"):
        number = entry.attributes.get("ChannelID", "")
        if not number.isdecimal():
            problems.append(f"{entry.file}, line {entry.line}: <Entry> has the ChannelID '{number}', not a number.")
            continue
        known = entries.setdefault(int(number), {})
        for child in entry.children:
            known.setdefault(child.name, child)


def _alike(found: XmlRecord | XmlRows) -> Iterable[XmlRecord | XmlRows]:
    """Give records together that all state the name of their channel, or none, else one by one."""
    if isinstance(found, XmlRecord) or len({name is None for name in found.columns()[-1]}) == 1:
        return [found]
    return found.records()


def _names_channels(found: XmlRecord | XmlRows) -> bool:
    """Say whether records state the name of their channel, and so all of its facts."""
    if isinstance(found, XmlRecord):
        return found.child("ChannelName") is not None
    return None not in found.columns()[-1]


class _Reading:
    """What is gathered while an index is read; ``entries`` are the children of the ``Entry`` of each channel."""

    def __init__(self, index: OperettaIndex) -> None:
        self.index = index
        self.entries: dict[int, dict[str, XmlRecord]] = {}
        self.problems: list[str] = []
        self.names: set[tuple[int, str]] = set()
        self.unknown: Counter[str] = Counter()
        self.planes = GrowingColumns(IndexedPlane._fields, NUMBERS, OBJECTS)
        self._rows = ImageRows(self.entries)

    def take_images(self, found: XmlRecord | XmlRows) -> None:
        """Take one record, or many; facts of a channel come from its first record."""
        if isinstance(found, XmlRecord):
            self._take_image(found)
            return
        columns = self._rows.columns(found)
        channels = columns[CHANNEL].tolist() if columns is not None else []
        if columns is None or not self._knows_channels(found, channels):
            for record in found.records():
                self._take_image(record)
        else:
            self.planes.add(columns)
            self.names.update(
                (number, name.strip()) for number, name in set(zip(channels, found.columns()[-1])) if name
            )

    def _knows_channels(self, rows: XmlRows, channels: list[int]) -> bool:
        """Take the facts of channels that are new from the first record of each; False when they are wrong."""
        new = [channels.index(number) for number in set(channels) - set(self.index.channels)]
        try:
            for record in rows.records(new) if new else ():
                self._take_channel(record, self._with_entries(record))
        except ConvertersToolsUserError:
            return False
        return True

    def _take_image(self, record: XmlRecord) -> None:
        if "id" in record.attributes or len(self.problems) >= MAX_PROBLEMS:
            return
        try:
            channel = self._with_entries(record)
            self._leave_out_unknown(record)
            self.planes.add_row(plane_of(record))
            self._take_channel(record, channel)
            self.names.add((channel, record.get("ChannelName") or ""))
        except ConvertersToolsUserError as error:
            self.problems.append(str(error))

    def _leave_out_unknown(self, record: XmlRecord) -> None:
        """Take numbers for absent that an image can do without, where the instrument wrote that it did not know them."""
        unknown = {
            each.name
            for each in record.children
            if each.name in NOT_NEEDED and each.text.strip().lstrip("+-").lower() in _NO_NUMBER
        }
        if unknown:
            record.children = [each for each in record.children if each.name not in unknown]
            record.forget_names()
            self.unknown.update(unknown)

    def _with_entries(self, record: XmlRecord) -> int:
        """Give a record the facts of its channel that it lacks; the number of the channel."""
        channel = channel_of(record)
        own = {child.name for child in record.children}
        record.children.extend(each for name, each in self.entries.get(channel, {}).items() if name not in own)
        record.forget_names()
        return channel

    def _take_channel(self, record: XmlRecord, channel: int) -> None:
        if channel not in self.index.channels:
            self.index.channels[channel] = channel_record(record, channel, self.index.warnings)


def _complete_channels(index: OperettaIndex, entries: dict[int, dict[str, XmlRecord]]) -> None:
    for number, facts in index.channels.items():
        profile = entries.get(number, {}).get("FlatfieldProfile")
        if profile is not None and profile.text.strip():
            facts.flatfield, facts.flatfield_in = profile.text.strip(), index.path
    if index.images_referred_to > len(index.planes):
        index.warnings.append(
            f"'{index.path}' refers to {index.images_referred_to} images in its wells but describes only"
            f" {len(index.planes)}; the others are not converted."
        )


def _settle_names(index: OperettaIndex, names: set[tuple[int, str]]) -> None:
    """Name channels whose first image states no name; say which have images of several: they may be of different stains."""
    for number, facts in sorted(index.channels.items()):
        stated = sorted(name for channel, name in names if channel == number and name)
        facts.name = facts.name or next(iter(stated), "")
        others = [name for name in stated if name != facts.name]
        if others:
            index.warnings.append(
                f"'{index.path}' names channel {number} '{facts.name}' in some images and '{"', '".join(others)}' in others;"
                " they become one channel of the first name. Check the metadata."
            )
