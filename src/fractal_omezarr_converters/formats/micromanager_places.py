"""Where positions of Micro-Manager lie: wells and fields by their labels, and places in the image frame by the stage.

Source: labels of the HCS Site Generator (``A1-Site_0``) and of the grid of the stage position list (``1-Pos003_001``: column,
row). ``PixelSizeAffine`` (a;b;tx;c;d;ty, µm per pixel) leads from pixels to the stage; its inverse leads back.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.micromanager_frames import AxisValue, RawPlane, number, whole
from fractal_omezarr_converters.formats.natural_order import natural
from fractal_omezarr_converters.models.well_names import parse_well, row_index, row_name

MAX_ROW, MAX_COLUMN = 32, 48
COLUMNS_OF_96 = 12
_SITE = re.compile(r"(?P<well>[A-Za-z]{1,2}\d{1,2})[-_ ]+Site[-_ ]?(?P<site>\d+)", re.IGNORECASE)
_WELL = re.compile(r"[A-Za-z]{1,2}\d{1,2}")
_GRID = re.compile(r".*-Pos_?(?P<column>\d+)_(?P<row>\d+)", re.IGNORECASE)

type FreePositions = Literal["one well", "own wells"]


class PositionKey(NamedTuple):
    """What tells positions apart: their value on the axis, label, and row and column of a grid that is stitched."""

    position: AxisValue
    label: str
    row: int | None = None
    column: int | None = None


class Place(NamedTuple):
    """Row and column of the well and number of the field, all from 1."""

    row: int
    column: int
    field: int


class StageFrame(NamedTuple):
    """Inverse of the affine's directions (stage µm to image µm), and µm per pixel along x and y."""

    xx: float
    xy: float
    yx: float
    yy: float
    pixel_x: float
    pixel_y: float

    def turned(self, x: float, y: float) -> tuple[float, float]:
        """Give the place in the image frame in µm of a place on the stage."""
        return self.xx * x + self.xy * y, self.yx * x + self.yy * y


def stage_frame(affine: str) -> StageFrame | None:
    """Read an affine; None when it is not set (identity) or no use (not numbers, singular)."""
    values = [number(each) for each in affine.split(";")]
    if len(values) != 6 or any(each is None for each in values):
        return None
    a, b, _, c, d, _ = (each or 0.0 for each in values)
    determinant = a * d - b * c
    if (a, b, c, d) == (1.0, 0.0, 0.0, 1.0) or abs(determinant) < 1e-12:
        return None
    along_x, along_y = math.hypot(a, c), math.hypot(b, d)
    # the inverse gives pixels; times the size of a pixel along x and y it gives µm
    return StageFrame(
        d / determinant * along_x,
        -b / determinant * along_x,
        -c / determinant * along_y,
        a / determinant * along_y,
        along_x,
        along_y,
    )


def key_of(plane: RawPlane) -> PositionKey:
    """Give what tells the position of a frame from the others."""
    position = plane.axes.get("position", 0)
    label = position if isinstance(position, str) and not plane.facts.label else plane.facts.label
    return PositionKey(position, label, whole(plane.axes.get("row")), whole(plane.axes.get("column")))


def places_of(
    keys: Iterable[PositionKey], free: FreePositions, warnings: list[str], stated: Mapping[str, tuple[int, int, int]]
) -> dict[PositionKey, Place]:
    """Give every position its well and field: by its label, else as ``stated`` for it, else where ``free`` says.

    Raises:
        ConvertersToolsUserError: there are more free positions than wells.
    """
    wells: dict[tuple[int, int], list[tuple[PositionKey, int]]] = defaultdict(list)
    without: list[PositionKey] = []
    for key in sorted(set(keys), key=_natural):
        named = site_of(key.label) or (site_of(key.position) if isinstance(key.position, str) else None)
        named = named or stated.get(key.label)
        if named is None:
            without.append(key)
        else:
            wells[named[:2]].append((key, named[2]))
    found: dict[PositionKey, Place] = {}
    for (row, column), inside in wells.items():
        sites = [site for _, site in inside]
        repeated = len(set(sites)) < len(sites)
        for rank, (key, site) in enumerate(inside, 1):
            found[key] = Place(row, column, rank if repeated else site + 1)
    if without:
        found.update(_free_places(without, set(wells), free, warnings))
    return found


def _free_places(
    keys: Sequence[PositionKey], taken: set[tuple[int, int]], free: FreePositions, warnings: list[str]
) -> dict[PositionKey, Place]:
    names = list(dict.fromkeys(name_of(key) for key in keys))
    shown = ", ".join(f"'{name}'" for name in names[:4]) + (", ..." if len(names) > 4 else "")
    said = "1 position names" if len(keys) == 1 else f"{len(keys)} positions name"
    ways = (divmod(place, COLUMNS_OF_96) for place in range(MAX_ROW * COLUMNS_OF_96))
    unused = [(row + 1, column + 1) for row, column in ways if (row + 1, column + 1) not in taken]
    called = {key: well for key in keys if (well := _called_well(key)) is not None and well not in taken}
    what = "no well with a site" if called else "no well"
    if free == "one well":
        row, column = unused[0]
        more = "; 'own wells' puts each into the well of its name" if called else ""
        warnings.append(
            f"{said} {what} ({shown}); all that do not are fields of one well, {row_name(row)}{column:02d}"
            f" (option 'free_positions'{more})."
        )
        return {key: Place(row, column, rank) for rank, key in enumerate(keys, 1)}
    groups: dict[tuple[AxisValue, str], list[PositionKey]] = defaultdict(list)
    for key in keys:
        groups[key[:2]].append(key)
    if len(groups) > len(unused):
        raise ConvertersToolsUserError(
            f"{len(groups)} positions name no well, more than the {len(unused)} wells that are free; set the option"
            " 'free_positions' to 'one well'."
        )
    own: dict[tuple[int, int], list[PositionKey]] = {}
    for group in groups.values():
        if (well := called.get(group[0])) is not None:
            own.setdefault(well, group)
    in_turn = [group for group in groups.values() if own.get(called.get(group[0], (0, 0))) is not group]
    own.update(zip((well for well in unused if well not in own), in_turn, strict=False))
    warnings.append(
        f"{said} {what} ({shown}); each has a well of its own (option 'free_positions')"
        f"{', that of its name' if len(in_turn) < len(groups) else ''}."
    )
    return {key: Place(*well, rank) for well, group in own.items() for rank, key in enumerate(group, 1)}


def _called_well(key: PositionKey) -> tuple[int, int] | None:
    """Row and column (from 1) of a position whose whole name is that of a well."""
    name = name_of(key).strip()
    return _on_plate(name) if _WELL.fullmatch(name) else None


def name_of(key: PositionKey) -> str:
    """Name a position for people."""
    return key.label or (key.position if isinstance(key.position, str) else f"position {key.position}")


def site_of(label: str) -> tuple[int, int, int] | None:
    """Read row and column (from 1) and site (from 0) of a label of the HCS Site Generator; None for other labels."""
    found = _SITE.fullmatch(label.strip())
    well = _on_plate(found["well"]) if found is not None else None
    return (*well, int(found["site"])) if found is not None and well is not None else None


def _on_plate(name: str) -> tuple[int, int] | None:
    """Row and column (from 1) of a well; None for names of no well of any plate."""
    try:
        letters, column = parse_well(name)
    except ValueError:
        return None
    row = row_index(letters) + 1
    return (row, column) if row <= MAX_ROW and column <= MAX_COLUMN else None


def states_place(label: str) -> bool:
    """Say whether a label names a well and site, or a cell of a grid."""
    return site_of(label) is not None or _GRID.fullmatch(label) is not None


def grid_cell(key: PositionKey, listed: Mapping[str, Any]) -> tuple[int, int] | None:
    """Give the row and column of a position in a grid, by its axes, the list of positions, or its label."""
    if key.row is not None and key.column is not None:
        return key.row, key.column
    row, column = whole(listed.get("GridRow")), whole(listed.get("GridCol"))
    if row or column:
        return row or 0, column or 0
    found = _GRID.fullmatch(key.label or str(key.position))
    return (int(found["row"]), int(found["column"])) if found else None


def listed_position(summary: Mapping[str, Any], key: PositionKey) -> dict[str, Any]:
    """Find a position in the list of the summary, by its label, else by its number; empty when it is not there."""
    listed = summary.get("StagePositions")
    if not isinstance(listed, list):
        return {}
    known = [each for each in listed if isinstance(each, dict)]
    for each in known:
        if key.label and key.label in (each.get("Label"), each.get("label")):
            return each
    at = key.position
    return known[at] if isinstance(at, int) and 0 <= at < len(known) else {}


def listed_xy(listed: Mapping[str, Any]) -> tuple[float, float] | None:
    """Give x and y on the stage in µm as the list of positions states them, in its older and its newer words."""
    stage = listed.get("DefaultXYStage")
    for each in listed.get("DevicePositions") or []:
        values = each.get("Position_um")
        if (each.get("Device") == stage or not stage) and isinstance(values, list) and len(values) == 2:
            return number(values[0]) or 0.0, number(values[1]) or 0.0
    for each in listed.get("subpositions") or []:
        x, y = number(each.get("x")), number(each.get("y"))
        if x is not None and y is not None and (x or y):
            return x, y
    return None


def _natural(key: PositionKey) -> tuple[Any, ...]:
    """Order of positions: numbers by size, and numbers inside names, too."""
    at = key.position
    value = (0, at, ()) if isinstance(at, int) else (1, 0, natural(at))
    return (*value, natural(key.label), key.row or 0, key.column or 0)
