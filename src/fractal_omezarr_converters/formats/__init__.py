"""Formats: one module per instrument or file format, and the registry that finds them."""

from fractal_omezarr_converters.lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(__name__, __file__)
