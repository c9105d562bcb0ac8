"""What a plate holds by its own documents: wells, images, tables; documents that are damaged list nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fractal_omezarr_converters.ngff.groups import join
from fractal_omezarr_converters.ngff.removal import is_safe, readable_group, table_names
from fractal_omezarr_converters.ngff.stores import Store


@dataclass(frozen=True)
class PlateListing:
    """Wells (``A/01``), images (``A/01/0``) with their acquisition, acquisitions and tables that a plate lists."""

    wells: tuple[str, ...] = ()
    images: Mapping[str, int] = field(default_factory=dict)
    acquisitions: tuple[int, ...] = ()
    tables: tuple[str, ...] = ()


def plate_listing(store: Store, plate_path: str) -> PlateListing:
    """Read what a plate lists; nothing when there is no plate. Paths that leave the plate are left out."""
    group = readable_group(store, plate_path)
    plate = group.ome.get("plate") if group is not None else None
    if not isinstance(plate, Mapping):
        return PlateListing()
    wells = [path for path in _paths(plate.get("wells")) if path.count("/") == 1]
    images: dict[str, int] = {}
    for well in wells:
        inside = readable_group(store, join(plate_path, well))
        described = inside.ome.get("well") if inside is not None else None
        for entry in _entries(described.get("images") if isinstance(described, Mapping) else None):
            path = entry.get("path")
            if isinstance(path, str) and "/" not in path and is_safe(path):
                images[f"{well}/{path}"] = _number(entry.get("acquisition"))
    stated = {_number(entry["id"]) for entry in _entries(plate.get("acquisitions")) if "id" in entry}
    return PlateListing(
        wells=tuple(wells),
        images=images,
        acquisitions=tuple(sorted(stated | set(images.values()))),
        tables=tuple(table_names(store, plate_path)),
    )


def _entries(value: Any) -> list[Mapping[str, Any]]:
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def _paths(value: Any) -> list[str]:
    paths = [entry.get("path") for entry in _entries(value)]
    return list(dict.fromkeys(path for path in paths if isinstance(path, str) and is_safe(path)))


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0
