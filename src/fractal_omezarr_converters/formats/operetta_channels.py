"""Facts of a channel in the index of an Operetta: names, wavelengths, how the camera lies, and what is kept as it is written."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.xml_records import XmlRecord

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_NUMBERS = re.compile(_NUMBER)


@dataclass
class ChannelRecord:
    """What the index says of one channel, as written; ``matrix`` is the upper left of the OrientationMatrix.

    ``flatfield`` is the text of its profile, and ``flatfield_in`` the file that holds it.
    """

    number: int
    name: str = ""
    kind: str = ""
    excitation_nm: float | None = None
    emission_nm: float | None = None
    matrix: tuple[tuple[float, float], tuple[float, float]] | None = None
    flatfield: str | None = None
    flatfield_in: str = ""
    facts: dict[str, str] = field(default_factory=dict)


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


def channel_record(record: XmlRecord, number: int, warnings: list[str]) -> ChannelRecord:
    """Give the facts of channel ``number`` by its first image; ``warnings`` takes what says nothing."""
    facts = ChannelRecord(number, name=record.get("ChannelName") or "", kind=record.get("ChannelType") or "")
    for side in ("Excitation", "Emission"):
        name = f"Main{side}Wavelength"
        value = 0.0
        try:
            value = record.quantity(name, "nm", default_unit="nm") if record.get(name) else 0.0
        except ConvertersToolsUserError:
            warnings.append(
                f"{record.file}, line {record.line}: <{name}> of channel {number} is '{record.get(name)}', which is no"
                " wavelength in nm; it is left out."
            )
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
