"""Where an image goes: into a well of a plate, or to a path of its own."""

from __future__ import annotations

import re
import warnings
from abc import ABC, abstractmethod
from collections.abc import Mapping
from numbers import Real
from typing import Any, TypeVar

from pydantic import ConfigDict, Field, PrivateAttr, field_validator, model_validator

from fractal_omezarr_converters.errors import ConvertersToolsWarning
from fractal_omezarr_converters.models.checked_model import CheckedModel
from fractal_omezarr_converters.models.type_names import name_of_type, type_of_name
from fractal_omezarr_converters.models.well_names import (
    column_name,
    parse_row,
    parse_well,
    row_index,
    safe_image_name,
    safe_plate_name,
)

_OWN = {"ImageInPlate": __name__, "SingleImage": __name__}


class CollectionInterface(CheckedModel, ABC):
    """Says where an image goes; a converter may define its own kind.

    The path of an image of one field of view is computed from its tiles and the grouping; a collection that was handed in
    is not changed.
    """

    model_config = ConfigDict(extra="ignore", defer_build=True)

    _suffix: str = PrivateAttr(default="")

    @abstractmethod
    def path(self) -> str:
        """Path of the image relative to the output directory."""

    def set_suffix(self, suffix: str) -> None:
        """Set what is appended to the path of this object."""
        self._suffix = suffix


CollectionInterfaceType = TypeVar("CollectionInterfaceType", bound=CollectionInterface)


class ImageInPlate(CollectionInterface):
    """An image in a well of a plate."""

    plate_name: str
    """Name of the plate, without `.zarr`."""
    row: str
    """Row of the well: `A`, `B`, ... `Z`, `AA`, ..."""
    column: int = Field(ge=1)
    """Column of the well, from 1."""
    acquisition: int = Field(default=0, ge=0)
    """Number of the acquisition."""

    @model_validator(mode="before")
    @classmethod
    def _well_to_row_and_column(cls, values: Any) -> Any:
        if not isinstance(values, Mapping) or values.get("well") is None:
            return values
        row, column = parse_well(str(values["well"]))
        rest: dict[str, Any] = {"row": row, "column": column}
        rest |= {key: value for key, value in values.items() if key != "well" and not (key in rest and value is None)}
        given = rest["row"], rest["column"]
        if (_row_letters(given[0]), _column_number(given[1])) != (row, column):
            raise ValueError(
                f"well {values['well']!r} and row {given[0]!r}, column {given[1]!r} are not the same well; keep one of them."
            )
        return rest

    @field_validator("plate_name")
    @classmethod
    def _plate_name_for_a_folder(cls, name: str) -> str:
        return _said(safe_plate_name(name))

    @field_validator("row", mode="before")
    @classmethod
    def _row_as_letter(cls, row: Any) -> Any:
        return _row_letters(row)

    @field_validator("column", mode="before")
    @classmethod
    def _column_as_number(cls, column: Any) -> Any:
        return _column_number(column)

    @property
    def well(self) -> str:
        """Name of the well: ``A01``."""
        return f"{self.row}{column_name(self.column)}"

    @property
    def row_index(self) -> int:
        """Place of the row, counted from zero."""
        return row_index(self.row)

    def plate_path(self) -> str:
        """Name of the plate's folder: ``Plate.zarr``."""
        return f"{self.plate_name}.zarr"

    def well_path(self) -> str:
        """Path of the well inside the plate: ``A/01``."""
        return f"{self.row}/{column_name(self.column)}"

    def path_in_well(self) -> str:
        """Path of the image inside the well: the acquisition's number, and the suffix if one was set."""
        return f"{self.acquisition}{self._suffix}"

    def image_in_well_path(self) -> str:
        """Path of the image inside the plate, as plates list their images: ``A/01/0``."""
        return f"{self.well_path()}/{self.path_in_well()}"

    def path(self) -> str:
        """Path of the image relative to the output directory: ``Plate.zarr/A/01/0``."""
        return f"{self.plate_path()}/{self.image_in_well_path()}"


class SingleImage(CollectionInterface):
    """An image of its own, at a path below the output directory."""

    image_path: str
    """Path of the image; sub-folders are separated by `/`."""

    @field_validator("image_path")
    @classmethod
    def _segments_for_folders(cls, path: str) -> str:
        segments = path.strip().replace("\\", "/").split("/")
        if any(segment.strip() in ("", ".", "..") for segment in segments):
            raise ValueError(
                f"image path {path!r} has an empty segment, '.' or '..', or begins or ends with '/'; "
                "give a path below the output directory, such as 'folder/image'."
            )
        return "/".join(_said(safe_image_name(segment)) for segment in segments)

    def path(self) -> str:
        """Path of the image relative to the output directory, with ``.zarr`` at the end."""
        stem = self.image_path.removesuffix(".zarr")
        return f"{stem}{self._suffix}.zarr"


def _row_letters(row: Any) -> Any:
    """Letters of a row given as text or as a number, also one of numpy's; anything else is left to the field's type."""
    if isinstance(row, str | bool):
        return parse_row(row)
    whole = isinstance(row, Real) and float(row).is_integer()
    return parse_row(int(row)) if whole else row


def _column_number(column: Any) -> Any:
    if isinstance(column, bool):
        raise ValueError(f"column {column!r} is not a column of a plate; columns count from 1.")
    found = re.fullmatch(r"\s*0*(\d+)(?:\.0+)?\s*", column) if isinstance(column, str) else None
    return int(found.group(1)) if found else column


def _said(name_and_warning: tuple[str, str | None]) -> str:
    name, warning = name_and_warning
    if warning:
        warnings.warn(warning, ConvertersToolsWarning, stacklevel=4)
    return name


def collection_type_name(cls: type[CollectionInterface]) -> str:
    """Name a kind of collection for hand-over files."""
    return name_of_type(cls, _OWN)


def resolve_collection_type(name: str) -> type[CollectionInterface]:
    """Give the kind of collection of a name; its module is imported on demand."""
    return type_of_name(name, _OWN, CollectionInterface)
