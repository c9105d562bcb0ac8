"""The image files a tile table names: are they there, and what do their headers say?"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from fractal_omezarr_converters.core.source_survey import ask_each, header_choice_of, header_of_row
from fractal_omezarr_converters.core.table_lengths import NAMELESS, Sizes, sizes_of_loader
from fractal_omezarr_converters.formats.physical_sizes import PhysicalSizes, physical_sizes
from fractal_omezarr_converters.models.axes import AXES
from fractal_omezarr_converters.models.loaders import DefaultImageLoader
from fractal_omezarr_converters.models.plain_paths import are_plain, plain_paths
from fractal_omezarr_converters.models.source_files import SourceFiles, common_folder, facts_below, facts_of

if TYPE_CHECKING:
    import numpy.typing as npt

    from fractal_omezarr_converters.core.loader_columns import LoaderColumns

    type Floats = npt.NDArray[np.float64]

FIELDS = {"x": "xy_pixel_size", "y": "y_pixel_size", "z": "z_spacing", "t": "t_spacing"}


class FoundFiles(NamedTuple):
    """Absolute paths in the order of the names asked for, the names for which there is no file, and those that lie outside.

    ``plain`` are the same paths with what was found out about the files, where all paths are what they say.
    """

    paths: list[str]
    missing: list[str]
    outside: list[str]
    plain: SourceFiles | None


def find_files(folder: Path, names: Sequence[str], *, follow_links: bool) -> FoundFiles:
    """Look at files below a folder, each once; of names that are not found so, each folder is listed once.

    A name written on Windows (``data\\a.tif``) or in another Unicode form of the same letters is found too. Unless
    ``follow_links``, files that do not lie in the folder are outside: by an absolute path, by ``..``, or because they or the
    folder they are in are links to another place.
    """
    start = f"{folder}{os.sep}"
    paths = [start + name for name in names]
    if are_plain(str(folder), names):
        size, mtime = facts_below(start, names, follow_links=follow_links)
    else:
        known = plain_paths(paths) if os.sep == "/" else [None] * len(paths)
        size, mtime = facts_of(known, follow_links=follow_links)
    unknown = np.flatnonzero(size < 0).tolist()
    listings: dict[str, dict[str, str]] = {}
    places: dict[str, str] = {}
    missing = []
    for name in dict.fromkeys(names[at] for at in unknown):
        found = _find(start, name, listings)
        if found is None and "\\" in name:
            found = _find(start, name.replace("\\", "/"), listings)
        if found is None:
            missing.append(name)
        places[name] = found or str(folder / name)
    for at in unknown:
        paths[at] = places[names[at]]
    outside = [] if follow_links else _outside(folder, names, paths, set(places) - set(missing))
    return FoundFiles(paths, missing, outside, None if unknown else SourceFiles(paths, size, mtime))


def _outside(folder: Path, names: Sequence[str], paths: Sequence[str], may_be_links: set[str]) -> list[str]:
    """Give the names whose files do not lie in a folder; each folder of files is looked up once."""
    root = _real(folder)
    leaving = {parent for parent in _parents(paths) if not _real(parent or os.sep).startswith(root)}
    if not leaving and not may_be_links:
        return []
    return [
        name
        for name, path in dict(zip(names, paths)).items()
        if path.rpartition(os.sep)[0] in leaving
        or (name in may_be_links and not os.path.realpath(path).startswith(root))
    ]


def _real(folder: str | Path) -> str:
    """Give where a folder lies, links resolved, with the separator behind it."""
    return os.path.join(os.path.realpath(folder), "")  # noqa: PTH118


def _parents(paths: Sequence[str]) -> set[str]:
    """Give the folders of files; that all lie in one is found out from all names together."""
    shared = common_folder(paths) if paths and os.sep == "/" else ""
    if shared and "".join(paths).count("/") == len(paths) * shared.count("/"):
        return {shared[:-1]}
    return {path.rpartition(os.sep)[0] for path in paths}


def _find(start: str, name: str, listings: dict[str, dict[str, str]]) -> str | None:
    """Give the path as the disk spells it; strings throughout, because there may be a million."""
    plain = os.sep == "/" and name[:1] not in ("", "/", ".") and "/." not in name and "//" not in name
    path = start + name if plain else os.path.normpath(os.path.join(start, name))  # noqa: PTH118
    parent, _, last = path.rpartition(os.sep)
    entries = listings.get(parent)
    if entries is None:
        listed = os.listdir(parent or os.sep) if os.path.isdir(parent or os.sep) else []  # noqa: PTH112, PTH208
        entries = listings[parent] = {unicodedata.normalize("NFC", entry): entry for entry in listed}
    entry = entries.get(unicodedata.normalize("NFC", last))
    if entry is not None:
        return path if entry == last else f"{parent}{os.sep}{entry}"
    return path if os.path.isfile(path) else None  # noqa: PTH113


class Header(NamedTuple):
    """What the header of a file says of one tile: its size by axis (or why it is not known), and pixel sizes."""

    sizes: Sizes | str
    physical: PhysicalSizes


@dataclass(frozen=True)
class Headers:
    """Headers that were read, for every row the number of the one that stands for it, and whether it is its own."""

    distinct: list[Header]
    index: npt.NDArray[np.int64]
    own: npt.NDArray[np.bool_]

    def stated(self) -> dict[str, Floats]:
        """Give the pixel sizes by field of the acquisition's details, row by row, NaN where unknown.

        Along y only where it differs from x.
        """
        columns = np.array([_numbers(header.physical) for header in self.distinct])[self.index]
        found = dict(zip(FIELDS.values(), columns.T.copy()))
        same = np.isclose(found["y_pixel_size"], found["xy_pixel_size"], rtol=1e-6)
        found["y_pixel_size"][same] = np.nan
        return found

    def physical(self, axis: str) -> Floats:
        """Give the pixel size along one axis, row by row, NaN where unknown."""
        values = [getattr(header.physical, axis) for header in self.distinct]
        return np.array([np.nan if value is None else value for value in values])[self.index]


def read_headers(loaders: LoaderColumns, axes: Sequence[str], image: npt.NDArray[np.int32]) -> Headers:
    """Read the header of every distinct source, or of some of every image and size when there are many."""

    def read(row: int) -> Header:
        loader = loaders.loader(row)
        sizes = sizes_of_loader(loader, axes, read=lambda: header_of_row(loaders, row))
        if not isinstance(loader, DefaultImageLoader):
            return Header(sizes, PhysicalSizes())
        return Header(sizes, physical_sizes(Path(loader.file_path), loader.series or 0))

    choice = header_choice_of(loaders, image)
    rows, index = np.unique(choice.stands_for, return_inverse=True)
    return Headers(ask_each(rows, read), index.reshape(-1), choice.is_own)


def wrong_shapes(headers: Headers, lengths: Floats) -> dict[str, list[int]]:
    """Compare the lengths in pixels (n x 5) with the files whose header was read; give rows by what is wrong with them."""
    wrong: dict[str, list[int]] = {}
    checked = np.flatnonzero(headers.own)
    whole = np.rint(lengths[checked]).astype(np.int64)
    rows = np.concatenate([headers.index[checked, None], whole], axis=1)
    pairs, inverse = np.unique(rows, axis=0, return_inverse=True)
    reasons = [_mismatch(headers.distinct[source].sizes, size) for source, *size in pairs.tolist()]
    for row, pair in enumerate(inverse.reshape(-1).tolist()):
        reason = reasons[pair]
        if reason:
            wrong.setdefault(reason, []).append(int(checked[row]))
    return wrong


def _mismatch(found: Sizes | str, lengths: list[int]) -> str | None:
    if isinstance(found, str):
        return found
    expected = dict(zip(AXES, lengths))
    sizes = {axis: size for axis, size in found.items() if axis != NAMELESS}
    nameless = found.get(NAMELESS, 1)
    fits = all(expected[axis] == size for axis, size in sizes.items())
    planes = int(np.prod([expected[axis] for axis in "tcz" if axis not in sizes]))
    if fits and planes == nameless:
        return None
    has = ", ".join(f"{axis} {size}" for axis, size in found.items()).replace(NAMELESS, "planes of an unnamed axis:")
    says = ", ".join(f"{axis} {size}" for axis, size in expected.items() if size > 1 or axis in "yx" or axis in sizes)
    colour = "; a colour image has length_c 3" if sizes.get("c") == 3 and expected["c"] == 1 else ""
    return f"has the size {has}, but the table says {says}{colour}; correct the length columns or the file"


def _numbers(sizes: PhysicalSizes) -> list[float]:
    return [np.nan if value is None else value for value in sizes]
