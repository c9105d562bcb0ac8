"""How many bytes of pixels the writer holds, and the buffers that it uses again."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np


class MemoryMeter:
    """Counts the bytes of open buffers; ``largest`` is the most there were at one time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.now = 0
        self.largest = 0

    def add(self, number: int) -> None:
        """Bytes taken (or, negative, given back)."""
        with self._lock:
            self.now += number
            self.largest = max(self.largest, self.now)


class BufferPool:
    """Chunk buffers by size. A buffer that is used again costs no page faults; only as many are kept as were in use together."""

    def __init__(self, dtype: np.dtype[Any], meter: MemoryMeter) -> None:
        self._dtype = dtype
        self.meter = meter
        self._lock = threading.Lock()
        self._free: dict[int, list[np.ndarray[Any, Any]]] = {}

    def take(self, shape: Sequence[int], at_least: int = 0) -> np.ndarray[Any, Any]:
        """A buffer of this shape with whatever it held before; with room for ``at_least`` pixels, so that others can use it."""
        size = math.prod(shape)
        room = max(size, at_least)
        with self._lock:
            free = self._free.get(room)
            flat = free.pop() if free else None
        if flat is None:
            flat = np.empty(room, self._dtype)
            self.meter.add(flat.nbytes)
        return flat[:size].reshape(tuple(shape))

    def give(self, buffer: np.ndarray[Any, Any]) -> None:
        """Give a buffer back; its content is lost."""
        flat: Any = buffer if buffer.base is None else buffer.base
        with self._lock:
            self._free.setdefault(flat.size, []).append(flat)
