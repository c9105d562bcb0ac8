"""All formats this installation knows: built in, and from other distributions by entry point.

A built-in format is any module of this folder that defines a concrete :class:`Format`. Another distribution registers
its class in its own pyproject.toml::

    [project.entry-points."fractal_omezarr_converters.formats"]
    my_microscope = "my_package.my_microscope:MyMicroscope"
"""

from __future__ import annotations

import importlib
import inspect
import logging
import pkgutil
import warnings
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from fractal_omezarr_converters.errors import (
    ConvertersToolsFileNotFoundError,
    ConvertersToolsUsageError,
    ConvertersToolsUserError,
    ConvertersToolsWarning,
)
from fractal_omezarr_converters.formats.contract import Format, Scan
from fractal_omezarr_converters.formats.marker_search import kept_listings
from fractal_omezarr_converters.formats.not_read import why_not_read
from fractal_omezarr_converters.models.pixel_size import PixelSizeModel
from fractal_omezarr_converters.models.rights_to_read import refusals_to_read
from fractal_omezarr_converters.models.urls import is_remote_url

ENTRY_POINT_GROUP = "fractal_omezarr_converters.formats"

logger = logging.getLogger(__name__)


def formats() -> dict[str, Format]:
    """Give every known format by its name, built-in ones first."""
    return dict(_all_formats())


def get(name: str) -> Format:
    """Give the format of this name.

    Raises:
        ConvertersToolsUsageError: no format has this name; the known ones are listed.
    """
    known = _all_formats()
    if name not in known:
        raise ConvertersToolsUsageError(f"No format is called '{name}'; known formats are: {', '.join(known)}.")
    return known[name]


def detect(source: str | Path) -> Format:
    """Find the one format that recognises a folder or file, on a disk or in a store.

    Raises:
        ConvertersToolsFileNotFoundError: there is nothing at this place.
        ConvertersToolsStoreError: a store refuses.
        ConvertersToolsUserError: no format, or more than one, recognises it, or it may not be read.
    """
    if is_remote_url(source):
        from fractal_omezarr_converters.formats.store_folders import folder_in_store

        with folder_in_store(str(source)) as folder:
            return folder.ask(detect)
    known = _all_formats()
    found = recognised_as(source)
    if len(found) == 1:
        return known[found[0]]
    if found:
        raise ConvertersToolsUserError(
            f"'{source}' can be read as more than one format: {', '.join(found)}; name the one that is meant."
        )
    if (why := why_not_read(source)) is not None:
        raise ConvertersToolsUserError(why)
    looked_for = "\n".join(f"  {name}: {', '.join(each.markers)}" for name, each in known.items())
    raise ConvertersToolsUserError(
        f"No format recognises '{source}'; give the folder that holds the instrument's own metadata file."
        f" Looked for:\n{looked_for}"
    )


def recognised_as(source: str | Path) -> list[str]:
    """Names of the formats that recognise a folder or file.

    Raises:
        ConvertersToolsFileNotFoundError: there is nothing at this place.
        ConvertersToolsStoreError: a store refuses.
        ConvertersToolsUserError: it may not be read.
    """
    if is_remote_url(source):
        from fractal_omezarr_converters.formats.store_folders import folder_in_store

        with folder_in_store(str(source)) as folder:
            return folder.ask(recognised_as)
    with refusals_to_read(), kept_listings():
        if not Path(source).exists():
            raise ConvertersToolsFileNotFoundError(f"There is no file or folder '{source}'; check the path.")
        return [name for name, candidate in _all_formats().items() if candidate.recognises(source)]


def scan(chosen: Format, source: str, *, sizes: PixelSizeModel | None = None, **asked: Any) -> Scan:
    """Scan a folder or file, on a disk or in a store, as :meth:`Format.scan` does.

    ``sizes``, which the user states instead of the metadata, are for the formats whose scan takes them.

    Raises:
        ConvertersToolsError: as the format; and a disk or a store refuses, or holds what cannot be laid out here.
    """
    if sizes is not None and "sizes" in inspect.signature(chosen.scan).parameters:
        asked["sizes"] = sizes
    if not is_remote_url(source):
        with refusals_to_read():
            return chosen.scan(source, **asked)
    from fractal_omezarr_converters.formats.store_folders import folder_in_store

    with folder_in_store(source) as folder:
        return folder.ask(lambda path: folder.renamed_scan(chosen.scan(path, **asked)))


@cache
def _all_formats() -> dict[str, Format]:
    known = {each.name: each for each in _built_in()}
    for entry_point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda point: point.name):
        plugged = _plugged_in(entry_point)
        if plugged is None:
            continue
        if plugged.name in known:
            _warn(f"The format '{plugged.name}' of {_origin(entry_point)} is left out: this name is already taken.")
            continue
        known[plugged.name] = plugged
    return known


def _built_in() -> list[Format]:
    package = importlib.import_module(__package__ or "fractal_omezarr_converters.formats")
    found: list[Format] = []
    for info in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        module = importlib.import_module(f"{package.__name__}.{info.name}")
        found.extend(each() for each in _formats_defined_in(module))
    return found


def _formats_defined_in(module: ModuleType) -> list[type[Format]]:
    return [
        value
        for value in vars(module).values()
        if inspect.isclass(value)
        and issubclass(value, Format)
        and not inspect.isabstract(value)
        and value.__module__ == module.__name__
    ]


def _plugged_in(entry_point: EntryPoint) -> Format | None:
    try:
        loaded = entry_point.load()
    except (ImportError, AttributeError, SyntaxError) as error:
        _warn(f"The format '{entry_point.name}' of {_origin(entry_point)} cannot be imported and is left out: {error}")
        return None
    made = loaded() if inspect.isclass(loaded) and not inspect.isabstract(loaded) else loaded
    if not isinstance(made, Format):
        _warn(f"The entry point '{entry_point.name}' of {_origin(entry_point)} is not a format and is left out.")
        return None
    return made


def _origin(entry_point: EntryPoint) -> str:
    return f"distribution '{entry_point.dist.name}'" if entry_point.dist else f"'{entry_point.value}'"


def _warn(message: str) -> None:
    logger.warning(message)
    warnings.warn(message, ConvertersToolsWarning, stacklevel=3)
