"""What makes the process of one compute job start and end fast. A plate has one such process per image.

Nothing here changes what a job does. Each measure is a default that the environment can override, or lasts no longer than
the imports.
"""

from __future__ import annotations

import gc
import os
import sys
from importlib.util import find_spec, module_from_spec
from typing import Any

#: Variables that libraries read when they are loaded.
DEFAULTS = {
    "PYDANTIC_DISABLE_PLUGINS": "__all__",  # else it searches every installed distribution for plugins
    "OPENBLAS_NUM_THREADS": "1",  # else numpy starts a thread per core; our threads do not multiply matrices
}
#: Modules that libraries import, but that a job has no use for: loaded when an attribute of theirs is read.
SELDOM_USED = ("importlib.metadata",)


def start_fast() -> None:
    """Prepare a new process for its imports; :func:`settle` must follow them."""
    gc.disable()  # what is imported stays, so that searching it for garbage again and again is in vain
    for name, value in DEFAULTS.items():
        os.environ.setdefault(name, value)
    for name in SELDOM_USED:
        _load_when_used(name)


def settle() -> None:
    """Collect garbage as usual from now on, but never among what is there by now."""
    gc.freeze()
    gc.enable()


def _load_when_used(name: str) -> None:
    spec = None if name in sys.modules else find_spec(name)
    if spec is None or spec.loader is None:
        return
    loader = spec.loader
    module = module_from_spec(spec)

    def load(attribute: str) -> Any:
        del vars(module)["__getattr__"]
        loader.exec_module(module)
        return getattr(module, attribute)

    # the standard library's LazyLoader would load the module as soon as a second import meets it
    vars(module)["__getattr__"] = load
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], child, module)
