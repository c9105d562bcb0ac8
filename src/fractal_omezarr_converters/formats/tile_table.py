"""Tile table: image files of any origin with a table that says where each of them belongs.

A folder holds ``tiles.csv`` (or ``tiles.parquet``), one row per tile, and optionally ``acquisition_details.toml``
with pixel sizes and channels. Rows with ``well``, or ``row`` and ``column``, make plates; rows with ``image_path``
make images of their own. Tables of both generations of earlier converters load unchanged.

    acquisition/
        tiles.csv
        acquisition_details.toml
        data/A01_F1_C1.tif ...

Precedence, lowest first: header of the image file, TOML, column of the table, options of the task.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import ConfigDict, Field, field_validator

from fractal_omezarr_converters.core.frame_sources import read_frame
from fractal_omezarr_converters.core.frames import Frame
from fractal_omezarr_converters.core.table_to_tiles import Kind
from fractal_omezarr_converters.core.table_wells import names_wells
from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError
from fractal_omezarr_converters.formats.acquisition_toml import read_acquisition_toml
from fractal_omezarr_converters.formats.contract import Format, FormatOptions, Scan
from fractal_omezarr_converters.formats.tile_rows import DETAILS_FILE, Asked, tiles_of_rows
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.models.pixel_size import PixelSizeModel
from fractal_omezarr_converters.models.plate_facts import PlateFacts
from fractal_omezarr_converters.models.urls import is_file_there
from fractal_omezarr_converters.models.well_names import plate_shape

if TYPE_CHECKING:
    import numpy.typing as npt

    from fractal_omezarr_converters.core.tile_table import TileTable

    type Floats = npt.NDArray[np.float64]

KINDS: dict[str, Kind] = {"Plate": "plate", "Single images": "images"}


class TileTableOptions(FormatOptions):
    """Options of tile tables."""

    model_config = ConfigDict(title="Tile Table Options")

    table: str | None = Field(default=None, title="Table")
    """Name of the table in the folder. Empty: `tiles.csv` or `tiles.parquet`."""
    kind: Literal["Auto", "Plate", "Single images"] = Field(default="Auto", title="Kind")
    """What the rows are. Auto: a plate when there are columns `well` or `row` and `column`, else single images."""
    follow_links: bool = Field(default=False, title="Follow Links")
    """Accept image files outside the table's folder: by paths that lead out of it, or by links to other places."""
    plate_type: str | None = Field(default=None, title="Plate Type")
    """Number of wells of the plate (6, 12, 24, 48, 96, 384, 1536) or rows x columns, such as `16 x 24`, so that all its wells are
    known. Empty: the smallest of these plates that holds the wells of the table."""
    missing_files: Literal["Stop", "Leave empty"] = Field(default="Stop", title="Missing Files")
    """What to do when files of the table are not there: stop, or leave their planes empty and report them."""
    read_headers: bool = Field(default=True, title="Read Headers")
    """Compare sizes and pixel sizes in the headers of the files with the table before anything is converted: of every file, or
    of some of each image when there are more than 4000."""

    @field_validator("plate_type", mode="before")
    @classmethod
    def _known_plate(cls, value: Any) -> Any:
        """Refuse what is no plate; a number of wells may be a number."""
        if value is None or not str(value).strip():
            return None
        plate_shape(str(value))
        return str(value)


class TileTableFormat(Format):
    """Image files with a table of where each belongs."""

    name: ClassVar[str] = "tile_table"
    title: ClassVar[str] = "Tile table"
    maker: ClassVar[str] = "any"
    markers: ClassVar[tuple[str, ...]] = ("tiles.csv", "tiles.parquet")
    options: ClassVar[type[FormatOptions]] = TileTableOptions
    docs: ClassVar[str] = "formats/tile_table.md"

    def scan(
        self,
        source: str,
        *,
        options: FormatOptions | Mapping[str, Any] | None = None,
        plate_name: str | None = None,
        acquisition: int = 0,
        sizes: PixelSizeModel | None = None,
    ) -> Scan:
        """Read the table and the headers of its files; no pixel is read.

        Args:
            source: the folder of the table, or the table itself.
            options: :class:`TileTableOptions`.
            plate_name: plate (or image, for single images) of rows that do not name theirs.
            acquisition: acquisition of rows that do not name theirs.
            sizes: pixel size and steps that the user states; positions in µm and s stay.

        Raises:
            ConvertersToolsUserError: table, TOML or files are wrong; all that is wrong is listed.
        """
        chosen = self.checked_options(options)
        if not isinstance(chosen, TileTableOptions):
            chosen = TileTableOptions()
        table = self._table_file(Path(source).expanduser().absolute(), chosen)
        toml = table.parent / DETAILS_FILE
        fields = read_acquisition_toml(toml) if toml.is_file() else {}
        _check_condition_table(fields, toml, follow_links=chosen.follow_links)
        frame = read_frame(table)
        kind = KINDS.get(chosen.kind) or _kind(frame)
        leave = chosen.missing_files == "Leave empty"
        asked = Asked(
            table.parent,
            kind,
            plate_name,
            acquisition,
            chosen.read_headers,
            leave,
            follow_links=chosen.follow_links,
            sizes=sizes.changes() if sizes is not None else {},
        )
        tiles, states = tiles_of_rows(frame, fields, asked)
        return Scan(
            tiles=tiles,
            plate=_plate_facts(tiles, chosen.plate_type),
            states=states,
            warnings=list(dict.fromkeys(frame.notes)),
            metadata_files=[str(path) for path in (table, toml) if path.is_file()],
            facts={"table": table.name, "rows": len(frame), "images": len(tiles.collections), "kind": kind},
        )

    def _table_file(self, source: Path, options: TileTableOptions) -> Path:
        if source.is_file():
            return source
        wanted = [source / options.table] if options.table else [source / marker for marker in self.markers]
        found = [path for path in wanted if path.is_file()]
        if not found:
            names = " or ".join(path.name for path in wanted)
            raise ConvertersToolsFileNotFoundError(f"Folder '{source}' holds no {names}; check the path.")
        if len(found) > 1:
            raise ConvertersToolsUserError(
                f"Folder '{source}' holds {' and '.join(path.name for path in found)}; remove one, or name the one"
                " that is meant in the option 'table'."
            )
        return found[0]


def _plate_facts(tiles: TileTable, plate_type: str | None) -> PlateFacts | None:
    """What is known of the plate; of several plates in one table only their common type."""
    names = {place.plate_name: None for place in tiles.collections if isinstance(place, ImageInPlate)}
    if not names or (len(names) > 1 and plate_type is None):
        return None
    rows, columns = plate_shape(plate_type) if plate_type else (None, None)
    return PlateFacts(name=next(iter(names)), rows=rows, columns=columns)


def _kind(frame: Frame) -> Kind:
    plate = names_wells(frame)
    if plate and "image_path" in frame:
        raise ConvertersToolsUserError(
            f"{frame.name} has columns of wells and a column 'image_path'; say in the option 'kind' whether its rows"
            " are a Plate or Single images, and remove the other columns."
        )
    return "plate" if plate else "images"


def _check_condition_table(fields: Mapping[str, Any], toml: Path, *, follow_links: bool) -> None:
    path = fields.get("condition_table_path")
    if not path:
        return
    if not follow_links and ("://" in path or not Path(path).resolve().is_relative_to(toml.parent.resolve())):
        raise ConvertersToolsUserError(
            f"'{toml}' names the condition table '{path}', which lies outside its folder; name it in the"
            " acquisition's own field 'Condition Table', or switch on the option 'Follow Links' (follow_links)."
        )
    if "://" not in path and not is_file_there(path):
        raise ConvertersToolsFileNotFoundError(
            f"'{toml}' names the condition table '{path}', which does not exist; correct condition_table_path."
        )
