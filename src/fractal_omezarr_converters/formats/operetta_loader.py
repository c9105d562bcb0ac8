"""Read one plane of an Operetta, Operetta CLS or Opera Phenix export.

Planes are uint16 TIFF pages, LZW compressed. When a bright speck overflows, the instrument writes that one plane with
32 bits; such planes are kept inside the range of 16 bits, so that one speck does not change the type of the plate.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsWarning
from fractal_omezarr_converters.models.loaders import DefaultImageLoader, ImageLoaderInterface
from fractal_omezarr_converters.models.source_files import SourceFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST = 65535


class OperettaLoader(ImageLoaderInterface):
    """One page of a TIFF file, with 32-bit pages brought to 16 bits."""

    file_path: str
    page: int = 0

    def _file(self) -> DefaultImageLoader:
        return DefaultImageLoader(file_path=self.file_path, page=self.page)

    def load_data(self, resource: Any = None) -> NDArray[Any]:
        """Read the plane."""
        return self._narrowed(self._file().load_data(resource))

    def load_into(self, out: NDArray[Any], resource: Any = None) -> bool:
        """Read a plane of 16 bits straight into an array; those of 32 bits must be narrowed first."""
        return type(self).load_data is OperettaLoader.load_data and self._file().load_into(out, resource)

    def load_region(self, region: dict[str, slice], resource: Any = None) -> NDArray[Any] | None:
        """Read a part of the plane; None when the file cannot be read in parts."""
        part = self._file().load_region(region, resource)
        return None if part is None else self._narrowed(part)

    def _narrowed(self, image: NDArray[Any]) -> NDArray[Any]:
        if image.dtype.kind not in "iu" or image.dtype.itemsize <= 2:
            return image
        above = int(np.count_nonzero(image > LARGEST))
        if above:
            warnings.warn(
                f"'{self.file_path}' has 32 bits a pixel and {above} pixels above {LARGEST}; these are set to {LARGEST}.",
                ConvertersToolsWarning,
                stacklevel=2,
            )
        narrowed: NDArray[Any] = np.clip(image, 0, LARGEST).astype(np.uint16)
        return narrowed

    def shape_and_dtype(self, resource: Any = None) -> tuple[tuple[int, ...], str] | None:
        """Give shape and type from the file's header; wide integers become uint16."""
        found = self._file().shape_and_dtype(resource)
        if found is None:
            return None
        shape, dtype = found
        wide = np.dtype(dtype).kind in "iu" and np.dtype(dtype).itemsize > 2
        return shape, "uint16" if wide else dtype

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
        if cls.sources is not OperettaLoader.sources:
            return None
        return DefaultImageLoader.paths_of_columns({"file_path": columns["file_path"]}, resource)

    def reads_parts(self) -> bool:
        """Say whether parts can be read without reading the whole file."""
        return self._file().reads_parts()
