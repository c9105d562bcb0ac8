"""Versions of OME-Zarr: which ones are read and written, which Zarr format each uses, how to tell them apart.

Source: OME-NGFF 0.4 and 0.5 (Zarr format and place of the metadata), 0.6 (the same as 0.5).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeGuard

from fractal_omezarr_converters.errors import ConvertersToolsUserError

WrittenVersion = Literal["0.4", "0.5", "0.6"]
VERSIONS_WRITTEN: tuple[WrittenVersion, ...] = ("0.4", "0.5", "0.6")
VERSIONS_READ = ("0.1", "0.2", "0.3", *VERSIONS_WRITTEN)

# The key below which everything lies that this package stores in a group beyond the specification.
OWN_KEY = "fractal_omezarr_converters"

_OBJECTS_WITH_VERSION = ("plate", "well", "image-label")


def is_written(version: str) -> TypeGuard[WrittenVersion]:
    """Tell whether this package writes the version."""
    return version in VERSIONS_WRITTEN


def written_version(version: str) -> WrittenVersion:
    """Return the version when it can be written.

    Raises:
        ConvertersToolsUserError: it can not; the message lists those that can.
    """
    if is_written(version):
        return version
    raise ConvertersToolsUserError(
        f"OME-Zarr version '{version}' cannot be written; choose one of {', '.join(VERSIONS_WRITTEN)}."
    )


def zarr_format(version: str) -> Literal[2, 3]:
    """Return the Zarr format of an OME-Zarr version: 2 up to 0.4, 3 from 0.5 on."""
    return 2 if tuple(map(int, version.split(".")[:2])) < (0, 5) else 3


def ome_content(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the OME-Zarr objects of a group's attributes, wherever its version puts them."""
    ome = attributes.get("ome")
    if isinstance(ome, Mapping):
        return dict(ome)
    return {key: value for key, value in attributes.items() if key != OWN_KEY}


def with_ome_content(version: str, ome: Mapping[str, Any], beside: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Put OME-Zarr objects where the version wants them; ``beside`` are attributes that are not OME-Zarr's.

    In 0.4 both lie side by side. From 0.5 on the objects lie below ``ome`` together with the version.
    """
    others = dict(beside or {})
    if zarr_format(version) == 2:
        return {**others, **ome}
    others.pop("ome", None)
    return {"ome": {"version": version, **{key: value for key, value in ome.items() if key != "version"}}, **others}


def detect_version(attributes: Mapping[str, Any], format_of_zarr: int | None = None) -> str | None:
    """Tell the OME-Zarr version of a group from its attributes; None when it holds no OME-Zarr object.

    Where a document of Zarr format 2 states none, 0.4 is taken, the version in which stating it was optional.
    """
    ome = attributes.get("ome")
    if isinstance(ome, Mapping):
        stated = ome.get("version")
        return _release(stated) if isinstance(stated, str) else "0.5"
    if format_of_zarr == 3:
        return None
    multiscales = attributes.get("multiscales")
    if isinstance(multiscales, list) and multiscales and isinstance(multiscales[0], Mapping):
        stated = multiscales[0].get("version")
        return _release(stated) if isinstance(stated, str) else "0.4"
    for key in _OBJECTS_WITH_VERSION:
        if isinstance(attributes.get(key), Mapping):
            stated = attributes[key].get("version")
            return _release(stated) if isinstance(stated, str) else "0.4"
    return "0.4" if {"labels", "bioformats2raw.layout", "omero"} & attributes.keys() else None


def same_family(first: str, second: str) -> bool:
    """Tell whether two stated versions may stand in one hierarchy: 0.1 to 0.4 are told apart as written."""
    return _release(first) == _release(second)


def _release(version: str) -> str:
    """Reduce '0.6.rc1' or '0.6.dev4' to '0.6'."""
    return ".".join(version.split(".")[:2]).split("rc")[0].split("-")[0]
