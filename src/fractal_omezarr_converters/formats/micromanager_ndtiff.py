"""Read NDTiff data sets (versions 2 and 3): an index of free axes, and TIFF files of pages.

The package ``ndtiff`` reads the index, which says what each page is. Pixels are read as pages of the TIFF files, so that a worker
needs no index. Lower resolutions (``Downsampled_x2``, ...) are not read: the pyramid is made anew.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import struct
import warnings as python_warnings
from pathlib import Path
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.micromanager_frames import (
    Acquired,
    AxisValue,
    FrameFacts,
    RawPlane,
    frame_facts,
)
from fractal_omezarr_converters.formats.micromanager_pages import StackFile
from fractal_omezarr_converters.formats.micromanager_stacks import header_of, warn_if_cut

INDEX = "NDTiff.index"
FULL_RESOLUTION = "Full resolution"
COLOUR = 2


def read_ndtiff(index_file: Path) -> Acquired:
    """Read the index, and the metadata of every page that it names.

    Raises:
        ConvertersToolsUserError: the package ``ndtiff`` is not installed, or the index is damaged.
    """
    folder = index_file.parent
    named = folder.parent if folder.name == FULL_RESOLUTION else folder
    found = Acquired("NDTiff", index_file, folder, named.name, metadata_files=[str(index_file)])
    entries = _entries(index_file, found.warnings)
    there = {each.name for each in folder.iterdir() if each.is_file()}
    by_file: dict[str, list[tuple[dict[str, AxisValue], Any]]] = {}
    for axes, entry in entries:
        by_file.setdefault(entry.filename, []).append((axes, entry))
    for name, inside in by_file.items():
        if name in there:
            _take_file(found, folder / name, inside)
            continue
        for axes, entry in inside:
            size = FrameFacts(width=entry.image_width, rows=entry.image_height)
            found.planes.append(RawPlane(axes, size, name, None))
    return found


def _take_file(found: Acquired, path: Path, inside: list[tuple[dict[str, AxisValue], Any]]) -> None:
    found.summary = found.summary or header_of(path)[0]
    stack = StackFile(path)
    try:
        pages = {each.metadata_offset: each for each in stack.pages}
        lost = 0
        for axes, entry in inside:
            page = pages.get(entry.metadata_offset)
            if page is None:
                lost += 1
                continue
            facts = frame_facts(stack.metadata(entry.metadata_offset, entry.metadata_length))
            facts = facts._replace(width=page.width, rows=page.height, is_colour=entry.pixel_type == COLOUR)
            found.planes.append(RawPlane(axes, facts, path.name, page.number, page.pixels, page.stored))
    finally:
        stack.close()
    if lost:
        found.warnings.append(
            f"'{path}' lacks {lost} of the {len(inside)} pages that the index names; they stay empty."
        )
    warn_if_cut(found, stack)


def _entries(index_file: Path, warnings: list[str]) -> list[tuple[dict[str, AxisValue], Any]]:
    """Axes and entry of every image; the package says what it does on standard output, which is not for users."""
    if importlib.util.find_spec("ndtiff") is None:
        raise ConvertersToolsUserError(
            f"'{index_file}' is an NDTiff data set, for which the package ndtiff is needed: "
            "pip install 'fractal-omezarr-converters[ndtiff]'."
        )
    from ndtiff.ndtiff_index import read_ndtiff_index

    try:
        with contextlib.redirect_stdout(None), python_warnings.catch_warnings(record=True) as caught:
            python_warnings.simplefilter("always")
            index = read_ndtiff_index(index_file.read_bytes(), verbose=False)
    except (struct.error, json.JSONDecodeError, UnicodeDecodeError, AttributeError) as error:
        raise ConvertersToolsUserError(
            f"'{index_file}' is damaged or not complete ({error}); copy it again from the microscope's computer."
        ) from error
    if caught:
        warnings.append(f"'{index_file}' has no proper end; the acquisition may have been aborted.")
    if not index:
        raise ConvertersToolsUserError(f"'{index_file}' names no image; nothing was acquired.")
    return [(dict(axes), entry) for axes, entry in index.items()]
