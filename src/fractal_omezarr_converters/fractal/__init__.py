"""Fractal: plan images in one step, write them in many, hand descriptions from the first to the second."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
