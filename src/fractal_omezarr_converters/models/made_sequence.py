"""Sequences whose elements are made when they are asked for: rows of columns, plans of images."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import overload


class MadeSequence[Element](Sequence[Element]):
    """A sequence by its length and two ways to make elements; places count from 0 and lie within the length."""

    @abstractmethod
    def one(self, place: int) -> Element:
        """Make the element of a place."""

    @abstractmethod
    def some(self, places: range) -> Sequence[Element]:
        """Make the elements of several places."""

    @overload
    def __getitem__(self, at: int) -> Element: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Element]: ...
    def __getitem__(self, at: int | slice) -> Element | Sequence[Element]:
        """Give one element, or some."""
        places = range(len(self))[at]
        return self.one(places) if isinstance(places, int) else self.some(places)
