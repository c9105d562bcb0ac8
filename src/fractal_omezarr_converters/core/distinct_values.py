"""Values that many tiles share (collections, acquisitions, attributes), stored once and pointed at by number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractal_omezarr_converters.core.attributes import AttributeType
from fractal_omezarr_converters.models.acquisition import AcquisitionDetails
from fractal_omezarr_converters.models.collections import CollectionInterface

Numbers = NDArray[np.int32]


class Distinct:
    """Distinct values in order of first appearance, and for every value added which of them it is."""

    def __init__(self, key: Callable[[Any], Any]) -> None:
        """Tell values apart by ``key``."""
        self.values: list[Any] = []
        self.index: list[int] = []
        self._key = key
        self._by_key: dict[Any, int] = {}
        self._by_id: dict[int, tuple[Any, int]] = {}

    def add(self, value: Any) -> None:
        """Add one value."""
        known = self._by_id.get(id(value))
        if known is None:
            number = self._by_key.setdefault(self._key(value), len(self.values))
            if number == len(self.values):
                self.values.append(value)
            self._by_id[id(value)] = (value, number)  # keeps the object, so that its id stays its own
            self.index.append(number)
        else:
            self.index.append(known[1])


def joined(
    values: Sequence[Sequence[Any]], numbers: Sequence[Numbers], key: Callable[[Any], Any]
) -> tuple[list[Any], Numbers]:
    """Join several lists of distinct values, and renumber what points into them."""
    distinct = Distinct(key)
    parts = [np.empty(0, dtype=np.int32)]
    for own, index in zip(values, numbers):
        begin = len(distinct.index)
        for value in own:
            distinct.add(value)
        mapping = np.array(distinct.index[begin:], dtype=np.int32)
        parts.append(mapping[index] if len(index) else index)
    return distinct.values, np.concatenate(parts)


def collection_key(collection: CollectionInterface) -> tuple[Any, ...]:
    return type(collection), collection.path(), collection.model_dump_json()


def acquisition_key(model: AcquisitionDetails) -> tuple[Any, ...]:
    return type(model), model.model_dump_json()


def attributes_key(attributes: Mapping[str, AttributeType]) -> tuple[Any, ...]:
    return tuple((key, tuple((type(value), value) for value in values)) for key, values in attributes.items())
