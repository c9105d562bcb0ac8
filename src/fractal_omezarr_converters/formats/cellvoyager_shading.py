"""Correct planes of a CellVoyager with its shading (SC) and dark (DC) images.

Facts: the ``.mrf`` names the shading image of each channel (``ShadingCorrectionSource``) and its camera; the dark image of a
camera is ``DC_*_CAM<n>.tif``. The instrument does not apply them. Corrected: (image - dark) / (shading - dark), the
divisor scaled to a mean of 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError
from fractal_omezarr_converters.formats.cellvoyager_records import PER_ACTION
from fractal_omezarr_converters.formats.plane_loader import PlaneLoader
from fractal_omezarr_converters.formats.plane_records import LoaderMaker, PlaneRecord
from fractal_omezarr_converters.models.loaders import DefaultImageLoader
from fractal_omezarr_converters.models.urls import is_file_there

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fractal_omezarr_converters.core.loader_columns import LoaderColumns
    from fractal_omezarr_converters.formats.cellvoyager_protocol import DeclaredChannel
    from fractal_omezarr_converters.formats.plane_loader import Places

LEAST_SHADING = 0.01


class ShadingLoader(PlaneLoader):
    """A plane with its dark image subtracted, divided by its shading image."""

    shading_path: str
    dark_path: str | None = None

    def changed(self, image: NDArray[Any], rows: Places, columns: Places) -> NDArray[Any]:
        """Correct the pixels of the plane, or of a part of it."""
        shading, dark = _shading(self.shading_path, self.dark_path)
        place = np.ix_(rows, columns)
        if rows[-1] >= shading.shape[0] or columns[-1] >= shading.shape[1]:
            raise ConvertersToolsUserError(
                f"The shading image '{self.shading_path}' has {shading.shape[1]} x {shading.shape[0]} pixels, less than"
                f" '{self.file_path}'; set shading to off."
            )
        values = image.astype(np.float64) - (dark[place] if dark is not None else 0.0)
        values /= shading[place]
        limits = np.iinfo(image.dtype)
        corrected: NDArray[Any] = np.clip(np.rint(values), limits.min, limits.max).astype(image.dtype)
        return corrected

    def describe_source(self, resource: Any = None) -> str:
        """Name the file and say that it is corrected."""
        return f"{super().describe_source(resource)} (shading corrected)"


@lru_cache(maxsize=8)
def _shading(shading_path: str, dark_path: str | None) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Divisor with a mean of 1, and the dark image."""
    shading = DefaultImageLoader(file_path=shading_path).load_data().astype(np.float64)
    dark = DefaultImageLoader(file_path=dark_path).load_data().astype(np.float64) if dark_path else None
    if dark is not None:
        if dark.shape != shading.shape:
            raise ConvertersToolsUserError(f"'{dark_path}' and '{shading_path}' differ in size; set shading to off.")
        shading -= dark
    mean = shading.mean()
    if not (mean > 0 and shading.min() > LEAST_SHADING * mean):
        raise ConvertersToolsUserError(
            f"The shading image '{shading_path}' is empty or falls to zero, so nothing can be divided by it; set shading"
            " to off."
        )
    return shading / mean, dark


def shading_loaders(folder: Path, channels: Mapping[int, DeclaredChannel], warnings: list[str]) -> LoaderMaker:
    """Give a function that makes the loaders of planes, with the shading of their channels.

    Raises:
        ConvertersToolsFileNotFoundError: a shading image that is named is not there.
    """
    dark = {
        number: next(iter(sorted(folder.glob(f"DC_*_CAM{each.camera}.*"))), None) for number, each in channels.items()
    }
    missing = [
        str(each.shading) for each in channels.values() if not is_file_there(folder / Path(str(each.shading)).name)
    ]
    if missing:
        raise ConvertersToolsFileNotFoundError(
            f"'{folder}' lacks the shading images {', '.join(sorted(set(missing)))}; copy them there, or set shading to off."
        )
    warnings.append("Pixel values are changed by shading correction with the instrument's SC and DC images.")

    def make(files: Sequence[str], planes: Sequence[PlaneRecord]) -> LoaderColumns:
        from fractal_omezarr_converters.core.loader_columns import LoaderColumns

        loaders: list[DefaultImageLoader | ShadingLoader] = []
        for path, plane in zip(files, planes, strict=True):
            number = plane.channel % PER_ACTION
            if number not in channels:
                loaders.append(DefaultImageLoader(file_path=path))
                continue
            shading = str(folder / Path(str(channels[number].shading)).name)
            own = dark[number]
            loaders.append(ShadingLoader(file_path=path, shading_path=shading, dark_path=str(own) if own else None))
        return LoaderColumns.from_loaders(loaders)

    return make


def shading_corrections(channels: Mapping[int, DeclaredChannel]) -> list[dict[str, Any]]:
    """Say in the provenance what is done to pixel values."""
    sources = {str(number): each.shading for number, each in sorted(channels.items())}
    return [{"name": "shading", "params": {"mode": "divide", "channels": sources}}]
