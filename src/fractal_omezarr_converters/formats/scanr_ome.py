"""Planes of a newer ScanR measurement from its ``metadata.ome.xml``.

Facts (scanR 3.3.0, schema 2013-06): one ``Image`` per well and position, ``Name`` is ``Well 14, Position 1 (B2)``; positions
are µm on the stage, y upwards (as other readers have it); there is no ``PhysicalSizeZ``, the height of a plane is
``PositionZ``; ``DeltaT`` counts s from the start of the image. Positions can be absent.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from fractal_omezarr_converters.errors import ConvertersToolsUserError, collecting, raise_together
from fractal_omezarr_converters.formats.ome_collector import OmePlanes
from fractal_omezarr_converters.formats.ome_records import OmeDocument, OmeImageRecord
from fractal_omezarr_converters.formats.scanr_descriptor import Descriptor
from fractal_omezarr_converters.formats.scanr_files import parse_name

_IMAGE = re.compile(r"Well\s+(\d+),\s*Position\s+(\d+)\s*(?:\(([^)]*)\))?")


class NamedImage(NamedTuple):
    """Number and label of the well (empty: none), and number of the position, of one image."""

    well: int
    label: str
    position: int


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
    named: list[tuple[OmeImageRecord, NamedImage]] = []
    for image in document.images.values():
        with collecting(problems):
            named.append((image, _named(document, image)))
    descriptor.take_labels([(each.well, each.label) for _, each in named], document.path, document.warnings)
    placed: list[tuple[OmeImageRecord, tuple[int, int, int]]] = []
    for image, each in named:
        with collecting(problems):
            placed.append((image, (*descriptor.well(each.well, document.path), each.position)))
    if not on_grid and not all(image.states_position for image, _ in placed):
        with collecting(problems):
            descriptor.check_fields({position for _, (_, _, position) in placed}, document.path)
        _forget_stage(document, [image for image, _ in placed])
    for image, (row, column, position) in placed:
        with collecting(problems):
            found.add(image, row=row, column=column, number=position, at=descriptor.fields.get(position))
    if not document.images:
        problems.append(f"'{document.path}' describes no image; copy or export the acquisition again.")
    raise_together(list(dict.fromkeys(problems)), f"'{document.path}' cannot be used")
    return found


def _forget_stage(document: OmeDocument, images: Sequence[OmeImageRecord]) -> None:
    """Use no place on the stage where one image states none: they do not go with the places in the well that it is given."""
    lost = sum(not image.states_position for image in images)
    if lost < len(images):
        document.warnings.append(
            f"{lost} of {len(images)} images in '{document.path}' state no position on the stage; all fields lie where the"
            " experiment descriptor places them in the well, as planned and not as reached."
        )
    for image in images:
        image.forget_positions()


def _named(document: OmeDocument, image: OmeImageRecord) -> NamedImage:
    """Well and position of an image: by its name, else by the name of its first file."""
    named = _IMAGE.search(image.name)
    file = next((place.file for place in image.places.values() if place.file), "")
    of_file = parse_name(file or "")
    label = of_file.label if of_file else ""
    if named is not None:
        return NamedImage(int(named.group(1)), (named.group(3) or "").strip() or label, int(named.group(2)))
    if of_file is None:
        raise ConvertersToolsUserError(
            f"{document.path}, line {image.line}: neither the name of image '{image.name}' nor that of its file '{file}'"
            " says in which well it was taken."
        )
    return NamedImage(of_file.well, label, of_file.position)
