"""The files behind many tiles: which are there, how large, and which headers stand for all of them.

Up to ``ALL_HEADERS_UP_TO`` distinct sources every header is read. Beyond, some of every group of equal size in one folder
and image are, so that all distinct sizes are covered (of compressed files, whose sizes are all different, an even choice).
A file that differs from those read is refused when its pixels are read: shape and type are compared then.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractal_omezarr_converters.core.loader_columns import LoaderColumns
from fractal_omezarr_converters.models.loaders import ImageLoaderInterface
from fractal_omezarr_converters.models.source_files import SourceFile, look_at

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]

ALL_HEADERS_UP_TO = 4000
_ONE_BY_ONE_UP_TO = 64
_READERS = 8


def _distinct(loaders: LoaderColumns) -> tuple[Rows, Rows]:
    """Give one row of every distinct description of a source, in order, and the position of each row's among them."""
    key = loaders.block * (int(loaders.row.max(initial=0)) + 1) + loaders.row
    if len(key) and (np.diff(key) > 0).all():
        return np.arange(len(key)), np.arange(len(key))
    first, inverse = np.unique(key, return_index=True, return_inverse=True)[1:]
    order = np.argsort(first)
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    return first[order], place[inverse.ravel()]


def distinct_rows(loaders: LoaderColumns) -> Rows:
    """Give one row of every distinct description of a source, in order."""
    return _distinct(loaders)[0]


def source_files(loaders: LoaderColumns, rows: Rows, resource: Any, *, fresh: bool) -> list[SourceFile | None]:
    """Give the file of each of some rows; None where it is not there, or where only the loader itself knows.

    Args:
        loaders: Loaders of all tiles.
        rows: The rows that are asked for.
        resource: Handed to the loaders.
        fresh: Look again at files that were looked at before.
    """
    found: list[SourceFile | None] = [None] * len(rows)
    blocks, places = loaders.block[rows], loaders.row[rows]
    for number, block in enumerate(loaders.blocks):
        mine = np.flatnonzero(blocks == number)
        paths = block.paths(resource) if len(mine) else None
        if paths is None:
            continue
        wanted = [paths[place] for place in places[mine].tolist()]
        known = block.known_files
        if fresh:
            known.clear()
        known.update(look_at(path for path in dict.fromkeys(wanted) if path is not None and path not in known))
        for at, path in zip(mine.tolist(), wanted):
            found[at] = None if path is None else known.get(path)
    return found


class HeaderChoice:
    """Which sources of a table have their header read; images made of the table ask by their own loaders.

    ``stands_for`` gives for every row of the table the row whose header is taken for it.
    """

    stands_for: Rows

    def __init__(self, loaders: LoaderColumns, group: Sequence[int] | NDArray[Any], resource: Any = None) -> None:
        """Choose for all sources of a table; ``group`` numbers the image of every row."""
        first, source = _distinct(loaders)
        self._chosen: dict[int, Mask] | None = None
        if len(first) <= ALL_HEADERS_UP_TO:
            self.stands_for = first[source]
            self._own = np.ones(len(loaders), dtype=np.bool_)
            return
        kept, stand_in = _chosen(_keys(source_files(loaders, first, resource, fresh=False), np.asarray(group)[first]))
        self.stands_for = first[stand_in[source]]
        self._own = np.isin(source, kept)
        self._blocks = loaders.blocks  # kept, so that their identities stay theirs
        self._chosen = {id(block): np.zeros(block.size, dtype=np.bool_) for block in loaders.blocks}
        for number, block in enumerate(loaders.blocks):
            mine = first[kept][loaders.block[first[kept]] == number]
            self._chosen[id(block)][loaders.row[mine]] = True

    @property
    def is_own(self) -> Mask:
        """Say for every row of the table whether the header of its own source is read."""
        return self._own

    @property
    def is_all(self) -> bool:
        """Say whether every header is read."""
        return self._chosen is None

    def rows(self, loaders: LoaderColumns) -> Rows:
        """Give the rows of distinct sources whose headers are read; sources that the table did not have are."""
        rows = distinct_rows(loaders)
        if self._chosen is None:
            return rows
        keep = np.ones(len(rows), dtype=np.bool_)
        blocks, places = loaders.block[rows], loaders.row[rows]
        for number, block in enumerate(loaders.blocks):
            chosen = self._chosen.get(id(block))
            if chosen is not None:
                mine = blocks == number
                keep[mine] = chosen[places[mine]]
        return rows[keep]


def ask_each[Answer](
    loaders: LoaderColumns, rows: Rows, question: Callable[[ImageLoaderInterface], Answer]
) -> list[Answer]:
    """Put a question to the loaders of some rows, to several at the same time, and give the answers in order."""
    if len(rows) < _ONE_BY_ONE_UP_TO:
        return [question(loaders.loader(row)) for row in rows.tolist()]
    from concurrent.futures import ThreadPoolExecutor

    def answers(part: Rows) -> list[Answer]:
        return [question(loaders.loader(row)) for row in part.tolist()]

    with ThreadPoolExecutor(_READERS) as readers:
        parts = readers.map(answers, np.array_split(rows, 8 * _READERS))
        return [answer for part in parts for answer in part]


def _keys(files: Sequence[SourceFile | None], group: NDArray[Any]) -> NDArray[np.int64]:
    """Number the combinations of image, folder and size."""
    known: dict[tuple[int, str, int], int] = {}
    return np.array(
        [
            known.setdefault(
                (image, "", -1) if file is None else (image, file.path.rpartition("/")[0], file.size), len(known)
            )
            for image, file in zip(group.tolist(), files)
        ],
        dtype=np.int64,
    )


def _chosen(key: NDArray[np.int64]) -> tuple[Rows, Rows]:
    """Choose positions from every group of equal keys, first and last among them; of very many groups some, evenly.

    Gives the chosen ones, and for every position the chosen one that stands for it: the nearest of its group.
    """
    order = np.argsort(key, kind="stable")
    first = np.flatnonzero(np.diff(key[order], prepend=-1))
    size = np.diff(np.append(first, len(order)))
    if len(first) > ALL_HEADERS_UP_TO:
        kept = np.unique(np.linspace(0, len(key) - 1, ALL_HEADERS_UP_TO).astype(np.int64))
        return kept, kept[_nearest(kept, np.arange(len(key)))]
    wanted = np.minimum(size, max(2, ALL_HEADERS_UP_TO // len(first)))
    places = np.concatenate([at + np.linspace(0, n - 1, k).astype(np.int64) for at, n, k in zip(first, size, wanted)])
    stand_in = np.empty(len(key), np.int64)
    group = np.repeat(
        np.arange(len(first)), size
    )  # groups never share a stand-in: places are kept apart by a large step
    apart = group * (2 * len(key) + 1)
    stand_in[order] = order[places[_nearest(places + apart[places], np.arange(len(key)) + apart)]]
    return np.sort(order[places]), stand_in


def _nearest(kept: Rows, wanted: Rows) -> Rows:
    """Give for every number the position of the nearest of some rising numbers."""
    after = np.clip(np.searchsorted(kept, wanted), 1, max(1, len(kept) - 1))
    if len(kept) == 1:
        return np.zeros(len(wanted), np.int64)
    return np.where(wanted - kept[after - 1] <= kept[after] - wanted, after - 1, after)
