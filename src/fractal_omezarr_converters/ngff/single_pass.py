"""The single pass: every source tile read once, every chunk of every level encoded once and written once."""

from __future__ import annotations

from fractal_omezarr_converters.errors import ConvertersToolsInternalError
from fractal_omezarr_converters.ngff.layout import ImageLayout
from fractal_omezarr_converters.ngff.pixel_report import PixelReport
from fractal_omezarr_converters.ngff.stores import Store
from fractal_omezarr_converters.ngff.tile_stream import TileStream


def write_pixels(
    store: Store,
    layout: ImageLayout,
    tiles: TileStream,
    *,
    threads: int | None = None,
    digests: bool = False,
    memory_limit: int | None = None,
) -> PixelReport:
    """Write all levels of an image, with their array documents, below ``store`` (the image's group)."""
    del store, layout, tiles, threads, digests, memory_limit
    raise ConvertersToolsInternalError("The writer is being built.")
