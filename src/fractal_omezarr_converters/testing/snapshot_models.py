"""What a snapshot of a conversion holds: the keys and values of its JSON file, from plate to region of interest.

A value stands for the pixels of a region: mean, standard deviation, smallest, largest (rounded to 6 decimals) and the
SHA-256 of the pixels rounded to 6 decimals. Snapshots written by tests of existing converters have the same keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from pydantic import BaseModel, ConfigDict, model_validator

if TYPE_CHECKING:
    import numpy as np

DECIMALS = 6


class SnapshotModel(BaseModel):
    """Part of a snapshot; keys of later versions are passed over."""

    model_config = ConfigDict(extra="ignore")


class FingerprintModel(SnapshotModel):
    """Pixels in five values."""

    mean: float
    std: float
    min: float
    max: float
    hash: str

    @classmethod
    def from_array(cls, pixels: np.ndarray[Any, Any], decimals: int = DECIMALS) -> Self:
        """Take the values of an array."""
        import numpy as np

        return cls(
            mean=round(float(np.mean(pixels)), decimals),
            std=round(float(np.std(pixels)), decimals),
            min=round(float(np.min(pixels)), decimals),
            max=round(float(np.max(pixels)), decimals),
            hash=hashlib.sha256(np.ascontiguousarray(np.round(pixels, decimals)).tobytes()).hexdigest(),
        )


class RoiAssertionModel(SnapshotModel):
    """One region of interest: its pixel slices as text, its pixels, its stage position (y, x) in µm."""

    slice_repr: str
    finger_print: FingerprintModel
    yx_origin: list[float] | None = None


class TableAssertionModel(SnapshotModel):
    """One table of regions of interest."""

    rois: dict[str, RoiAssertionModel] = {}


class ImageAssertionModel(SnapshotModel):
    """One image: axes, shape, sizes (t, z, y, x), channels, entry in the image list, tables (null: not of regions)."""

    axes: list[str]
    shape: list[int]
    pixelsize: list[float]
    channel_labels: list[str] = []
    wavelength_ids: list[str | None] = []
    types: dict[str, bool] = {}
    attributes: dict[str, Any] = {}
    tables: dict[str, TableAssertionModel | None] = {}
    levels: list[dict[str, Any]] | None = None
    table_contents: dict[str, dict[str, list[Any]]] | None = None


def merged(common: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one mapping over another, level by level."""
    found = dict(common)
    for key, value in own.items():
        below = found.get(key)
        found[key] = merged(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return found


class _WithCommonPart(SnapshotModel):
    """``images_common``, when there is one, is what all images share; it is merged below each of them."""

    @model_validator(mode="before")
    @classmethod
    def _merge_common(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or "images_common" not in values:
            return values
        found = {key: value for key, value in values.items() if key != "images_common"}
        found["images"] = {path: merged(values["images_common"], own) for path, own in found.get("images", {}).items()}
        return found


class PlateAssertionModel(_WithCommonPart):
    """One plate: its wells (``B/03``) and the images in them (``B/03/0``)."""

    wells: list[str]
    images: dict[str, ImageAssertionModel]


class MultiPlateAssertionModel(SnapshotModel):
    """All plates of a conversion, by the name of their folder; ``versions`` is informative and never compared."""

    plates: dict[str, PlateAssertionModel]
    versions: dict[str, str | None] | None = None


class MultiSingleImageAssertionModel(_WithCommonPart):
    """All single images of a conversion, by the name of their folder; ``versions`` is never compared."""

    images: dict[str, ImageAssertionModel]
    versions: dict[str, str | None] | None = None
