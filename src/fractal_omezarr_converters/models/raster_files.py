"""PNG, JPEG and BMP files: size and type from the header, pixels by imagecodecs; 16-bit colour stays 16-bit.

Sources: PNG specification, chunk IHDR (bit depth, colour type); ITU-T T.81, frame header SOFn; BMP through Pillow.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np

from fractal_omezarr_converters.models.palettes import expanded, is_ramp
from fractal_omezarr_converters.models.photometric import INKS
from fractal_omezarr_converters.models.placeholders import address_of
from fractal_omezarr_converters.models.planes import Array, StoredPlanes
from fractal_omezarr_converters.models.png_pixels import decode_into, is_plain_grey
from fractal_omezarr_converters.models.remote_calls import read_begin, read_whole
from fractal_omezarr_converters.models.tiff_pool import naming
from fractal_omezarr_converters.models.urls import filesystem_for_url, is_remote_url

Palette = Literal["auto", "index", "expand"]
_PNG = b"\x89PNG\r\n\x1a\n"
#: Samples of a PNG by colour type: grey, colour, palette, grey and alpha, colour and alpha.
_PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
#: Bytes in which headers lie; cameras put previews of up to 64 KiB, several of them, before them.
_HEAD = 1 << 20
_SHORT_HEAD = 1 << 12
#: Bytes of pixels that a byte of a file can become at most; of a block of 64 pixels, JPEG writes an eighth of a bit at least.
_DEFLATE, _JPEG = 1040, 4096
#: Compressed pixels never hold these two bytes: a byte 255 of theirs is followed by 0 (ITU-T T.81, B.1.1.5).
_JPEG_END = b"\xff\xd9"
_START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


def raster_planes(path: str, source: str, palette: Palette) -> StoredPlanes:
    """Describe an image file from its first bytes; pixels are decoded when they are read.

    Raises:
        ConvertersToolsUserError: The bytes are no such image.
    """
    with naming(source):
        data = _bytes(path, _SHORT_HEAD)
        if data.startswith(_PNG) and is_plain_grey(data):
            return _png(path, data, source, palette)
        data = _bytes(path, _HEAD)
        if data.startswith(_PNG):
            return _png(path, data, source, palette)
        if data.startswith(b"\xff\xd8"):
            return _jpeg(path, data, source, palette)
        if data.startswith(b"BM"):
            return _bmp(path, data, source, palette)
        raise ValueError("it begins like no PNG, JPEG or BMP file")


def _png(path: str, data: bytes, source: str, palette: Palette) -> StoredPlanes:
    width, height, bits, kind = struct.unpack(">IIBB", data[16:26])
    if kind == 3:
        colors = _png_colors(data)
        if palette == "expand" or (palette == "auto" and not is_ramp(colors)):
            return _stored((height, width), np.uint8, source, lambda: expanded(colors)[_pillow(path)], samples=3)
        return _stored((height, width), np.uint8, source, lambda: _pillow(path))
    samples = _PNG_SAMPLES[kind]
    _check_promise(path, width * height * samples * bits // 8, _DEFLATE)
    kept = (0,) if kind == 4 else (0, 1, 2) if kind == 6 else ()

    stretched = 255 // (2**bits - 1) if bits < 8 else 1  # the decoder spreads 1, 2 and 4 bits over 0 to 255

    def decode() -> Array:
        import imagecodecs

        pixels = np.asarray(imagecodecs.png_decode(_bytes(path)))
        if samples > 1:
            return pixels[..., :samples]
        grey: Array = pixels[..., 0] if pixels.ndim == 3 else pixels  # one grey may be declared transparent
        return grey if stretched == 1 else grey // np.uint8(stretched)

    dtype = np.uint16 if bits == 16 else np.uint8
    stored = _stored((height, width), dtype, source, decode, samples=samples if samples > 1 else 0, kept=kept)
    return stored._replace(read_into=partial(_png_into, path, source)) if is_plain_grey(data) else stored


def _png_into(path: str, source: str, _number: int, out: Array) -> bool:
    with naming(source):
        decode_into(_bytes(path), out)
    return True


def _png_colors(data: bytes) -> Array:
    """Read the colour table (chunk PLTE) as (3, n)."""
    place = 8
    while place + 8 <= len(data):
        length, name = struct.unpack(">I4s", data[place : place + 8])
        if name == b"PLTE":
            return np.frombuffer(data[place + 8 : place + 8 + length], np.uint8).reshape(-1, 3).T
        place += 12 + length
    raise ValueError("it has no colour table")


def _jpeg(path: str, data: bytes, source: str, palette: Palette) -> StoredPlanes:
    place = 2
    while place + 9 < len(data):
        if data[place] != 0xFF:
            raise ValueError("its markers are out of place")
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if marker in _START_OF_FRAME:
            bits, height, width, samples = struct.unpack(">BHHB", data[place + 4 : place + 10])
            break
        place += (
            2 if marker == 0x01 or 0xD0 <= marker <= 0xD9 else 2 + struct.unpack(">H", data[place + 2 : place + 4])[0]
        )
    else:
        raise ValueError("it has no frame header")
    _check_promise(path, width * height * samples, _JPEG)

    def decode() -> Array:
        import imagecodecs

        whole = _bytes(path)
        if whole.rfind(_JPEG_END, place) < 0:  # what is missing would become grey
            raise ValueError(f"the file ends at {len(whole)} bytes, before its image does")
        return np.asarray(imagecodecs.jpeg_decode(whole))

    if samples == 4 and bits == 8 and palette != "index":
        return _stored((height, width), np.uint8, source, lambda: _pillow(path, "RGB"), samples=3, change=INKS)
    dtype = np.uint8 if bits == 8 else np.uint16
    return _stored((height, width), dtype, source, decode, samples=samples if samples > 1 else 0)


def _check_promise(path: str, promised: int, most: int) -> None:
    """Refuse a file that is too short by far for what its header promises, before memory is taken for it."""
    size = promised if is_remote_url(path) else Path(path).stat().st_size
    if promised > size * most:
        raise ValueError(f"its header promises {promised} bytes of pixels, which a file of {size} bytes cannot hold")


def _bmp(path: str, data: bytes, source: str, palette: Palette) -> StoredPlanes:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height, mode = *image.size, image.mode
            table = image.getpalette("RGB") if mode == "P" else None
    except Image.DecompressionBombError as error:
        raise ValueError(f"it is larger than this reader takes: {error}") from error
    if table is not None:
        colors = np.asarray(table, np.uint8).reshape(-1, 3).T
        if palette == "expand" or (palette == "auto" and not is_ramp(colors)):
            return _stored((height, width), np.uint8, source, lambda: expanded(colors)[_pillow(path)], samples=3)
    samples = {"RGB": 3, "RGBA": 4}.get(mode, 0)
    dtype = np.bool_ if mode == "1" else np.uint8
    kept = (0, 1, 2) if mode == "RGBA" else ()
    return _stored((height, width), dtype, source, lambda: _pillow(path), samples=samples, kept=kept)


def _pillow(path: str, mode: str | None = None) -> Array:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(_bytes(path))) as image:
            return np.asarray(image if mode is None else image.convert(mode))
    except Image.DecompressionBombError as error:
        raise ValueError(f"it is larger than this reader takes: {error}") from error


def _stored(
    shape: tuple[int, int],
    dtype: Any,
    source: str,
    decode: Callable[[], Array],
    *,
    samples: int = 0,
    kept: tuple[int, ...] = (),
    change: str = "",
) -> StoredPlanes:
    """Describe an image whose pixels ``decode`` gives whole."""
    expected = (*shape, samples) if samples else shape

    def read_plane(_number: int, y: slice, x: slice) -> Array:
        with naming(source):
            pixels = decode()
            if pixels.shape != expected or pixels.dtype != np.dtype(dtype):
                raise ValueError(
                    f"its header says {expected} {np.dtype(dtype)}, its pixels are {pixels.shape} {pixels.dtype}"
                )
        return pixels[y, x]

    is_rgb = samples == 3 or kept == (0, 1, 2)
    return StoredPlanes("", (), shape, samples, np.dtype(dtype), read_plane, source, kept, is_rgb=is_rgb, change=change)


def _bytes(path: str, count: int = -1) -> bytes:
    """Read a file, or its first bytes."""
    address = address_of(path)
    url = path if address is None else address.url
    if is_remote_url(url):
        files = filesystem_for_url(url, "Reading an image")
        return read_whole(files, url) if count < 0 else read_begin(files, url, count)
    with Path(path).open("rb") as stream:
        return stream.read(count)
