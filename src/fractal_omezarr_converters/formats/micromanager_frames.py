"""What Micro-Manager says of one frame, whatever kind of file it is said in, and of the acquisition as a whole.

Source: Micro-Manager 1.4 and 2.0, Pycro-Manager: keys of the metadata of frames (https://micro-manager.org/Micro-Manager_File_Formats).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from fractal_omezarr_converters.formats.clock_times import seconds_of

#: What goes to its own axis of the result; an axis of any other name becomes part of the channel.
KNOWN_AXES = ("position", "time", "z", "channel", "row", "column")
INDEX_KEYS = {
    "position": ("PositionIndex", "position"),
    "time": ("FrameIndex", "time", "Frame"),
    "z": ("SliceIndex", "z", "Slice"),
    "channel": ("ChannelIndex", "channel"),
}
_CLOCK = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d+)?) ?([+-]\d\d):?(\d\d)")

type AxisValue = int | str


class FrameFacts(NamedTuple):
    """What is said of one frame: µm on the stage, s since the start, s since 1970-01-01 UTC, µm per pixel, pixels."""

    x: float | None = None
    y: float | None = None
    height: float | None = None
    seconds: float | None = None
    clock: float | None = None
    pixel: float | None = None
    affine: str = ""
    label: str = ""
    channel: str = ""
    exposure_ms: float | None = None
    width: int | None = None
    rows: int | None = None
    is_colour: bool = False


class RawPlane(NamedTuple):
    """One frame with its place by Micro-Manager's axes, and where its pixels are.

    ``offset`` is where they begin in the file, None when they are not in one piece; ``stored`` is their type there.
    """

    axes: Mapping[str, AxisValue]
    facts: FrameFacts
    file: str
    page: int | None
    offset: int | None = None
    stored: str = ""


@dataclass(frozen=True)
class StatedPlate:
    """Row and column of the well (from 1) and site (from 0) of positions by their labels, and the size of the plate."""

    sites: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    rows: int | None = None
    columns: int | None = None


@dataclass
class Acquired:
    """One acquisition: ``layout`` is the kind of files, ``folder`` is what the names of the files are relative to."""

    layout: str
    described_in: Path
    folder: Path
    name: str
    planes: list[RawPlane] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    metadata_files: list[str] = field(default_factory=list)
    plate: StatedPlate = field(default_factory=StatedPlate)


def frame_facts(said: Mapping[str, Any]) -> FrameFacts:
    """Take what counts from the metadata of one frame; a place that was intended goes before one that was read."""
    return FrameFacts(
        x=_first(said, "XPosition_um_Intended", "XPositionUm"),
        y=_first(said, "YPosition_um_Intended", "YPositionUm"),
        height=_first(said, "ZPosition_um_Intended", "ZPositionUm"),
        seconds=None if (elapsed := number(said.get("ElapsedTime-ms"))) is None else elapsed / 1000,
        clock=_clock(said.get("ReceivedTime") or said.get("Time")),
        pixel=_first(said, "PixelSizeUm", "PixelSize_um"),
        affine=_affine_text(said.get("PixelSizeAffine")),
        label=_text(said.get("PositionName")),
        channel=_text(said.get("Channel")),
        exposure_ms=_first(said, "Exposure-ms", "Exposure"),
        width=whole(said.get("Width")),
        rows=whole(said.get("Height")),
        is_colour=_text(said.get("PixelType")).startswith("RGB"),
    )


def index_axes(*said: Mapping[str, Any]) -> dict[str, AxisValue]:
    """Give position, time, z and channel by their numbers; what is not said first is looked for in the others."""
    found: dict[str, AxisValue] = {}
    for axis, keys in INDEX_KEYS.items():
        found[axis] = _first_whole(said, keys)
    return found


def _first_whole(said: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> int:
    """The first whole number under any of some names; 0 when there is none."""
    for each in said:
        for key in keys:
            if key in each and (value := whole(each[key])) is not None:
                return value
    return 0


def number(value: Any) -> float | None:
    """Give a finite number, also one written as text or as a typed value; None for anything else."""
    value = _plain(value)
    if type(value) not in (float, int, str):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def whole(value: Any) -> int | None:
    """Give a whole number, None for anything else."""
    found = number(value)
    return int(found) if found is not None and found == int(found) else None


def _plain(value: Any) -> Any:
    """Values of some versions are typed: ``{"type": "DOUBLE", "scalar": 0.65}``."""
    return value.get("scalar", value.get("array")) if isinstance(value, dict) else value


def _text(value: Any) -> str:
    value = _plain(value)
    return value.strip() if isinstance(value, str) else ""


def _affine_text(value: Any) -> str:
    value = _plain(value)
    return ";".join(map(str, value)) if isinstance(value, list) else _text(value)


def _first(said: Mapping[str, Any], *keys: str) -> float | None:
    for key in keys:
        if key in said and (found := number(said[key])) is not None:
            return found
    return None


def _clock(stamp: Any) -> float | None:
    """Only times with their distance from UTC; ``2022-08-23 09:11:45 -`` could be anywhere on earth."""
    found = _CLOCK.match(_text(stamp))
    return seconds_of("{}T{}{}:{}".format(*found.groups())) if found else None
