"""From frames of Micro-Manager, by whatever axes they were taken, to the planes of a measurement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.micromanager_frames import (
    KNOWN_AXES,
    Acquired,
    AxisValue,
    RawPlane,
    number,
    whole,
)
from fractal_omezarr_converters.formats.micromanager_places import (
    FreePositions,
    PositionKey,
    StageFrame,
    grid_cell,
    key_of,
    listed_position,
    listed_xy,
    name_of,
    places_of,
    stage_frame,
)
from fractal_omezarr_converters.formats.natural_order import natural
from fractal_omezarr_converters.formats.plane_records import ChannelFacts, Frame, PlaneRecord

PLACEHOLDER = 1.0
NOTHING_SAID = ("", "Default")
SAME_SIZE = 0.01

type ChannelKey = tuple[AxisValue, ...]


@dataclass
class FramePlanes:
    """Records of all planes; ``has_places`` is False when nothing says where the fields lie."""

    planes: list[PlaneRecord]
    frames: list[Frame]
    channels: dict[int, ChannelFacts]
    positions: dict[str, str]
    has_places: bool


def frame_planes(found: Acquired, pixel_size: float | None, free: FreePositions) -> FramePlanes:
    """Number wells, fields, channels, z and t, and lay the fields out.

    Raises:
        ConvertersToolsUserError: there is no frame.
    """
    raw = found.planes
    if not raw:
        raise ConvertersToolsUserError(f"'{found.described_in}' describes no image; nothing was acquired.")
    raw = _told_apart_by_name(found)
    keys = [key_of(each) for each in raw]
    places = places_of(keys, free, found.warnings, found.plate.sites)
    pixels = _pixel_sizes(found, pixel_size)
    centres = _centres(found, keys, pixels)
    frames: dict[Frame, int] = {}
    times, depths = ([_value(each, axis) for each in raw] for axis in ("time", "z"))
    t_of, z_of = _numbers(times), _numbers(depths)
    custom = _custom_axes(found)
    colours = [_channel_key(each, custom) for each in raw]
    channels, number_of = _channels(found, colours, custom)
    planes: list[PlaneRecord] = []
    for each, key, colour, pixel in zip(raw, keys, colours, pixels, strict=True):
        facts = each.facts
        frame = frames.setdefault(Frame(facts.width or None, facts.rows or None, *pixel), len(frames))
        x, y = centres.get(key, (0.0, 0.0))
        planes.append(
            PlaneRecord(
                *places[key],
                channel=number_of[colour],
                z=z_of.get(each.axes.get("z"), 0),
                t=t_of.get(each.axes.get("time"), 0),
                file=each.file or None,
                x=x,
                y=y,
                height=facts.height,
                seconds=facts.seconds,
                clock=facts.clock,
                page=each.page,
                frame=frame,
            )
        )
    labels = {
        f"{_well_of(places[key])} FOV_{places[key].field}": name_of(key)
        for key in sorted(places, key=lambda key: places[key])
    }
    return FramePlanes(planes, list(frames), channels, labels, bool(centres) or len(places) == 1)


def _well_of(place: tuple[int, int, int]) -> str:
    return PlaneRecord(*place, 0, 0, 0, None).well


def _value(each: RawPlane, axis: str) -> AxisValue | None:
    return each.axes.get(axis)


def _numbers(values: Sequence[AxisValue | None]) -> dict[AxisValue | None, int]:
    """Number the values of an axis: numbers stay what they are, names are counted; a frame without a value is at the first."""
    there = {each for each in values if each is not None}
    names = sorted((each for each in there if isinstance(each, str)), key=natural)
    numbers = sorted(each for each in there if isinstance(each, int))
    first = numbers[-1] + 1 if numbers else 0
    found: dict[AxisValue | None, int] = {each: each for each in numbers}
    found.update({name: first + rank for rank, name in enumerate(names)})
    found[None] = min(found.values(), default=0)
    return found


def _told_apart_by_name(found: Acquired) -> list[RawPlane]:
    """Give channels their names instead of numbers where frames of different names have the same number.

    Cameras multiply the number of a channel: one that two cameras take, and the next that one takes, are 0, 1, and 1 again.
    """
    names: dict[AxisValue | None, set[str]] = defaultdict(set)
    for each in found.planes:
        names[each.axes.get("channel")].add(each.facts.channel)
    if all(len(each) == 1 for each in names.values()):
        return found.planes
    first: dict[frozenset[tuple[str, AxisValue]], str] = {}
    ambiguous = False
    for each in found.planes:
        ambiguous |= first.setdefault(frozenset(each.axes.items()), each.facts.channel) != each.facts.channel
    if not ambiguous:
        return found.planes
    found.warnings.append(
        "Frames of different channels have the same channel number, as with several cameras; their names tell them apart."
    )
    found.planes = [each._replace(axes={**each.axes, "channel": each.facts.channel}) for each in found.planes]
    return found.planes


def _custom_axes(found: Acquired) -> list[str]:
    """Axes that are none of ours and have more than one value; each of their values becomes a channel of its own."""
    values: dict[str, set[AxisValue | None]] = defaultdict(set)
    names = {axis for each in found.planes for axis in each.axes if axis not in KNOWN_AXES}
    for each in found.planes if names else ():
        for axis in names:
            values[axis].add(each.axes.get(axis))
    custom = sorted(axis for axis, there in values.items() if len(there) > 1)
    if custom:
        found.warnings.append(
            f"The axes {', '.join(map(repr, custom))} have no place in an image; each of their values is a channel of its own."
        )
    return custom


def _channel_key(each: RawPlane, custom: Sequence[str]) -> ChannelKey:
    return each.axes.get("channel", 0), *(each.axes.get(axis, "") for axis in custom)


def _channels(
    found: Acquired, colours: Sequence[ChannelKey], custom: Sequence[str]
) -> tuple[dict[int, ChannelFacts], dict[ChannelKey, int]]:
    """Number and name the channels; names as on the axis, in the summary, or in the frames if those tell channels apart."""
    listed = found.summary.get("ChNames")
    named = [str(each) for each in listed] if isinstance(listed, list) else []
    first: dict[ChannelKey, RawPlane] = {}
    for colour, each in zip(colours, found.planes, strict=True):
        first.setdefault(colour, each)
    by_frame = {colour: each.facts.channel for colour, each in first.items()}
    # a list that is too short says nothing of any place in it: cameras multiply the channels
    is_listed = all(colour[0] < len(named) for colour in first if isinstance(colour[0], int))
    tells_apart = len(set(by_frame.values())) == len({colour[0] for colour in first})
    names = list(dict.fromkeys([*named, *(str(colour[0]) for colour in first)]))
    order = sorted(first, key=lambda colour: _order(colour, names))
    are_numbers = not custom and all(isinstance(colour[0], int) for colour in order)
    numbers = {colour: int(colour[0]) if are_numbers else rank for rank, colour in enumerate(order)}
    channels: dict[int, ChannelFacts] = {}
    for colour, each in first.items():
        value = colour[0]
        if isinstance(value, str):
            name = value
        elif 0 <= value < len(named) and (is_listed or not tells_apart):
            name = named[value]
        else:
            name = by_frame[colour] if tells_apart else ""
        name = "" if name in NOTHING_SAID else name
        added = [f"{axis} {value}" for axis, value in zip(custom, colour[1:], strict=True) if value != ""]
        channels[numbers[colour]] = ChannelFacts(
            name=" ".join([name or (f"channel_{value}" if added else ""), *added]).strip(),
            samples=3 if each.facts.is_colour else None,
            facts={"exposure_ms": each.facts.exposure_ms},
        )
    return channels, numbers


def _order(colour: ChannelKey, names: Sequence[str]) -> tuple[Any, ...]:
    """Channels by number; names in the order of the summary, else as they were taken."""
    value, *others = colour
    place = value if isinstance(value, int) else names.index(value)
    return place, *((0, each, ()) if isinstance(each, int) else (1, 0, natural(each)) for each in others)


@cache
def _frame_of(affine: str) -> StageFrame | None:
    return stage_frame(affine)


def _pixel_sizes(found: Acquired, wanted: float | None) -> list[tuple[float, float]]:
    """µm per pixel along x and y of every frame: the option, else the frame, the summary, the affine."""
    if wanted:
        return [(wanted, wanted)] * len(found.planes)
    summary = number(found.summary.get("PixelSize_um"))
    sizes: list[tuple[float, float]] = []
    guessed = 0
    for each in found.planes:
        turned = _frame_of(each.facts.affine)
        stated = each.facts.pixel or summary or 0.0
        if turned is not None and (
            stated <= 0 or abs(turned.pixel_x / turned.pixel_y - 1) > SAME_SIZE or stated == PLACEHOLDER
        ):
            sizes.append((round(turned.pixel_x, 9), round(turned.pixel_y, 9)))
            continue
        guessed += stated <= 0 or stated == PLACEHOLDER
        sizes.append((stated, stated) if stated > 0 else (PLACEHOLDER, PLACEHOLDER))
    if guessed:
        found.warnings.append(
            f"'{found.described_in}' states a pixel size of 0 or 1 µm, as it is without a calibration; 1 µm is used. Give the"
            " pixel size in the options if it is another."
        )
    return sizes


def _centres(
    found: Acquired, keys: Sequence[PositionKey], pixels: Sequence[tuple[float, float]]
) -> dict[PositionKey, tuple[float, float]]:
    """Centre (x, y) of every position in µm in the image frame; empty when nothing says where they lie."""
    first: dict[PositionKey, int] = {}
    stage: dict[PositionKey, list[tuple[float, float]]] = defaultdict(list)
    for at, (key, each) in enumerate(zip(keys, found.planes, strict=True)):
        first.setdefault(key, at)
        if each.facts.x is not None and each.facts.y is not None:
            stage[key].append((each.facts.x, each.facts.y))
    tiled = len({key.position for key in first}) == 1 and all(
        key.row is not None and key.column is not None for key in first
    )
    if tiled and len(first) > 1:
        return _grid(found, first, pixels)
    centres: dict[PositionKey, tuple[float, float]] = {}
    for key, at in first.items():
        if stage[key]:
            # the stage comes back to nearly the same place; a field has one
            place = median(x for x, _ in stage[key]), median(y for _, y in stage[key])
        elif (listed := listed_xy(listed_position(found.summary, key))) is not None:
            place = listed
        else:
            return _grid(found, first, pixels)
        turned = _frame_of(found.planes[at].facts.affine)
        centres[key] = turned.turned(*place) if turned is not None else place
    if len(first) > 1 and len(set(centres.values())) == 1:
        found.warnings.append("All positions have the same place on the stage; give a field grid in the options.")
    return centres


def _grid(
    found: Acquired, first: Mapping[PositionKey, int], pixels: Sequence[tuple[float, float]]
) -> dict[PositionKey, tuple[float, float]]:
    """Lay positions out by rows and columns, with the overlap that the summary states; empty when a cell is not known."""
    overlap_x, overlap_y = (whole(found.summary.get(f"GridPixelOverlap{axis}")) or 0 for axis in "XY")
    centres: dict[PositionKey, tuple[float, float]] = {}
    for key, at in first.items():
        cell = grid_cell(key, listed_position(found.summary, key))
        facts = found.planes[at].facts
        if cell is None or facts.width is None or facts.rows is None:
            return {}
        pixel_x, pixel_y = pixels[at]
        centres[key] = (
            (cell[1] * (facts.width - overlap_x) + facts.width / 2) * pixel_x,
            (cell[0] * (facts.rows - overlap_y) + facts.rows / 2) * pixel_y,
        )
    return centres
