"""Groups in a store: read their attributes in any version, write and update them atomically."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError
from fractal_omezarr_converters.ngff.documents import group_document, json_bytes
from fractal_omezarr_converters.ngff.stores import Store
from fractal_omezarr_converters.ngff.versions import OWN_KEY, detect_version, ome_content, zarr_format

_FILES_OF_FORMAT = {2: (".zgroup", ".zattrs"), 3: ("zarr.json",)}


class Group(NamedTuple):
    """The metadata of one group or array as it lies in a store."""

    path: str
    zarr_format: Literal[2, 3]
    attributes: dict[str, Any]
    array: dict[str, Any] | None = None

    @property
    def version(self) -> str | None:
        """OME-Zarr version, None when the group holds no OME-Zarr object."""
        return detect_version(self.attributes, self.zarr_format)

    @property
    def ome(self) -> dict[str, Any]:
        """OME-Zarr objects of the group."""
        return ome_content(self.attributes)

    @property
    def own(self) -> dict[str, Any]:
        """What this package keeps in the group beyond the specification."""
        own = self.attributes.get(OWN_KEY)
        return dict(own) if isinstance(own, Mapping) else {}


def join(*parts: str) -> str:
    """Join parts of a key, leaving out empty ones."""
    return "/".join(part.strip("/") for part in parts if part.strip("/"))


def read_json(store: Store, key: str) -> dict[str, Any] | None:
    """Read a JSON object; None when the key has no value.

    Raises:
        ConvertersToolsUserError: the value is not a JSON object.
    """
    content = store.get(key)
    if content is None:
        return None
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ConvertersToolsUserError(
            f"'{key}' is not valid JSON ({error}); it is damaged, restore it or convert the image again."
        ) from error
    if not isinstance(document, dict):
        raise ConvertersToolsUserError(f"'{key}' holds no JSON object; it is damaged, restore it or convert again.")
    return document


def read_group(store: Store, path: str) -> Group | None:
    """Read a group's (or array's) metadata of either Zarr format; None when nothing is there."""
    document = read_json(store, join(path, "zarr.json"))
    if document is not None:
        attributes = document.get("attributes")
        array = document if document.get("node_type") == "array" else None
        return Group(path, 3, dict(attributes) if isinstance(attributes, Mapping) else {}, array)
    array = None
    if read_json(store, join(path, ".zgroup")) is None:
        array = read_json(store, join(path, ".zarray"))
        if array is None:
            return None
    return Group(path, 2, read_json(store, join(path, ".zattrs")) or {}, array)


def require_group(store: Store, path: str) -> Group:
    """Read a group that must be there.

    Raises:
        ConvertersToolsFileNotFoundError: there is no Zarr group or array.
    """
    group = read_group(store, path)
    if group is None:
        raise ConvertersToolsFileNotFoundError(
            f"'{path or '.'}' in {store.url} is no Zarr group: it has neither zarr.json nor .zgroup; check the path."
        )
    return group


def write_group(store: Store, path: str, version: str, attributes: Mapping[str, Any] | None = None) -> None:
    """Write a group with these attributes and no others; unchanged files are left alone."""
    for name, content in group_document(version, attributes).items():
        key = join(path, name)
        if store.get(key) != content:
            store.put(key, content)


def replace_group(store: Store, path: str, version: str, attributes: Mapping[str, Any] | None = None) -> None:
    """Write a group where one of another Zarr format may lie; its documents go, what lies below stays."""
    write_group(store, path, version, attributes)
    kept = group_files(version)
    for name in (".zgroup", ".zattrs", ".zmetadata", "zarr.json"):
        if name not in kept and store.exists(join(path, name)):
            store.delete(join(path, name))


def ensure_group(store: Store, path: str, version: str) -> None:
    """Write an empty group unless one is there."""
    if read_group(store, path) is None:
        write_group(store, path, version)


def write_attributes(store: Store, group: Group, attributes: Mapping[str, Any]) -> None:
    """Replace the attributes of a group or array; everything else of its document stays."""
    if group.zarr_format == 2:
        store.put(join(group.path, ".zattrs"), json_bytes(attributes))
        return
    key = join(group.path, "zarr.json")
    document = read_json(store, key) or {"zarr_format": 3, "node_type": "group"}
    store.put(key, json_bytes({**document, "attributes": dict(attributes)}))


def read_attributes(store: Store, path: str) -> dict[str, Any]:
    """Read all attributes of a group or array."""
    return require_group(store, path).attributes


def update_attributes(
    store: Store, path: str, changes: Mapping[str, Any] | Callable[[dict[str, Any]], Mapping[str, Any]]
) -> dict[str, Any]:
    """Merge changes into a group's attributes and write them in one step.

    Args:
        store: Where the group lies.
        path: Path of the group in the store.
        changes: New values by key (objects merge, None removes a key), or a function from the attributes to new ones.
            Keys of OME-Zarr objects (``omero``, ``multiscales``, ...) are put where the group's version wants them.

    Returns:
        All attributes as they are now.
    """
    group = require_group(store, path)
    if callable(changes):
        attributes = dict(changes(json.loads(json.dumps(group.attributes))))
    else:
        attributes = merged(group.attributes, _placed(group, changes))
    if attributes != group.attributes:
        write_attributes(store, group, attributes)
    return attributes


def merged(old: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Merge objects key by key, at every depth; None removes a key, lists and plain values are replaced."""
    result = dict(old)
    for key, value in changes.items():
        before = result.get(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            result[key] = merged(before if isinstance(before, Mapping) else {}, value)
        else:
            result[key] = value
    return result


_OME_KEYS = frozenset({"multiscales", "omero", "labels", "plate", "well", "image-label", "scene", "series"})


def _placed(group: Group, changes: Mapping[str, Any]) -> dict[str, Any]:
    if group.version is None or zarr_format(group.version) == 2:
        return dict(changes)
    below = {key: value for key, value in changes.items() if key in _OME_KEYS}
    beside = {key: value for key, value in changes.items() if key not in _OME_KEYS}
    if below:
        beside["ome"] = merged(beside.get("ome") or {}, below)
    return beside


def group_files(version: str) -> tuple[str, ...]:
    """Return the names of the files that make a group in this version."""
    return _FILES_OF_FORMAT[zarr_format(version)]
