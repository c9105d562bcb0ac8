"""Read one page of a stack of Micro-Manager at its place in the file.

Stacks hold thousands of pages, each of which says only where the next one is: to open page 8000 the usual way is to read
the directories of 8000 pages. Their pixels lie in one piece, uncompressed, so the place is all that is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.micromanager_frames import RawPlane
from fractal_omezarr_converters.models.loaders import DefaultImageLoader, ImageLoaderInterface, loader_type_name
from fractal_omezarr_converters.models.source_files import SourceFile
from fractal_omezarr_converters.models.urls import filesystem_for_url, is_remote_url

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from fractal_omezarr_converters.core.loader_columns import LoaderColumns
    from fractal_omezarr_converters.formats.plane_records import LoaderMaker, PlaneRecord


class MicromanagerLoader(ImageLoaderInterface):
    """A plane of ``height`` times ``width`` pixels from byte ``offset`` on; ``stored`` is their type in the file (``<u2``)."""

    file_path: str
    offset: int
    height: int
    width: int
    stored: str

    def load_data(self, resource: Any = None) -> NDArray[Any]:
        """Read the plane."""
        return self._rows(0, self.height, resource)

    def load_region(self, region: dict[str, slice], resource: Any = None) -> NDArray[Any] | None:
        """Read the rows that are asked for."""
        first, last, step = region.get("y", slice(None)).indices(self.height)
        if step != 1:
            return self.load_data(resource)[region.get("y", slice(None)), region.get("x", slice(None))]
        return self._rows(first, max(first, last), resource)[:, region.get("x", slice(None))]

    def load_into(self, out: NDArray[Any], resource: Any = None) -> bool:
        """Read the plane into an array of its shape and type."""
        out[...] = self.load_data(resource)
        return True

    def shape_and_dtype(self, resource: Any = None) -> tuple[tuple[int, ...], str] | None:
        """Give shape and type; they are known from the page."""
        self._file().path(resource)
        return (self.height, self.width), self._native().name

    def data_axes(self, resource: Any = None) -> str | None:  # noqa: ARG002
        """Name the axes of a plane."""
        return "yx"

    def preflight(self, resource: Any = None) -> None:
        """Warn when the file is missing or cannot be read."""
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
        return DefaultImageLoader.paths_of_columns({"file_path": columns["file_path"]}, resource)

    def reads_parts(self) -> bool:
        """Rows can be read without the others."""
        return True

    def _file(self) -> DefaultImageLoader:
        return DefaultImageLoader(file_path=self.file_path, page=0)

    def _native(self) -> np.dtype[Any]:
        return np.dtype(self.stored).newbyteorder("=")

    def _rows(self, first: int, last: int, resource: Any) -> NDArray[Any]:
        stored = np.dtype(self.stored)
        path = self._file().path(resource)
        count = (last - first) * self.width
        begin = self.offset + first * self.width * stored.itemsize
        if is_remote_url(path):
            from fractal_omezarr_converters.models.remote_ranges import read_range

            content = read_range(filesystem_for_url(path, "Reading a stack"), path, begin, count * stored.itemsize)
            return np.frombuffer(content, stored).reshape(last - first, self.width).astype(self._native())
        try:
            found = np.fromfile(path, stored, count, offset=begin)
        except OSError as error:
            raise ConvertersToolsUserError(f"'{path}' cannot be read: {error.strerror}.") from error
        if found.size < count:
            raise ConvertersToolsUserError(
                f"'{path}' ends inside the image at byte {self.offset}; copy it again from the microscope's computer."
            )
        return found.reshape(last - first, self.width).astype(self._native(), copy=False)


def loader_maker(raw: Sequence[RawPlane]) -> LoaderMaker | None:
    """Give what makes loaders of planes by their place; None when one of them is not in one piece, or in colour."""
    places: dict[tuple[str, int | None], RawPlane] = {
        (each.file, each.page): each for each in raw if each.page is not None
    }
    if not places or any(each.offset is None or each.facts.is_colour for each in places.values()):
        return None

    def make(files: Sequence[str], planes: Sequence[PlaneRecord]) -> LoaderColumns:
        from fractal_omezarr_converters.core.loader_columns import LoaderColumns

        found = [places.get((each.file or "", each.page)) for each in planes]
        if any(each is None for each in found):
            return LoaderColumns.from_files(files, [each.page for each in planes])
        there = [each for each in found if each is not None]
        return LoaderColumns.from_columns(
            loader_type_name(MicromanagerLoader),
            {
                "file_path": list(files),
                "offset": [each.offset for each in there],
                "height": [each.facts.rows for each in there],
                "width": [each.facts.width for each in there],
                "stored": [each.stored for each in there],
            },
        )

    return make
