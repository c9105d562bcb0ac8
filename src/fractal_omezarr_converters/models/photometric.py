"""Images whose stored numbers are no intensities: white as zero, printing inks, YCbCr; how they become intensities.

Source: TIFF 6.0, PhotometricInterpretation 0 (WhiteIsZero), 5 (Separated, by default cyan, magenta, yellow, black), 6 (YCbCr).
Bio-Formats turns both round when it reads a file, and so does Pillow where it can. Files of ImageJ keep their numbers: there
white as zero says how an image is shown, and measurements are of the numbers as they are. So does tifffile with truth values: it
states white as zero whenever nothing else is asked for, writes True as 1 and gives True back. Files that do not say what 0
means keep their numbers, as ImageJ and libtiff have it; fax pages alone are white on 0 by themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import numpy as np

Array = np.ndarray[Any, Any]
WHITE_IS_ZERO = 0
SEPARATED, YCBCR = 5, 6
_PHOTOMETRIC, _INK_SET = 262, 332
#: None, LZW, Deflate, PackBits, LZMA, zstd: of images, as JPEG is, decoders give colours themselves.
_OF_BYTES = (1, 5, 8, 32946, 32773, 34925, 34926, 50000)
_FAX, _ALPHA = (2, 3, 4), (1, 2)
_CMYK = 1

INKS = "stored as amounts of cyan, magenta, yellow and black ink, and become red, green and blue"
YCC = "stored as brightness and differences of colour (YCbCr), and become red, green and blue"
NEGATIVE = "stored with white as 0, and are inverted so that bright is high"


class Change(NamedTuple):
    """What is done to the numbers of a plane: in words, and as a function on (y, x) or (y, x, samples)."""

    words: str
    apply: Callable[[Array], Array]
    samples: int
    """Values per pixel afterwards, 0 for none."""


def change_of(page: Any, palette: Literal["auto", "index", "expand"], keep_numbers: bool) -> Change | None:
    """Say how the numbers of a TIFF page become intensities; None when they are, or shall stay as they are.

    Args:
        page: A page of tifffile.
        palette: ``index`` keeps stored numbers, whatever they mean.
        keep_numbers: The file is known to store intensities.
    """
    if palette == "index" or keep_numbers or page.dtype is None:
        return None
    dtype = np.dtype(page.dtype)
    extra = len(page.extrasamples or ())
    samples = int(page.samplesperpixel)
    if (
        page.photometric == WHITE_IS_ZERO
        and (_PHOTOMETRIC in page.tags or page.compression in _FAX)  # tifffile takes 0 where nothing is stated
        and dtype.kind in "bu"
        and samples - extra == 1
        and all(int(kind) in _ALPHA for kind in page.extrasamples or ())
        and isinstance(page.bitspersample, int)
        and not (dtype.kind == "b" and _is_by_tifffile(page))
    ):
        top = dtype.type((1 << page.bitspersample) - 1)

        def positive(pixels: Array) -> Array:
            grey = pixels[..., 0] if samples > 1 else pixels  # what follows is transparency
            return np.asarray(np.subtract(top, grey) if dtype.kind == "u" else ~grey)

        return Change(NEGATIVE, positive, 0)
    if page.photometric == YCBCR and page.compression in _OF_BYTES:
        return Change(YCC, rgb_of_ycc, 3) if samples - extra == 3 and dtype == np.uint8 else None
    inks = page.photometric == SEPARATED and samples - extra == 4 and dtype in (np.uint8, np.uint16)
    return Change(INKS, rgb_of_inks, 3) if inks and page.tags.valueof(_INK_SET, _CMYK) == _CMYK else None


def _is_by_tifffile(page: Any) -> bool:
    """Whether tifffile, also through scikit-image and others, wrote the file: it says so on the first page only."""
    return str(page.parent.pages.first.software).startswith("tifffile")


def rgb_of_inks(pixels: Array) -> Array:
    """Turn cyan, magenta, yellow, black (8 or 16 bits, last axis; more samples are left away) into red, green, blue.

    The paper that black leaves, less the share of each ink, rounded: what Pillow gives for 8 bits.
    """
    top = int(np.iinfo(pixels.dtype).max)
    paper = top - pixels[..., 3:4].astype(np.uint32)
    covered = (pixels[..., :3] * paper + top // 2) // top
    return np.asarray(paper - covered).astype(pixels.dtype)


def rgb_of_ycc(pixels: Array) -> Array:
    """Turn brightness and differences of colour (8 bits, last axis) into red, green, blue, by ITU-R BT.601."""
    light, blue, red = (pixels[..., place].astype(np.float64) - zero for place, zero in enumerate((0, 128, 128)))
    colours = (light + 1.402 * red, light - 0.344136 * blue - 0.714136 * red, light + 1.772 * blue)
    return np.asarray(np.clip(np.floor(np.stack(colours, axis=-1) + 0.5), 0, 255)).astype(pixels.dtype)
