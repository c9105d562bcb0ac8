"""Loaders and tiles for the tests of images: pixels from numbers, reads are counted."""

from __future__ import annotations

from typing import Any

import numpy as np

from fractal_omezarr_converters.core.tile import Tile
from fractal_omezarr_converters.models.acquisition import AcquisitionDetails
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.models.loaders import ImageLoaderInterface

READS: list[str] = []


class MadeLoader(ImageLoaderInterface):
    """One value everywhere, plus 1 per row and column."""

    name: str
    value: float = 0
    shape: tuple[int, ...] = (4, 6)
    kind: str = "uint16"
    axes: str | None = None
    tells: bool = True

    def load_data(self, resource: Any = None) -> np.ndarray:
        READS.append(self.name)
        return (np.indices(self.shape).sum(axis=0) + self.value).astype(self.kind)

    def shape_and_dtype(self, resource: Any = None) -> tuple[tuple[int, ...], str] | None:
        return (self.shape, self.kind) if self.tells else None

    def data_axes(self, resource: Any = None) -> str | None:
        return self.axes

    def describe_source(self, resource: Any = None) -> str:
        return self.name


def well(acquisition: int = 0, column: int = 1) -> ImageInPlate:
    """Give a well of the first row."""
    return ImageInPlate(plate_name="Plate", row="A", column=column, acquisition=acquisition)


def details(axes: str = "tczyx", **fields: Any) -> AcquisitionDetails:
    """Give an acquisition."""
    return AcquisitionDetails(axes=list(axes), **fields)


def tile(name: str = "a.tif", *, fov: str = "F1", x: float = 0, y: float = 0, **fields: Any) -> Tile:
    """Make a tile of 4 rows and 6 columns; fields of Tile or of the loader."""
    own = {key: fields.pop(key) for key in ("value", "shape", "kind", "axes", "tells") if key in fields}
    made: dict[str, Any] = {
        "fov_name": fov,
        "start_x": x,
        "start_y": y,
        "length_x": 6,
        "length_y": 4,
        "collection": fields.pop("collection", None) or well(),
        "acquisition_details": fields.pop("acquisition", None) or details(),
        "image_loader": MadeLoader(name=name, **own),
    }
    return Tile(**{**made, **fields})
