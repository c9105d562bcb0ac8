"""No search for cycles while very many rows are read.

Python looks through all objects of the program for cycles whenever many new ones were made: rows and paths make many, have no
cycles, and every look costs as much as reading thousands of rows.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def paused_collection() -> Iterator[None]:
    """Pause Python's search for cycles, unless somebody else has; objects without cycles are freed as ever."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
