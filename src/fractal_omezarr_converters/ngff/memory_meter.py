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

    def take(self, shape: Sequence[int]) -> np.ndarray[Any, Any]:
        """A buffer of this shape with whatever it held before."""
        size = math.prod(shape)
        with self._lock:
            free = self._free.get(size)
            flat = free.pop() if free else None
        if flat is None:
            flat = np.empty(size, self._dtype)
            self.meter.add(flat.nbytes)
        return flat.reshape(tuple(shape))

    def give(self, buffer: np.ndarray[Any, Any]) -> None:
        """Give a buffer back; its content is lost."""
        flat = buffer.reshape(-1)
        with self._lock:
            self._free.setdefault(flat.size, []).append(flat)
