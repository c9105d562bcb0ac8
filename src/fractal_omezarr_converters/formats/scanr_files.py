"""Images of ScanR by their names, and the offset that older generations add to their pixels.

Facts: names are ``<well>--W<number>--P<position>--Z<plane>--T<frame>--<channel>.tif``; wells and positions count from 1, planes
and frames from 0; the well is empty when no label was set. Files written by ``National Instruments IMAQ`` (tag Software) hold
12-bit values with 0x8000 added; nothing but the subtraction is right, since other cameras use more bits.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsError
from fractal_omezarr_converters.formats.plane_loader import PlaneLoader
from fractal_omezarr_converters.models.loaders import loader_type_name

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fractal_omezarr_converters.core.loader_columns import LoaderColumns
    from fractal_omezarr_converters.formats.plane_loader import Places
    from fractal_omezarr_converters.formats.plane_records import PlaneRecord

OFFSET = 0x8000
SOFTWARE = "National Instruments IMAQ"
_NAME = re.compile(r"(?P<label>[^/]*?)--W(\d+)--P(\d+)--Z(\d+)--T(\d+)--(?P<channel>.+)\.tiff?", re.IGNORECASE)


class NamedPlane(NamedTuple):
    """What the name of a file says; the label of the well may be empty."""

    label: str
    well: int
    position: int
    z: int
    t: int
    channel: str
    file: str


def parse_name(file: str) -> NamedPlane | None:
    """Take a file's name apart; None when it is not of ScanR."""
    found = _NAME.fullmatch(file)
    if found is None:
        return None
    label, well, position, z, t, channel = found.groups()
    return NamedPlane(label.strip(), int(well), int(position), int(z), int(t), channel, file)


def list_planes(folder: Path) -> list[NamedPlane]:
    """List all images of a folder in the order of their places."""
    with os.scandir(folder) as entries:
        found = [plane for each in entries if (plane := parse_name(each.name)) is not None]
    return sorted(found, key=lambda each: each[1:])


def stores_offset(path: str) -> bool:
    """Say whether a file is of the generation that adds the offset, by its header."""
    from fractal_omezarr_converters.models.tiff_pool import naming, opened

    try:
        with opened(path) as file, file.lock, naming(path):
            first = file.tif.pages.first
            return SOFTWARE in str(first.software) and first.dtype == np.uint16
    except ConvertersToolsError:
        return False  # the conversion will say what is wrong with the file


def lies_above_offset(paths: Sequence[str]) -> bool:
    """Say whether images whose header says nothing (saved again by another program) hold the offset: no pixel is below it.

    The darkest pixel of a camera is far below half of its range, so a few images decide.
    """
    from fractal_omezarr_converters.models.loaders import DefaultImageLoader

    chosen = {paths[0], paths[len(paths) // 2], paths[-1]} if paths else set()
    try:
        images = [DefaultImageLoader(file_path=path).load_data() for path in sorted(chosen)]
    except ConvertersToolsError:
        return False  # the conversion will say what is wrong with the file
    return bool(images) and all(each.dtype == np.uint16 and each.size and each.min() >= OFFSET for each in images)


class ScanrOffsetLoader(PlaneLoader):
    """A plane less the offset that older generations add."""

    def changed(self, image: NDArray[Any], rows: Places, columns: Places) -> NDArray[Any]:  # noqa: ARG002
        """Subtract the offset; values below it, which no such camera gives, become 0."""
        lowered: NDArray[Any] = np.maximum(image, OFFSET) - np.asarray(OFFSET, image.dtype)
        return lowered


def offset_loaders(files: Sequence[str], planes: Sequence[PlaneRecord]) -> LoaderColumns:
    """Make the loaders of planes that hold the offset."""
    from fractal_omezarr_converters.core.loader_columns import LoaderColumns

    columns: dict[str, list[Any]] = {"file_path": list(files)}
    if any(each.page is not None for each in planes):
        columns["page"] = [each.page for each in planes]
    return LoaderColumns.from_columns(loader_type_name(ScanrOffsetLoader), columns)
