"""The rows of a tile table as tiles: files are looked for, headers compared, repeats left out; every mistake is noted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from fractal_omezarr_converters.core.equal_rows import may_have_equal_rows
from fractal_omezarr_converters.core.frames import Frame
from fractal_omezarr_converters.core.table_details import OLDER_SIZE_COLUMN
from fractal_omezarr_converters.core.table_to_tiles import (
    FILE_COLUMN,
    Kind,
    check_numbers,
    loaders_of_frame,
    places_of_frame,
    tiles_of_frame,
)
from fractal_omezarr_converters.formats.contract import PlaneStates
from fractal_omezarr_converters.formats.tile_files import (
    FIELDS,
    FoundFiles,
    Headers,
    find_files,
    read_headers,
    wrong_shapes,
)
from fractal_omezarr_converters.models.acquisition import AcquisitionDetails
from fractal_omezarr_converters.models.loaders import DefaultImageLoader

if TYPE_CHECKING:
    import numpy.typing as npt

    from fractal_omezarr_converters.core.tile_table import TileTable

    type Floats = npt.NDArray[np.float64]

DETAILS_FILE = "acquisition_details.toml"
FILES_SHOWN = 20
DISAGREEMENT = 0.01


class Asked(NamedTuple):
    """What the user asks for, and the folder that paths of the table are relative to; ``sizes`` go before those of the table."""

    folder: Path
    kind: Kind
    plate_name: str | None
    acquisition: int
    read_headers: bool
    leave_missing: bool
    follow_links: bool
    sizes: Mapping[str, float | None]


def tiles_of_rows(frame: Frame, fields: dict[str, Any], asked: Asked) -> tuple[TileTable, PlaneStates]:
    """Make the tiles of a table, and count the planes whose files are missing.

    Args:
        frame: the table; its column of files is made absolute, and notes for the user are added.
        fields: what the acquisition states.
        asked: what the user asks for.

    Raises:
        ConvertersToolsUserError: the table cannot be used; every wrong row, column and file is listed.
    """
    details = AcquisitionDetails.model_validate(fields)
    loaders_of_frame(frame)  # the columns of files and selections must be right before files are looked for
    missing, found = _find_all(frame, asked)
    places = places_of_frame(
        frame, asked.kind, asked.plate_name, asked.acquisition, asked.plate_name or asked.folder.name
    )
    loaders = loaders_of_frame(frame)
    if found.plain is not None:
        loaders.looked_at(found.plain)
    if frame.problems:  # all that is wrong is said at once
        check_numbers(frame, details)
    frame.raise_problems()
    present = ~missing
    headers = None
    if asked.read_headers:
        rows = np.flatnonzero(present)
        headers = read_headers(loaders.select(rows), details.axes, places.image[rows])
    stated = _spread(headers, present, fields) if headers else {}
    tiles = tiles_of_frame(
        frame,
        details=details,
        places=places,
        loaders=loaders,
        kind=asked.kind,
        headers=stated,
        axes_stated="axes" in fields,
        absent=missing,
    )
    if asked.sizes:
        tiles = tiles.replaced(acquisitions=[each.model_copy(update=asked.sizes) for each in tiles.acquisitions])
    if headers is not None:
        _check_shapes(frame, headers, present, tiles)
        frame.notes += _compare_sizes(frame.name, headers, tiles.select(np.flatnonzero(present)))
    _say_what_is_unknown(frame, {**fields, **asked.sizes}, stated, tiles)
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


def _find_all(frame: Frame, asked: Asked) -> tuple[npt.NDArray[np.bool_], FoundFiles]:
    """Make the paths of the frame absolute; give the rows whose file is missing, and what was found of all."""
    texts = frame.needed_text(FILE_COLUMN)
    names = texts
    if "#" in "".join(texts):
        names = [DefaultImageLoader(file_path=text).file_path if "#" in text else text for text in texts]
    found = find_files(asked.folder, names, follow_links=asked.follow_links)
    lost = set(found.missing) - {""}
    outside = [name for name in found.outside if name not in lost]
    if lost and not asked.leave_missing:
        listed = [name for name in found.missing if name]
        frame.problems.append(
            f"{frame.name} names {_count(listed)} that cannot be found beside it: {_some(listed)}; correct 'file_path' or copy"
            " the files."
        )
    if outside:
        frame.problems.append(
            f"{frame.name} names {_count(outside)} outside its folder '{asked.folder}': {_some(outside)}; correct 'file_path',"
            " or switch on the option 'Follow Links' (follow_links) if this is intended."
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
    if missing.all() and asked.leave_missing and len(missing):
        frame.problems.append(f"{frame.name}: none of its files can be found beside it; copy the files there.")
    return missing, found


def _count(files: Sequence[str]) -> str:
    return "1 file" if len(files) == 1 else f"{len(files)} files"


def _some(files: Sequence[str]) -> str:
    more = f" and {len(files) - FILES_SHOWN} more" if len(files) > FILES_SHOWN else ""
    return ", ".join(files[:FILES_SHOWN]) + more


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
