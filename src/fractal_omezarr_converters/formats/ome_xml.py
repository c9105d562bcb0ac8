"""Read OME-XML as records: images with their planes, files, channels and sizes, and the plates they belong to.

Source: OME schema 2003-FC to 2016-06 (https://www.openmicroscopy.org/Schemas). The namespace's year is ignored. An image without
``TiffData`` has its planes in the pages of its own file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from fractal_omezarr_converters.errors import ConvertersToolsUserError, raise_together
from fractal_omezarr_converters.formats.clock_times import seconds_of
from fractal_omezarr_converters.formats.ome_quantities import position, positive_quantity, quantity
from fractal_omezarr_converters.formats.ome_wells import OmePlate, plate_of
from fractal_omezarr_converters.formats.plane_records import ChannelFacts
from fractal_omezarr_converters.formats.xml_records import XmlRecord
from fractal_omezarr_converters.formats.xml_stream import XmlStream
from fractal_omezarr_converters.models.ome_planes import PlanePlace, TiffBlock, plane_places
from fractal_omezarr_converters.models.urls import is_file_there

MAX_SIZE = 10_000_000
MAX_PROBLEMS = 20
_DECLARATION = re.compile(r"\A<\?xml[^>]*\?>")

Key = tuple[int, int, int]


class OmePlane(NamedTuple):
    """Where and when a plane was taken: µm on the stage, seconds since the start; None where it is not stated."""

    x: float | None = None
    y: float | None = None
    height: float | None = None
    seconds: float | None = None


@dataclass
class OmeImageRecord:
    """One image; keys of planes are (c, z, t). Pixel sizes are µm, ``t_step`` s, ``acquired`` seconds since 1970.

    ``uuids`` are those of named files, ``nameless`` those of files that are named by their UUID alone; ``in_own_frame`` says that
    positions are in a unit that only the instrument knows.
    """

    id: str
    name: str
    size_x: int
    size_y: int
    sizes: dict[str, int]
    pixel_x: float | None = None
    pixel_y: float | None = None
    z_step: float | None = None
    t_step: float | None = None
    acquired: float | None = None
    samples: int = 1
    pixel_type: str = ""
    channels: list[ChannelFacts] = field(default_factory=list)
    planes: dict[Key, OmePlane] = field(default_factory=dict)
    places: dict[Key, PlanePlace] = field(default_factory=dict)
    uuids: dict[str, str] = field(default_factory=dict)
    nameless: set[str] = field(default_factory=set)
    in_own_frame: bool = False
    line: int = 0


@dataclass
class OmeDocument:
    """All of one OME-XML; ``metadata_file`` is set when it only points to another file."""

    path: str
    creator: str = ""
    uuid: str | None = None
    images: dict[str, OmeImageRecord] = field(default_factory=dict)
    plates: list[OmePlate] = field(default_factory=list)
    metadata_file: str | None = None
    warnings: list[str] = field(default_factory=list)


def read_ome_xml(
    path: str | Path, *, content: bytes | None = None, own_pages: int = 0, plane_per_block: bool = False
) -> OmeDocument:
    """Read an OME-XML file, or the OME-XML in a TIFF file.

    Args:
        path: the file.
        content: the XML, when it is inside the file.
        own_pages: pages of the TIFF file, for images that name none.
        plane_per_block: a ``TiffData`` that does not say how many planes it holds holds one, as some instruments mean it.

    Raises:
        ConvertersToolsUserError: it is no OME-XML, is damaged, or records have wrong values (all of them together).
    """
    stream = XmlStream(path, ["Image", "Plate", "SPW/Plate", "BinaryOnly"], content=content)
    document = OmeDocument(str(path))
    problems: list[str] = []
    for record in stream:
        try:
            if record.name == "Image":
                for image in _images(record, own_pages, plane_per_block=plane_per_block):
                    document.images[image.id] = image
            elif record.name == "Plate":
                document.plates.append(plate_of(record))
            else:
                document.metadata_file = record.attributes.get("MetadataFile")
        except ConvertersToolsUserError as error:
            problems.append(str(error))
            if len(problems) == MAX_PROBLEMS:
                break
    root = stream.root
    if root is None or root.name != "OME":
        problems.append(f"'{path}' does not begin with <OME>; it holds no OME-XML.")
    else:
        document.creator = root.attributes.get("Creator", "")
        document.uuid = root.attributes.get("UUID")
    document.warnings.extend(stream.warnings)
    if any(image.in_own_frame for image in document.images.values()):
        document.warnings.append(
            f"'{path}' states positions in the unit 'reference frame', which only the instrument knows; they are taken as µm."
        )
    problems.extend(_nameless_files(document, is_in_file=content is not None))
    if content is not None:
        _find_former_name(document, Path(path))
    raise_together(problems, f"The OME-XML of '{path}' cannot be used")
    return document


def _nameless_files(document: OmeDocument, *, is_in_file: bool) -> list[str]:
    """Say when files are told apart by UUIDs alone: all would be taken for the file itself, and pixels be those of another."""
    found = {uuid for image in document.images.values() for uuid in image.nameless}
    others = found - {document.uuid} if document.uuid and is_in_file else found if len(found) > 1 else set()
    if not others:
        return []
    return [
        f"'{document.path}' names files by their UUID alone (for example '{min(others)}'), so which files hold the images is"
        " not known; export the plate again with names of files (FileName of UUID in TiffData)."
    ]


def _find_former_name(document: OmeDocument, file: Path) -> None:
    """Take the planes of a TIFF file that was renamed for its own: the OME-XML in it still has its former name."""
    uuids = {name: uuid for image in document.images.values() for name, uuid in image.uuids.items()}
    own = [name for name in uuids if len(uuids) == 1 or (document.uuid and uuids[name] == document.uuid)]
    if file.name in uuids or len(own) != 1 or is_file_there(file.parent / own[0]):
        return
    for image in document.images.values():
        places = image.places.items()
        image.places = {key: place._replace(file=None) if place.file == own[0] else place for key, place in places}
    document.warnings.append(f"'{file}' calls itself '{own[0]}': it was renamed, and its own images are taken.")


def tiff_description(path: str | Path) -> tuple[bytes, int] | None:
    """Give the OME-XML in a TIFF file and the number of its pages; None when there is none."""
    from fractal_omezarr_converters.models.ome_planes import is_ome_xml
    from fractal_omezarr_converters.models.tiff_pool import naming, opened

    with opened(str(path)) as file, file.lock, naming(str(path)):
        text = file.tif.pages.first.description
        return (xml_of(text), len(file.tif.pages)) if is_ome_xml(text) else None


def xml_of(description: str) -> bytes:
    """Give the XML in a description of a TIFF file; that is decoded already, so its declaration of an encoding is void."""
    return _DECLARATION.sub("", description.strip("\x00 \n")).encode()


def _images(record: XmlRecord, own_pages: int, *, plane_per_block: bool) -> Iterator[OmeImageRecord]:
    stamp = record.get("AcquisitionDate") or record.get("AcquiredDate")
    for pixels in record.every("Pixels"):
        image = OmeImageRecord(
            id=record.attribute("ID"),
            name=record.attributes.get("Name", "") or record.get("Name") or "",
            size_x=pixels.attribute_integer("SizeX", least=1, most=MAX_SIZE),
            size_y=pixels.attribute_integer("SizeY", least=1, most=MAX_SIZE),
            sizes={axis: pixels.attribute_integer(f"Size{axis.upper()}", least=1, most=MAX_SIZE) for axis in "czt"},
            pixel_x=positive_quantity(pixels, "PhysicalSizeX", "µm"),
            pixel_y=positive_quantity(pixels, "PhysicalSizeY", "µm"),
            z_step=positive_quantity(pixels, "PhysicalSizeZ", "µm"),
            t_step=positive_quantity(pixels, "TimeIncrement", "s"),
            acquired=seconds_of(stamp),
            pixel_type=pixels.attributes.get("Type") or pixels.attributes.get("PixelType") or "",
            line=record.line,
        )
        _take_channels(image, pixels)
        _take_planes(image, pixels)
        _take_files(image, pixels, own_pages, plane_per_block=plane_per_block)
        yield image


def _take_channels(image: OmeImageRecord, pixels: XmlRecord) -> None:
    """Channels with their samples: a colour image counts its samples in SizeC."""
    records = list(pixels.every("Channel"))
    samples = [each.attribute_integer("SamplesPerPixel", least=1, default=1) for each in records]
    if samples and (sum(samples) == image.sizes["c"] or samples[0] > 1):
        image.samples = samples[0]
        image.sizes["c"] = len(samples) if sum(samples) == image.sizes["c"] else max(1, image.sizes["c"] // samples[0])
    for number, each in enumerate(records[: image.sizes["c"]]):
        image.channels.append(
            ChannelFacts(
                name=each.attributes.get("Name", ""),
                kind=each.attributes.get("Fluor", "") or f"channel_{number}",
                emission_nm=positive_quantity(each, "EmissionWavelength", "nm"),
                excitation_nm=positive_quantity(each, "ExcitationWavelength", "nm"),
                color=_color(each),
            )
        )


def _color(record: XmlRecord) -> str | None:
    """``Color`` is a signed 32-bit number, red in its highest byte and opacity in its lowest; -1 is the default, white."""
    number = record.attribute_integer("Color", default=-1)
    return None if number == -1 else f"#{(number & 0xFFFFFFFF) >> 8:06X}"


def _take_planes(image: OmeImageRecord, pixels: XmlRecord) -> None:
    sizes = {"X": image.pixel_x, "Y": image.pixel_y, "Z": image.z_step}
    for each in pixels.every("Plane"):
        c, z, t = (each.attribute_integer(f"The{axis}", least=0, default=0) for axis in "CZT")
        x, y, height = (position(each, f"Position{axis}", size) for axis, size in sizes.items())
        image.in_own_frame |= "reference frame" in (each.attributes.get(f"Position{axis}Unit") for axis in sizes)
        image.planes[c, z, t] = OmePlane(x, y, height, quantity(each, "DeltaT", "s"))


def _take_files(image: OmeImageRecord, pixels: XmlRecord, own_pages: int, *, plane_per_block: bool) -> None:
    blocks = []
    for each in pixels.every("TiffData"):
        uuid = each.child("UUID")
        name = uuid.attributes.get("FileName", "").strip() if uuid is not None else ""
        if uuid is not None and name:
            image.uuids[name] = uuid.text.strip()
        elif uuid is not None and uuid.text.strip():
            image.nameless.add(uuid.text.strip())
        c, z, t = (each.attribute_integer(f"First{axis}", least=0, default=0) for axis in "CZT")
        page, count = (
            each.attribute_integer(what, least=0) if what in each.attributes else None for what in ("IFD", "PlaneCount")
        )
        if count is None and plane_per_block:
            count = 1
        blocks.append(TiffBlock(name or None, (c, z, t), page, count))
        if c >= image.sizes["c"] or z >= image.sizes["z"] or t >= image.sizes["t"]:
            raise ConvertersToolsUserError(
                f"{each.file}, line {each.line}: <TiffData> begins at c {c}, z {z}, t {t}, outside of image '{image.id}'"
                f" with {image.sizes['c']} channels, {image.sizes['z']} planes and {image.sizes['t']} frames."
            )
    image.places = plane_places(
        image.sizes, pixels.attributes.get("DimensionOrder", "XYZCT"), blocks, own_pages=own_pages
    )
