"""Read one plane of an Operetta, Operetta CLS or Opera Phenix export.

Planes are uint16 TIFF pages, LZW compressed. When a bright speck overflows, the instrument writes that one plane with
32 bits; such planes are kept inside the range of 16 bits, so that one speck does not change the type of the plate.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsWarning
from fractal_omezarr_converters.formats.plane_loader import PlaneLoader

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fractal_omezarr_converters.formats.plane_loader import Places

LARGEST = 65535


class OperettaLoader(PlaneLoader):
    """One page of a TIFF file, with 32-bit pages brought to 16 bits."""

    page: int | None = 0

    def load_into(self, out: NDArray[Any], resource: Any = None) -> bool:
        """Read a plane of 16 bits straight into an array; those of 32 bits must be narrowed first."""
        return type(self).changed is OperettaLoader.changed and self._file().load_into(out, resource)

    def changed(self, image: NDArray[Any], rows: Places, columns: Places) -> NDArray[Any]:  # noqa: ARG002
        """Bring wide integers to 16 bits."""
        if image.dtype.kind not in "iu" or image.dtype.itemsize <= 2:
            return image
        above = int(np.count_nonzero(image > LARGEST))
        if above:
            warnings.warn(
                f"'{self.file_path}' has 32 bits a pixel and {above} pixels above {LARGEST}; these are set to {LARGEST}.",
                ConvertersToolsWarning,
                stacklevel=3,
            )
        narrowed: NDArray[Any] = np.clip(image, 0, LARGEST).astype(np.uint16)
        return narrowed

    def changed_type(self, dtype: str) -> str:
        """Wide integers become uint16."""
        wide = np.dtype(dtype).kind in "iu" and np.dtype(dtype).itemsize > 2
        return "uint16" if wide else dtype
