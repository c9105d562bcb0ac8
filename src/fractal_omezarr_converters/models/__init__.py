"""What users set and what acquisitions state: options, acquisition, channels, collections, loaders, paths."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
