"""Fractal: plan images in one step, write them in many, hand descriptions from the first to the second."""

from fractal_omezarr_converters.lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(__name__, __file__)
