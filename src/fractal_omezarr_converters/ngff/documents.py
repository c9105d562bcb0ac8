"""The JSON documents of OME-Zarr images, labels and groups, in 0.4, 0.5 and 0.6.

Pure functions from plain values to plain values or bytes; nothing here touches a store. Sources: OME-NGFF 0.4, 0.5, 0.6;
Zarr format 2 (`.zgroup`, `.zattrs`), Zarr format 3 core specification (`zarr.json`). Arrays: ``array_documents``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsInternalError, ConvertersToolsUserError
from fractal_omezarr_converters.ngff.array_documents import array_document
from fractal_omezarr_converters.ngff.axes import Axes
from fractal_omezarr_converters.ngff.transforms import PHYSICAL, level_transformations
from fractal_omezarr_converters.ngff.versions import with_ome_content, written_version, zarr_format

Json = dict[str, Any]

__all__ = [
    "array_document",
    "group_document",
    "image_attributes",
    "json_bytes",
    "label_content",
    "labels_attributes",
]


_SHARED_UP_TO = 4096
"""Letters of a document that several groups may share."""


def json_bytes(document: Mapping[str, Any]) -> bytes:
    """Encode a document; NaN and infinity are refused because JSON has neither.

    Raises:
        ConvertersToolsInternalError: the document holds NaN or infinity.
    """
    try:
        compact = json.dumps(document, ensure_ascii=False, allow_nan=False)
        return _indented(compact) if len(compact) < _SHARED_UP_TO else _laid_out(document)
    except ValueError as error:
        raise ConvertersToolsInternalError(f"A metadata document holds a number that is not JSON: {error}.") from error


@lru_cache(maxsize=8)
def _indented(compact: str) -> bytes:
    """A small document with line breaks: the wells of a plate have the same one, and breaking lines takes ten times the rest."""
    return _laid_out(json.loads(compact))


def _laid_out(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, indent=2, ensure_ascii=False).encode()


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
    """Give the files of a Zarr group in the order of writing: `.zattrs`, then `.zgroup` in 0.4; `zarr.json` in 0.5 and 0.6.

    `.zgroup` comes last because it makes the group: a run that ends in between leaves no group without its attributes.
    """
    if zarr_format(version) == 2:
        return {".zattrs": json_bytes(attributes or {}), ".zgroup": json_bytes({"zarr_format": 2})}
    document = {"zarr_format": 3, "node_type": "group", "attributes": dict(attributes or {})}
    return {"zarr.json": json_bytes(document)}
