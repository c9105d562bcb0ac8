"""From tiles to written images: filters, validators, registration, tiling, plans, writing, and the place for all of it."""

from fractal_omezarr_converters.lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(__name__, __file__)
