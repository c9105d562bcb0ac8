"""What compute tells Fractal about one image: its entry in the image list, in plain Python values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsInternalError
from fractal_omezarr_converters.models.urls import is_absolute_url

Scalar = int | float | str | bool | None


class ImageUpdate(TypedDict):
    """One image of the list: where it lies, what kind it is, what is known about it."""

    zarr_url: str
    types: dict[str, bool]
    attributes: dict[str, Scalar]


class ImageListUpdateDict(TypedDict):
    """What a compute task returns."""

    image_list_updates: list[ImageUpdate]


def plain_scalar(value: Any) -> Scalar:
    """Turn a value into a plain int, float, str, bool or None; numbers that JSON cannot state become None."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return str(value)


def plain_attribute(value: Any) -> Scalar:
    """Turn an attribute, one value or several, into what the image list can hold: several are joined with `` & ``."""
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        values = list(dict.fromkeys(plain_scalar(item) for item in value))
        if len(values) == 1:
            return values[0]
        return " & ".join("None" if item is None else str(item) for item in values) if values else None
    return plain_scalar(value)


def image_list_update(
    zarr_url: str,
    *,
    is_3d: bool,
    is_time_series: bool,
    attributes: Mapping[str, Any],
    place: Mapping[str, Scalar],
) -> ImageListUpdateDict:
    """The entry of one image; ``place`` (plate, well, acquisition) wins over attributes of the same name.

    Fractal drops entries with other keys and refuses values that are not scalars, after the data was written.
    """
    types = {"is_3D": bool(is_3d)}
    if is_time_series:
        types["is_time_series"] = True
    values: dict[str, Scalar] = {}
    for key, value in attributes.items():
        name = str(key).strip()
        if name:
            values[name] = plain_attribute(value)
    values.update(place)
    update: ImageUpdate = {"zarr_url": zarr_url, "types": types, "attributes": values}
    check_update(update)
    return {"image_list_updates": [update]}


def check_update(update: ImageUpdate) -> None:
    """Assert the rules of the platform before Fractal does, where the message can still help."""
    if not is_absolute_url(update["zarr_url"]):
        raise ConvertersToolsInternalError(f"The image {update['zarr_url']} is neither an absolute path nor a URL.")
    for key, value in update["attributes"].items():
        if not (value is None or type(value) in (int, float, str, bool)):
            raise ConvertersToolsInternalError(
                f"The attribute {key} of {update['zarr_url']} is a {type(value).__name__}."
            )
