"""Tell the source which tiles will be read next while the pass is busy with those before."""

from __future__ import annotations

import queue
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fractal_omezarr_converters.ngff.block_plan import BlockPlan
    from fractal_omezarr_converters.ngff.tile_stream import TileStream

AHEAD = 64 << 20
"""Bytes of pixels that are announced before they are needed."""


class ReadAhead:
    """Announces tiles in the order of the plan, each once, from a thread of its own: asking can take as long as reading."""

    def __init__(self, tiles: TileStream, plan: BlockPlan, itemsize: int, *, hold: bool) -> None:
        """With ``hold`` sources may keep in memory what they fetch."""
        self._announce: Callable[..., None] | None = getattr(tiles, "will_need", None)
        self._end: Callable[[], None] | None = getattr(tiles, "will_need_no_more", None)
        self._hold = hold
        self._plan = plan
        sizes = np.asarray(tiles.length, np.int64).reshape(-1, 5).prod(axis=1) * itemsize
        self._until = np.cumsum(sizes[plan.tile] / np.maximum(plan.uses[plan.tile], 1))
        self._begun: queue.SimpleQueue[int | None] = queue.SimpleQueue()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Announce while the body runs; not for images of one tile, or sources that need no announcement."""
        if self._announce is None or (self._plan.tile == self._plan.tile[:1]).all():
            yield
            return
        thread = threading.Thread(target=self._run, name="omezarr-read-ahead", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._begun.put(None)
            thread.join()
            if self._end is not None:
                self._end()

    def begun(self, number: int) -> None:
        """A block is begun: its own tiles are read now, those of later ones come next."""
        self._begun.put(number)

    def _run(self) -> None:
        assert self._announce is not None
        first, tile, until = self._plan.first, self._plan.tile, self._until
        at, known = 0, set[int]()
        while (number := self._begun.get()) is not None:
            at = max(at, int(first[number + 1]))
            needed = float(until[first[number + 1] - 1]) if first[number + 1] else 0.0
            end = int(np.searchsorted(until, needed + AHEAD, side="right"))
            while at < end and self._begun.empty():
                if (next_tile := int(tile[at])) not in known:
                    known.add(next_tile)
                    self._announce(next_tile, hold=self._hold)
                at += 1
