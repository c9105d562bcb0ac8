"""Read OME-XML as records: images with their planes, files, channels and sizes, and the plates they belong to.

Source: OME schema 2003-FC to 2016-06 (https://www.openmicroscopy.org/Schemas). The namespace's year is ignored. An image without
``TiffData`` has its planes in the pages of its own file.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fractal_omezarr_converters.errors import ConvertersToolsUserError, raise_together
from fractal_omezarr_converters.formats.clock_times import seconds_of
from fractal_omezarr_converters.formats.ome_files import settle_files, take_files
from fractal_omezarr_converters.formats.ome_quantities import position, positive_quantity, quantity
from fractal_omezarr_converters.formats.ome_records import OmeDocument, OmeImageRecord, OmePlane
from fractal_omezarr_converters.formats.ome_wells import plate_of
from fractal_omezarr_converters.formats.plane_records import ChannelFacts
from fractal_omezarr_converters.formats.xml_records import XmlRecord
from fractal_omezarr_converters.formats.xml_stream import XmlStream

MAX_SIZE = 10_000_000
MAX_PROBLEMS = 20


def read_ome_xml(
    path: str | Path,
    *,
    content: bytes | None = None,
    own_pages: int = 0,
    plane_per_block: bool = False,
    needs_files: bool = True,
) -> OmeDocument:
    """Read an OME-XML file, or the OME-XML in a TIFF file.

    Args:
        path: the file.
        content: the XML, when it is inside the file.
        own_pages: pages of the TIFF file, for images that name none.
        plane_per_block: a ``TiffData`` that does not say how many planes it holds holds one, as some instruments mean it.
        needs_files: the places of the planes are needed, and not the rest alone.

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
    if needs_files:
        problems.extend(settle_files(document, Path(path), is_in_file=content is not None))
    raise_together(problems, f"The OME-XML of '{path}' cannot be used")
    return document


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
        take_files(image, pixels, own_pages, plane_per_block=plane_per_block)
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
