"""Collects tiles one by one, without an object per tile, as the columns of a table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np

from fractal_omezarr_converters.core.attributes import AttributeType
from fractal_omezarr_converters.core.distinct_values import Distinct, acquisition_key, attributes_key, collection_key
from fractal_omezarr_converters.core.loader_columns import LoaderColumns
from fractal_omezarr_converters.core.moments import Moments
from fractal_omezarr_converters.core.stage_places import Five
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.acquisition import AcquisitionDetails
from fractal_omezarr_converters.models.collections import CollectionInterface
from fractal_omezarr_converters.models.loaders import ImageLoaderInterface

_NO_ATTRIBUTES: dict[str, AttributeType] = {}


class TileCollector:
    """Collects tiles one by one; equal collections, acquisitions, attributes are kept once."""

    def __init__(self) -> None:
        """Begin with no tile."""
        self._fov = Distinct(str)
        self._collection = Distinct(collection_key)
        self._acquisition = Distinct(acquisition_key)
        self._attributes = Distinct(attributes_key)
        self._start: list[Five] = []
        self._length: list[Five] = []
        self._loaders: list[tuple[int, ImageLoaderInterface]] = []
        self._files: list[str] = []
        self._pages: list[int | None] = []
        self._file_rows: list[int] = []
        self._acquired_at: list[datetime | float | None] = []

    def __len__(self) -> int:
        """Count the tiles so far."""
        return len(self._start)

    def add(
        self,
        *,
        fov: str,
        collection: CollectionInterface,
        acquisition: AcquisitionDetails,
        start: Five,
        length: Five,
        loader: ImageLoaderInterface | None = None,
        file: str | None = None,
        page: int | None = None,
        attributes: Mapping[str, AttributeType] | None = None,
        acquired_at: datetime | float | None = None,
    ) -> None:
        """Add one tile (start and length along ``t, c, z, y, x``), read by ``loader`` or from ``file``.

        ``acquired_at`` is when it was acquired, if that is known: a point in time, or seconds since 1970-01-01 UTC.
        """
        row = len(self._start)
        if loader is not None:
            self._loaders.append((row, loader))
        elif file is not None:
            self._files.append(file)
            self._pages.append(page)
            self._file_rows.append(row)
        else:
            raise ConvertersToolsUserError(f"The tile of field of view '{fov}' has neither a loader nor a file.")
        self._fov.add(fov)
        self._collection.add(collection)
        self._acquisition.add(acquisition)
        self._attributes.add(attributes or _NO_ATTRIBUTES)
        self._start.append(start)
        self._length.append(length)
        self._acquired_at.append(acquired_at)

    def columns(self) -> dict[str, Any]:
        """Give all tiles as the columns of a :class:`TileTable`, by their names."""
        pages = self._pages if any(page is not None for page in self._pages) else None
        parts = []
        if self._loaders:
            parts.append(LoaderColumns.from_loaders([loader for _, loader in self._loaders]))
        if self._files:
            parts.append(LoaderColumns.from_files(self._files, pages))
        order = np.empty(len(self), dtype=np.int64)
        order[[row for row, _ in self._loaders] + self._file_rows] = np.arange(len(self))
        return {
            "fov_names": self._fov.values,
            "fov": self._fov.index,
            "start": self._start,
            "length": self._length,
            "loaders": LoaderColumns.concat(parts).select(order),
            "collections": self._collection.values,
            "collection": self._collection.index,
            "acquisitions": self._acquisition.values,
            "acquisition": self._acquisition.index,
            "attribute_sets": self._attributes.values,
            "attribute_set": self._attributes.index,
            "moments": Moments.of_times(self._acquired_at),
        }
