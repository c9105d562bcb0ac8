"""The written image as ngio's container, opened at the moment somebody uses it, so that writing never imports ngio."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fractal_omezarr_converters.ngff.pixel_report import PixelReport
    from fractal_omezarr_converters.pipelines.plan import ImagePlan


class LazyOmeZarrContainer:
    """Behaves as ngio's ``OmeZarrContainer`` of one image; ``plan`` and ``report`` say how the image was made."""

    def __init__(self, zarr_url: str, plan: ImagePlan, report: PixelReport | None) -> None:
        self.zarr_url = zarr_url
        self.plan = plan
        self.report = report
        self._container: Any = None

    def open(self) -> Any:
        """The container itself."""
        if self._container is None:
            from ngio import open_ome_zarr_container

            self._container = open_ome_zarr_container(self.zarr_url)
        return self._container

    @property  # type: ignore[misc]  # isinstance() asks for the class of the object that is stood in for
    def __class__(self) -> type:
        """ngio's class once ngio is imported, so that ``isinstance`` holds; never imports it."""
        if "ngio" in sys.modules:
            return type(self.open())
        return LazyOmeZarrContainer

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.open(), name)

    def __repr__(self) -> str:
        return f"OmeZarrContainer({self.zarr_url})" if self._container is None else repr(self._container)
