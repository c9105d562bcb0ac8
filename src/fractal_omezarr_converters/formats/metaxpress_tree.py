"""Find the images of a MetaXpress acquisition: folders and file names say well, site, wavelength, plane and time point.

Names are read from the right, because the plate's name may hold anything: ending, GUID (database tree; ``_[GUID]`` of older
software), ``_thumb``, ``_w<n>``, ``_s<n>``, well. ``_s`` is absent with one site, ``_w`` with one wavelength, the plate's name
in some exports.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass, field
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

import numpy as np

from fractal_omezarr_converters.formats.metaxpress_files import TreeFiles
from fractal_omezarr_converters.formats.row_columns import Known
from fractal_omezarr_converters.models.well_names import row_index

PARENT = -1
"""``step`` of images that lie in no folder ``ZStep_<n>``."""

_GUID = "[0-9A-F]{8}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{4}-[0-9A-F]{12}"
# The search ends at the first place from which all of the rest fits, so that _w12 is a wavelength and not a well of row W.
_NAME = re.compile(
    rf"(?:\A|_)([A-Za-z]{{1,2}})(\d{{2}})(?:_s(\d{{1,5}}))?(?:_w(\d{{1,3}}))?(?i:(_thumb)?({_GUID}|_\[{_GUID}\])?\.tiff?)\Z"
)
_FOLDER = re.compile(r"(TimePoint|ZStep)_(\d{1,6})", re.IGNORECASE)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_HTD_BEGINS = b'"HTSInfoFile"'
_MOST_SUBFOLDERS = 2000
_LEVELS = 3
MAX_ROW, MAX_COLUMN = 32, 48


@dataclass
class AcquisitionTree:
    """Images and plate descriptions (``.HTD``) below one folder; ``plates`` counts the names before the well."""

    root: Path
    files: TreeFiles = field(default_factory=lambda: TreeFiles.of([]))
    descriptions: list[str] = field(default_factory=list)
    plates: Counter[str] = field(default_factory=Counter)
    off_plate: list[str] = field(default_factory=list)


def read_tree(root: Path) -> AcquisitionTree:
    """List the images of one acquisition, sorted; small pictures (``_thumb``) are passed over."""
    tree = AcquisitionTree(root)
    found = _Found()
    _read(tree, found, _Folder(str(root)))
    t, step = (np.repeat(np.array(column, np.int64), found.sizes) for column in (found.t, found.step))
    row, column, wave, site = (
        np.fromiter(map(itemgetter(at), found.parsed), np.int64, len(found.parsed)) for at in range(4)
    )
    tree.files = TreeFiles.made([row, column, wave, t, step, site], found.files).sorted()
    # the shortest path first: the copies in the folders of time points and planes say the same
    tree.descriptions.sort(key=lambda name: (name.count("/"), name))
    return tree


class _Found:
    """Images in the order of the folders; ``sizes`` are the numbers of images of each folder, with its t and step."""

    def __init__(self) -> None:
        self.parsed: list[_Parsed] = []
        self.t: list[int] = []
        self.step: list[int] = []
        self.sizes: list[int] = []
        self.files: list[str] = []
        # the folders of an export hold the same names
        self.names = Known(_parsed)


class _Parsed(NamedTuple):
    """What a file name says; ``row`` is 0 for names that are no image's, ``plate`` is the name before the well.

    ``is_taken`` says that it is an image, no small picture of one, of a well that a plate can have.
    """

    row: int
    column: int = 0
    wave: int = 1
    site: int = 1
    plate: str = ""
    is_thumb: bool = False
    is_taken: bool = False


def _parsed(name: str | None) -> _Parsed:
    found = _NAME.search(name or "")
    if found is None:
        return _Parsed(0)
    row, column, site, wave, thumb, _ = found.groups()
    plate = (name or "")[: found.start()]
    place, is_thumb = (row_index(row) + 1, int(column)), thumb is not None
    is_taken = not is_thumb and place[0] <= MAX_ROW and 1 <= place[1] <= MAX_COLUMN
    return _Parsed(*place, int(wave or 1), int(site or 1), plate, is_thumb, is_taken)


class _Folder(NamedTuple):
    """A folder, its path below the acquisition's with a slash behind it, and what its images are."""

    path: str
    prefix: str = ""
    t: int = 1
    step: int = PARENT


def _read(tree: AcquisitionTree, found: _Found, folder: _Folder) -> None:
    prefix = folder.prefix
    inner: list[str] = []
    names = os.listdir(folder.path)  # noqa: PTH208 -- 100,000 files
    parsed = list(map(found.names.__getitem__, names))
    images = [each for each in parsed if each.is_taken]
    found.parsed += images
    found.files += [prefix + name for name, each in zip(names, parsed) if each.is_taken]
    tree.plates.update([each.plate for each in images])
    for name, each in zip(names, parsed) if len(images) < len(names) else ():
        if each.row:
            if not (each.is_taken or each.is_thumb):
                tree.off_plate.append(prefix + name)
        elif name[-4:].lower() == ".htd":
            tree.descriptions.append(prefix + name)
        elif _FOLDER.fullmatch(name) is not None and os.path.isdir(os.path.join(folder.path, name)):  # noqa: PTH112, PTH118
            inner.append(name)
    found.t.append(folder.t)
    found.step.append(folder.step)
    found.sizes.append(len(images))
    for name in inner:
        kind, digits = name.split("_")
        which = {"t" if kind.lower() == "timepoint" else "step": int(digits)}
        path = os.path.join(folder.path, name)  # noqa: PTH118
        _read(tree, found, folder._replace(path=path, prefix=f"{prefix}{name}/", **which))


def acquisition_folders(source: Path) -> list[Path]:
    """Find the folders of acquisitions: the source, or those below it (``<plate>/<date>/<id>``, or any folder of one)."""
    if source.is_file():
        found = _NAME.search(source.name)
        is_image = found is not None and found.group(6) is not None
        return [source.parent] if is_image or _is_description(source) else []
    if not source.is_dir():
        return []
    is_one, inside = _look(source)
    return [source] if is_one else _below(inside, _LEVELS - 1)


def _below(folders: list[Path], levels: int) -> list[Path]:
    looked_at = [(each, *_look(each)) for each in folders]
    found = [each for each, is_one, _ in looked_at if is_one]
    if not found and levels:
        for each, _, inside in looked_at:
            if levels == _LEVELS - 1 or _DATE.fullmatch(each.name):
                found += _below(inside, levels - 1)
    return found


def _look(folder: Path) -> tuple[bool, list[Path]]:
    """Say whether a folder is an acquisition's, and if not, which folders are in it."""
    inside: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if _is_sign(entry):
                    return True, []
                if entry.is_dir():
                    inside.append(entry.path)
    except PermissionError:
        return False, []
    return False, [Path(each) for each in sorted(inside)[:_MOST_SUBFOLDERS]]


def _is_sign(entry: os.DirEntry[str]) -> bool:
    """Say whether an entry is one that only MetaXpress makes: a description, a folder of planes, an image with GUID."""
    name = entry.name
    ending = name[-4:].lower()
    if ending == ".htd":
        return _is_description(Path(entry.path))
    if ending in (".tif", "tiff"):
        found = _NAME.search(name)
        return found is not None and found.group(6) is not None
    return _FOLDER.fullmatch(name) is not None and entry.is_dir()


def _is_description(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            return stream.read(64).lstrip().startswith(_HTD_BEGINS)
    except OSError:
        return False
