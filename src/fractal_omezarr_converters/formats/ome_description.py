"""The OME-XML in the description of a TIFF file: its text, and the identifier by which it names the file."""

from __future__ import annotations

import re
from pathlib import Path

from fractal_omezarr_converters.errors import ConvertersToolsError
from fractal_omezarr_converters.models.image_files import TIFF_SUFFIXES

_DECLARATION = re.compile(r"\A<\?xml[^>]*\?>")
_OWN_UUID = re.compile(rb"""<(?:\w+:)?OME\b[^>]*?\sUUID\s*=\s*["']([^"']+)["']""")


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


def own_uuid(path: Path) -> str | None:
    """The identifier that the OME-XML in a TIFF file gives the file; None without one."""
    if path.suffix.lower() not in TIFF_SUFFIXES:
        return None
    try:
        found = tiff_description(path)
    except ConvertersToolsError:
        return None  # as a file that is not of this plate; one that is named is found to be damaged when it is read
    matched = _OWN_UUID.search(found[0]) if found else None
    return matched[1].decode() if matched else None
