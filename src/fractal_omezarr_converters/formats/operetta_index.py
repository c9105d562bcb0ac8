"""Read the index of an Operetta or Opera Phenix measurement (Harmony V4 to V7, Columbus) into columns.

Where the facts of a channel stand depends on the version: in V4, V5 and Columbus in every ``Image``, in V6 and V7 only
in one of the ``Maps/Map`` elements, whose entries come in any order and are told apart by what they hold. A value in
``Image`` wins over the map. An ``Image`` with an ``id`` *attribute* is a reference of a well, not a record.
Units are read from the ``Unit`` attribute; Harmony writes m, nm and s. Sources: files of Harmony 4.5 to 5.2.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

from fractal_omezarr_converters.errors import ConvertersToolsUserError, raise_together
from fractal_omezarr_converters.formats.clock_times import seconds_of
from fractal_omezarr_converters.formats.xml_records import XmlRecord
from fractal_omezarr_converters.formats.xml_stream import XmlStream

MAX_PROBLEMS = 20
MAX_ROW, MAX_COLUMN = 32, 48
MAX_ID = 1 << 31
MAX_SIZE = 100_000
MAX_POSITION_UM = 1e6
PIXEL_SIZES_UM = (1e-3, 1e3)

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_NUMBERS = re.compile(_NUMBER)


class Plane(NamedTuple):
    """One ``Image`` record: where it was taken, in µm and s, and its file. Unknown numbers are None."""

    row: int
    column: int
    field: int
    plane: int
    time: int
    sequence: int
    flim: int
    channel: int
    x: float
    y: float
    z: float | None
    z_absolute: float | None
    offset: float | None
    taken: float | None
    width: int
    height: int
    pixel_x: float
    pixel_y: float
    state: str
    url: str | None
    page: int | None
    line: int

    @property
    def label(self) -> str:
        """Name of the record for messages, such as ``r03c05f02p01-ch1 t2``."""
        place = f"r{self.row:02d}c{self.column:02d}f{self.field:02d}p{self.plane:02d}"
        return f"{place}-ch{self.channel} t{self.time}"


@dataclass
class ChannelRecord:
    """What the index says of one channel, as written; ``matrix`` is the upper left of the OrientationMatrix."""

    number: int
    name: str = ""
    kind: str = ""
    excitation_nm: float | None = None
    emission_nm: float | None = None
    matrix: tuple[tuple[float, float], tuple[float, float]] | None = None
    flatfield: str | None = None
    facts: dict[str, str] = field(default_factory=dict)


@dataclass
class OperettaIndex:
    """Everything that was read from one index file."""

    path: str
    harmony: str
    instrument: str = ""
    plate: XmlRecord | None = None
    planes: list[Plane] = field(default_factory=list)
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
    stream = XmlStream(path, ["InstrumentType", "Plates/Plate", "Wells/Well", "Maps/Map", "Images/Image"])
    index = OperettaIndex(path=path, harmony="")
    entries: dict[int, dict[str, XmlRecord]] = {}
    problems: list[str] = []
    early: list[XmlRecord] = []
    for record in stream:
        if record.name == "Image":
            if record.child("ChannelName") is None and not entries:
                early.append(record)  # the channels' facts are still to come
            else:
                _take_image(index, record, entries, problems)
        elif record.name == "Map":
            _take_map(record, entries, problems)
        elif record.name == "Well":
            index.images_referred_to += sum(1 for _ in record.every("Image"))
        elif record.name == "Plate":
            _take_plate(index, record)
        else:
            index.instrument = record.text.strip()
    for record in early:
        _take_image(index, record, entries, problems)
    index.harmony = stream.namespace.rstrip("/").rpartition("/")[2]
    index.warnings.extend(stream.warnings)
    if stream.root is not None and stream.root.name != "EvaluationInputData" and not index.planes:
        problems.append(f"'{path}' begins with <{stream.root.name}>; an Operetta index has <EvaluationInputData>.")
    if not index.planes and not problems:
        problems.append(f"'{path}' describes no image; export the measurement again with its images.")
    raise_together(problems, f"'{path}' cannot be used")
    _complete_channels(index, entries)
    return index


def _take_plate(index: OperettaIndex, record: XmlRecord) -> None:
    if index.plate is not None:
        index.warnings.append(f"'{index.path}' describes more than one plate; facts of the first one are used.")
        return
    index.plate = record
    for well in record.every("Well"):
        digits = well.attributes.get("id", "")
        if len(digits) == 4 and digits.isdigit():
            index.wells_selected.append((int(digits[:2]), int(digits[2:])))


def _take_map(record: XmlRecord, entries: dict[int, dict[str, XmlRecord]], problems: list[str]) -> None:
    for entry in record.every("Entry"):
        number = entry.attributes.get("ChannelID", "")
        if not number.isdigit():
            problems.append(f"{entry.file}, line {entry.line}: <Entry> has the ChannelID '{number}', not a number.")
            continue
        known = entries.setdefault(int(number), {})
        for child in entry.children:
            known.setdefault(child.name, child)


def _take_image(
    index: OperettaIndex, record: XmlRecord, entries: dict[int, dict[str, XmlRecord]], problems: list[str]
) -> None:
    if "id" in record.attributes or len(problems) >= MAX_PROBLEMS:
        return
    try:
        channel = record.integer("ChannelID", least=0, most=MAX_ID)
        own = {child.name for child in record.children}
        record.children.extend(each for name, each in entries.get(channel, {}).items() if name not in own)
        record.forget_names()
        index.planes.append(_plane(record, channel))
        if channel not in index.channels:
            index.channels[channel] = _channel(record, channel)
    except ConvertersToolsUserError as error:
        problems.append(str(error))


def _plane(record: XmlRecord, channel: int) -> Plane:
    url = record.child("URL")
    page = url.attributes.get("BufferNo") if url is not None else None
    if page is not None and not page.isdigit():
        raise record.problem("URL", f"has the BufferNo '{page}', which is not a whole number")
    # A record without a file name may lack everything but its place in the plate.
    there = record.get("URL") is not None
    return Plane(
        row=record.integer("Row", least=1, most=MAX_ROW),
        column=record.integer("Col", least=1, most=MAX_COLUMN),
        field=record.integer("FieldID", least=0, most=MAX_ID),
        plane=record.integer("PlaneID", least=0, most=MAX_ID, default=1),
        time=record.integer("TimepointID", least=0, most=MAX_ID, default=0),
        sequence=record.integer("SequenceID", least=0, most=MAX_ID, default=1),
        flim=record.integer("FlimID", least=0, most=MAX_ID, default=1),
        channel=channel,
        x=_position(record, "PositionX") if there else 0.0,
        y=_position(record, "PositionY") if there else 0.0,
        z=_position(record, "PositionZ") if record.get("PositionZ") else None,
        z_absolute=_position(record, "AbsPositionZ") if record.get("AbsPositionZ") else None,
        offset=_optional_seconds(record),
        taken=seconds_of(record.get("AbsTime")),
        width=record.integer("ImageSizeX", least=1, most=MAX_SIZE) if there else 0,
        height=record.integer("ImageSizeY", least=1, most=MAX_SIZE) if there else 0,
        pixel_x=_pixel_size(record, "ImageResolutionX") if there else 0.0,
        pixel_y=_pixel_size(record, "ImageResolutionY") if there else 0.0,
        state=record.get("State") or "Ok",
        url=record.get("URL"),
        page=int(page) if page is not None else None,
        line=record.line,
    )


def _position(record: XmlRecord, name: str) -> float:
    value = record.quantity(name, "µm", default_unit="m")
    if abs(value) > MAX_POSITION_UM:
        raise record.problem(name, f"is {value:g} µm, more than a metre away; no plate is that large")
    return value


def _pixel_size(record: XmlRecord, name: str) -> float:
    value = record.quantity(name, "µm", default_unit="m")
    least, most = PIXEL_SIZES_UM
    if not least <= value <= most:
        raise record.problem(name, f"is {value:g} µm; a pixel has {least:g} to {most:g} µm")
    return value


def _optional_seconds(record: XmlRecord) -> float | None:
    if record.get("MeasurementTimeOffset") is None:
        return None
    return record.quantity("MeasurementTimeOffset", "s", default_unit="s")


_KEPT_CHANNEL_FACTS = (
    "AcquisitionType",
    "IlluminationType",
    "ImageType",
    "ObjectiveMagnification",
    "ObjectiveNA",
    "ExposureTime",
    "ExcitationPower",
    "BinningX",
    "CameraType",
    "MaxIntensity",
)


def _channel(record: XmlRecord, number: int) -> ChannelRecord:
    facts = ChannelRecord(number, name=record.get("ChannelName") or "", kind=record.get("ChannelType") or "")
    for side in ("Excitation", "Emission"):
        name = f"Main{side}Wavelength"
        value = record.quantity(name, "nm", default_unit="nm") if record.get(name) else 0.0
        # Harmony writes 0 where there is no such wavelength: brightfield, digital phase contrast.
        setattr(facts, f"{side.lower()}_nm", value if value > 0 else None)
    text = record.get("OrientationMatrix")
    if text:
        facts.matrix = _matrix(record, text)
    for name in _KEPT_CHANNEL_FACTS:
        value_text = record.get(name)
        if value_text:
            child = record.child(name)
            unit = child.attributes.get("Unit", "") if child is not None else ""
            facts.facts[name] = f"{value_text} {unit}".strip()
    return facts


def _matrix(record: XmlRecord, text: str) -> tuple[tuple[float, float], tuple[float, float]]:
    rows = [[float(n) for n in _NUMBERS.findall(row)] for row in re.findall(r"\[([^\[\]]*)\]", text)]
    words = re.sub(_NUMBER, "", text)
    if len(rows) < 2 or any(len(row) < 2 for row in rows[:2]) or re.sub(r"[\s,\[\]]", "", words):
        raise record.problem("OrientationMatrix", f"is '{text[:80]}', which is not a matrix of numbers")
    (a, b), (c, d) = rows[0][:2], rows[1][:2]
    return (a, b), (c, d)


def _complete_channels(index: OperettaIndex, entries: dict[int, dict[str, XmlRecord]]) -> None:
    for number, facts in index.channels.items():
        profile = entries.get(number, {}).get("FlatfieldProfile")
        if profile is not None and profile.text.strip():
            facts.flatfield = profile.text.strip()
    if index.images_referred_to > len(index.planes):
        index.warnings.append(
            f"'{index.path}' refers to {index.images_referred_to} images in its wells but describes only"
            f" {len(index.planes)}; the others are not converted."
        )
