"""The completion mark: what was written and from what, the last thing that goes into an image group.

It lies in the group's attributes below ``fractal_omezarr_converters``, key ``conversion``. An image without it, or with another
fingerprint than the plan's, is not finished, whatever files it has.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from fractal_omezarr_converters.errors import ConvertersToolsInternalError
from fractal_omezarr_converters.ngff.stores import Store

OUR_KEY = "fractal_omezarr_converters"
MARK = "conversion"
SOFTWARE = "fractal-omezarr-converters"


class Completion(NamedTuple):
    """What the mark says; ``levels`` has one entry per level: path, shape, chunks written, digest when taken."""

    fingerprint: str
    levels: Sequence[Mapping[str, Any]] = ()
    software: str = SOFTWARE
    software_version: str = ""
    steps: Sequence[Mapping[str, Any]] = ()
    missing_planes: Mapping[str, Any] = {}


def mark(store: Store, image_path: str, completion: Completion) -> None:
    """Write the mark into the image's group document, in one atomic put."""
    key, document, attributes = _group(store, image_path)
    if key is None:
        raise ConvertersToolsInternalError(
            f"There is no group document at {store.url}/{image_path} to mark as complete."
        )
    ours = attributes.setdefault(OUR_KEY, {})
    ours[MARK] = completion._asdict() | {"software_version": completion.software_version or software_version()}
    store.put(key, json.dumps(document, indent=2, allow_nan=False).encode())


def unmark(store: Store, image_path: str = "") -> None:
    """Take the mark away: the image does not count as finished any more."""
    key, document, attributes = _group(store, image_path)
    ours = attributes.get(OUR_KEY)
    if key is not None and isinstance(ours, dict) and ours.pop(MARK, None) is not None:
        store.put(key, json.dumps(document, indent=2).encode())


def read(store: Store, image_path: str = "") -> Completion | None:
    """The mark of an image; None when there is no image or no mark."""
    _, _, attributes = _group(store, image_path)
    ours = attributes.get(OUR_KEY)
    stored = ours.get(MARK) if isinstance(ours, dict) else None
    if not isinstance(stored, dict) or "fingerprint" not in stored:
        return None
    return Completion(**{name: stored[name] for name in Completion._fields if name in stored})


def is_complete(store: Store, image_path: str = "", fingerprint: str | None = None) -> bool:
    """True when the image is finished and, with a fingerprint, was made by exactly this plan."""
    found = read(store, image_path)
    return found is not None and (fingerprint is None or found.fingerprint == fingerprint)


def software_version() -> str:
    """The version of this package.

    Every job states it, and loading ``importlib.metadata`` costs a twentieth of a small job: the name of the folder of an
    installed distribution says it as well.
    """
    installed = re.compile(rf"{SOFTWARE.replace('-', '_')}-(.+)\.dist-info")
    for folder in sys.path:
        with contextlib.suppress(OSError), os.scandir(folder or ".") as entries:
            for entry in entries:
                if found := installed.fullmatch(entry.name):
                    return found[1]
    import importlib.metadata

    read_version: Callable[[str], str] = importlib.metadata.version
    return read_version(SOFTWARE)


def _group(store: Store, image_path: str) -> tuple[str | None, dict[str, Any], dict[str, Any]]:
    """Key, content and attributes of an image's group document, of either Zarr format; damaged ones count as absent."""
    folder = f"{image_path}/" if image_path else ""
    for name in ("zarr.json", ".zattrs"):
        content = store.get(folder + name)
        if content is None:
            continue
        try:
            document = json.loads(content)
        except ValueError:
            return None, {}, {}
        attributes = (
            document.setdefault("attributes", {}) if name == "zarr.json" and isinstance(document, dict) else document
        )
        return (folder + name, document, attributes) if isinstance(attributes, dict) else (None, {}, {})
    return None, {}, {}
