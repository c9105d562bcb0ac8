"""The planes of a TIFF file with the names of their axes: by page, by OME-XML, by ImageJ or other descriptions.

An OME-TIFF that is one file of several gives its own planes, unless a series is asked for: then the planes of all files.
tifffile's own series of multi-file sets are not used: they may give another file's pixels.
"""

from __future__ import annotations

import itertools
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache, partial
from typing import Any

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsUserError, ConvertersToolsWarning
from fractal_omezarr_converters.models.ome_planes import OmeImage, PlanePlace, is_ome_xml, read_ome_images
from fractal_omezarr_converters.models.photometric import change_of
from fractal_omezarr_converters.models.planes import Array, Selection, StoredPlanes, planes_of_array
from fractal_omezarr_converters.models.tiff_checks import check_complete, check_kind, check_planes_of_imagej
from fractal_omezarr_converters.models.tiff_pages import (
    MOST_SAMPLES,
    PALETTE,
    PageFacts,
    page_facts,
    read_page,
    read_page_into,
)
from fractal_omezarr_converters.models.tiff_pool import OpenTiff, naming, opened

#: Axes in a description whose pages hold columns, not rows.
_EXCHANGED = re.compile(r"""axes"?\s*[:=]\s*"?\w*X\w*Y""")
#: The shape that tifffile writes into the description.
_SHAPE = re.compile(r"""shape"?\s*[:=]\s*[\[(]([\d,\s]*)""")
#: A tag of MetaMorph with a value for each plane of the file.
_UIC2 = 33629
_AXIS_NAMES = {"T": "t", "C": "c", "Z": "z", "Y": "y", "X": "x", "S": "s", "Q": "q", "I": "q"}


@contextmanager
def tiff_planes(path: str, selection: Selection) -> Iterator[StoredPlanes]:
    """Lend the planes that a selection of page, series and level means.

    Raises:
        ConvertersToolsUserError: The file is damaged, or has no such page, series or level.
    """
    with opened(path) as file:
        some = (selection.channel, selection.z, selection.t) != (None, None, None)
        chosen = (selection.page, selection.series, selection.level, selection.palette, some)
        with file.lock:
            planes = file.known.get(chosen)
            if planes is None:
                with naming(_source(path, selection)):
                    planes = file.known[chosen] = _planes(file, selection)
        yield planes


def series_files(path: str, selection: Selection) -> list[str]:
    """List the files that the planes lie in: more than one only for a series of a multi-file OME-TIFF."""
    if selection.series is None or selection.page is not None:
        return [path]
    with opened(path) as file, file.lock:
        images = _ome_images(file)
    if images is None or selection.series >= len(images):
        return [path]
    names = sorted({place.file or "" for place in images[selection.series].planes.values()})
    return [_beside(path, name or None) for name in names]


def _source(path: str, selection: Selection) -> str:
    chosen = [f"{word} {number}" for word, number in selection._asdict().items() if isinstance(number, int)]
    return f"File '{path}'{f' ({", ".join(chosen)})' if chosen else ''}"


def _planes(file: OpenTiff, selection: Selection) -> StoredPlanes:
    """Describe the planes; they serve every choice of channel, z, t and plane, so their name says none of it."""
    source = _source(file.path, selection._replace(channel=None, z=None, t=None, plane=None))
    if selection.page is not None:
        _check_number("page", selection.page, len(file.tif.pages), source)
        return _grid(file, selection, {}, [PlanePlace(None, selection.page)], source=source)
    if _is_one_plane(file, selection):
        return _grid(file, selection, {}, [PlanePlace(None, 0)], source=source)
    images = _ome_images(file)
    if images is not None:
        found = _ome(file, images, selection, source)
        if found is not None:
            return found
    return _described(file, selection, source)


# ------------------------------------------------------------------------------------------------------------ OME-TIFF


def _is_one_plane(file: OpenTiff, selection: Selection) -> bool:
    """Say whether descriptions need not be read: OME-XML may be large, and repeated in every file of a plate.

    Without OME-XML, a single grey page is one plane when there is no room for another behind it (ImageJ and STK files may
    hold many planes, uncompressed, behind one page) and no description gives it another shape.
    """
    chosen = (selection.series, selection.channel, selection.z, selection.t)
    if chosen != (None,) * 4 or len(file.tif.pages) != 1:
        return False
    page = file.tif.pages.first
    if is_ome_xml(page.description):
        return True
    pixels = sum(page.databytecounts)
    plain = page.axes == "YX" and page.photometric != PALETTE and not selection.level
    several = page.tags[_UIC2].count > 1 if _UIC2 in page.tags else False
    if not plain or several or not 0 < pixels <= file.tif.filehandle.size < 2 * pixels:
        return False
    if page.is_shaped and _EXCHANGED.search(page.description):
        return False
    shaped = _SHAPE.search(page.description) if page.is_shaped else None
    stated = [int(size) for size in re.findall(r"\d+", shaped[1])] if shaped else list(page.shape)
    return [size for size in stated if size != 1] == [size for size in page.shape if size != 1]


def _ome_images(file: OpenTiff) -> list[OmeImage] | None:
    if "ome" not in file.known:
        text = file.tif.pages.first.description
        known = read_ome_images(text, file.path, len(file.tif.pages)) if is_ome_xml(text) else None
        file.known["ome"] = known
    images: list[OmeImage] | None = file.known["ome"]
    return images


def _ome(file: OpenTiff, images: list[OmeImage], selection: Selection, source: str) -> StoredPlanes | None:
    """Give the planes of an image; None when the file holds none of the images' planes."""
    if selection.series is not None:
        _check_number("series", selection.series, len(images), source)
        image = images[selection.series]
        places = dict(image.planes)
    else:
        own = [(image, {k: p for k, p in image.planes.items() if p.file is None}) for image in images]
        here = [(image, places) for image, places in own if places]
        if not here:
            return None
        image, places = here[0]
        if len(here) > 1:
            warnings.warn(
                f"{source} holds {len(here)} images; the first one ('{image.name}') is read. Choose another by 'series'.",
                ConvertersToolsWarning,
                stacklevel=2,
            )
    numbers = {axis: tuple(sorted({key[n] for key in places})) for n, axis in enumerate("czt")}
    if selection.series is not None:
        numbers = {axis: tuple(range(image.sizes[axis])) for axis in "czt"}
    if not places:
        return None
    absent = [key for key in itertools.product(*numbers.values()) if key not in places]
    if absent:
        c, z, t = absent[0]
        raise ValueError(
            f"it holds no page for {len(absent)} planes of its image, the first of them c={c}, z={z}, t={t}; if other files hold "
            "them, choose series 0"
        )
    ordered = [places[(c, z, t)] for t, c, z in itertools.product(*(numbers[axis] for axis in "tcz"))]
    return _grid(file, selection, {a: len(numbers[a]) for a in "tcz"}, ordered, source=source, numbers=numbers)


def _beside(path: str, name: str | None) -> str:
    """Give the path of a file of the same set; it lies in the same folder."""
    if name is None:
        return path
    if "/" in name or "\\" in name or name in (".", ".."):
        raise ConvertersToolsUserError(
            f"File '{path}' names '{name}' as a file of its set, which is not in the same folder; "
            "convert the files one by one."
        )
    folder = path.replace("\\", "/").rpartition("/")[0]
    return f"{folder}/{name}" if "/" in path.replace("\\", "/") else name


# ------------------------------------------------------------------------------------------------------- grids of pages


def _page(file: OpenTiff, number: int, level: int | None) -> Any:
    pages = file.tif.pages
    _check_number("page", number, len(pages), f"File '{file.path}'")
    page = pages[number]
    if not level:
        return page
    below = page.pages
    _check_number("level", level, 1 + (len(below) if below is not None else 0), f"File '{file.path}'")
    return below[level - 1] if below is not None else page


def _facts(file: OpenTiff, number: int, selection: Selection) -> PageFacts:
    page = _page(file, number, selection.level)
    check_kind(page, file.path)
    facts = page_facts(page, selection.palette, bool(file.tif.is_imagej))
    if facts is None:
        raise ValueError(f"page {number} has the axes '{page.keyframe.axes}', which are not rows and columns of pixels")
    check_complete(page, file.tif.filehandle.size)
    return facts


def _grid(
    file: OpenTiff,
    selection: Selection,
    lead: Mapping[str, int],
    places: Sequence[PlanePlace],
    *,
    source: str,
    numbers: Mapping[str, tuple[int, ...]] | None = None,
) -> StoredPlanes:
    """Describe pages of one layout as a grid; ``places`` are numbered along ``lead``, its last axis fastest."""
    path, level, palette = file.path, selection.level, selection.palette
    if places[0].file is None:
        facts = _facts(file, places[0].page, selection)
    else:
        with opened(_beside(path, places[0].file)) as first, first.lock:
            facts = _facts(first, places[0].page, selection)

    def page_of(holder: OpenTiff, number: int) -> tuple[Any, PageFacts]:
        with holder.lock:
            page = _page(holder, places[number].page, level)
            check_kind(page, holder.path)
            found = page_facts(page, palette, bool(holder.tif.is_imagej))
            check_complete(page, holder.tif.filehandle.size)
        if found is None or (found.shape, found.samples, found.dtype) != (facts.shape, facts.samples, facts.dtype):
            had = "another layout" if found is None else f"shape {found.shape} and type {found.dtype}"
            raise ValueError(f"the page has {had}, where the first page has shape {facts.shape} and type {facts.dtype}")
        return page, found

    def read_one(number: int, y: slice, x: slice) -> Array:
        where = _beside(path, places[number].file)
        with opened(where) as holder, naming(f"File '{where}' (page {places[number].page})"):
            return read_page(*page_of(holder, number), y, x)

    def read_one_into(number: int, out: Array) -> bool:
        where = _beside(path, places[number].file)
        with opened(where) as holder, naming(f"File '{where}' (page {places[number].page})"):
            return read_page_into(*page_of(holder, number), out)

    return StoredPlanes(
        lead="".join(lead),
        lead_shape=tuple(lead.values()),
        plane_shape=facts.shape,
        samples=facts.samples,
        dtype=facts.dtype,
        read=read_one,
        read_into=read_one_into,
        source=source,
        kept_samples=facts.kept_samples,
        is_rgb=facts.is_rgb,
        numbers=numbers,
        change="" if facts.change is None else facts.change.words,
    )


# ------------------------------------------------------------------------------- ImageJ, other descriptions, none at all


def _described(file: OpenTiff, selection: Selection, source: str) -> StoredPlanes:
    check_planes_of_imagej(file.tif)
    all_series = file.tif.series
    number = selection.series or 0
    _check_number("series", number, len(all_series), source)
    if selection.series is None and len(all_series) > 1:
        shapes = ", ".join("x".join(map(str, series.shape)) for series in all_series[:4])
        warnings.warn(
            f"{source} holds {len(all_series)} series of images ({shapes}); the first one is read. "
            "Choose another by 'series' or 'page'.",
            ConvertersToolsWarning,
            stacklevel=2,
        )
    series = all_series[number]
    levels = series.levels
    if selection.level:
        if len(levels) == 1 and len(series.pages) == 1 and series.pages[0] is not None:
            return _grid(file, selection, {}, [PlanePlace(None, int(series.pages[0].index))], source=source)
        _check_number("level", selection.level, len(levels), source)
        series = levels[selection.level]
    axes = "".join(_AXIS_NAMES.get(axis, axis) for axis in series.axes)
    axes = _one_unnamed(axes, series.shape)
    if axes.count("y") != 1 or axes.count("x") != 1:
        raise ValueError(f"its images have the axes '{series.axes}', without rows and columns")
    grid = _page_per_plane(file, series, axes, selection, source)
    if grid is not None:
        return grid
    return _whole(file, number, selection, axes, source)


def _one_unnamed(axes: str, shape: tuple[int, ...]) -> str:
    """Let at most one unnamed axis stay ``q``; a further one becomes a capital that nobody can place."""
    if axes.count("q") <= 1:
        return axes
    long = [place for place, axis in enumerate(axes) if axis == "q" and shape[place] > 1]
    if len(long) > 1:
        raise ValueError(f"several axes of its pages have no name (shape {shape})")
    keep = long[0] if long else axes.index("q")
    return "".join("QWUB"[place % 4] if axis == "q" and place != keep else axis for place, axis in enumerate(axes))


def _page_per_plane(file: OpenTiff, series: Any, axes: str, selection: Selection, source: str) -> StoredPlanes | None:
    """Read page by page, where every plane is a page of its own."""
    pages = [page for page in series.pages if page is not None]
    lead = "".join(axis for axis in axes if axis not in "yxs")
    shape = tuple(int(n) for n, axis in zip(series.shape, axes) if axis not in "yxs")
    if len(pages) != len(series.pages) or len(pages) != math.prod(shape) or not axes.startswith(lead):
        return None
    if axes.index("x") < axes.index("y"):  # rows and columns of the pages are exchanged: the names count
        return None
    indices = [page.index for page in pages]
    if selection.level or not all(isinstance(index, int) for index in indices):
        return None
    if page_facts(pages[0], selection.palette, bool(file.tif.is_imagej)) is None:
        return None
    check_complete(pages[-1], file.tif.filehandle.size)
    places = [PlanePlace(None, int(index)) for index in indices]
    return _grid(file, selection, dict(zip(lead, shape)), places, source=source)


def _whole(file: OpenTiff, number: int, selection: Selection, axes: str, source: str) -> StoredPlanes:
    """Read the series as one array: mapped where it is stored in one piece, else decoded when it is read."""
    level = selection.level or 0
    tif, series = file.tif, file.tif.series[number].levels[level]
    key = series.keyframe
    pages: list[Any] = [page for page in series.pages if page is not None]
    for page in pages:
        check_kind(page, file.path)
    change = None if key is None else change_of(key, selection.palette, bool(tif.is_imagej))
    extra = () if key is None else tuple(int(kind) for kind in (key.extrasamples or ()))
    samples = int(series.shape[axes.index("s")]) if "s" in axes else 0
    if samples > MOST_SAMPLES:
        raise ValueError(f"its pages state {samples} samples for each pixel")
    kept = tuple(n for n in range(samples) if n < samples - len(extra) or extra[n - samples] not in (1, 2))
    shape = tuple(int(n) for n in series.shape)
    order = np.dtype(series.dtype).newbyteorder(tif.byteorder)
    if series.dataoffset is not None and tif.filehandle.is_file:
        array = np.memmap(tif.filehandle.path, order, "r", int(series.dataoffset), shape)
        return planes_of_array(array, axes, source, kept_samples=kept, change=change)
    for page in pages:
        check_complete(page, tif.filehandle.size)
    most = max((math.prod(page.shape) for page in pages), default=0) * len(series.pages)
    most = tif.filehandle.size if series.dataoffset is not None else most
    if math.prod(shape) > most:
        raise ValueError(f"its description promises {math.prod(shape)} values, its pages hold {most} at most")
    made = partial(_decoded, file.path, tif.filehandle.size, number, level)
    return planes_of_array(
        made, axes, source, kept_samples=kept, shape=shape, dtype=np.dtype(series.dtype), change=change
    )


@lru_cache(maxsize=1)
def _decoded(path: str, size: int, number: int, level: int) -> Array:
    """Decode a series that is not stored plane by plane; only the last one is kept."""
    with opened(path) as file, naming(f"File '{path}' ({size} bytes)"), file.lock:
        array: Array = file.tif.series[number].levels[level].asarray(maxworkers=1)
        return array


def _check_number(word: str, number: int, count: int, source: str) -> None:
    if number >= count:
        has = f"{word} 0 to {count - 1}" if count > 1 else f"only {word} 0"
        raise ConvertersToolsUserError(f"{source} has no {word} {number}; it has {has}.")
