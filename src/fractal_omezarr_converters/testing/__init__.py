"""For authors of formats and tests: rules every format keeps, writers of artificial measurements, snapshots."""

from fractal_omezarr_converters.lazy_face import lazy_face

__getattr__, __dir__ = lazy_face(__name__, __file__)
