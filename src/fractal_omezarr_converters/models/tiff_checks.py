"""Whether the pixels of a page of a TIFF file are of a kind that is read, and can be there, before memory is taken for them."""

from __future__ import annotations

import math
from typing import Any

import tifffile

from fractal_omezarr_converters.errors import ConvertersToolsUserError

_HEADER = 8
"""Bytes with which every TIFF file begins: pixels that are stated to lie there were never written."""
_THREE_BYTES, _PREDICTED = 24, (8, 16, 32, 64)
"""Bits of a sample: with bytes in an order of their own, and those for which differences are defined."""
_LARGEST_RATIO = {1: 1, 5: 4096, 6: 4096, 7: 4096, 8: 1040, 32946: 1040, 32773: 64}
"""Bytes that a byte can become at most: uncompressed, LZW, JPEG, Deflate, PackBits."""
_TILE_BEYOND, _SMALL_IMAGE = 4, 1 << 24
"""A tile may have more pixels than its image, which fills up the tiles, but not so many times as many."""
_RATIO_OF_OTHERS = 1_000_000
"""Of codecs that write much of one colour in a few bits (fax, wavelets): what is beyond is damaged."""


def check_kind(page: Any, path: str) -> None:
    """Refuse a page whose pixels no reader, or not every reader, takes as they were meant.

    Raises:
        ConvertersToolsUserError: Its samples are of different or odd sizes, or stored as differences that are not defined.
    """
    key = page.keyframe
    bits = key.bitspersample
    kind = f"samples of {', '.join(map(str, bits)) if isinstance(bits, tuple) else bits} bits"
    if isinstance(bits, tuple) or key.dtype is None or (bits == _THREE_BYTES and key.dtype.kind == "u"):
        kind += (
            f" of the kind {int(key.sampleformat)} (SampleFormat)"  # 24 bits: readers differ in the order of the bytes
        )
    elif key.predictor != 1 and (key.compression == 1 or bits not in _PREDICTED):
        kind += f" as differences (Predictor {int(key.predictor)}), {'un' if key.compression == 1 else ''}compressed"
    elif key.is_subsampled and key.compression not in tifffile.TIFF.IMAGE_COMPRESSIONS:
        kind = "colours with fewer pixels than brightness (YCbCrSubSampling)"
    else:
        return
    raise ConvertersToolsUserError(
        f"File '{path}' stores {kind} on its page {page.index}, which is not read because readers of TIFF take it differently; "
        "save the image anew, in grey or RGB with 8, 16 or 32 bits a sample, for example with Fiji."
    )


def check_planes_of_imagej(tif: tifffile.TiffFile) -> None:
    """Refuse a stack of ImageJ that is stored behind one page, as those beyond 4 GB are, and was cut off.

    Raises:
        ValueError: The file holds some of the planes that its description states, not all.
    """
    page = tif.pages.first
    if not tif.is_imagej or len(tif.pages) > 1 or not page.is_contiguous or page.offset > page.dataoffsets[0]:
        return
    known = tif.imagej_metadata or {}
    stated = math.prod(int(known.get(axis, 1)) for axis in ("frames", "slices", "channels"))
    held = (tif.filehandle.size - page.dataoffsets[0]) // max(1, page.nbytes)
    if 1 < held < stated and page.axes == "YX":
        raise ValueError(f"its description states {stated} planes, but the file ends after {held} of them")


def check_complete(page: Any, size: int) -> None:
    """Refuse a page whose pixels lie beyond the end of the file, of which strips or tiles are missing, or too short by far.

    Raises:
        ValueError: The file was cut off, is smaller than its header says, or its header is damaged.
    """
    key = page.keyframe
    wanted = 0 if key.is_contiguous else math.prod(key.chunked)
    known = min(len(page.dataoffsets), len(page.databytecounts))
    if known < wanted:
        raise ValueError(f"page {page.index} states the place and length of {known} of {wanted} strips or tiles")
    if any(count and offset < _HEADER for offset, count in zip(page.dataoffsets, page.databytecounts)):
        raise ValueError(f"page {page.index} states no place for some of its pixels, as when writing was broken off")
    ends = [offset + count for offset, count in zip(page.dataoffsets, page.databytecounts) if count]
    if size > 0 and ends and max(ends) > size:
        raise ValueError(f"the file ends at {size} bytes, but pixels of page {page.index} lie up to byte {max(ends)}")
    _check_promise(page, size)


def _check_promise(page: Any, size: int) -> None:
    """Refuse a page that no codec can decode or whose first strip is far too short, before memory is taken for it."""
    key = page.keyframe
    most = _LARGEST_RATIO.get(int(key.compression), _RATIO_OF_OTHERS)
    samples = max(1, key.samplesperpixel) if key.planarconfig == 1 else 1
    if key.is_tiled and key.tilelength * key.tilewidth > _TILE_BEYOND * max(
        key.imagelength * key.imagewidth, _SMALL_IMAGE
    ):
        raise ValueError(
            f"page {page.index} is to hold {key.imagelength} x {key.imagewidth} pixels in tiles of "
            f"{key.tilelength} x {key.tilewidth}"
        )
    if int(key.compression) not in tifffile.TIFF.DECOMPRESSORS:
        raise ValueError(f"page {page.index} is compressed in a way that is not known (number {int(key.compression)})")
    if not page.databytecounts or not (page.databytecounts[0] or key.is_contiguous):
        return  # an empty strip or tile has no pixels on purpose
    if key.is_contiguous:
        promised, there = math.prod(key.shaped), sum(page.databytecounts)
        if not there and page.dataoffsets[0]:  # some writers do not count: what follows in the file is taken
            there = max(0, size - page.dataoffsets[0])
    else:
        rows = key.tilelength if key.is_tiled else min(key.rowsperstrip, key.imagelength)
        columns = key.tilewidth if key.is_tiled else key.imagewidth
        promised, there = rows * columns * samples, page.databytecounts[0]
    if promised * key.bitspersample // 8 > there * most:
        raise ValueError(
            f"page {page.index} is to hold {key.imagelength} x {key.imagewidth} pixels, but a strip or tile of {there} bytes "
            f"cannot hold {promised} values of {key.bitspersample} bits"
        )
