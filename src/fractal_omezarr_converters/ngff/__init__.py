"""Everything OME-Zarr: documents of every version, plates, tables, rendering, reading and the writer of pixels."""

from fractal_omezarr_converters.lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(__name__, __file__)
