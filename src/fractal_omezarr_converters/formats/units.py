"""Units as vendors write them, turned into the units of this package: µm, seconds, nm for wavelengths."""

from __future__ import annotations

from typing import Literal

Target = Literal["µm", "s", "nm"]

_METRES = {
    "m": 1.0,
    "cm": 1e-2,
    "mm": 1e-3,
    "µm": 1e-6,
    "um": 1e-6,
    "micron": 1e-6,
    "microns": 1e-6,
    "micrometer": 1e-6,
    "micrometre": 1e-6,
    "nm": 1e-9,
    "pm": 1e-12,
    "å": 1e-10,
}
_SECONDS = {
    "s": 1.0,
    "sec": 1.0,
    "ms": 1e-3,
    "µs": 1e-6,
    "us": 1e-6,
    "ns": 1e-9,
    "min": 60.0,
    "h": 3600.0,
    "d": 86400.0,
}


def factor(unit: str, target: Target) -> float | None:
    """Give the number a value in ``unit`` is multiplied with to be in ``target``; None when the unit is not known."""
    # Two code points look like a micro sign: U+00B5 and the Greek letter U+03BC.
    written = unit.strip().replace("\u03bc", "\u00b5").lower()
    if target == "s":
        return _SECONDS.get(written)
    metres = _METRES.get(written)
    if metres is None:
        return None
    # Powers of ten are exact one way only: dividing by 1e-6 would not give the nearest double.
    return metres * (1e6 if target == "µm" else 1e9)


def known_units(target: Target) -> str:
    """List the units that :func:`factor` understands for a target, for error messages."""
    return ", ".join(_SECONDS if target == "s" else _METRES)
