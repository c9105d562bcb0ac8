"""Image descriptions as JSON: what ours looks like, and how those of earlier generations become ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fractal_omezarr_converters.core.columns import RegionColumns
from fractal_omezarr_converters.core.regions import Regions
from fractal_omezarr_converters.core.tile_slice import TileSlice
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.collections import (
    CollectionInterface,
    collection_type_name,
    resolve_collection_type,
)
from fractal_omezarr_converters.models.loaders import ImageLoaderInterface, resolve_loader_type
from fractal_omezarr_converters.models.older_names import newer_tiled_image

DOCUMENT = "tiled-image"
VERSION = 2
"""2: remarks, and moments of acquisition where they are known. Documents of version 1 load."""


def type_arguments(
    cls: Any,
) -> tuple[type[CollectionInterface] | None, type[ImageLoaderInterface] | None]:
    """Give the collection and loader types that a parametrised ``TiledImage[...]`` names."""
    arguments = cls.__pydantic_generic_metadata__["args"]
    types = [kind for kind in arguments if isinstance(kind, type)]
    collection = next((kind for kind in types if issubclass(kind, CollectionInterface)), None)
    loader = next((kind for kind in types if issubclass(kind, ImageLoaderInterface)), None)
    return collection, loader


def collection_document(collection: CollectionInterface) -> dict[str, Any]:
    """Give a collection as plain values with the name of its type."""
    return {"type": collection_type_name(type(collection)), **collection.model_dump(mode="json")}


def newer_document(
    values: Mapping[str, Any],
    *,
    collection: type[CollectionInterface] | None = None,
    loader: type[ImageLoaderInterface] | None = None,
) -> dict[str, Any]:
    """Give the fields of a TiledImage from its JSON, ours or an earlier generation's; objects pass unchanged.

    Raises:
        ConvertersToolsUserError: another document, or one of a later version.
    """
    fields = newer_tiled_image(values)
    document, version = fields.pop("document", DOCUMENT), fields.pop("version", VERSION)
    if document != DOCUMENT or not isinstance(version, int) or version > VERSION:
        raise ConvertersToolsUserError(
            f"This is a '{document}' of version {version}, but an image description ('{DOCUMENT}') of version "
            f"{VERSION} at most is needed: run both steps of the conversion with the same version of the software."
        )
    stored = fields.get("collection")
    if isinstance(stored, Mapping):
        fields["collection"] = _collection(stored, collection)
    regions = fields.get("regions")
    if isinstance(regions, Mapping):
        fields["regions"] = Regions(RegionColumns.from_json(regions))
    elif isinstance(regions, list) and any(isinstance(region, Mapping) for region in regions):
        fields["regions"] = Regions.from_slices(
            [_older_region(region, loader) if isinstance(region, Mapping) else region for region in regions]
        )
    return fields


def _collection(stored: Mapping[str, Any], kind: type[CollectionInterface] | None) -> CollectionInterface:
    fields = dict(stored)
    name = fields.pop("type", None)
    if kind is None:
        kind = resolve_collection_type(name or ("ImageInPlate" if "plate_name" in fields else "SingleImage"))
    return kind.model_validate(fields)


def _older_region(region: Mapping[str, Any], kind: type[ImageLoaderInterface] | None) -> TileSlice[Any]:
    """Read one region of an earlier generation: a Roi and a loader without its type."""
    roi, loader = region["roi"], region["image_loader"]
    if isinstance(loader, Mapping):
        if kind is None and "file_path" not in loader:
            raise ConvertersToolsUserError(
                f"A stored region has a loader of unknown type (fields {sorted(loader)}): "
                "load the description with TiledImage[CollectionType, LoaderType].model_validate_json."
            )
        loader = (kind or resolve_loader_type("DefaultImageLoader")).model_validate(dict(loader))
    if isinstance(roi, Mapping) and "slices" not in roi:
        roi = _flat_roi(roi)
    return TileSlice(roi=roi, image_loader=loader)


def _flat_roi(roi: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a Roi that states x, x_length, y, ... into one with slices."""
    slices = [
        {"axis_name": axis, "start": roi.get(axis) or 0.0, "length": roi[f"{axis}_length"]}
        for axis in "tczyx"
        if roi.get(f"{axis}_length") is not None
    ]
    return {**{key: value for key, value in roi.items() if "original" in key or key == "name"}, "slices": slices}
