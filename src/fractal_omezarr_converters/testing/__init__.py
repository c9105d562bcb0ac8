"""For authors of formats and tests: rules every format keeps, writers of artificial measurements, snapshots."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
