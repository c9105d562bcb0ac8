"""Everything OME-Zarr: documents of every version, plates, tables, rendering, reading and the writer of pixels."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
