"""Tiles and images as columns: geometry, tables to tiles, tiles to images; no Zarr, no Fractal."""

from fractal_omezarr_converters.lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(__name__, __file__)
