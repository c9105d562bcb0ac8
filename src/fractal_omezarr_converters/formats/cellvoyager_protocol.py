"""Read ``MeasurementDetail.mrf`` (plate, channels as declared) and the protocol ``*.mes`` of a Yokogawa measurement.

Facts: attributes as in files of CV7000 and CV8000 (schema BTS 1.0). ``HorizontalPixelDimension`` is µm with the
magnification ratio already applied. Channels are declared in the ``.mrf``, whether they were used or not. In the ``.mes``
colours are ``#AARRGGBB``, ``Acquisition`` is the emission filter (``BP445/45``: centre and width in nm), ``SliceLength``
the z step in µm, and points of a timeline stand in the order of ``FieldIndex`` with all their digits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.acquisition_files import AcquisitionFiles
from fractal_omezarr_converters.formats.marker_search import files_that_match
from fractal_omezarr_converters.formats.plane_records import ChannelFacts, Frame
from fractal_omezarr_converters.formats.xml_records import XmlRecord
from fractal_omezarr_converters.formats.xml_stream import XmlStream

DETAIL = "MeasurementDetail.mrf"
MAX_SIZE = 100_000
PIXEL_SIZES_UM = (1e-3, 1e3)
_BAND = re.compile(r"(?:BP)?\s*(\d{3,4})(?:\s*/\s*\d+)?")
_COLOR = re.compile(r"#?(?:[0-9A-Fa-f]{2})?([0-9A-Fa-f]{6})")


@dataclass(frozen=True)
class DeclaredChannel:
    """What the ``.mrf`` declares of one channel."""

    frame: Frame
    camera: int
    shading: str | None


@dataclass
class MeasurementDetail:
    """The ``.mrf``: the plate and the declared channels by number."""

    root: XmlRecord
    plate_name: str | None = None
    channels: dict[int, DeclaredChannel] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)

    def value(self, name: str) -> str | None:
        """Give an attribute of the measurement; None when it is absent or empty."""
        return self.root.attributes.get(name, "").strip() or None


@dataclass
class Protocol:
    """The ``.mes``: channels by number, points and z steps by timeline."""

    path: str
    channels: dict[int, ChannelFacts] = field(default_factory=dict)
    points: dict[int, list[tuple[float, float]]] = field(default_factory=dict)
    z_steps: dict[tuple[int, int], float] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def read_detail(path: Path) -> MeasurementDetail:
    """Read the ``.mrf``.

    Raises:
        ConvertersToolsUserError: it is damaged, or a channel has wrong values.
    """
    stream = XmlStream(path, ["MeasurementSamplePlate", "MeasurementChannel"])
    records = list(stream)
    if stream.root is None or stream.root.name != "MeasurementDetail":
        raise ConvertersToolsUserError(f"'{path}' does not begin with <MeasurementDetail>; it is not Yokogawa's file.")
    found = MeasurementDetail(stream.root, warnings=stream.warnings)
    for record in records:
        if record.name == "MeasurementSamplePlate":
            found.plate_name = record.attributes.get("Name", "").strip() or None
        else:
            found.channels[record.attribute_integer("Ch", least=0)] = _declared(record)
    return found


def _declared(record: XmlRecord) -> DeclaredChannel:
    least, most = PIXEL_SIZES_UM
    return DeclaredChannel(
        frame=Frame(
            record.attribute_integer("HorizontalPixels", least=1, most=MAX_SIZE),
            record.attribute_integer("VerticalPixels", least=1, most=MAX_SIZE),
            record.attribute_number("HorizontalPixelDimension", least=least, most=most),
            record.attribute_number("VerticalPixelDimension", least=least, most=most),
        ),
        camera=record.attribute_integer("CameraNumber", default=0),
        shading=record.attributes.get("ShadingCorrectionSource", "").strip() or None,
    )


def find_protocol(folder: Path, detail: MeasurementDetail) -> Path | None:
    """Find the protocol that the ``.mrf`` names; where it names none, the only one of the folder. Warns when there is none.

    Another one than the named may be of another measurement, in which the same numbers are other channels.
    """
    named = PureWindowsPath(detail.value("MeasurementSettingFileName") or "").name
    if named:
        path, is_there = AcquisitionFiles(folder, folder, follow_links=True).locate(named, where=detail.root.file)
        if is_there:
            return folder / Path(path).name
    there = files_that_match(str(folder), "*.mes")
    if not named and len(there) == 1:
        return there[0]
    missing = f"'{folder}' holds no protocol (.mes)"
    if there:
        others = ", ".join(f"'{each.name}'" for each in there)
        wanted = f"is '{named}', which {DETAIL} names" if named else f"is named in {DETAIL}"
        missing = f"No protocol of '{folder}' {wanted}; {others} may be of another measurement and is not used"
    detail.warnings.append(f"{missing}; channels are named by action and number.")
    return None


def read_protocol(path: Path) -> Protocol:
    """Read the ``.mes``; what it lacks is left out."""
    stream = XmlStream(path, ["Timelapse/Timeline", "LightSourceList/LightSource", "ChannelList/Channel"])
    found = Protocol(str(path))
    light: dict[str, float] = {}
    timeline = 0
    for record in stream:
        if record.name == "Timeline":
            timeline += 1
            _take_timeline(found, timeline, record)
        elif record.name == "LightSource":
            light[record.attributes.get("Name", "")] = record.attribute_number("WaveLength", default=0.0)
        else:
            found.channels[record.attribute_integer("Ch", least=0)] = _channel(record, light)
    found.warnings.extend(stream.warnings)
    return found


def _take_timeline(found: Protocol, number: int, record: XmlRecord) -> None:
    points = record.child("PointSequence")
    fixed = points.child("FixedPosition") if points is not None else None
    if fixed is not None:
        found.points[number] = [
            (point.attribute_number("X"), point.attribute_number("Y")) for point in fixed.every("Point")
        ]
    actions = record.child("ActionList")
    for index, action in enumerate(actions.children if actions is not None else (), start=1):
        step = action.attribute_number("SliceLength", least=0, default=0.0)
        if step > 0:
            found.z_steps[number, index] = step


def _channel(record: XmlRecord, light: dict[str, float]) -> ChannelFacts:
    given = record.attributes
    band = _BAND.match(given.get("Acquisition", ""))
    color = _COLOR.fullmatch(given.get("Color", "").strip())
    excitation = light.get(record.get("LightSourceName") or "", 0.0)
    kept = ("Objective", "Magnification", "ExposureTime", "Binning", "Kind", "Fluorophore", "Acquisition")
    return ChannelFacts(
        name=given.get("Target", "").strip(),
        emission_nm=float(band.group(1)) if band else None,
        excitation_nm=excitation or None,
        color=f"#{color.group(1).upper()}" if color else None,
        facts={name: given[name] for name in kept if given.get(name)},
    )
