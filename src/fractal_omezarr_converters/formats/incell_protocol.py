"""Read the description (``.xdce``) of an InCell measurement: protocol, plate, wavelengths, and the records of its images.

Facts (a file of an IN Cell Analyzer 6000): ``pixel_width`` and ``pixel_height`` of ``ObjectiveCalibration`` are µm per
pixel, as its ``unit`` says; ``Camera/Size`` is the sensor. A ``Wavelength`` has a stack only when ``imaging_mode`` is
``3-D``; projections state ``z_slice`` all the same. ``fusion_wave`` marks images computed from others. The file is
ISO-8859-1, as it declares.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.plane_records import ChannelFacts, Frame
from fractal_omezarr_converters.formats.units import exact_factor
from fractal_omezarr_converters.formats.xml_records import XmlRecord
from fractal_omezarr_converters.formats.xml_stream import XmlStream

MAX_SIZE = 100_000
PIXEL_SIZES_UM = (1e-3, 1e3)


@dataclass(frozen=True)
class Wave:
    """One wavelength: its channel, whether it has stacks and their step in µm, whether it is computed."""

    facts: ChannelFacts
    is_stack: bool
    z_step: float | None
    is_computed: bool


@dataclass
class StackProtocol:
    """What the description says beyond the images."""

    path: str
    frame: Frame
    plate_id: str = ""
    instrument: str = "InCell"
    binning: str | None = None
    rows: int | None = None
    columns: int | None = None
    images_planned: int | None = None
    waves: dict[int, Wave] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


def read_protocol(path: Path) -> tuple[StackProtocol, list[XmlRecord]]:
    """Read a description; the records of images are given as they are.

    Raises:
        ConvertersToolsUserError: it is damaged, of another kind, or lacks the calibration or the wavelengths.
    """
    stream = XmlStream(path, ["Application", "AutoLeadAcquisitionProtocol", "Images"])
    parts = {record.name: record for record in stream}
    if stream.root is None or stream.root.name != "ImageStack":
        raise ConvertersToolsUserError(f"'{path}' does not begin with <ImageStack>; it is no description of an InCell.")
    protocol = parts.get("AutoLeadAcquisitionProtocol")
    images = parts.get("Images")
    if protocol is None or images is None:
        lacking = "AutoLeadAcquisitionProtocol" if protocol is None else "Images"
        raise ConvertersToolsUserError(f"'{path}' has no <{lacking}>; export the measurement again.")
    found = StackProtocol(str(path), _frame(protocol), warnings=stream.warnings)
    found.plate_id = stream.root.attributes.get("PlateID", "").strip()
    application = parts.get("Application")
    if application is not None:
        names = (application.attributes.get(name, "") for name in ("name", "software_label"))
        found.instrument = " ".join(name for name in names if name) or found.instrument
    binning = _below(protocol, "Camera", "Binning")
    found.binning = binning.attributes.get("value") if binning is not None else None
    plate = protocol.child("Plate")
    if plate is not None:
        found.rows = plate.attribute_integer("rows", least=1, most=32)
        found.columns = plate.attribute_integer("columns", least=1, most=48)
    if images.attributes.get("number"):
        found.images_planned = images.attribute_integer("number", least=0)
    waves = protocol.child("Wavelengths")
    for record in waves.every("Wavelength") if waves is not None else ():
        found.waves[record.attribute_integer("index", least=0)] = _wave(record)
    return found, list(images.every("Image"))


def _below(record: XmlRecord, *names: str) -> XmlRecord | None:
    found: XmlRecord | None = record
    for name in names:
        found = found.child(name) if found is not None else None
    return found


def _frame(protocol: XmlRecord) -> Frame:
    calibration, size = protocol.child("ObjectiveCalibration"), _below(protocol, "Camera", "Size")
    if calibration is None:
        raise protocol.problem("ObjectiveCalibration", "is missing, so the pixel size is not known")
    return Frame(
        size.attribute_integer("width", least=1, most=MAX_SIZE) if size is not None else None,
        size.attribute_integer("height", least=1, most=MAX_SIZE) if size is not None else None,
        _pixel_um(calibration, "pixel_width"),
        _pixel_um(calibration, "pixel_height"),
    )


def _pixel_um(calibration: XmlRecord, name: str) -> float:
    # a unit that is not understood is a µ that was copied badly
    factor = float(exact_factor(calibration.attributes.get("unit", ""), "µm") or 1)
    least, most = PIXEL_SIZES_UM
    return calibration.attribute_number(name, least=least / factor, most=most / factor) * factor


def _wave(record: XmlRecord) -> Wave:
    emission, excitation = record.child("EmissionFilter"), record.child("ExcitationFilter")
    label = record.attributes.get("label", "").strip()
    name = emission.attributes.get("name", "").strip() if emission is not None else ""
    exposure = record.child("Exposure")
    mode = record.attributes.get("imaging_mode", "")
    step = record.attribute_number("z_step", least=0, default=0.0)
    return Wave(
        facts=ChannelFacts(
            name=label or name,
            kind=mode,
            emission_nm=_wavelength(emission),
            excitation_nm=_wavelength(excitation),
            facts={
                "imaging_mode": mode,
                "exposure_ms": exposure.attribute_number("time", default=0.0) if exposure is not None else None,
            },
        ),
        is_stack=mode == "3-D",
        z_step=step or None,
        is_computed=record.attributes.get("fusion_wave", "").lower() == "true",
    )


def _wavelength(part: XmlRecord | None) -> float | None:
    return (part.attribute_number("wavelength", least=0, default=0.0) or None) if part is not None else None
