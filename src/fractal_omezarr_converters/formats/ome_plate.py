"""Plates in OME-TIFF files, described by OME-XML in the files or in a companion (screen, plate, well of the OME schema).

Seen as files: those made by the tests after the schema (2016-06); schemas from 2008 on are read.

    <plate>/
    ├── <plate>.companion.ome         or the OME-XML is in the TIFF files
    └── *.ome.tif                     one file for all images, or one per well, field or plane

Files are resolved by the OME-XML (``TiffData``), page by page. Micro-Manager's OME-TIFF files are read by its own format, which
knows more. Facts and traps: docs/formats/ome_plate.md.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar, NamedTuple

from pydantic import ConfigDict, Field

from fractal_omezarr_converters.errors import (
    ConvertersToolsError,
    ConvertersToolsFileNotFoundError,
    ConvertersToolsUserError,
    raise_together,
)
from fractal_omezarr_converters.formats.acquisition_files import AcquisitionFiles, name_beside
from fractal_omezarr_converters.formats.contract import FormatOptions
from fractal_omezarr_converters.formats.field_grid import FieldGrid
from fractal_omezarr_converters.formats.marker_search import files_that_match
from fractal_omezarr_converters.formats.ome_collector import OmePlanes, data_type, shared
from fractal_omezarr_converters.formats.ome_description import tiff_description
from fractal_omezarr_converters.formats.ome_positions import check_positions, settle_positions
from fractal_omezarr_converters.formats.ome_records import OmeDocument
from fractal_omezarr_converters.formats.ome_wells import AcquiredWells, OmePlate, OmeWell, acquired_wells
from fractal_omezarr_converters.formats.ome_xml import read_ome_xml
from fractal_omezarr_converters.formats.plane_records import Measurement
from fractal_omezarr_converters.formats.plate_format import PlateFormat
from fractal_omezarr_converters.formats.plate_naming import plate_facts_of
from fractal_omezarr_converters.models.plate_facts import PlateFacts, utc_in_words
from fractal_omezarr_converters.models.urls import is_file_there

COMPANIONS = ("*.companion.ome", "*.ome.xml")
MAX_NAMED = 4
TIFFS = ("*.ome.tif", "*.ome.tiff", "*.ome.tf2", "*.ome.tf8", "*.ome.btf")
OF_MICRO_MANAGER = ("*metadata.txt", "NDTiff.index", "*_MMStack_*", "MMStack_*")


class OmePlateOptions(FormatOptions):
    """Options for plates in OME-TIFF files."""

    model_config = ConfigDict(title="OME-TIFF Plate Options")

    plate: str | None = Field(default=None, title="Plate")
    """Name of the plate to convert, when the metadata describe several."""
    flip_y: bool = Field(default=False, title="Flip Y")
    """Turn the y axis of the positions: OME does not say whether y grows up or down."""
    pixel_size: float | None = Field(default=None, gt=0, le=1000, title="Pixel Size")
    """Micrometres per pixel, when the metadata do not say or are wrong."""
    field_grid: FieldGrid | None = Field(default=None, title="Field Grid")
    """Arrangement of the fields, when no positions were recorded."""


class OmePlateFormat(PlateFormat[OmePlateOptions]):
    """Plates in OME-TIFF files."""

    name: ClassVar[str] = "ome_plate"
    title: ClassVar[str] = "OME-TIFF plate"
    maker: ClassVar[str] = "any"
    markers: ClassVar[tuple[str, ...]] = (*COMPANIONS, *TIFFS)
    options: ClassVar[type[FormatOptions]] = OmePlateOptions
    docs: ClassVar[str] = "formats/ome_plate.md"

    def recognises(self, source: str | Path) -> bool:
        """Say whether the first OME-XML of the folder describes a plate."""
        place = Path(source)
        if place.is_dir() and any(files_that_match(str(place), each) for each in OF_MICRO_MANAGER):
            return False
        try:
            found = _document_file(self.marker_files(place))
            return (
                found is not None and b"Plate" in (_text(found)[0] or b"") and any(p.wells for p in _read(found).plates)
            )
        except ConvertersToolsError:
            return False

    def measure(self, source: Path, options: OmePlateOptions, plate_name: str | None) -> list[Measurement]:
        """Read the OME-XML; no image is opened. Each ``PlateAcquisition`` is a measurement, where there are several."""
        marked = self.marker_files(source)
        file = _document_file(marked)
        if file is None:
            raise ConvertersToolsFileNotFoundError(
                f"'{source}' holds no OME-XML: neither a companion (*.companion.ome) nor an OME-TIFF file (*.ome.tif)."
            )
        _check_companions(source, marked)
        document = _read(file)
        plate = _chosen_plate(document, options.plate)
        parts = acquired_wells(plate, document.warnings)
        problems: list[str] = []
        read = _Read(document, file, options)
        planes = [(part, _planes_of(part, read, problems)) for part in parts]
        every_plane = [each for _, found in planes for each in found.planes]
        if not every_plane and not problems:
            what = "no field with an image" if plate.wells else "no well"
            problems.append(f"'{document.path}' describes the plate '{plate.name or plate.id}' with {what}.")
        raise_together(problems, f"'{document.path}' cannot be used")
        empty = [part.named for part, found in planes if not found.planes]
        if empty:
            document.warnings.append(
                f"The images of {', '.join(empty)} in '{document.path}' have no plane; it is left out."
            )
        for _, found in planes if options.field_grid is None else ():
            check_positions(found, document.path)
        _warn_of_others(source, marked, document, file)
        facts = plate_facts_of(
            every_plane,
            name=plate_name or plate.name or file.name.partition(".")[0],
            described_in=document.path,
            warnings=document.warnings,
            rows=plate.rows,
            columns=plate.columns,
        )
        return [_measurement(part, found, read, facts) for part, found in planes if found.planes]


def _check_companions(source: Path, marked: Sequence[Path]) -> None:
    """Refuse several companions: each describes a plate of its own, or the same one differently."""
    several = [each.name for each in marked if each.suffix in (".ome", ".xml")]
    if len(several) > 1 and source.is_dir():
        raise ConvertersToolsUserError(
            f"'{source}' holds {len(several)} companions with OME-XML: {', '.join(several[:MAX_NAMED])}"
            f"{', ...' if len(several) > MAX_NAMED else ''}; give the one that is meant instead of the folder."
        )


def _warn_of_others(source: Path, marked: Sequence[Path], document: OmeDocument, file: Path) -> None:
    """Say which OME-TIFF files of the folder the OME-XML does not name: they may be another plate."""
    if source.is_file():
        return
    stated = {place.file for image in document.images.values() for place in image.places.values()}
    named = {name_beside(each) for each in stated if each}
    others = [each.name for each in marked if each.name not in named and each != file]
    if others:
        document.warnings.append(
            f"The OME-XML of '{document.path}' does not name {len(others)} OME-TIFF files of its folder; they are left"
            f" out: {', '.join(others[:MAX_NAMED])}{', ...' if len(others) > MAX_NAMED else ''}."
        )


def _document_file(found: Sequence[Path]) -> Path | None:
    """The file whose OME-XML describes everything, of those with markers: a companion, else the first OME-TIFF."""
    first = found[0] if found else None
    if first is not None and first.suffix not in (".ome", ".xml"):
        text, pages = _text(first)
        pointed = read_ome_xml(first, content=text, own_pages=pages).metadata_file if text else None
        if pointed and "/" not in pointed and "\\" not in pointed and is_file_there(first.parent / pointed):
            return first.parent / pointed
    return first


def _own_file(file: Path) -> str:
    """The file of planes that name none: the file itself; beside XML that was taken out of a TIFF file, that TIFF file."""
    return file.name if file.suffix not in (".ome", ".xml") else f"{file.name.partition('.')[0]}.ome.tif"


def _text(file: Path) -> tuple[bytes | None, int]:
    """The OME-XML of a TIFF file with its number of pages; a companion is read as it is."""
    if file.suffix in (".ome", ".xml"):
        return file.read_bytes(), 0
    found = tiff_description(file)
    return found or (None, 0)


def _read(file: Path) -> OmeDocument:
    if file.suffix in (".ome", ".xml"):
        return read_ome_xml(file)
    text, pages = _text(file)
    if text is None:
        raise ConvertersToolsUserError(f"'{file}' holds no OME-XML; it is no OME-TIFF file.")
    return read_ome_xml(file, content=text, own_pages=pages)


def _chosen_plate(document: OmeDocument, name: str | None) -> OmePlate:
    names = [each.name or each.id for each in document.plates]
    if not document.plates:
        raise ConvertersToolsUserError(f"The OME-XML of '{document.path}' describes no plate, but images alone.")
    if name and name in names:
        return document.plates[names.index(name)]
    if name or len(names) > 1:
        raise ConvertersToolsUserError(
            f"The OME-XML of '{document.path}' describes the plates {', '.join(names)}; name one of them (option plate)."
        )
    return document.plates[0]


class _Read(NamedTuple):
    """What was read of a plate, from which file, and how."""

    document: OmeDocument
    file: Path
    options: OmePlateOptions


def _planes_of(part: AcquiredWells, read: _Read, problems: list[str]) -> OmePlanes:
    """Planes of one acquisition: its fields, channels and sizes are its own."""
    options = read.options
    found = OmePlanes(read.document.path, _own_file(read.file), y_up=options.flip_y, pixel_size=options.pixel_size)
    if options.field_grid is None:
        problems.extend(settle_positions(part.wells, read.document))
    for well in part.wells:
        _take_well(read.document, well, found, problems)
    return found


def _measurement(part: AcquiredWells, found: OmePlanes, read: _Read, plate: PlateFacts) -> Measurement:
    document, file, options = read
    used = [document.images[s.image] for w in part.wells for s in w.samples if s.image in document.images]
    stated = part.stated
    start, end = (None, None) if stated is None else (stated.start, stated.end)
    if start is None:
        start = min((int(each.acquired) for each in used if each.acquired), default=None)
    warnings = list(document.warnings)
    if start is not None and end is not None and end < start:
        warnings.append(
            f"'{document.path}' states that {part.named} ended at {utc_in_words(end)}, before it started at"
            f" {utc_in_words(start)}; its end is left out."
        )
        end = None
    return Measurement(
        described_in=document.path,
        files=AcquisitionFiles(file.parent, file.parent, follow_links=options.follow_links),
        planes=found.planes,
        frames=found.frames,
        channels=found.channels,
        plate=replace(
            plate,
            acquisition_name=file.parent.name if stated is None else stated.name or None,
            acquisition_description=(stated and stated.description) or document.creator or None,
            start_time=start,
            end_time=end,
        ),
        field_grid=options.field_grid,
        z_step=shared(image.z_step for image in used),
        t_step=shared(image.t_step for image in used),
        data_type=data_type(used),
        warnings=warnings,
        facts={"software": document.creator},
        acquisition_offset=part.number,
    )


def _take_well(document: OmeDocument, well: OmeWell, found: OmePlanes, problems: list[str]) -> None:
    """Fields of a well, numbered by their Index: the order of the document means nothing."""
    for number, sample in well.numbered():
        image = document.images.get(sample.image)
        if image is None:
            problems.append(
                f"'{document.path}': the well in row {well.row}, column {well.column} refers to the image '{sample.image}',"
                " which is not described."
            )
            continue
        at = (sample.x, sample.y) if sample.x is not None and sample.y is not None else None
        try:
            found.add(image, row=well.row + 1, column=well.column + 1, number=number, at=at)
        except ConvertersToolsUserError as error:
            problems.append(str(error))
