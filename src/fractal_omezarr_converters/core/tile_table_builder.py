"""Collects tiles one by one, without an object per tile, and gives them as a table."""

from __future__ import annotations

from fractal_omezarr_converters.core.tile_collector import TileCollector
from fractal_omezarr_converters.core.tile_table import TileTable


class TileTableBuilder(TileCollector):
    """Collects tiles one by one and gives them as a table; equal collections, acquisitions, attributes are kept once."""

    def build(self) -> TileTable:
        """Give all tiles as a table."""
        return TileTable(**self.columns())
