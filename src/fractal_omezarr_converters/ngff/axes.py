"""Axes of an image: name, type and unit, and how each version of OME-Zarr states them.

Source: OME-NGFF 0.4 and 0.5 section "axes" (order time, channel, space; UDUNITS names), 0.6 "axes" in coordinate systems.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsUserError

CANONICAL_ORDER = "tczyx"
DEFAULT_UNITS: Mapping[str, str | None] = {
    "t": "second",
    "c": None,
    "z": "micrometer",
    "y": "micrometer",
    "x": "micrometer",
}
_TYPES = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
_RANK = {"time": 0, "channel": 1, "space": 3}

_POWERS = {
    "yocto": -24, "zepto": -21, "atto": -18, "femto": -15, "pico": -12, "nano": -9, "micro": -6, "milli": -3, "centi": -2,
    "deci": -1, "": 0, "hecto": 2, "kilo": 3, "mega": 6, "giga": 9, "tera": 12, "peta": 15, "exa": 18, "zetta": 21, "yotta": 24,
}  # fmt: skip
# One unit in µm or in seconds, for the UDUNITS names that the specification lists.
SPACE_UNITS = {f"{prefix}meter": 10.0 ** (power + 6) for prefix, power in _POWERS.items()} | {
    "angstrom": 1e-4, "inch": 25_400.0, "foot": 304_800.0, "yard": 914_400.0, "mile": 1_609_344_000.0,
    "parsec": 3.0856775814913673e22,
}  # fmt: skip
TIME_UNITS = {f"{prefix}second": 10.0**power for prefix, power in _POWERS.items()} | {
    "minute": 60.0, "hour": 3600.0, "day": 86400.0,
}  # fmt: skip
_SHORT_FORMS = {
    "um": "micrometer", "µm": "micrometer", "μm": "micrometer", "micron": "micrometer", "nm": "nanometer", "mm": "millimeter",
    "cm": "centimeter", "m": "meter", "pm": "picometer", "Å": "angstrom", "s": "second", "sec": "second", "ms": "millisecond",
    "us": "microsecond", "µs": "microsecond", "μs": "microsecond", "ns": "nanosecond", "min": "minute", "h": "hour", "d": "day",
}  # fmt: skip


def written_out(unit: str | None) -> str | None:
    """The name of a unit of space or time as the specification lists it; None for what is neither."""
    name = _SHORT_FORMS.get(unit or "", unit)
    return name if name in SPACE_UNITS or name in TIME_UNITS else None


def in_own_unit(unit: str | None) -> float:
    """How many µm or seconds a unit is, whether its name is written out or not; 1 for units that are neither."""
    name = written_out(unit) or ""
    return SPACE_UNITS.get(name, TIME_UNITS.get(name, 1.0))


@dataclass(frozen=True)
class Axis:
    """One axis; ``more`` keeps whatever else a document says of it (longName, discrete, orientation)."""

    name: str
    type: str | None = None
    unit: str | None = None
    more: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """State the axis as a document of 0.4 or later does."""
        stated = {"name": self.name, "type": self.type, "unit": self.unit}
        return {key: value for key, value in stated.items() if value is not None} | dict(self.more)


@dataclass(frozen=True)
class Axes:
    """The axes of one image, in the order of its arrays' dimensions."""

    entries: tuple[Axis, ...]

    def __iter__(self) -> Iterator[Axis]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    @property
    def names(self) -> list[str]:
        """Names in order, which are the arrays' dimension names from 0.5 on."""
        return [axis.name for axis in self.entries]

    @property
    def letters(self) -> str:
        """Names as one string, such as ``czyx``; custom axes keep only their names' first letters."""
        return "".join(axis.name[:1] for axis in self.entries)

    @property
    def units(self) -> list[str | None]:
        """Units in order."""
        return [axis.unit for axis in self.entries]

    def index(self, name: str) -> int | None:
        """Return the position of an axis, None when the image does not have it."""
        return self.names.index(name) if name in self.names else None

    def to_json(self) -> list[dict[str, Any]]:
        """State the axes as a document of 0.4 or later does."""
        return [axis.to_json() for axis in self.entries]

    @classmethod
    def parse(cls, names: str | Sequence[str], units: Mapping[str, str | None] | None = None) -> Axes:
        """Make axes from letters such as ``tczyx``, in µm and seconds unless ``units`` says otherwise.

        Raises:
            ConvertersToolsUserError: the axes, or a unit, break a rule of the specification.
        """
        stated = {**DEFAULT_UNITS, **(units or {})}
        for name in names:
            _check_unit(name, stated.get(name))
        axes = cls(tuple(Axis(name, _TYPES.get(name), stated.get(name)) for name in names))
        axes.check()
        return axes

    @classmethod
    def from_json(cls, entries: Sequence[Any]) -> Axes:
        """Read axes as 0.3 (plain strings) and later versions (objects) state them, in whatever order they are.

        Raises:
            ConvertersToolsUserError: one is neither, or two have one name.
        """
        found = []
        for entry in entries:
            if isinstance(entry, str):
                found.append(Axis(entry, _TYPES.get(entry)))
                continue
            if not isinstance(entry, Mapping):
                raise ConvertersToolsUserError(
                    f"The axes of an image hold {entry!r}, which is no axis; convert it again."
                )
            more = {key: value for key, value in entry.items() if key not in ("name", "type", "unit")}
            found.append(Axis(str(entry.get("name")), entry.get("type"), entry.get("unit"), more))
        made = cls(tuple(found))
        if len(set(made.names)) != len(made):
            raise ConvertersToolsUserError(
                f"The axes of an image are {', '.join(made.names)}: one is named twice; convert it again."
            )
        return made

    def check(self) -> None:
        """Refuse axes that the specification does not allow.

        Raises:
            ConvertersToolsUserError: wrong number, repeated names, or an order other than time, channel, z, y, x.
        """
        names = "".join(self.names) if all(len(name) == 1 for name in self.names) else ", ".join(self.names)
        problem = self._problem()
        if problem:
            raise ConvertersToolsUserError(
                f"Axes '{names}' {problem}; OME-Zarr wants 2 to 5 different axes in the order t, c, z, y, x."
            )

    def _problem(self) -> str | None:
        types = [axis.type for axis in self.entries]
        spatial = [axis.name for axis in self.entries if axis.type == "space"]
        ranks = [_RANK.get(kind or "", 1) for kind in types]
        if not 2 <= len(self) <= 5:
            return f"are {len(self)} in number"
        if len(set(self.names)) != len(self):
            return "name one axis twice"
        if not 2 <= len(spatial) <= 3:
            return f"hold {len(spatial)} axes of space instead of 2 or 3"
        if types.count("time") > 1 or ranks.count(1) > 1:
            return "hold more than one time or channel axis"
        if ranks != sorted(ranks) or (set(spatial) <= set("zyx") and spatial != sorted(spatial, reverse=True)):
            return "are out of order"
        return None


def _check_unit(name: str, unit: str | None) -> None:
    """Refuse a unit that the specification does not list for time or space."""
    known = {"time": TIME_UNITS, "space": SPACE_UNITS}.get(_TYPES.get(name, ""))
    if known is not None and unit is not None and unit not in known:
        meant = _SHORT_FORMS.get(unit, "micrometer" if known is SPACE_UNITS else "second")
        raise ConvertersToolsUserError(
            f"The unit {unit!r} of the axis {name!r} is none that OME-Zarr knows; write its name out, such as {meant!r}."
        )
