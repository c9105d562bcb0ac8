"""What the metadata of one acquisition states, in the words of the microscope: read without a pixel, without a decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fractal_omezarr_converters.core.tile_table import TileTable
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.formats.contract import Scan
from fractal_omezarr_converters.formats.store_folders import kept_folders
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.models.plate_facts import utc_in_words

TIMES = {"start_time", "end_time"}
OF_AN_ACQUISITION = {"acquisition_name", "acquisition_description", *TIMES}


@dataclass(frozen=True)
class Inspection:
    """The facts of one acquisition."""

    source: str
    format: str
    title: str
    facts: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """The facts in plain values."""
        return {"document": "inspection", "version": 1, "source": self.source, "format": self.format, **self.facts}

    def __repr__(self) -> str:
        """One line per fact."""
        lines = [f"{self.source}", f"format: {self.title} ({self.format})"]
        for name, value in self.facts.items():
            if value in (None, [], {}, ""):
                continue
            if isinstance(value, list) and value and isinstance(value[0], dict):
                lines.append(f"{name.replace('_', ' ')}:")
                lines += ["  " + _in_line(item) for item in value]
            elif isinstance(value, list) and name == "warnings":
                lines += [f"warning: {text}" for text in value]
            else:
                lines.append(f"{name.replace('_', ' ')}: {_in_line(value)}")
        return "\n".join(lines)


def inspect_source(
    source: str, *, format_name: str | None = None, format_options: Mapping[str, Any] | None = None
) -> Inspection:
    """Read the metadata of one acquisition."""
    from fractal_omezarr_converters.fractal.requests import existing_form

    place = existing_form(source)
    with kept_folders():
        found = registry.detect(place) if format_name is None else registry.get(format_name)
        scan = registry.scan(found, place, options=format_options)
    return Inspection(source=place, format=found.name, title=found.title, facts=_facts(scan))


def _facts(scan: Scan) -> dict[str, Any]:
    tiles = scan.tiles
    facts: dict[str, Any] = {key: _plain(value) for key, value in scan.facts.items()}
    if scan.plate is not None:
        of_one = set() if len(scan.acquisitions) < 2 else OF_AN_ACQUISITION
        stated = scan.plate.to_json().items()
        facts["plate"] = {key: value for key, value in stated if value is not None and key not in of_one}
    wells = [each.well for each in tiles.collections if isinstance(each, ImageInPlate)]
    facts["wells"] = list(dict.fromkeys(wells))
    facts["fields_of_view"] = _fields(tiles)
    facts["tiles"] = len(tiles)
    facts["acquisitions"] = _acquisitions(scan)
    facts["extent"] = _extent(tiles)
    facts["planes"] = {
        state: getattr(scan.states, state) for state in ("present", "missing_file", "named_empty", "never_acquired")
    }
    facts["warnings"] = [*scan.warnings, *scan.states.sentences()]
    return facts


def _fields(tiles: TileTable) -> dict[str, int]:
    """Fewest and most fields of view in one well or image."""
    if not len(tiles):
        return {"fewest": 0, "most": 0}
    pairs = np.unique(np.stack([np.asarray(tiles.collection), np.asarray(tiles.fov)], axis=1), axis=0)
    _, counts = np.unique(pairs[:, 0], return_counts=True)
    return {"fewest": int(counts.min()), "most": int(counts.max())}


def _acquisitions(scan: Scan) -> list[dict[str, Any]]:
    """Number, name and times of every acquisition, with its pixel sizes and channels; an entry for each pixel size."""
    tiles = scan.tiles
    pairs = np.unique(np.stack([np.asarray(tiles.collection), np.asarray(tiles.acquisition)], axis=1), axis=0)
    found: dict[tuple[int | None, int], dict[str, Any]] = {}
    for collection, details in pairs.tolist():
        one = tiles.collections[collection]
        number = one.acquisition if isinstance(one, ImageInPlate) else None
        if (number, details) in found:
            continue
        known = scan.facts_of(number) if number is not None else None
        said = {"number": number, **(known.acquisition_to_json() if known is not None else {})}
        found[number, details] = {**(said if number is not None else {}), **_details(tiles.acquisitions[details])}
    return [found[key] for key in sorted(found, key=lambda key: (key[0] or 0, key[1]))]


def _details(details: Any) -> dict[str, Any]:
    channels = [
        {"label": channel.channel_label, "wavelength": channel.wavelength_id, "color": channel.color}
        for channel in details.channels or []
    ]
    return {
        "pixel_size_x": float(details.pixel_size_x),
        "pixel_size_y": float(details.pixel_size_y),
        "z_spacing": float(details.z_spacing),
        "t_spacing": float(details.t_spacing),
        "channels": channels,
    }


def _extent(tiles: TileTable) -> dict[str, list[float]]:
    """Smallest and largest coordinate along t (s), z, y, x (µm)."""
    if not len(tiles):
        return {}
    start, length = tiles.world()
    return {
        axis: [float(start[:, column].min()), float((start[:, column] + length[:, column]).max())]
        for axis, column in (("t", 0), ("z", 2), ("y", 3), ("x", 4))
    }


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _in_line(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(
            f"{key.replace('_', ' ')} {utc_in_words(item) if key in TIMES else _in_line(item)}"
            for key, item in value.items()
            if item is not None
        )
    if isinstance(value, list):
        texts = [_in_line(item) for item in value]
        return ", ".join(texts) if len(texts) <= 12 else f"{', '.join(texts[:6])} ... {texts[-1]} ({len(texts)})"
    return f"{value:g}" if isinstance(value, float) else str(value)
