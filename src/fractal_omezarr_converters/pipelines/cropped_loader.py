"""A part of a source: the planes or frames of a larger tile that a filter kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import PrivateAttr

from fractal_omezarr_converters.models.loaders import (
    ImageLoaderInterface,
    loader_type_name,
    resolve_loader_type,
)
from fractal_omezarr_converters.models.source_files import SourceFile

if TYPE_CHECKING:
    import numpy as np


class CroppedLoader(ImageLoaderInterface):
    """Reads ``region`` (first and last + 1 by axis letter) of what another loader delivers."""

    loader_type: str
    """Kind of the loader that reads the whole."""
    loader: dict[str, Any]
    """Fields of the loader that reads the whole."""
    region: dict[str, tuple[int, int]]
    """First index and the one after the last, by axis."""
    axes: str | None = None
    """Axes of the whole where its loader names none."""

    _inner: ImageLoaderInterface | None = PrivateAttr(default=None)

    @classmethod
    def of(
        cls, loader: ImageLoaderInterface, region: dict[str, tuple[int, int]], axes: str | None = None
    ) -> CroppedLoader:
        """Crop a loader that can read parts; ``axes`` where it does not name its axes."""
        kind = loader_type_name(type(loader))
        return cls(loader_type=kind, loader=loader.model_dump(mode="json"), region=region, axes=axes)

    @property
    def inner(self) -> ImageLoaderInterface:
        """The loader that reads the whole."""
        if self._inner is None:
            self._inner = resolve_loader_type(self.loader_type).model_validate(self.loader)
        return self._inner

    def load_data(self, resource: Any | None = None) -> np.ndarray[Any, Any]:
        """The pixels of the region."""
        return self._cut({}, resource)

    def load_region(self, region: dict[str, slice], resource: Any | None = None) -> np.ndarray[Any, Any] | None:
        """A part of the region."""
        return self._cut(region, resource)

    def _cut(self, region: dict[str, slice], resource: Any | None) -> np.ndarray[Any, Any]:
        wanted = dict(region)
        for axis, (first, stop) in self.region.items():
            low, high, _ = region.get(axis, slice(None)).indices(stop - first)
            wanted[axis] = slice(first + low, first + high)
        part = self.inner.load_region(wanted, resource) if self.axes is None else None
        if part is not None:
            return part
        axes = self.data_axes(resource) or ""
        whole = self.inner.load_data(resource)
        return whole[tuple(wanted.get(axis, slice(None)) for axis in axes)]

    def shape_and_dtype(self, resource: Any | None = None) -> tuple[tuple[int, ...], str] | None:
        """Shape of the region, type of the whole."""
        header, axes = self.inner.shape_and_dtype(resource), self.data_axes(resource)
        if header is None or axes is None:
            return None
        sizes = [
            min(self.region[a][1], n) - self.region[a][0] if a in self.region else n for a, n in zip(axes, header[0])
        ]
        return tuple(sizes), header[1]

    def data_axes(self, resource: Any | None = None) -> str | None:
        """The axes of the whole."""
        return self.axes or self.inner.data_axes(resource)

    def describe_source(self, resource: Any | None = None) -> str:
        """The whole's words, and which part."""
        words = {axis: "pages" if axis == "q" else axis for axis in self.region}
        parts = ", ".join(f"{words[axis]} {first} to {stop - 1}" for axis, (first, stop) in self.region.items())
        return f"{self.inner.describe_source(resource)} ({parts})"

    def preflight(self, resource: Any | None = None) -> None:
        """As the whole."""
        self.inner.preflight(resource)

    def sources(self, resource: Any | None = None) -> list[SourceFile]:
        """The files of the whole."""
        return self.inner.sources(resource)

    @classmethod
    def paths_of_columns(cls, columns: Mapping[str, Any], resource: Any | None = None) -> list[str | None] | None:
        """The files of the wholes, when one kind of loader reads all of them."""
        wholes, kinds = columns["loader"], set(columns["loader_type"])
        if len(kinds) != 1 or cls.sources is not CroppedLoader.sources:
            return None
        names = dict.fromkeys(name for whole in wholes for name, value in whole.items() if value is not None)
        inner = {name: [whole.get(name) for whole in wholes] for name in names}
        return resolve_loader_type(kinds.pop()).paths_of_columns(inner, resource)

    def reads_parts(self) -> bool:
        """As the whole; of one whose axes have no names, all is read."""
        return self.axes is None and self.inner.reads_parts()
