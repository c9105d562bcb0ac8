"""Turn what microscopes write into OME-Zarr: Fractal tasks, Python library, command line.

Every name of the faces ``core``, ``models``, ``pipelines`` and ``fractal`` can be imported from here. Nothing is loaded
before it is asked for.
"""

from __future__ import annotations

from importlib import import_module

_FACES = ("core", "models", "pipelines", "fractal")


def _names_of(face: str) -> list[str]:
    names: list[str] = import_module(f"{__name__}.{face}").__all__
    return names


def __getattr__(name: str) -> object:
    if name == "__all__":
        return sorted({known for face in _FACES for known in _names_of(face)})
    if name == "__version__":
        from importlib import metadata

        return metadata.version("fractal-omezarr-converters")
    if not name.startswith("_"):
        for face in _FACES:
            if name in _names_of(face):
                return getattr(import_module(f"{__name__}.{face}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *(known for face in _FACES for known in _names_of(face))})
