"""What users set and what acquisitions state: options, acquisition, channels, collections, loaders, paths."""

from fractal_omezarr_converters.lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(__name__, __file__)
