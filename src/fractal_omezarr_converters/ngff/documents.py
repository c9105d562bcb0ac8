"""The JSON documents of OME-Zarr images, labels, groups and arrays, in 0.4, 0.5 and 0.6.

Pure functions from plain values to plain values or bytes; nothing here touches a store. Sources: OME-NGFF 0.4, 0.5, 0.6;
Zarr format 2 (`.zgroup`, `.zattrs`, `.zarray`), Zarr format 3 core specification and the sharding_indexed codec.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsInternalError, ConvertersToolsUserError
from fractal_omezarr_converters.ngff.axes import Axes
from fractal_omezarr_converters.ngff.transforms import PHYSICAL, level_transformations
from fractal_omezarr_converters.ngff.versions import with_ome_content, written_version, zarr_format

# Sub-folders of labels that hold no label image carry no metadata.
Json = dict[str, Any]


def json_bytes(document: Mapping[str, Any]) -> bytes:
    """Encode a document; NaN and infinity are refused because JSON has neither.

    Raises:
        ConvertersToolsInternalError: the document holds NaN or infinity.
    """
    try:
        return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False).encode()
    except ValueError as error:
        raise ConvertersToolsInternalError(f"A metadata document holds a number that is not JSON: {error}.") from error


def image_attributes(
    version: str,
    *,
    name: str,
    axes: str,
    units: Mapping[str, str | None] | None = None,
    level_paths: Sequence[str],
    scales: Sequence[Sequence[float]],
    translations: Sequence[Sequence[float]],
    omero: Mapping[str, Any] | None = None,
    method: Mapping[str, Any] | None = None,
    foreign: Mapping[str, Any] | None = None,
    label: Mapping[str, Any] | None = None,
) -> Json:
    """Give the attributes of an image's group: `.zattrs` in 0.4, `attributes` of `zarr.json` in 0.5 and 0.6.

    Args:
        version: OME-Zarr version.
        name: Name of the image.
        axes: Letters in order, such as ``czyx``.
        units: UDUNITS names per letter, where they are not micrometer and second.
        level_paths: Paths of the arrays, from full to lowest resolution.
        scales: Pixel size of every level, one number per axis (1.0 on the channel axis).
        translations: Position of every level's first pixel centre, one number per axis.
        omero: Rendering settings, as :func:`rendering.omero` makes them.
        method: How levels were made: ``{"type": "mean", "metadata": {...}}``.
        foreign: Attributes that are not OME-Zarr's and stay as they are (tables, our own key, other programs').
        label: Content of ``image-label`` when the image is a label, as :func:`label_content` makes it.

    Raises:
        ConvertersToolsUserError: axes, pixel sizes or positions that the specification does not allow.
    """
    version = written_version(version)
    parsed = Axes.parse(axes, units)
    if not level_paths or not len(level_paths) == len(scales) == len(translations):
        raise ConvertersToolsInternalError(
            f"Image '{name}' has {len(level_paths)} levels, {len(scales)} scales, {len(translations)} translations."
        )
    for path, scale in zip(level_paths, scales):
        if len(scale) != len(parsed):
            raise ConvertersToolsUserError(
                f"Level '{path}' of image '{name}' has {len(scale)} pixel sizes for axes '{axes}'; give one per axis."
            )
    multiscale: Json = {"version": version} if version == "0.4" else {}
    multiscale["name"] = name
    made = dict(method or {})
    multiscale["type"] = str(made.get("type", "none"))
    multiscale["metadata"] = dict(made.get("metadata") or {"method": multiscale["type"]})
    if version == "0.6":
        multiscale["coordinateSystems"] = [{"name": PHYSICAL, "axes": parsed.to_json()}]
    else:
        multiscale["axes"] = parsed.to_json()
    multiscale["datasets"] = [
        {"path": path, "coordinateTransformations": level_transformations(version, path, scale, shift)}
        for path, scale, shift in zip(level_paths, scales, translations)
    ]
    ome: Json = {"multiscales": [multiscale]}
    if omero is not None:
        ome["omero"] = dict(omero)
    if label is not None:
        ome["image-label"] = {**({} if version == "0.6" else {"version": version}), **label}
    return with_ome_content(version, ome, foreign)


def label_content(
    colors: Mapping[int, Sequence[int]] | None = None,
    properties: Sequence[Mapping[str, Any]] | None = None,
    source: str = "../../",
    version: str = "0.5",
) -> Json:
    """Give the content of ``image-label``; empty lists are left out because the specification forbids them.

    Args:
        colors: Red, green, blue, alpha (0 to 255) per label value.
        properties: One entry per label value, each with the key ``label-value``.
        source: Path from the label to its image.
        version: In 0.4 every entry of the properties gets the same keys, absent ones as null.

    Raises:
        ConvertersToolsUserError: a colour that is not four integers 0 to 255, or a label value that occurs twice.
    """
    content: Json = {}
    if colors:
        for value, rgba in colors.items():
            if len(rgba) != 4 or not all(isinstance(part, int) and 0 <= part <= 255 for part in rgba):
                raise ConvertersToolsUserError(
                    f"Label {value} has the colour {list(rgba)}; give four whole numbers from 0 to 255."
                )
        content["colors"] = [{"label-value": value, "rgba": list(rgba)} for value, rgba in colors.items()]
    if properties:
        values = [entry.get("label-value") for entry in properties]
        repeated = {value for value in values if values.count(value) > 1}
        if repeated or None in values:
            raise ConvertersToolsUserError(
                f"Label properties name the values {sorted(map(str, repeated)) or 'not at all'}; "
                "give every entry a 'label-value' of its own."
            )
        keys = list(dict.fromkeys(key for entry in properties for key in entry))
        uniform = version == "0.4"
        content["properties"] = [
            {key: entry.get(key) for key in keys} if uniform else dict(entry) for entry in properties
        ]
    content["source"] = {"image": source}
    return content


def labels_attributes(version: str, names: Sequence[str], foreign: Mapping[str, Any] | None = None) -> Json:
    """Give the attributes of a ``labels`` group that lists its label images."""
    return with_ome_content(written_version(version), {"labels": list(names)}, foreign)


def group_document(version: str, attributes: Mapping[str, Any] | None = None) -> dict[str, bytes]:
    """Give the files of a Zarr group: `.zgroup` and `.zattrs` in 0.4, `zarr.json` in 0.5 and 0.6."""
    if zarr_format(version) == 2:
        return {".zgroup": json_bytes({"zarr_format": 2}), ".zattrs": json_bytes(attributes or {})}
    document = {"zarr_format": 3, "node_type": "group", "attributes": dict(attributes or {})}
    return {"zarr.json": json_bytes(document)}


def array_document(
    version: str,
    *,
    shape: Sequence[int],
    chunks: Sequence[int],
    shards: Sequence[int] | None = None,
    dtype: Any,
    compression: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    fill_value: Any = 0,
    axes: str | Sequence[str],
) -> dict[str, bytes]:
    """Give the file of a Zarr array: `.zarray` in 0.4, `zarr.json` in 0.5 and 0.6.

    Args:
        version: OME-Zarr version.
        shape: Pixels per axis.
        chunks: Pixels per chunk and axis; with ``shards``, the inner chunks.
        shards: Pixels per shard (file) and axis, multiples of ``chunks``; None without sharding, always None in 0.4.
        dtype: Anything that numpy takes for a type; written little-endian.
        compression: The codec as the Zarr format names it: one mapping with ``id`` for format 2,
            a list of bytes-to-bytes codecs (``name``, ``configuration``) for format 3; None for raw chunks.
        fill_value: Value of chunks that were never written.
        axes: Dimension names, written from 0.5 on.

    Raises:
        ConvertersToolsInternalError: lengths differ, or sharding was asked for in 0.4.
    """
    import numpy as np

    kind = np.dtype(dtype)
    ranks = {len(shape), len(chunks), len(axes), len(shards) if shards is not None else len(shape)}
    if len(ranks) != 1 or min(chunks, default=1) < 1:
        raise ConvertersToolsInternalError(
            f"Array of shape {tuple(shape)}, chunks {tuple(chunks)}, shards {shards}, axes {axes} is inconsistent."
        )
    if zarr_format(version) == 2:
        if shards is not None:
            raise ConvertersToolsInternalError("OME-Zarr 0.4 has no shards.")
        return {".zarray": json_bytes(_v2_array(shape, chunks, kind, compression, fill_value))}
    return {"zarr.json": json_bytes(_v3_array(shape, chunks, shards, kind, compression, fill_value, axes))}


def _v2_array(shape: Sequence[int], chunks: Sequence[int], kind: Any, compression: Any, fill_value: Any) -> Json:
    if compression is not None and not isinstance(compression, Mapping):
        raise ConvertersToolsInternalError("Zarr format 2 takes one compressor, not a list of codecs.")
    return {
        "zarr_format": 2,
        "shape": [int(size) for size in shape],
        "chunks": [int(size) for size in chunks],
        "dtype": kind.newbyteorder("<").str,
        "compressor": None if compression is None else dict(compression),
        "fill_value": _fill_value(kind, fill_value),
        "order": "C",
        "filters": None,
        "dimension_separator": "/",
    }


def _v3_array(
    shape: Sequence[int],
    chunks: Sequence[int],
    shards: Sequence[int] | None,
    kind: Any,
    compression: Any,
    fill_value: Any,
    axes: str | Sequence[str],
) -> Json:
    if isinstance(compression, Mapping):
        compression = [compression]
    little: Json = {"name": "bytes", "configuration": {"endian": "little"}}
    codecs: list[Json] = [little if kind.itemsize > 1 else {"name": "bytes"}, *map(dict, compression or [])]
    if shards is not None:
        if any(outer % inner for outer, inner in zip(shards, chunks)):
            raise ConvertersToolsInternalError(f"Shards {tuple(shards)} are no multiples of chunks {tuple(chunks)}.")
        inner = {
            "chunk_shape": [int(size) for size in chunks],
            "codecs": codecs,
            "index_codecs": [little, {"name": "crc32c"}],
            "index_location": "end",
        }
        codecs = [{"name": "sharding_indexed", "configuration": inner}]
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [int(size) for size in shape],
        "data_type": kind.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [int(size) for size in shards or chunks]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": _fill_value(kind, fill_value),
        "codecs": codecs,
        "attributes": {},
        "dimension_names": list(axes),
        "storage_transformers": [],
    }


def _fill_value(kind: Any, value: Any) -> Any:
    """Write a fill value as JSON: NaN and infinity are words in Zarr."""
    if kind.kind == "b":
        return bool(value)
    if kind.kind in "iu":
        return int(value)
    if kind.kind == "f":
        number = float(value)
        if math.isfinite(number):
            return number
        return "NaN" if math.isnan(number) else ("Infinity" if number > 0 else "-Infinity")
    raise ConvertersToolsUserError(
        f"Pixels of type '{kind}' cannot be written; convert them to a whole or real number type."
    )
