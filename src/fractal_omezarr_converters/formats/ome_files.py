"""Which files hold the planes of the images of an OME-XML: ``TiffData``, with the names and UUIDs of files.

Source: OME schema, element ``Pixels``. An image without ``TiffData`` has its planes in the pages of its own file when it is the
only image there; beside images with ``TiffData`` it has none (``MetadataOnly``).
"""

from __future__ import annotations

from pathlib import Path

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.ome_records import OmeDocument, OmeImageRecord
from fractal_omezarr_converters.formats.ome_renamed import find_former_names
from fractal_omezarr_converters.formats.xml_records import XmlRecord
from fractal_omezarr_converters.models.ome_planes import TiffBlock, plane_places

EXAMPLES = 3


def take_files(image: OmeImageRecord, pixels: XmlRecord, own_pages: int, *, plane_per_block: bool) -> None:
    """Read the file and page of every plane; see :func:`read_ome_xml` for the arguments."""
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
    image.states_files = bool(blocks)
    image.places = plane_places(
        image.sizes, pixels.attributes.get("DimensionOrder", "XYZCT"), blocks, own_pages=own_pages
    )


def settle_files(document: OmeDocument, file: Path, *, is_in_file: bool) -> list[str]:
    """See that the files of all images are known: those of renamed files are, images without pixels have none.

    Returns:
        What is wrong.
    """
    find_former_names(document, file, is_in_file=is_in_file)
    return [*_nameless_files(document, is_in_file=is_in_file), *_images_without_files(document, is_in_file=is_in_file)]


def _images_without_files(document: OmeDocument, *, is_in_file: bool) -> list[str]:
    """Take the planes from images without ``TiffData`` beside others: the first pages of the file are those of another image."""
    without = [image for image in document.images.values() if not image.states_files]
    if not without or len(document.images) == 1:
        return []
    if len(without) == len(document.images):
        # the XML of a plate alone can be planned
        told = "describes several images and not which pages hold them (TiffData); export the plate again"
        return [f"'{document.path}' {told}."] if is_in_file else []
    for image in without:
        image.places = {}
    in_wells = {sample.image for plate in document.plates for well in plate.wells for sample in well.samples}
    lost = [f"'{image.name or image.id}'" for image in without if image.id in in_wells]
    if lost:
        document.warnings.append(
            f"{len(lost)} images of wells in '{document.path}' have no pixels (no TiffData) and are left out:"
            f" {', '.join(lost[:EXAMPLES])}{', ...' if len(lost) > EXAMPLES else ''}."
        )
    return []


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
