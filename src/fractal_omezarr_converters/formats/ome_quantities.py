"""Numbers of OME-XML with their units: attributes such as ``PositionX`` beside ``PositionXUnit``.

Schemas up to 2013-06 state no units and mean µm and s. The unit ``reference frame`` of positions is taken for µm, which is what
every instrument that writes it means.
"""

from __future__ import annotations

from decimal import Decimal

from fractal_omezarr_converters.formats.units import Target, exact_factor, known_units
from fractal_omezarr_converters.formats.xml_records import XmlRecord

MAX_POSITION_UM = 1e7


def positive_quantity(record: XmlRecord, name: str, target: Target) -> float | None:
    """Give an attribute as :func:`quantity` does; None also for what is not above 0."""
    found = quantity(record, name, target)
    return found if found is not None and found > 0 else None


def position(record: XmlRecord, name: str, pixel_um: float | None = None) -> float | None:
    """Give a position on the stage in µm; None when it is absent.

    Args:
        record: the element that states it.
        name: its attribute, whose unit is in the attribute ``<name>Unit``.
        pixel_um: µm per pixel along this axis, for positions that are stated in pixels.

    Raises:
        ConvertersToolsUserError: it is no number, has an unknown unit, or lies where no stage reaches.
    """
    if pixel_um is not None and record.attributes.get(f"{name}Unit", "").strip() == "pixel":
        value = pixel_um * record.attribute_number(name) if _states(record, name) else None
    else:
        value = quantity(record, name, "µm")
    if value is not None and abs(value) > MAX_POSITION_UM:
        raise record.attribute_problem(name, f"is {value:g} µm, which no stage reaches")
    return value


def quantity(record: XmlRecord, name: str, target: Target) -> float | None:
    """Give an attribute with its unit, in the target's unit; None when it is absent.

    Raises:
        ConvertersToolsUserError: it is no number, or has an unknown unit.
    """
    if not _states(record, name):
        return None
    stated = record.attributes.get(f"{name}Unit", "").strip()
    factor = exact_factor(stated if stated and stated != "reference frame" else target, target)
    if factor is None:
        raise record.attribute_problem(name, f"has the unit '{stated}'; units known here are {known_units(target)}")
    record.attribute_number(name)
    return float(Decimal(record.attribute(name)) * factor)


def _states(record: XmlRecord, name: str) -> bool:
    """Say whether an attribute holds a value; ``NaN`` is how programs write that they know none."""
    return record.attributes.get(name, "").strip().lower() not in ("", "nan")
