"""Remove an image or a table with all that it lists, and nothing else: files of other people stay where they are.

What belongs to an image: its documents, the levels that these (or the completion mark) name, and the labels and tables that are
listed. Of a level only documents and chunks are removed. Documents go last, so that a removal that was interrupted can be
carried out again. Links are never followed.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsStoreError, ConvertersToolsUserError
from fractal_omezarr_converters.ngff import completion
from fractal_omezarr_converters.ngff.groups import Group, join, read_group
from fractal_omezarr_converters.ngff.stores import LocalStore, Store
from fractal_omezarr_converters.ngff.whole_files import PARTS

# The attributes go last: a group without the rest of its documents is none, and nothing is taken for a part of it any more.
DOCUMENTS = ("zarr.json", ".zgroup", ".zarray", ".zmetadata", ".zattrs")
_CHUNK = r"c|(c[./])?[0-9]+([./][0-9]+)*"
_UNFINISHED = r"(.*/)?[^/]+\.[0-9a-f]{12}\.part"
_DOCUMENT = "|".join(re.escape(name) for name in DOCUMENTS)
_UNFINISHED_DOCUMENT = re.compile(rf"({_DOCUMENT})\.[0-9a-f]{{12}}\.part")
_OF_A_LEVEL = re.compile(f"{_CHUNK}|{_DOCUMENT}|{_UNFINISHED}")
_OF_A_TABLE = re.compile(rf"table\.[a-z]+|(.*/)?({_CHUNK}|{_DOCUMENT})|{_UNFINISHED}")


def remove_image(store: Store, path: str, *, begun: bool = False) -> None:
    """Remove an image with its levels and the labels and tables that it lists; what else lies in its folder stays.

    ``begun``: the image was being written in its place by us and is not finished, so that nothing lists its parts yet.
    """
    if passes_link(store, path):
        return
    for level in _levels(store, path, begun=begun):
        _remove(store, join(path, level), _OF_A_LEVEL)
    for name in label_names(store, path):
        remove_image(store, join(path, "labels", name))
    tables = store.folders(join(path, "tables")) if begun else table_names(store, path)
    for name in tables:
        remove_table(store, join(path, "tables", name))
    for folder in ("labels", "tables", ""):
        remove_documents(store, join(path, folder))
    if begun:
        store.delete(join(path, PARTS))
    remove_empty_folders(store, path)


def remove_table(store: Store, path: str) -> None:
    """Remove the documents, files and chunks of one table."""
    if not passes_link(store, path):
        _remove(store, path, _OF_A_TABLE)


def remove_documents(store: Store, path: str) -> None:
    """Remove the documents of a group; what lies below stays."""
    if passes_link(store, path):
        return
    for name in DOCUMENTS:
        key = join(path, name)
        if store.get(key) is not None:
            store.delete(key)
    remove_unfinished_documents(store, path)


def remove_unfinished_documents(store: Store, path: str) -> None:
    """Remove what a process that was killed while it wrote a document of this group has left beside it (local disks only)."""
    if not isinstance(store, LocalStore) or passes_link(store, path) or not (store.path / path).is_dir():
        return
    for entry in os.scandir(store.path / path):
        if _UNFINISHED_DOCUMENT.fullmatch(entry.name):
            store.delete(join(path, entry.name))


def remove_empty_folders(store: Store, path: str) -> None:
    """Remove a folder and those below as far as nothing lies in them (local disks only: object stores have no folders)."""
    if not isinstance(store, LocalStore) or passes_link(store, path):
        return
    for folder, _, _ in os.walk(store.path / path, topdown=False):
        with contextlib.suppress(OSError):
            os.rmdir(folder)  # noqa: PTH106  (os.walk gives text)


def passes_link(store: Store, path: str) -> bool:
    """True when a path leads over a link below the store: what is behind it lies elsewhere."""
    if not isinstance(store, LocalStore):
        return False
    place = store.path
    for part in path.split("/"):
        place = place / part
        if place.is_symlink():
            return True
    return False


def readable_group(store: Store, path: str) -> Group | None:
    """A group as far as it can be read; damaged ones count as absent."""
    try:
        return read_group(store, path)
    except ConvertersToolsStoreError:
        raise
    except (ConvertersToolsUserError, OSError):
        return None


def label_names(store: Store, path: str) -> list[str]:
    """Names of the labels that an image lists."""
    group = readable_group(store, join(path, "labels"))
    return _texts(group.ome.get("labels")) if group is not None else []


def table_names(store: Store, path: str) -> list[str]:
    """Names of the tables that an image or plate lists."""
    group = readable_group(store, join(path, "tables"))
    return _texts(group.attributes.get("tables")) if group is not None else []


def is_safe(path: str) -> bool:
    """Whether a path that a document states stays below the document."""
    return "\\" not in path and "\0" not in path and all(part not in ("", ".", "..") for part in path.split("/"))


def _texts(names: Any) -> list[str]:
    return [name for name in names if isinstance(name, str) and is_safe(name)] if isinstance(names, list) else []


def _levels(store: Store, path: str, *, begun: bool) -> list[str]:
    """Paths of the levels: those that the documents name; where documents name none, the arrays directly in the image."""
    group = readable_group(store, path)
    named: list[Any] = []
    multiscales = group.ome.get("multiscales") if group is not None else None
    for one in multiscales if isinstance(multiscales, list) else ():
        datasets = one.get("datasets") if isinstance(one, dict) else None
        named += (
            [entry.get("path") for entry in datasets if isinstance(entry, dict)] if isinstance(datasets, list) else []
        )
    mark = completion.read(store, path)
    named += [level.get("path") for level in mark.levels] if mark is not None else []
    if named and not begun:
        return list(dict.fromkeys(_texts(named)))
    if not begun and not _has(store, path, ".zgroup", "zarr.json"):
        return []
    folders = [name for name in store.folders(path) if name not in ("labels", "tables")]
    return [name for name in folders if begun or _has(store, join(path, name), ".zarray", "zarr.json")]


def _has(store: Store, path: str, *names: str) -> bool:
    return any(store.get(join(path, name)) is not None for name in names)


def _remove(store: Store, path: str, part: re.Pattern[str]) -> None:
    """Remove the files of a folder that are parts, the folder itself when all of them are."""
    if passes_link(store, path):
        return
    keys = list(store.list(path))
    is_part: Callable[[str], object] = part.fullmatch
    parts = [key for key in keys if key != path and is_part(key.removeprefix(f"{path}/"))]
    if len(parts) == len(keys):
        store.delete(path)
        return
    for key in parts:
        store.delete(key)
    remove_empty_folders(store, path)
