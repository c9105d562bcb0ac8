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

from fractal_omezarr_converters.core.equal_rows import may_have_equal_rows
from fractal_omezarr_converters.core.frame_sources import read_frame
from fractal_omezarr_converters.core.frames import Frame
from fractal_omezarr_converters.core.table_details import OLDER_SIZE_COLUMN
from fractal_omezarr_converters.core.table_to_tiles import (
    FILE_COLUMN,
    Kind,
    loaders_of_frame,
    places_of_frame,
    tiles_of_frame,
)
from fractal_omezarr_converters.core.table_wells import names_wells
from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError
from fractal_omezarr_converters.formats.acquisition_toml import read_acquisition_toml
from fractal_omezarr_converters.formats.contract import Format, FormatOptions, PlaneStates, Scan
from fractal_omezarr_converters.formats.tile_files import (
    FIELDS,
    FoundFiles,
    Headers,
    find_files,
    read_headers,
    wrong_shapes,
)
from fractal_omezarr_converters.models.acquisition import AcquisitionDetails
from fractal_omezarr_converters.models.collections import ImageInPlate
from fractal_omezarr_converters.models.loaders import DefaultImageLoader
from fractal_omezarr_converters.models.plate_facts import PlateFacts
from fractal_omezarr_converters.models.well_names import plate_shape

if TYPE_CHECKING:
    import numpy.typing as npt

    from fractal_omezarr_converters.core.tile_table import TileTable

    type Floats = npt.NDArray[np.float64]

DETAILS_FILE = "acquisition_details.toml"
FILES_SHOWN = 20
DISAGREEMENT = 0.01
KINDS: dict[str, Kind] = {"Plate": "plate", "Single images": "images"}


class TileTableOptions(FormatOptions):
    """Options of tile tables."""

    model_config = ConfigDict(title="Tile Table Options")

    table: str | None = Field(default=None, title="Table")
    """Name of the table in the folder. Empty: `tiles.csv` or `tiles.parquet`."""
    kind: Literal["Auto", "Plate", "Single images"] = Field(default="Auto", title="Kind")
    """What the rows are. Auto: a plate when there are columns `well` or `row` and `column`, else single images."""
    plate_type: str | None = Field(default=None, title="Plate Type")
    """Number of wells of the plate (6, 12, 24, 48, 96, 384, 1536) or rows x columns, such as `16 x 24`, so that all its wells are
    known. Empty: the smallest of these plates that holds the wells of the table."""
    missing_files: Literal["Stop", "Leave empty"] = Field(default="Stop", title="Missing Files")
    """What to do when files of the table are not there: stop, or leave their planes empty and report them."""
    read_headers: bool = Field(default=True, title="Read Headers")
    """Compare sizes and pixel sizes in the header of every file with the table before anything is converted."""

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
    ) -> Scan:
        """Read the table and the headers of its files; no pixel is read.

        Args:
            source: the folder of the table, or the table itself.
            options: :class:`TileTableOptions`.
            plate_name: plate (or image, for single images) of rows that do not name theirs.
            acquisition: acquisition of rows that do not name theirs.

        Raises:
            ConvertersToolsUserError: table, TOML or files are wrong; all that is wrong is listed.
        """
        chosen = self.checked_options(options)
        if not isinstance(chosen, TileTableOptions):
            chosen = TileTableOptions()
        table = self._table_file(Path(source).expanduser().absolute(), chosen)
        toml = table.parent / DETAILS_FILE
        fields = read_acquisition_toml(toml) if toml.is_file() else {}
        _check_condition_table(fields, toml)
        frame = read_frame(table)
        kind = KINDS.get(chosen.kind) or _kind(frame)
        tiles, states = _tiles(frame, fields, kind, (table, chosen, plate_name, acquisition))
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


def _check_condition_table(fields: Mapping[str, Any], toml: Path) -> None:
    path = fields.get("condition_table_path")
    if path and "://" not in path and not Path(path).is_file():
        raise ConvertersToolsFileNotFoundError(
            f"'{toml}' names the condition table '{path}', which does not exist; correct condition_table_path."
        )


def _tiles(
    frame: Frame, fields: dict[str, Any], kind: Kind, asked: tuple[Path, TileTableOptions, str | None, int]
) -> tuple[TileTable, PlaneStates]:
    table, options, plate_name, acquisition = asked
    details = AcquisitionDetails.model_validate(fields)
    loaders_of_frame(frame)  # the columns of files and selections must be right before files are looked for
    missing, found = _find_all(frame, table.parent, leave=options.missing_files == "Leave empty")
    places = places_of_frame(frame, kind, plate_name, acquisition, plate_name or table.parent.name)
    loaders = loaders_of_frame(frame)
    if found.plain is not None and "series" not in loaders.blocks[0].columns():  # a series may lie in several files
        loaders.blocks[0].looked_at(found.plain, found.size, found.mtime_ns)
    frame.raise_problems()
    present = ~missing
    headers = None
    if options.read_headers:
        rows = np.flatnonzero(present)
        headers = read_headers(loaders.select(rows), details.axes, places.image[rows])
    stated = _spread(headers, present, fields) if headers else {}
    tiles = tiles_of_frame(
        frame,
        details=details,
        places=places,
        loaders=loaders,
        kind=kind,
        headers=stated,
        axes_stated="axes" in fields,
        absent=missing,
    )
    if headers is not None:
        _check_shapes(frame, headers, present, tiles)
        frame.notes += _compare_sizes(frame.name, headers, tiles.select(np.flatnonzero(present)))
    _say_what_is_unknown(frame, fields, stated, tiles)
    frame.raise_problems()
    present &= _first_of_repeats(frame, tiles)
    states = PlaneStates()
    planes = np.rint(_pixel_lengths(tiles)[:, :3].prod(axis=1)).astype(np.int64)
    states.present = int(planes[present].sum())
    for row in np.flatnonzero(missing).tolist():
        states.count("missing_file", str(frame.columns[FILE_COLUMN][row]), int(planes[row]))
    return (tiles if present.all() else tiles.select(np.flatnonzero(present))), states


def _first_of_repeats(frame: Frame, tiles: TileTable) -> npt.NDArray[np.bool_]:
    """False for rows that repeat an earlier one, place and source alike; they are noted and used once."""
    first = np.ones(len(tiles), dtype=bool)
    columns = [tiles.collection, tiles.fov, *np.ascontiguousarray(tiles.start.T)]
    if not may_have_equal_rows(columns):
        return first
    places = np.column_stack(columns)
    _, number, count = np.unique(places, axis=0, return_inverse=True, return_counts=True)
    shared = np.flatnonzero(count[number.ravel()] > 1)
    if not len(shared):
        return first
    keys = np.column_stack([number.ravel()[shared], tiles.loaders.select(shared).identity()])
    kept = np.unique(keys, axis=0, return_index=True)[1]
    repeats = np.delete(shared, kept)
    if len(repeats):
        first[repeats] = False
        lines = ", ".join(str(frame.lines[row]) for row in repeats[:FILES_SHOWN].tolist())
        more = ", ..." if len(repeats) > FILES_SHOWN else ""
        frame.notes.append(f"{frame.name}: rows that repeat an earlier row are used once (row {lines}{more}).")
    return first


def _find_all(frame: Frame, folder: Path, *, leave: bool) -> tuple[npt.NDArray[np.bool_], FoundFiles]:
    """Make the paths of the frame absolute; give the rows whose file is missing, and what was found of all."""
    texts = frame.needed_text(FILE_COLUMN)
    names = texts
    if any("#" in text for text in texts):
        names = [DefaultImageLoader(file_path=text).file_path if "#" in text else text for text in texts]
    found = find_files(folder, names)
    lost = set(found.missing) - {""}
    if lost and not leave:
        listed = [name for name in found.missing if name]
        more = f" and {len(listed) - FILES_SHOWN} more" if len(listed) > FILES_SHOWN else ""
        frame.problems.append(
            f"{frame.name} names {len(listed)} file{'s' * (len(listed) > 1)} that cannot be found beside it:"
            f" {', '.join(listed[:FILES_SHOWN])}{more}; correct 'file_path' or copy the files."
        )
    absolute = found.paths
    if names is not texts:
        absolute = [path + text[len(name) :] for path, text, name in zip(found.paths, texts, names)]
        found = found._replace(plain=None)
    frame.shown[FILE_COLUMN] = frame.columns[FILE_COLUMN]
    frame.columns[FILE_COLUMN] = (
        [path if text else None for path, text in zip(absolute, texts)] if "" in texts else absolute
    )
    if not lost:
        return np.zeros(len(names), dtype=bool), found
    missing: npt.NDArray[np.bool_] = np.array([name in lost for name in names], dtype=bool)
    if missing.all() and leave and len(missing):
        frame.problems.append(f"{frame.name}: none of its files can be found beside it; copy the files there.")
    return missing, found


def _spread(headers: Headers, present: npt.NDArray[np.bool_], fields: Mapping[str, Any]) -> dict[str, Floats]:
    """Give what headers say for fields that the TOML leaves open, for all rows."""
    spread = {}
    for name, values in headers.stated().items():
        if name in fields or (name == "y_pixel_size" and "xy_pixel_size" in fields):
            continue
        spread[name] = np.full(len(present), np.nan)
        spread[name][present] = values
    return spread


def _pixel_lengths(tiles: TileTable) -> Floats:
    world = np.array(
        [
            [axis != "c" and getattr(each, f"length_{axis}_space") == "world" for axis in "tczyx"]
            for each in tiles.acquisitions
        ]
    )[tiles.acquisition]
    return np.where(world, tiles.length / tiles.steps(), tiles.length)


def _check_shapes(frame: Frame, headers: Headers, present: npt.NDArray[np.bool_], tiles: TileTable) -> None:
    rows = np.flatnonzero(present)
    reasons = wrong_shapes(headers, _pixel_lengths(tiles)[rows])
    for reason in list(reasons)[:FILES_SHOWN]:
        frame.wrong(FILE_COLUMN, rows[reasons[reason]].tolist(), reason)
    if len(reasons) > FILES_SHOWN:
        frame.problems.append(f"{frame.name}: {len(reasons) - FILES_SHOWN} more kinds of mistakes like these.")


def _compare_sizes(name: str, headers: Headers, tiles: TileTable) -> list[str]:
    """Say where headers and what is used differ by more than 1 %."""
    notes = []
    steps = tiles.steps()
    used = {"x": steps[:, 4], "y": steps[:, 3], "z": steps[:, 2], "t": steps[:, 0]}
    timed = np.array(["t" in each.axes for each in tiles.acquisitions])[tiles.acquisition]
    for axis, field in FIELDS.items():
        said = headers.physical(axis)
        differ = np.abs(said - used[axis]) > DISAGREEMENT * used[axis]
        rows = np.flatnonzero(differ & timed if axis == "t" else differ)
        if not len(rows):
            continue
        row = int(rows[0])
        files = len(np.unique(headers.index[rows]))
        others = f" and {files - 1} more files" if files > 1 else ""
        unit = "s" if axis == "t" else "µm"
        notes.append(
            f"{name}: {field} along {axis} is {used[axis][row]:g} {unit} as stated, but the header of"
            f" {tiles.loaders.loader(row).describe_source()}{others} says {said[row]:g} {unit};"
            f" {used[axis][row]:g} {unit} is used."
        )
    return notes


def _say_what_is_unknown(
    frame: Frame, fields: Mapping[str, Any], stated: Mapping[str, Floats], tiles: TileTable
) -> None:
    """Note pixel sizes that nothing states, so that 1.0 is used."""
    several = {"xy_pixel_size": True}
    for number, name in ((2, "z_spacing"), (0, "t_spacing")):
        several[name] = bool((tiles.length[:, number] > 1).any() or len(np.unique(tiles.start[:, number])) > 1)
    for name, matters in several.items():
        columns = (name, OLDER_SIZE_COLUMN) if name == "xy_pixel_size" else (name,)
        known = name in fields or any(column in frame for column in columns)
        heard = name in stated and not np.isnan(stated[name]).all()
        if matters and not known and not heard:
            unit = "s per frame" if name == "t_spacing" else "µm"
            frame.notes.append(
                f"{frame.name}: {name} is stated nowhere (column, {DETAILS_FILE}, file headers); 1.0 {unit} is used."
            )
