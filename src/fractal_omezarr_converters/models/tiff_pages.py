"""One page of a TIFF file: its shape, samples and colour table, and its pixels, whole or in part.

Of compressed pages only the strips or tiles that a part needs are decoded. ExtraSamples 1 and 2 are alpha (TIFF 6.0, section 18).
"""

from __future__ import annotations

import itertools
from typing import Any, Literal, NamedTuple

import numpy as np
import tifffile

from fractal_omezarr_converters.models.palettes import expanded, is_ramp
from fractal_omezarr_converters.models.photometric import Change, change_of

Array = np.ndarray[Any, Any]
_JPEG = {6, 7, 34892, 33007}
PALETTE = 3
_COLOR = (2, 6)
_ALPHA = (1, 2)
MOST_SAMPLES = 2**16 - 1
_BYTES_AT_A_TIME = 1 << 18


class PageFacts(NamedTuple):
    """Shape and type of the pixels that :func:`read_page` gives."""

    shape: tuple[int, int]
    samples: int
    kept_samples: tuple[int, ...]
    dtype: np.dtype[Any]
    colors: Array | None = None
    is_rgb: bool = False
    change: Change | None = None


def page_facts(page: Any, palette: Literal["auto", "index", "expand"], keep_index: bool) -> PageFacts | None:
    """Describe a page; None when its pixels are not rows and columns with samples.

    Args:
        page: A page or frame of tifffile.
        palette: What happens with a colour table.
        keep_index: The file is known to store intensities, whatever its colour table.
    """
    key = page.keyframe
    if key.axes not in ("YX", "YXS", "SYX") or key.dtype is None or key.imagedepth != 1:
        return None
    dtype = np.dtype(key.dtype)
    shape = (int(key.imagelength), int(key.imagewidth))
    if key.photometric == PALETTE and key.axes == "YX" and key.colormap is not None:
        colors = np.asarray(key.colormap)
        if palette == "expand" or (palette == "auto" and not keep_index and not is_ramp(colors)):
            table = expanded(colors)
            return PageFacts(shape, 3, (), table.dtype, table, is_rgb=True)
    change = change_of(key, palette, keep_index)
    if change is not None:
        return PageFacts(shape, change.samples, (), dtype, is_rgb=change.samples == 3, change=change)
    samples = 0 if key.axes == "YX" else int(key.samplesperpixel)
    if samples > MOST_SAMPLES:
        raise ValueError(f"page {page.index} states {samples} samples for each pixel")
    extra = tuple(int(kind) for kind in (key.extrasamples or ()))
    first = samples - len(extra)
    alpha = {first + place for place, kind in enumerate(extra) if kind in _ALPHA} if samples > len(extra) else set()
    kept = tuple(place for place in range(samples) if place not in alpha)
    return PageFacts(shape, samples, kept, dtype, is_rgb=key.photometric in _COLOR and len(kept) == 3)


def read_page(page: Any, facts: PageFacts, y: slice, x: slice) -> Array:
    """Read rows ``y`` and columns ``x`` of a page: (y, x), or (y, x, samples)."""
    rows, columns = range(facts.shape[0])[y], range(facts.shape[1])[x]
    part = _part(page, rows, columns) if len(rows) * len(columns) * 2 < facts.shape[0] * facts.shape[1] else None
    if part is None:
        whole = page.asarray(maxworkers=1)
        if page.keyframe.axes == "SYX":
            whole = np.moveaxis(whole, 0, -1)
        part = whole[y, x]
    if facts.change is not None:
        return facts.change.apply(part)
    if facts.colors is None:
        return part
    if part.size and int(part.max()) >= len(facts.colors):
        raise ValueError(
            f"it holds the number {int(part.max())}, but its colour table has only {len(facts.colors)} colours"
        )
    looked_up: Array = facts.colors[part.view(np.uint8) if part.dtype.kind == "b" else part]
    return looked_up


def read_page_into(page: Any, facts: PageFacts, out: Array) -> bool:
    """Read a whole grey page into a C-ordered array of its shape and type; False when its pixels are of another kind."""
    key = page.keyframe
    if facts.samples or facts.colors is not None or facts.change is not None or key.axes != "YX":
        return False
    if not key.is_contiguous:
        if key.dtype != out.dtype or key.jpegheader is not None:
            return False
        page.asarray(out=out, maxworkers=1)
        return True
    if _stored_type(key) != out.dtype or sum(page.databytecounts) != out.nbytes:
        return False
    handle = page.parent.filehandle
    with handle.lock:
        handle.seek(page.dataoffsets[0])
        if handle.readinto(memoryview(out).cast("B")) != out.nbytes:
            raise ValueError(f"the file ends within page {page.index}")
    return True


def _part(page: Any, rows: range, columns: range) -> Array | None:
    """Decode only the strips or tiles that hold the part; None when the page is stored in another way."""
    key = page.keyframe
    ordinary = rows.step == 1 and columns.step == 1 and len(rows) and len(columns)
    if not ordinary or key.is_subsampled or (key.jpegheader is not None and not key.is_tiled):
        return None
    separate, _, _, _, contiguous = key.shaped
    shape = (separate, len(rows), len(columns), contiguous)
    if key.is_contiguous:
        return _squeezed(_contiguous_part(page, rows, columns, np.empty(shape, key.dtype)), key)
    result = np.zeros(shape, key.dtype)
    high, wide = (key.tilelength, key.tilewidth) if key.is_tiled else (key.rowsperstrip, key.imagewidth)
    high = min(high, key.imagelength) if not key.is_tiled else high
    down, across = -(-key.imagelength // high), -(-key.imagewidth // wide)
    if len(page.dataoffsets) != separate * down * across:
        return None
    indices = [
        (plane * down + row) * across + column
        for plane, row, column in itertools.product(
            range(separate),
            range(rows.start // high, -(-rows.stop // high)),
            range(columns.start // wide, -(-columns.stop // wide)),
        )
    ]
    arguments: dict[str, Any] = {"_fullsize": False}
    if key.compression in _JPEG:
        arguments |= {"jpegtables": page.jpegtables, "jpegheader": key.jpegheader}
    handle = page.parent.filehandle
    with handle.lock:
        key.init_decode()
        segments = list(
            handle.read_segments(
                [page.dataoffsets[index] for index in indices],
                [page.databytecounts[index] for index in indices],
                indices=indices,
                lock=handle.lock,
                flat=True,
            )
        )
    for data, index in segments:
        segment, (plane, _, top, left, _), shape = key.decode(data, index, **arguments)
        y0, y1 = max(top, rows.start), min(top + shape[1], rows.stop)
        x0, x1 = max(left, columns.start), min(left + shape[2], columns.stop)
        target = result[plane, y0 - rows.start : y1 - rows.start, x0 - columns.start : x1 - columns.start]
        target[...] = key.nodata if segment is None else segment[0, y0 - top : y1 - top, x0 - left : x1 - left]
    return _squeezed(result, key)


def _contiguous_part(page: Any, rows: range, columns: range, result: Array) -> Array | None:
    """Read the rows of an uncompressed page; None when bits are packed, reversed or predicted."""
    key = page.keyframe
    stored = _stored_type(key)
    if stored is None:
        return None
    separate, _, height, width, contiguous = key.shaped
    row_bytes = width * contiguous * stored.itemsize
    many = min(len(rows), max(1, _BYTES_AT_A_TIME // row_bytes))
    band = np.empty((many, width, contiguous), stored)  # whole rows, a few at a time, so that they stay in the cache
    handle = page.parent.filehandle
    for plane, first in itertools.product(range(separate), range(0, len(rows), many)):
        block = band[: len(rows) - first]
        with handle.lock:
            handle.seek(page.dataoffsets[0] + (plane * height + rows.start + first) * row_bytes)
            if handle.readinto(memoryview(block).cast("B")) != block.nbytes:
                raise ValueError(f"the file ends within page {page.index}")
        result[plane, first : first + many] = block[:, columns.start : columns.stop]
    return result


def _stored_type(key: tifffile.TiffPage) -> np.dtype[Any] | None:
    """Give the type of uncompressed pixels as they lie in the file; None when bits are packed, reversed or predicted."""
    stored = np.dtype(key.parent.byteorder + np.dtype(key.dtype).char)
    packed = key.bitspersample not in (8, 16, 32, 64) or stored.itemsize * 8 != key.bitspersample
    return None if packed or key.fillorder == 2 or key.predictor != 1 else stored


def _squeezed(part: Array | None, key: tifffile.TiffPage) -> Array | None:
    if part is None:
        return None
    if key.axes == "SYX":
        return np.moveaxis(part[..., 0], 0, -1)
    return part[0] if key.axes == "YXS" else part[0, :, :, 0]
