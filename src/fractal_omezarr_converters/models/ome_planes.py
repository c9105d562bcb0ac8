"""Which plane of an OME-TIFF lies in which file and page, read from the OME-XML in the file or in its companion.

Sources: OME schema 2016-06, elements Pixels (DimensionOrder, SizeC/Z/T), Channel (SamplesPerPixel), TiffData (IFD, PlaneCount,
FirstC/Z/T with their defaults), UUID (FileName), BinaryOnly (MetadataFile). The namespace's year is ignored.
"""

from __future__ import annotations

import itertools
import math
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.urls import (
    existing_local_path,
    filesystem_for_url,
    is_file_there,
    is_remote_url,
    join_url_paths,
    parent_url,
)

if TYPE_CHECKING:
    from xml.etree import ElementTree

MOST_PLANES = 2_000_000
"""Planes of one image along c, z and t; what states more is damaged, and would fill the memory."""


class PlanePlace(NamedTuple):
    """A file's name (None: the file itself) and the page in it."""

    file: str | None
    page: int


class OmeImage(NamedTuple):
    """One image of an OME-XML: sizes along c, z, t without samples, and the place of every plane."""

    name: str
    sizes: Mapping[str, int]
    planes: Mapping[tuple[int, int, int], PlanePlace]


def is_ome_xml(text: str | None) -> bool:
    """Say whether an image description is OME-XML."""
    return bool(text) and (text or "")[-16:].strip().rstrip("\x00").endswith("OME>")


def read_ome_images(text: str, path: str, pages: int) -> list[OmeImage] | None:
    """Read the images of an OME-XML.

    Args:
        text: The image description of the first page of ``path``.
        path: Path of the TIFF file.
        pages: Number of its pages.

    Returns:
        The images; None when the text is not well formed, or describes no images that can be found.
    """
    root = _parsed(text)
    companion = _child(root, "BinaryOnly") if root is not None else None
    own_uuid = root.get("UUID") if root is not None else None
    if companion is not None:
        own_uuid = companion.get("UUID") or own_uuid
        root = _companion(path, companion.get("MetadataFile", ""))
    if root is None:
        return None
    images = [(image, pixels) for image in _children(root, "Image") for pixels in _children(image, "Pixels")]
    own_name = unicodedata.normalize("NFC", path.replace("\\", "/").rpartition("/")[2])
    files = {
        unicodedata.normalize("NFC", uuid.get("FileName", ""))
        for _, pixels in images
        for data in _children(pixels, "TiffData")
        for uuid in _children(data, "UUID")
        if uuid.get("FileName")
    }
    renamed = next(iter(files)) if len(files) == 1 and companion is None and own_name not in files else None
    if renamed is not None and _beside(path, renamed) is not None and own_uuid is None:
        renamed = None
    own = _Own(own_name, own_uuid, renamed, pages)
    try:
        return [_image(image, pixels, own, alone=len(images) == 1) for image, pixels in images] or None
    except (KeyError, ValueError, TypeError):
        return None


class _Own(NamedTuple):
    """How the file that was opened is called: by its name, its UUID, and the name it had before it was renamed."""

    name: str
    uuid: str | None
    former_name: str | None
    pages: int

    def place(self, uuid: ElementTree.Element | None) -> str | None:
        """Give the file of a TiffData; None means the opened file."""
        if uuid is None:
            return None
        name = unicodedata.normalize("NFC", uuid.get("FileName", ""))
        same_uuid = self.uuid is not None and (uuid.text or "").strip() == self.uuid
        if name in ("", self.name) or same_uuid or (self.former_name is not None and name == self.former_name):
            return None
        return name


def _image(image: ElementTree.Element, pixels: ElementTree.Element, own: _Own, *, alone: bool) -> OmeImage:
    samples = [int(channel.get("SamplesPerPixel", "1")) for channel in _children(pixels, "Channel")]
    size_c = int(pixels.attrib["SizeC"])
    if samples and sum(samples) == size_c:
        size_c = len(samples)
    elif samples and samples[0] > 1:
        size_c = max(1, size_c // samples[0])
    sizes = {"c": size_c, "z": int(pixels.attrib["SizeZ"]), "t": int(pixels.attrib["SizeT"])}
    blocks = _children(pixels, "TiffData")
    if not blocks and not alone:
        raise ValueError("several images without TiffData")
    listed = [
        TiffBlock(
            own.place(_child(data, "UUID")),
            (int(data.get("FirstC", "0")), int(data.get("FirstZ", "0")), int(data.get("FirstT", "0"))),
            int(data.attrib["IFD"]) if data.get("IFD") is not None else None,
            int(data.attrib["PlaneCount"]) if data.get("PlaneCount") is not None else None,
        )
        for data in blocks
    ]
    order = pixels.attrib.get("DimensionOrder", "XYZCT")
    return OmeImage(image.get("Name", ""), sizes, plane_places(sizes, order, listed, own_pages=own.pages))


class TiffBlock(NamedTuple):
    """One ``TiffData``: file (None: the file itself), first plane (c, z, t), first page and number of planes if stated."""

    file: str | None
    first: tuple[int, int, int]
    page: int | None
    planes: int | None


def plane_places(
    sizes: Mapping[str, int], order: str, blocks: Sequence[TiffBlock], *, own_pages: int
) -> dict[tuple[int, int, int], PlanePlace]:
    """Give the file and page of every plane (c, z, t) that the blocks name; without blocks all pages in their order.

    Args:
        sizes: number of planes along c, z and t.
        order: ``DimensionOrder``, such as ``XYZCT``.
        blocks: in the order of the document; the first that names a plane wins.
        own_pages: pages of the file itself, for blocks without a count.

    Raises:
        KeyError: a block begins outside the image.
        ConvertersToolsUserError: ``order`` is none, or there are more planes than any image has.
    """
    axes = order[2:].lower()
    if sorted(axes) != ["c", "t", "z"]:
        raise ConvertersToolsUserError(
            f"The OME metadata state the DimensionOrder '{order}', which is none such as XYZCT; write or export them again."
        )
    if math.prod(sizes.values()) > MOST_PLANES:
        raise ConvertersToolsUserError(
            f"The OME metadata state {' x '.join(f'{size} {axis}' for axis, size in sizes.items())} planes, which no image has; "
            "write or export them again."
        )
    every = [
        dict(zip(axes, reversed(place))) for place in itertools.product(*(range(sizes[a]) for a in reversed(axes)))
    ]
    number_of = {(place["c"], place["z"], place["t"]): number for number, place in enumerate(every)}
    if not blocks:
        return {key: PlanePlace(None, number) for key, number in number_of.items()}
    planes: dict[tuple[int, int, int], PlanePlace] = {}
    begins = sorted({number_of[block.first] for block in blocks})
    for block in blocks:
        first = number_of[block.first]
        # a block that does not say how many planes it holds ends where another one begins
        left = next((begin for begin in begins if begin > first), len(every)) - first
        default = 1 if block.page is not None else min(left, own_pages if block.file is None else left)
        count, page = default if block.planes is None else block.planes, block.page or 0
        for step in range(min(count, len(every) - first)):
            place = every[first + step]
            planes.setdefault((place["c"], place["z"], place["t"]), PlanePlace(block.file, page + step))
    return planes


def _parsed(text: str) -> ElementTree.Element | None:
    if "<!DOCTYPE" in text[:2000] or "<!ENTITY" in text[:2000]:
        return None
    from xml.etree import ElementTree

    try:
        return ElementTree.fromstring(text.strip().strip("\x00"))
    except ElementTree.ParseError:
        return None


def _companion(path: str, name: str) -> ElementTree.Element | None:
    beside = _beside(path, name) if name else None
    if isinstance(beside, Path):
        return _parsed(beside.read_text(encoding="utf-8", errors="replace"))
    if beside is None:
        return None
    from fractal_omezarr_converters.models.remote_calls import read_whole

    content: bytes = read_whole(filesystem_for_url(beside), beside)
    return _parsed(content.decode("utf-8", errors="replace"))


def _beside(path: str, name: str) -> Path | str | None:
    """Find a file of the same folder, of one in a store its URL; names with folders are not followed."""
    if "/" in name or "\\" in name:
        return None
    if is_remote_url(path):
        from fractal_omezarr_converters.models.remote_calls import is_object

        url = join_url_paths(parent_url(path), name)
        return url if is_object(filesystem_for_url(url), url) else None
    found = existing_local_path(Path(path).parent / name)
    return found if is_file_there(found) else None


def _children(element: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [child for child in element if str(child.tag).rpartition("}")[2] == name]


def _child(element: ElementTree.Element, name: str) -> ElementTree.Element | None:
    return next(iter(_children(element, name)), None)
