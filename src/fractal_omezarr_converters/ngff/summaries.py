"""What is inside an OME-Zarr: versions, sizes, chunks, codecs, channels, labels, tables, acquisitions, bytes on disk."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsUserError
from fractal_omezarr_converters.ngff.array_headers import ArrayHeader
from fractal_omezarr_converters.ngff.groups import join, require_group
from fractal_omezarr_converters.ngff.plate_reader import Plate, Well, open_plate
from fractal_omezarr_converters.ngff.reader import Multiscale, Place, kind_of, open_image
from fractal_omezarr_converters.ngff.stores import LocalStore, Store, open_store

#: Of a level whose smallest and largest pixel are asked for.
_MOST_FILES = 10_000
_DOCUMENTS = ("zarr.json", ".zarray", ".zattrs", ".zgroup", ".zmetadata")


def info(place: Place, path: str = "", *, stats: bool = False) -> dict[str, Any]:
    """Describe an image, plate or well as plain values.

    Args:
        place: A folder, URL or store.
        path: Path below it.
        stats: Also read the smallest and largest pixel of every image at its lowest resolution (of 10,000 files at most); NaN
            and infinities do not count.

    Raises:
        ConvertersToolsUserError: nothing known is there.
    """
    store = open_store(place)
    group = require_group(store, path)
    if "plate" in group.ome:
        return _plate_info(open_plate(store, path), stats)
    if "multiscales" in group.ome:
        return _image_info(open_image(store, path), stats)
    if "well" in group.ome:
        images = [str(image["path"]) for image in group.ome["well"].get("images", [])]
        found = [_image_info(open_image(store, join(path, image)), stats) for image in images]
        return {"kind": "well", "path": path, "version": group.version, "images": found}
    raise ConvertersToolsUserError(
        f"'{path or '.'}' in {store.url} is {kind_of(group)}, not an image, plate or well; check the path."
    )


def info_text(description: Mapping[str, Any], indent: str = "") -> str:
    """Write a description as readable lines."""
    return "\n".join(_lines(description, indent))


def _plate_info(plate: Plate, stats: bool) -> dict[str, Any]:
    wells, problems = [], []
    for path in plate.well_paths:
        try:
            row, _, column = path.partition("/")
            well = plate.well(row, column)
            wells.append(_well_info(plate, well, stats))
        except (ConvertersToolsError, KeyError) as error:
            problems.append(str(error))
    return {
        "kind": "plate",
        "path": plate.path,
        "version": plate.version,
        "name": plate.name,
        "rows": len(plate.rows),
        "columns": len(plate.columns),
        "acquisitions": [dict(acquisition) for acquisition in plate.acquisitions],
        "tables": plate.tables(),
        "wells": wells,
        "problems": problems,
    }


def _well_info(plate: Plate, well: Well, stats: bool) -> dict[str, Any]:
    images = []
    for path in well.image_paths():
        try:
            images.append(_image_info(well.image(path), stats))
        except ConvertersToolsError as error:
            images.append({"kind": "image", "path": join(well.path, path), "problem": str(error)})
    return {"kind": "well", "path": f"{well.row}/{well.column}", "version": plate.version, "images": images}


def _image_info(image: Multiscale, stats: bool) -> dict[str, Any]:
    levels = [
        {
            "path": level.path,
            "shape": list(level.shape),
            "chunks": list(level.header.chunks),
            "shards": list(level.header.shards) if level.header.shards else None,
            "codecs": list(level.header.codecs),
            "scale": list(level.geometry.scale),
            "translation": list(level.geometry.translation),
            **_on_disk(image.store, level.header),
        }
        for level in image.levels
    ]
    description: dict[str, Any] = {
        "kind": "image",
        "path": image.path,
        "version": image.version,
        "name": image.name,
        "axes": [axis.to_json() for axis in image.axes],
        "dtype": image.dtype,
        "levels": levels,
        "channels": image.channels,
        "labels": image.labels(),
        "tables": image.tables(),
    }
    if stats and 0 not in image.levels[-1].shape:
        description["stats"] = _range(image)
    return description


def _range(image: Multiscale) -> dict[str, Any]:
    """The smallest and largest pixel of the coarsest level, of which one file is in memory at a time."""
    import numpy as np

    level = image.levels[-1]
    files = math.prod(level.header.grid)
    if files > _MOST_FILES:
        return {"level": level.path, "problem": f"a level of {files} files is too large to look at all its pixels"}
    step = level.header.shards or level.header.chunks
    lows, highs = [], []
    for begins in itertools.product(*(range(0, size, by) for size, by in zip(level.shape, step))):
        part = {name: slice(at, at + by) for name, at, by in zip(image.axes.names, begins, step)}
        pixels = image.read(len(image.levels) - 1, **part)
        pixels = pixels[np.isfinite(pixels)]  # NaN and infinity are no values of pixels, and not JSON
        if pixels.size:
            lows.append(pixels.min())
            highs.append(pixels.max())
    if not lows:
        return {"level": level.path, "problem": "no pixel of it is a finite number"}
    return {"level": level.path, "min": np.min(lows).item(), "max": np.max(highs).item()}


def _on_disk(store: Store, header: ArrayHeader) -> dict[str, int]:
    """Count the files of an array and their bytes (bytes on local disks only)."""
    keys = [key for key in store.list(header.path) if key.rpartition("/")[2] not in _DOCUMENTS]
    expected = 1
    for number in header.grid:
        expected *= number
    found: dict[str, int] = {"files": len(keys), "files_expected": expected}
    if isinstance(store, LocalStore):
        found["bytes"] = sum((store.path / key).stat().st_size for key in keys)
    return found


def _lines(one: Mapping[str, Any], indent: str) -> Iterator[str]:
    if one["kind"] == "plate":
        name = one["name"] or one["path"] or "."
        yield f"{indent}plate '{name}', OME-Zarr {one['version']}, {one['rows']} rows x {one['columns']} columns"
        for acquisition in one["acquisitions"]:
            fields = acquisition.get("maximumfieldcount", "?")
            yield f"{indent}  acquisition {acquisition.get('id')}: {acquisition.get('name', '')}, up to {fields} fields"
        yield from _names(one, "tables", indent)
        yield from (f"{indent}  problem: {problem}" for problem in one["problems"])
        for well in one["wells"]:
            yield from _lines(well, indent + "  ")
        return
    if one["kind"] == "well":
        yield f"{indent}well {one['path']}, {len(one['images'])} images"
        for image in one["images"]:
            yield from _lines(image, indent + "  ")
        return
    if "problem" in one:
        yield f"{indent}image '{one['path']}': {one['problem']}"
        return
    axes = ", ".join(f"{axis['name']}{_unit(axis)}" for axis in one["axes"])
    name = f" ({one['name']})" if one["name"] else ""
    yield f"{indent}image '{one['path'] or '.'}'{name}, OME-Zarr {one['version']}, {one['dtype']}, axes {axes}"
    for level in one["levels"]:
        shards = f" in shards {_times(level['shards'])}" if level["shards"] else ""
        size = f", {level['bytes'] / 1e6:.1f} MB" if "bytes" in level else ""
        yield (
            f"{indent}  level {level['path']}: {_times(level['shape'])}, chunks {_times(level['chunks'])}{shards}, "
            f"{', '.join(level['codecs']) or 'raw'}, {level['files']} of {level['files_expected']} files{size}"
        )
    labels = [f"{channel.get('label')} #{channel.get('color')}" for channel in one["channels"]]
    if labels:
        yield f"{indent}  channels: {', '.join(labels)}"
    yield from _names(one, "labels", indent)
    yield from _names(one, "tables", indent)
    if "stats" in one:
        found = one["stats"]
        said = found.get("problem") or f"{found['min']} to {found['max']}"
        yield f"{indent}  pixels of level {found['level']}: {said}"


def _names(one: Mapping[str, Any], key: str, indent: str) -> Iterator[str]:
    if one[key]:
        yield f"{indent}  {key}: {', '.join(one[key])}"


def _unit(axis: Mapping[str, Any]) -> str:
    return f" ({axis['unit']})" if axis.get("unit") else ""


def _times(sizes: list[int]) -> str:
    return " x ".join(map(str, sizes))
