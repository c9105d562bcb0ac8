"""One record of a vendor's XML file: elements by local name, values read with their type, errors that name the place."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import lru_cache

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.units import Target, exact_factor, known_units

type _Problem = Callable[[str, str], ConvertersToolsUserError]


class XmlRecord:
    """An element with its attributes, text and children; names are local names, without namespace or prefix.

    ``inside`` is the path of the element that a wanted record lies in, below the root.
    """

    __slots__ = ("_by_name", "attributes", "children", "file", "inside", "line", "name", "text")

    def __init__(self, name: str, attributes: dict[str, str], file: str, line: int) -> None:
        """Start an element; text and children follow while the file is read."""
        self.name = name
        self.attributes = attributes
        self.file = file
        self.line = line
        self.text = ""
        self.inside = ""
        self.children: list[XmlRecord] = []
        self._by_name: dict[str, XmlRecord] | None = None

    def __repr__(self) -> str:
        return f"<{self.name}> in {self.file}, line {self.line}"

    def child(self, name: str) -> XmlRecord | None:
        """Give the first child of this name, None when there is none; call it when the record is complete."""
        if self._by_name is None:
            self._by_name = {each.name: each for each in reversed(self.children)}
        return self._by_name.get(name)

    def forget_names(self) -> None:
        """Look children up anew; to be called by code that adds children to a record it has already looked into."""
        self._by_name = None

    def every(self, name: str) -> Iterator[XmlRecord]:
        """Give all children of this name."""
        return (each for each in self.children if each.name == name)

    def get(self, name: str) -> str | None:
        """Give the text of a child without surrounding blanks; None when the child is absent or empty."""
        found = self.child(name)
        return (found.text.strip() or None) if found is not None else None

    def required(self, name: str) -> str:
        """Give the text of a child that must be there and not empty."""
        value = self.get(name)
        if value is None:
            raise self.problem(name, "is missing or empty")
        return value

    def integer(
        self, name: str, *, least: int | None = None, most: int | None = None, default: int | None = None
    ) -> int:
        """Give a child that must be a whole number, within bounds; ``default`` stands for an absent or empty one."""
        value = self.required(name) if default is None else self.get(name)
        if value is None and default is not None:
            return default
        return self._whole_number(value or "", self.problem, name, (least, most))

    def _whole_number(self, value: str, problem: _Problem, name: str, bounds: tuple[int | None, int | None]) -> int:
        try:
            number = int(value)
        except ValueError as error:
            raise problem(name, f"is '{value}', which is not a whole number") from error
        least, most = bounds
        if (least is not None and number < least) or (most is not None and number > most):
            raise problem(name, f"is {number}; expected {_range(least, most)}")
        return number

    def number(self, name: str) -> float:
        """Give a child that must be a finite number, with a decimal point."""
        return self._finite_number(self.required(name), self.problem, name)

    def _finite_number(self, value: str, problem: _Problem, name: str) -> float:
        try:
            number = float(value)
        except ValueError as error:
            hint = " (a decimal comma?)" if "," in value else ""
            raise problem(name, f"is '{value}', which is not a number{hint}") from error
        if not math.isfinite(number):
            raise problem(name, f"is '{value}', which is not a finite number")
        return number

    def attribute(self, name: str) -> str:
        """Give an attribute that must be there and not empty, without surrounding blanks."""
        value = self.attributes.get(name, "").strip()
        if not value:
            raise self.attribute_problem(name, "is missing or empty")
        return value

    def attribute_integer(
        self, name: str, *, least: int | None = None, most: int | None = None, default: int | None = None
    ) -> int:
        """Give an attribute that must be a whole number, within bounds; ``default`` stands for an absent or empty one."""
        if default is not None and not self.attributes.get(name, "").strip():
            return default
        return self._whole_number(self.attribute(name), self.attribute_problem, name, (least, most))

    def attribute_number(
        self, name: str, *, least: float | None = None, most: float | None = None, default: float | None = None
    ) -> float:
        """Give an attribute that must be a finite number, within bounds; ``default`` stands for an absent or empty one."""
        if default is not None and not self.attributes.get(name, "").strip():
            return default
        number = self._finite_number(self.attribute(name), self.attribute_problem, name)
        if (least is not None and number < least) or (most is not None and number > most):
            raise self.attribute_problem(name, f"is {number:g}; expected {_range(least, most)}")
        return number

    def attribute_problem(self, name: str, what: str) -> ConvertersToolsUserError:
        """Make the error for an attribute of this record: file, line, element, attribute and what is wrong with it."""
        return ConvertersToolsUserError(
            f"{self.file}, line {self.line}: '{name}' of <{self.name}> {what}; correct it or export the data again."
        )

    def quantity(self, name: str, target: Target, *, default_unit: str, unit_attribute: str = "Unit") -> float:
        """Give a number in ``target`` units; its unit comes from the attribute, ``default_unit`` only if none is said."""
        found = self.child(name)
        stated = found.attributes.get(unit_attribute, "").strip() if found is not None else ""
        value = converted(self.required(name), stated or default_unit, target)
        if value is None:
            self.number(name)
            raise self.problem(name, f"has the unit '{stated}'; units known here are {known_units(target)}")
        return value

    def problem(self, name: str, what: str) -> ConvertersToolsUserError:
        """Make the error for a child of this record: file, line, element and what is wrong with it."""
        found = self.child(name)
        line = found.line if found is not None else self.line
        return ConvertersToolsUserError(
            f"{self.file}, line {line}: <{name}> of <{self.name}> {what}; correct it or export the data again."
        )


@lru_cache(maxsize=4096)
def converted(text: str, unit: str, target: Target) -> float | None:
    """Turn a written number into another unit; None when number or unit are not understood. Most values repeat."""
    times = exact_factor(unit, target)
    try:
        return float(Decimal(text) * times) if times is not None and math.isfinite(float(text)) else None
    except (ValueError, ArithmeticError):
        return None


def _range(least: float | None, most: float | None) -> str:
    if most is None:
        return f"{least:g} or more"
    return f"{most:g} or less" if least is None else f"{least:g} to {most:g}"
