"""Units as vendors write them, turned into the units of this package: µm, seconds, nm for wavelengths."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

Target = Literal["µm", "s", "nm"]

_METRES = {
    "m": Decimal(1),
    "cm": Decimal("1e-2"),
    "mm": Decimal("1e-3"),
    "µm": Decimal("1e-6"),
    "um": Decimal("1e-6"),
    "micron": Decimal("1e-6"),
    "microns": Decimal("1e-6"),
    "micrometer": Decimal("1e-6"),
    "micrometre": Decimal("1e-6"),
    "nm": Decimal("1e-9"),
    "pm": Decimal("1e-12"),
    "å": Decimal("1e-10"),
}
_SECONDS = {
    "s": Decimal(1),
    "sec": Decimal(1),
    "ms": Decimal("1e-3"),
    "µs": Decimal("1e-6"),
    "us": Decimal("1e-6"),
    "ns": Decimal("1e-9"),
    "min": Decimal(60),
    "h": Decimal(3600),
    "d": Decimal(86400),
}


def exact_factor(unit: str, target: Target) -> Decimal | None:
    """Give the number a value in ``unit`` is multiplied with to be in ``target``; None when the unit is not known.

    Decimal, so that the text ``6.5E-07`` in m becomes exactly what ``0.65`` is in µm, not a last digit more or less.
    """
    # Two code points look like a micro sign: U+00B5 and the Greek letter U+03BC.
    written = unit.strip().replace("\u03bc", "\u00b5").lower()
    if target == "s":
        return _SECONDS.get(written)
    metres = _METRES.get(written)
    return None if metres is None else metres * (10**6 if target == "µm" else 10**9)


def known_units(target: Target) -> str:
    """List the units that :func:`exact_factor` understands for a target, for error messages."""
    return ", ".join(_SECONDS if target == "s" else _METRES)
