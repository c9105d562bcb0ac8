"""Read one plane of an image file and change its values on the way: what loaders of single vendors build on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fractal_omezarr_converters.models.loaders import DefaultImageLoader, ImageLoaderInterface
from fractal_omezarr_converters.models.source_files import SourceFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    type Places = NDArray[np.int64]


class PlaneLoader(ImageLoaderInterface):
    """One page of an image file (None: the file is one plane); a subclass says in :meth:`changed` what becomes of its values."""

    file_path: str
    page: int | None = None

    def changed(self, image: NDArray[Any], rows: Places, columns: Places) -> NDArray[Any]:  # noqa: ARG002
        """Give the values that are meant by those in the file.

        Args:
            image: the plane (y, x), or a part of it.
            rows: place of each row of ``image`` in the plane.
            columns: place of each column.
        """
        return image

    def changed_type(self, dtype: str) -> str:
        """Give the type of the values after the change, from that in the file."""
        return dtype

    def _file(self) -> DefaultImageLoader:
        return DefaultImageLoader(file_path=self.file_path, page=self.page)

    def load_data(self, resource: Any = None) -> NDArray[Any]:
        """Read the plane."""
        image = self._file().load_data(resource)
        return self.changed(image, np.arange(image.shape[-2]), np.arange(image.shape[-1]))

    def load_region(self, region: dict[str, slice], resource: Any = None) -> NDArray[Any] | None:
        """Read a part of the plane; None when the file cannot be read in parts."""
        part = self._file().load_region(region, resource)
        found = self._file().shape_and_dtype(resource)
        if part is None or found is None:
            return None
        height, width = found[0][-2:]
        rows = np.arange(height)[region.get("y", slice(None))]
        return self.changed(part, rows, np.arange(width)[region.get("x", slice(None))])

    def shape_and_dtype(self, resource: Any = None) -> tuple[tuple[int, ...], str] | None:
        """Give shape and type from the file's header."""
        found = self._file().shape_and_dtype(resource)
        return None if found is None else (found[0], self.changed_type(found[1]))

    def data_axes(self, resource: Any = None) -> str | None:  # noqa: ARG002
        """Name the axes of a plane."""
        return "yx"

    def preflight(self, resource: Any = None) -> None:
        """Warn when the file is missing."""
        self._file().preflight(resource)

    def describe_source(self, resource: Any = None) -> str:  # noqa: ARG002
        """Name the file."""
        return self.file_path

    def sources(self, resource: Any = None) -> list[SourceFile]:
        """List the file with its size and time."""
        return self._file().sources(resource)

    @classmethod
    def paths_of_columns(cls, columns: Mapping[str, Any], resource: Any = None) -> list[str | None] | None:
        """Give the files of many planes."""
        if cls.sources is not PlaneLoader.sources:
            return None
        return DefaultImageLoader.paths_of_columns({"file_path": columns["file_path"]}, resource)

    def reads_parts(self) -> bool:
        """Say whether parts can be read without reading the whole file."""
        return self._file().reads_parts()
