"""Plates of OME-XML: wells, their fields, and the acquisitions that fields belong to.

Source: OME schema, part SPW (``Plate``, ``Well``, ``WellSample``, ``PlateAcquisition``). A plate that was imaged several times
has one ``PlateAcquisition`` for each time; it lists its fields by ``WellSampleRef``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from fractal_omezarr_converters.formats.clock_times import seconds_of
from fractal_omezarr_converters.formats.ome_quantities import position
from fractal_omezarr_converters.formats.xml_records import XmlRecord

EXAMPLES = 3


class OmeSample(NamedTuple):
    """One field of a well: its image, its number, its position in µm where it is stated, and its identifier.

    The image is empty where the field was planned and not imaged.
    """

    image: str
    number: int
    x: float | None
    y: float | None
    id: str = ""


class OmeWell(NamedTuple):
    """One well: row and column from 0, its fields, and those that were planned and not imaged."""

    row: int
    column: int
    samples: list[OmeSample]
    planned: Sequence[OmeSample] = ()

    def numbered(self) -> list[tuple[int, OmeSample]]:
        """Give the fields by their Index, numbered from 1; those that were not imaged keep their number free."""
        every = enumerate(sorted([*self.samples, *self.planned], key=lambda each: each.number), start=1)
        return [(number, each) for number, each in every if each.image]


class OmeAcquisition(NamedTuple):
    """One time that a plate was imaged: the identifiers of its fields; times are seconds since 1970-01-01 UTC."""

    id: str
    name: str
    description: str | None
    start: int | None
    end: int | None
    samples: list[str]


@dataclass
class OmePlate:
    """One plate, its wells and acquisitions."""

    id: str
    name: str
    rows: int | None = None
    columns: int | None = None
    wells: list[OmeWell] = field(default_factory=list)
    acquisitions: list[OmeAcquisition] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class AcquiredWells:
    """Wells with the fields of one acquisition, the ``number``-th of its plate from 0; None: the plate states no several."""

    number: int
    stated: OmeAcquisition | None
    wells: list[OmeWell]

    @property
    def named(self) -> str:
        """The acquisition in words, for sentences."""
        name = self.stated and (self.stated.name or self.stated.id)
        return f"acquisition '{name}'" if name else "the acquisition"


def plate_of(record: XmlRecord) -> OmePlate:
    """Read a ``Plate``.

    Raises:
        ConvertersToolsUserError: a number is none, or an identifier that is needed is missing.
    """
    plate = OmePlate(
        id=record.attributes.get("ID", ""),
        name=record.attributes.get("Name", "") or record.attributes.get("ExternalIdentifier", ""),
        rows=record.attribute_integer("Rows", least=1) if record.attributes.get("Rows") else None,
        columns=record.attribute_integer("Columns", least=1) if record.attributes.get("Columns") else None,
    )
    for well in record.every("Well"):
        row, column = (well.attribute_integer(name, least=0, most=1000) for name in ("Row", "Column"))
        samples, planned = [], []
        for place, sample in enumerate(well.every("WellSample")):
            reference, id_ = sample.child("ImageRef"), sample.attributes.get("ID", "")
            index = sample.attribute_integer("Index", least=0, default=place)
            if reference is None:
                planned.append(OmeSample("", index, None, None, id_))
                continue
            x, y = position(sample, "PositionX"), position(sample, "PositionY")
            samples.append(OmeSample(reference.attribute("ID"), index, x, y, id_))
        plate.wells.append(OmeWell(row, column, samples, planned))
    plate.acquisitions = [_acquisition(each, plate.warnings) for each in record.every("PlateAcquisition")]
    return plate


def _acquisition(record: XmlRecord, warnings: list[str]) -> OmeAcquisition:
    name = record.attributes.get("Name", "").strip()
    times = {}
    for what in ("StartTime", "EndTime"):
        stamp = record.attributes.get(what, "").strip()
        times[what] = seconds_of(stamp)
        if stamp and times[what] is None:
            warnings.append(
                f"{record.file}, line {record.line}: '{what}' of <PlateAcquisition> is '{stamp}', which is no time; it is"
                " left out."
            )
    start, end = times["StartTime"], times["EndTime"]
    return OmeAcquisition(
        id=record.attributes.get("ID", ""),
        name=name,
        description=record.get("Description"),
        start=None if start is None else int(start),
        end=None if end is None else int(end),
        samples=[each.attributes.get("ID", "") for each in record.every("WellSampleRef")],
    )


def acquired_wells(plate: OmePlate, warnings: list[str]) -> list[AcquiredWells]:
    """Give the fields of a plate by acquisition, acquisitions in the order of the document.

    A plate with one acquisition or none is one, with all its fields. Acquisitions without a field are left out, and keep
    their number.

    Args:
        plate: the plate.
        warnings: takes what becomes of fields that no acquisition lists, or several, and of acquisitions without a field.
    """
    if len(plate.acquisitions) < 2:
        return [AcquiredWells(0, None, plate.wells)]
    number_of: dict[str, int] = {}
    repeated: dict[str, None] = {}
    for number, each in enumerate(plate.acquisitions):
        for id_ in each.samples:
            if number_of.setdefault(id_, number) != number:
                repeated[id_] = None
    found: list[list[OmeWell]] = [[] for _ in plate.acquisitions]
    unlisted: list[str] = []
    known: set[str] = set()
    for well in plate.wells:
        known.update(each.id for each in well.planned)
        parts: dict[int, list[OmeSample]] = {}
        for sample in well.samples:
            known.add(sample.id)
            if sample.id not in number_of:
                unlisted.append(sample.id or sample.image)
            parts.setdefault(number_of.get(sample.id, 0), []).append(sample)
        for number, samples in parts.items():
            planned = [each for each in well.planned if number_of.get(each.id) == number]
            found[number].append(OmeWell(well.row, well.column, samples, planned))
    of_plate = f"of plate '{plate.name or plate.id}'"
    warnings.extend(plate.warnings)
    for ids, what in (
        (unlisted, f"Fields that no acquisition (PlateAcquisition) {of_plate} lists belong to the first one"),
        (list(repeated), f"Fields that several acquisitions {of_plate} list belong to the first that does"),
        (
            [each for each in number_of if each not in known],
            f"Fields that acquisitions {of_plate} list, and no well has, are left out",
        ),
        (
            [each.name or each.id for each, wells in zip(plate.acquisitions, found, strict=True) if not wells],
            f"Acquisitions {of_plate} without a field that has an image are left out, and their numbers stay free",
        ),
    ):
        if ids:
            warnings.append(f"{what}: {_counted(ids)}.")
    parts_of = zip(plate.acquisitions, found, strict=True)
    return [AcquiredWells(number, stated, wells) for number, (stated, wells) in enumerate(parts_of) if wells]


def _counted(names: Sequence[str]) -> str:
    return f"{len(names)} (for example {', '.join(repr(each) for each in names[:EXAMPLES])})"
