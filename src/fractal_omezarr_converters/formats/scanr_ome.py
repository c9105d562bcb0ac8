"""Planes of a newer ScanR measurement from its ``metadata.ome.xml``.

Facts (scanR 3.3.0, schema 2013-06): one ``Image`` per well and position, ``Name`` is ``Well 14, Position 1 (B2)``; positions
are µm on the stage, y upwards (as other readers have it); there is no ``PhysicalSizeZ``, the height of a plane is
``PositionZ``; ``DeltaT`` counts s from the start of the image. Positions can be absent.
"""

from __future__ import annotations

import re

from fractal_omezarr_converters.errors import ConvertersToolsUserError, collecting, raise_together
from fractal_omezarr_converters.formats.ome_collector import OmePlanes
from fractal_omezarr_converters.formats.ome_xml import OmeDocument, OmeImageRecord
from fractal_omezarr_converters.formats.scanr_descriptor import Descriptor
from fractal_omezarr_converters.formats.scanr_files import parse_name

_IMAGE = re.compile(r"Well\s+(\d+),\s*Position\s+(\d+)\s*(?:\(([^)]*)\))?")


def planes_of_ome(
    document: OmeDocument, descriptor: Descriptor, *, pixel_size: float | None, on_grid: bool
) -> OmePlanes:
    """Give planes, sizes and channels.

    Args:
        document: the OME-XML.
        descriptor: knows wells without names, and fields without positions.
        pixel_size: that of the user, in µm.
        on_grid: fields are laid out without their positions.

    Raises:
        ConvertersToolsUserError: images lack a pixel size, a position, a well or files; all of them together.
    """
    found = OmePlanes(document.path, y_up=True, pixel_size=pixel_size)
    problems: list[str] = []
    placed: list[tuple[OmeImageRecord, tuple[int, int, int]]] = []
    for image in document.images.values():
        with collecting(problems):
            placed.append((image, _place(document, image, descriptor)))
    if not on_grid and not all(_has_position(image) for image, _ in placed):
        with collecting(problems):
            descriptor.check_fields({position for _, (_, _, position) in placed}, document.path)
        # places on the stage do not go with places in the well: where one image has none, those of all others are not used
        for image, _ in placed:
            image.planes = {key: plane._replace(x=None, y=None) for key, plane in image.planes.items()}
    for image, (row, column, position) in placed:
        with collecting(problems):
            found.add(image, row=row, column=column, number=position, at=descriptor.fields.get(position))
    if not document.images:
        problems.append(f"'{document.path}' describes no image; copy or export the acquisition again.")
    raise_together(list(dict.fromkeys(problems)), f"'{document.path}' cannot be used")
    return found


def _has_position(image: OmeImageRecord) -> bool:
    return any(plane.x is not None and plane.y is not None for plane in image.planes.values())


def _place(document: OmeDocument, image: OmeImageRecord, descriptor: Descriptor) -> tuple[int, int, int]:
    """Row, column and position of an image: by its name, else by the name of its first file."""
    named = _IMAGE.search(image.name)
    file = next((place.file for place in image.places.values() if place.file), "")
    of_file = parse_name(file or "")
    if named is None and of_file is None:
        raise ConvertersToolsUserError(
            f"{document.path}, line {image.line}: neither the name of image '{image.name}' nor that of its file '{file}'"
            " says in which well it was taken."
        )
    label = (named.group(3) if named else None) or (of_file.label if of_file else "")
    number = int(named.group(1)) if named else of_file.well if of_file else 0
    position = int(named.group(2)) if named else of_file.position if of_file else 0
    return (*descriptor.well(label or "", number, document.path), position)
