"""Tiles and images as columns: geometry, tables to tiles, tiles to images; no Zarr, no Fractal."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
