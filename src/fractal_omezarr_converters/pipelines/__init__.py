"""From tiles to written images: filters, validators, registration, tiling, plans, writing, and the place for all of it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
