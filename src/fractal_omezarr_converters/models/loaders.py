"""How the pixels of a tile are read: the interface that every format's loader has, and the one for common image files."""

# ruff: noqa: ARG002, ARG003  # the defaults of the interface use none of their arguments

from __future__ import annotations

import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from fractal_omezarr_converters.errors import ConvertersToolsUserError, ConvertersToolsWarning
from fractal_omezarr_converters.models.plain_paths import PLAIN, plain_paths
from fractal_omezarr_converters.models.source_files import SourceFile
from fractal_omezarr_converters.models.type_names import name_of_type, type_of_name
from fractal_omezarr_converters.models.urls import (
    clean_url,
    existing_local_path,
    filesystem_for_url,
    is_absolute_url,
    is_remote_url,
    is_there,
    join_url_paths,
)

if TYPE_CHECKING:
    import numpy as np

    from fractal_omezarr_converters.models.headers import Header
    from fractal_omezarr_converters.models.planes import Selection

_OWN = {"DefaultImageLoader": __name__}
_LONGEST_DESCRIPTION = 200


class ImageLoaderInterface(BaseModel, ABC):
    """Delivers the pixels of one tile. A loader holds paths and numbers only, so that it can go through JSON.

    ``load_data`` is the only method that a subclass needs. The others make a conversion faster and its plan better.
    ``resource`` is handed through unchanged from the call that starts a conversion: a base folder, an open handle, anything.
    """

    model_config = ConfigDict(extra="ignore", defer_build=True)

    @abstractmethod
    def load_data(self, resource: Any | None = None) -> np.ndarray[Any, Any]:
        """Read all pixels, axes in the order of the image's axes; leading axes of length 1 may be missing."""

    def find_data_type(self, resource: Any | None = None) -> str:
        """Give the numpy name of the pixels' type; read everything only if the headers do not say."""
        known = self.shape_and_dtype(resource)
        return known[1] if known is not None else str(self.load_data(resource).dtype)

    def preflight(self, resource: Any | None = None) -> None:
        """Warn when the source is not there; cheap, raises nothing."""

    def describe_source(self, resource: Any | None = None) -> str:
        """Name the source for messages."""
        text = repr(self)
        return text if len(text) <= _LONGEST_DESCRIPTION else f"{text[: _LONGEST_DESCRIPTION - 3]}..."

    def shape_and_dtype(self, resource: Any | None = None) -> tuple[tuple[int, ...], str] | None:
        """Give shape and type of what ``load_data`` gives, from headers alone; None: not known without reading."""
        return None

    def data_axes(self, resource: Any | None = None) -> str | None:
        """Name the axes of ``load_data``, such as ``zyx``; None: the last axes of the image, in their order.

        The letter ``q`` stands for an axis that the file does not name: see :mod:`fractal_omezarr_converters.models.blocks`.
        """
        return None

    def load_region(self, region: dict[str, slice], resource: Any | None = None) -> np.ndarray[Any, Any] | None:
        """Read a part: a slice per axis letter, absent axes whole; axes as ``data_axes`` says. None: parts cannot be read."""
        return None

    def sources(self, resource: Any | None = None) -> list[SourceFile]:
        """List the files that pixels come from."""
        return []

    def load_into(self, out: np.ndarray[Any, Any], resource: Any | None = None) -> bool:
        """Read all pixels straight into a C-ordered array of their shape and type; False, with nothing done, when that cannot be.

        Only a matter of speed: without it pixels are loaded and copied.
        """
        return False

    @classmethod
    def paths_of_columns(cls, columns: Mapping[str, Any], resource: Any | None = None) -> list[str | None] | None:
        """Give the one local file of each of many loaders, described by one column per field, without making them.

        None, for one or for all: ask the loader's ``sources``. Only for thousands of files this is worth having.
        """
        return None

    def reads_parts(self) -> bool:
        """Say whether ``load_region`` reads less than ``load_data``."""
        return False

    def is_rgb(self, resource: Any | None = None) -> bool:
        """Say whether ``load_data`` gives a colour image as three channels: red, green and blue."""
        return False


ImageLoaderInterfaceType = TypeVar("ImageLoaderInterfaceType", bound=ImageLoaderInterface)


def loader_type_name(cls: type[ImageLoaderInterface]) -> str:
    """Name a kind of loader for hand-over files."""
    return name_of_type(cls, _OWN)


def resolve_loader_type(name: str) -> type[ImageLoaderInterface]:
    """Give the kind of loader of a name; its module is imported on demand."""
    return type_of_name(name, _OWN, ImageLoaderInterface)


_SELECTIONS = ("series", "page", "level", "channel", "z", "t", "plane")


def _split_fragment(text: str) -> tuple[str, dict[str, int]]:
    """Separate ``file.tif#page=3&z=1`` into the path and what is chosen; a ``#`` that is part of a name stays."""
    path, _, fragment = text.rpartition("#")
    found = dict(part.partition("=")[::2] for part in fragment.strip().split("&"))
    if not path or any(key not in _SELECTIONS or not value.isdecimal() for key, value in found.items()):
        return text, {}
    return path.strip(), {key: int(value) for key, value in found.items()}


class DefaultImageLoader(ImageLoaderInterface):
    """Reads TIFF, PNG, JPEG, BMP and NPY files; a part of a file is chosen by the fields, or by ``file.tif#page=3&channel=1``.

    A relative path is below the ``resource``.
    """

    model_config = ConfigDict(extra="ignore")

    file_path: str
    """Path or URL of the file."""
    series: int | None = Field(default=None, ge=0)
    """Which image of a file that holds several."""
    page: int | None = Field(default=None, ge=0)
    """Which page (IFD) of a TIFF file, whatever its metadata say."""
    level: int | None = Field(default=None, ge=0)
    """Which resolution level; 0 is full resolution."""
    channel: int | None = Field(default=None, ge=0)
    """Which channel; also red, green, blue of a colour image."""
    z: int | None = Field(default=None, ge=0)
    """Which plane in z."""
    t: int | None = Field(default=None, ge=0)
    """Which frame."""
    plane: int | None = Field(default=None, ge=0)
    """Which plane in the order of the file, over all axes but y and x."""
    rgb: Literal["channels", "grey"] = "channels"
    """Colour images become three channels, or one grey image."""
    palette: Literal["auto", "index", "expand"] = "auto"
    """Images with a colour table: keep the stored numbers, or look the colours up. Automatic: tables that are a ramp, as
    microscopes write them, keep the numbers. `index` also keeps numbers that mean ink, or of which 0 means white."""

    @model_validator(mode="before")
    @classmethod
    def _fragment_to_fields(cls, values: Any) -> Any:
        if not isinstance(values, dict) or "#" not in str(values.get("file_path", "")):
            return values
        path, chosen = _split_fragment(str(values["file_path"]))
        for key, number in chosen.items():
            if values.get(key) is not None and values[key] != number:
                raise ValueError(
                    f"file '{values['file_path']}': {key} is also given as {values[key]}; keep one of them."
                )
        return {**values, "file_path": path, **chosen}

    @model_validator(mode="after")
    def _one_way_to_choose(self) -> Self:
        if self.page is not None and self.plane is not None:
            raise ValueError(
                f"file '{self.file_path}': page {self.page} and plane {self.plane} are both given; keep one."
            )
        return self

    def load_data(self, resource: Any | None = None) -> np.ndarray[Any, Any]:
        """Read the chosen pixels; axes as :meth:`data_axes` says, those of length 1 left away."""
        from fractal_omezarr_converters.models.headers import unnamed_shape
        from fractal_omezarr_converters.models.image_files import chosen_part
        from fractal_omezarr_converters.models.planes import read

        with chosen_part(self.path(resource), self._selection()) as part:
            shape = unnamed_shape(part)
            return read(part) if shape is None else read(part).reshape(shape)

    def load_region(self, region: dict[str, slice], resource: Any | None = None) -> np.ndarray[Any, Any] | None:
        """Read a part of the chosen pixels; None when axes of the file have no names."""
        from fractal_omezarr_converters.models.headers import unnamed_shape
        from fractal_omezarr_converters.models.image_files import chosen_part
        from fractal_omezarr_converters.models.planes import read

        with chosen_part(self.path(resource), self._selection()) as part:
            return read(part, region) if unnamed_shape(part) is None else None

    def load_into(self, out: np.ndarray[Any, Any], resource: Any | None = None) -> bool:
        """Read one uncompressed plane straight into an array (y, x)."""
        if type(self).load_data is not DefaultImageLoader.load_data:
            return False
        from fractal_omezarr_converters.models.image_files import chosen_part, is_plain_choice
        from fractal_omezarr_converters.models.plain_tiff import read_plain_tiff
        from fractal_omezarr_converters.models.planes import read_into

        path, selection = self.path(resource), self._selection()
        if is_plain_choice(path, selection) and read_plain_tiff(path, out):
            return True
        with chosen_part(path, selection) as part:
            return read_into(part, out)

    def shape_and_dtype(self, resource: Any | None = None) -> tuple[tuple[int, ...], str] | None:
        """Give shape and type of :meth:`load_data`, from headers alone."""
        header = self._header(resource)
        return header.shape, header.dtype

    def data_axes(self, resource: Any | None = None) -> str | None:
        """Name the axes of :meth:`load_data`: some of ``t c z y x``, and ``q`` for pages without a name."""
        return self._header(resource).axes

    def is_rgb(self, resource: Any | None = None) -> bool:
        """Say whether the channels of :meth:`load_data` are red, green and blue."""
        return self._header(resource).is_rgb

    def preflight(self, resource: Any | None = None) -> None:
        """Warn when the file is not there or its headers cannot be read."""
        try:
            self.shape_and_dtype(resource)
        except ConvertersToolsUserError as error:
            warnings.warn(str(error), ConvertersToolsWarning, stacklevel=2)

    def describe_source(self, resource: Any | None = None) -> str:
        """Name the file and what is chosen of it."""
        chosen = [f"{word} {getattr(self, word)}" for word in _SELECTIONS if getattr(self, word) is not None]
        return f"File '{self.path(resource)}'{f' ({", ".join(chosen)})' if chosen else ''}"

    def sources(self, resource: Any | None = None) -> list[SourceFile]:
        """List the file, and its siblings when a series of a multi-file set is chosen."""
        path = self.path(resource)
        if is_remote_url(path):
            from fractal_omezarr_converters.models.remote_calls import facts_of

            return [SourceFile(path, *facts_of(filesystem_for_url(path), path))]
        if self.series is None or not is_there(path):
            return [SourceFile.of(path)] if is_there(path) else []
        from fractal_omezarr_converters.models.image_files import files_of

        return [SourceFile.of(name) for name in files_of(path, self._selection()) if is_there(name)]

    @classmethod
    def paths_of_columns(cls, columns: Mapping[str, Any], resource: Any | None = None) -> list[str | None] | None:
        """Give the paths that need no cleaning; None for the others, and for all when series may have several files."""
        changed = cls.sources is not DefaultImageLoader.sources or cls.path is not DefaultImageLoader.path
        if changed or "series" in columns or os.sep != "/":
            return None
        return plain_paths(columns["file_path"])

    def reads_parts(self) -> bool:
        """Say whether a part costs less than the whole: not for PNG, JPEG and BMP."""
        from fractal_omezarr_converters.models.image_files import reads_parts

        return reads_parts(self.file_path)

    def path(self, resource: Any | None = None) -> str:
        """Give the absolute path or URL of the file, as the disk spells it."""
        if os.sep == "/" and PLAIN.fullmatch(self.file_path) and is_there(self.file_path):
            return self.file_path
        text = clean_url(self.file_path)
        if not is_absolute_url(text) and isinstance(resource, str | os.PathLike):
            text = join_url_paths(resource, text)
        return text if is_remote_url(text) else existing_local_path(text).as_posix()

    def _header(self, resource: Any | None) -> Header:
        from fractal_omezarr_converters.models.headers import header_of

        return header_of(self.path(resource), self._selection())

    def _selection(self) -> Selection:
        from fractal_omezarr_converters.models.planes import Selection

        chosen = {word: getattr(self, word) for word in _SELECTIONS}
        return Selection(**chosen, rgb=self.rgb, palette=self.palette)
