"""The files behind many tiles: which are there, how large, and which headers stand for all of them.

Up to ``ALL_HEADERS_UP_TO`` distinct sources every header is read. Beyond, some of every image and size of file are, about
``MOST_CHOSEN`` in all, however many planes there are (of compressed files, whose sizes are all different, some of every
image). If these are not all alike, ``ALL_HEADERS_UP_TO`` of them are read. A file that differs from those read is refused when
its pixels are read, before its image is in its place: shape and type are compared then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractal_omezarr_converters.core.loader_columns import LoaderColumns, taken_rows
from fractal_omezarr_converters.errors import ConvertersToolsError
from fractal_omezarr_converters.models.loaders import ImageLoaderInterface
from fractal_omezarr_converters.models.source_files import UNKNOWN, SourceFile

Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]

ALL_HEADERS_UP_TO = 4000
MOST_CHOSEN = 500
_FEWEST_CHOSEN, _ONE_OF = 64, 100
_GOLDEN = (5**0.5 - 1) / 2
_ONE_BY_ONE = 16
_SLOW = 0.002
"""Seconds that a header takes from where waiting for several together is worth their threads."""
_READERS = 8

type Header = tuple[tuple[int, ...], str, str | None] | None
"""Shape, type and axes of a source; None when its header does not say."""


def _distinct(loaders: LoaderColumns) -> tuple[Rows, Rows]:
    """Give one row of every distinct description of a source, in order, and the position of each row's among them."""
    one = len(loaders.blocks) == 1
    key = loaders.row if one else loaders.block * (int(loaders.row.max(initial=0)) + 1) + loaders.row
    if len(key) and bool((key[1:] > key[:-1]).all()):
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
    paths, size, mtime = file_columns(loaders, rows, resource, fresh=fresh)
    return [
        None if path is None or bytes_ < 0 else SourceFile(path, bytes_, when)
        for path, bytes_, when in zip(paths, size.tolist(), mtime.tolist())
    ]


def file_columns(
    loaders: LoaderColumns, rows: Rows, resource: Any, *, fresh: bool
) -> tuple[list[str | None], Rows, Rows]:
    """Give path, size and time of the file of each of some rows, as :func:`source_files` does, without an object per file."""
    blocks, places = loaders.block[rows], loaders.row[rows]
    if len(loaders.blocks) == 1 or (len(blocks) and (blocks == blocks[0]).all()):
        return _of_block(loaders, int(blocks[0]) if len(blocks) else 0, places, resource, fresh=fresh)
    paths: list[str | None] = [None] * len(rows)
    size, mtime = np.full(len(rows), UNKNOWN, np.int64), np.zeros(len(rows), np.int64)
    for number in np.unique(blocks).tolist():
        mine = np.flatnonzero(blocks == number)
        own, size[mine], mtime[mine] = _of_block(loaders, number, places[mine], resource, fresh=fresh)
        for at, path in zip(mine.tolist(), own):
            paths[at] = path
    return paths, size, mtime


def _of_block(
    loaders: LoaderColumns, number: int, places: Rows, resource: Any, *, fresh: bool
) -> tuple[list[str | None], Rows, Rows]:
    block = loaders.blocks[number]
    facts = block.facts(places, resource, fresh=fresh) if len(places) else None
    paths = block.paths(resource)
    if facts is None or paths is None:
        return [None] * len(places), np.full(len(places), UNKNOWN, np.int64), np.zeros(len(places), np.int64)
    return list(taken_rows(paths, places)), *facts


class HeaderChoice:
    """Which sources of a table have their header read; images made of the table ask by their own loaders.

    ``stands_for`` gives for every row of the table the row whose header is taken for it: of its own image and size where one
    of them was read.
    """

    stands_for: Rows

    def __init__(self, loaders: LoaderColumns, group: Sequence[int] | NDArray[Any], resource: Any = None) -> None:
        """Choose for all sources of a table; ``group`` numbers the image of every row."""
        first, source = _distinct(loaders)
        self._blocks = loaders.blocks if len(loaders.blocks) > 1 else None  # kept, so that their identities stay theirs
        self._of_table = tuple(map(id, loaders.blocks)), loaders.block, loaders.row
        self._stand_ins: dict[int, Rows] | None = None
        self._chosen: dict[int, Mask] = {}
        self._only: Header = None
        if len(first) <= ALL_HEADERS_UP_TO:
            self.stands_for = first[source]
            self._own = np.ones(len(loaders), dtype=np.bool_)
            return
        size = file_columns(loaders, first, resource, fresh=False)[1]
        image = np.asarray(group, dtype=np.int64)[first]
        some = min(ALL_HEADERS_UP_TO, max(_FEWEST_CHOSEN, min(MOST_CHOSEN, len(first) // _ONE_OF)))
        kept, stand_in = _chosen(image, size, some)
        headers = _headers(loaders, first[kept], resource)
        if len(set(headers) - {None}) > 1 and len(kept) < ALL_HEADERS_UP_TO:
            kept, stand_in = _chosen(image, size, ALL_HEADERS_UP_TO)
        elif len(set(headers)) == 1:
            self._only = headers[0]
        self.stands_for = first[stand_in[source]]
        self._own = np.isin(source, kept)
        self._stand_ins = {id(block): np.full(block.size, -1, np.int64) for block in loaders.blocks}
        self._chosen = {id(block): np.zeros(block.size, np.bool_) for block in loaders.blocks}
        for number, block in enumerate(loaders.blocks):
            mine = np.flatnonzero(loaders.block[first] == number)
            self._stand_ins[id(block)][loaders.row[first[mine]]] = first[stand_in[mine]]
            self._chosen[id(block)][loaders.row[first[mine[np.isin(mine, kept)]]]] = True

    @property
    def is_own(self) -> Mask:
        """Say for every row of the table whether the header of its own source is read."""
        return self._own

    @property
    def is_all(self) -> bool:
        """Say whether every header is read."""
        return self._stand_ins is None

    def only_header(self, loaders: LoaderColumns) -> Header:
        """Give the header that all of some loaders have as far as a sample says; None when it says several, or nothing."""
        known = self._stand_ins is not None and all(id(block) in self._stand_ins for block in loaders.blocks)
        return self._only if known else None

    def rows(self, loaders: LoaderColumns) -> Rows:
        """Give the rows of distinct sources whose headers are read; sources that the table did not have are."""
        rows = distinct_rows(loaders)
        if self._stand_ins is None:
            return rows
        keep = np.ones(len(rows), dtype=np.bool_)
        blocks, places = loaders.block[rows], loaders.row[rows]
        for number, block in enumerate(loaders.blocks):
            chosen = self._chosen.get(id(block))
            if chosen is not None:
                mine = blocks == number if len(loaders.blocks) > 1 else slice(None)
                keep[mine] = chosen[places[mine]]
        return rows[keep]

    def stand_ins(self, loaders: LoaderColumns) -> LoaderColumns:
        """Give the loaders whose headers are taken for those of some loaders, each once."""
        rows = distinct_rows(loaders)
        blocks, block, row = self._of_table
        if self._stand_ins is None or tuple(map(id, loaders.blocks)) != blocks:
            return loaders.select(rows)
        found = np.full(len(rows), -1, np.int64)
        own_blocks, places = loaders.block[rows], loaders.row[rows]
        for number in np.unique(own_blocks).tolist():
            mine = np.flatnonzero(own_blocks == number)
            found[mine] = self._stand_ins[blocks[number]][places[mine]]
        known = np.unique(found[found >= 0])
        taken = LoaderColumns(loaders.blocks, block[known], row[known])
        return LoaderColumns.concat([taken, loaders.select(rows[found < 0])]) if (found < 0).any() else taken


def header_choice_of(loaders: LoaderColumns, group: Sequence[int] | NDArray[Any], resource: Any = None) -> HeaderChoice:
    """Choose as :class:`HeaderChoice` does; who asks again for the same sources gets the same choice."""
    groups = np.asarray(group)
    before = loaders.blocks[0].last_choice if len(loaders.blocks) == 1 else None
    if before is not None and before[0] is resource:
        same = np.array_equal(before[1], loaders.row) and np.array_equal(before[2], groups)
        found: HeaderChoice = before[3]
        if same:
            return found
    choice = HeaderChoice(loaders, groups, resource)
    if len(loaders.blocks) == 1 and not choice.is_all:
        loaders.blocks[0].last_choice = (resource, loaders.row, groups, choice)
    return choice


def header_of_row(loaders: LoaderColumns, row: int, resource: Any = None) -> Header:
    """Give what the header of a source says, read once for all images and checks that ask.

    Raises:
        ConvertersToolsError: It cannot be read.
    """
    block, place = loaders.blocks[int(loaders.block[row])], int(loaders.row[row])
    known = block.headers(resource)
    if place not in known:
        known[place] = header_of_loader(loaders.loader(row), resource)
    found: Header = known[place]
    return found


def header_of_loader(loader: ImageLoaderInterface, resource: Any = None) -> Header:
    """Ask one loader for shape, type and axes."""
    found = loader.shape_and_dtype(resource)
    return None if found is None else (tuple(found[0]), found[1], loader.data_axes(resource))


def ask_each[Answer](rows: Rows, question: Callable[[int], Answer]) -> list[Answer]:
    """Ask about each of some rows and give the answers in order; of slow disks about several at the same time."""
    began = time.monotonic()
    found = [question(row) for row in rows[:_ONE_BY_ONE].tolist()]
    rest = rows[_ONE_BY_ONE:]
    if not len(rest) or time.monotonic() - began < _SLOW * len(found):
        return found + [question(row) for row in rest.tolist()]
    from concurrent.futures import ThreadPoolExecutor

    def answers(part: Rows) -> list[Answer]:
        return [question(row) for row in part.tolist()]

    with ThreadPoolExecutor(_READERS) as readers:
        parts = readers.map(answers, np.array_split(rest, 8 * _READERS))
        return found + [answer for part in parts for answer in part]


def _headers(loaders: LoaderColumns, rows: Rows, resource: Any) -> list[Header]:
    """Give what the headers of some rows say; None where they cannot be read."""

    def ask(row: int) -> Header:
        try:
            return header_of_row(loaders, row, resource)
        except (OSError, ConvertersToolsError):
            return None  # said where headers are compared with tiles

    return ask_each(rows, ask)


def _chosen(image: Rows, size: Rows, most: int) -> tuple[Rows, Rows]:
    """Choose about so many positions among sources of which image and size are given.

    Gives the chosen ones, rising, and for every position the chosen one that stands for it: the nearest of its group. A group
    is one image and size; where there are too many of these, one size; where all sizes differ, one image.
    """
    sizes = np.unique(size, return_inverse=True)[1].ravel()
    count = int(sizes.max(initial=0)) + 1
    everything = np.zeros(len(image), np.int64)
    for key, enough in ((image * count + sizes, most), (sizes, most // 4), (image, most), (everything, most)):
        order = np.argsort(key, kind="stable")
        begins = np.flatnonzero(np.diff(key[order], prepend=int(key.min()) - 1))
        if len(begins) <= enough:
            break
    length = np.diff(np.append(begins, len(order)))
    wanted = np.minimum(length, max(1, most // len(begins)))
    chosen = zip(begins.tolist(), length.tolist(), wanted.tolist())
    places = np.concatenate([at + _spread(n, k, number) for number, (at, n, k) in enumerate(chosen)])
    stand_in = np.empty(len(key), np.int64)
    # groups never share a stand-in: places are kept apart by a large step
    apart = np.repeat(np.arange(len(begins)), length) * (2 * len(key) + 1)
    stand_in[order] = order[places[_nearest(places + apart[places], np.arange(len(key)) + apart)]]
    return np.sort(order[places]), stand_in


def _spread(length: int, wanted: int, number: int) -> Rows:
    """Give some of the numbers 0, 1, ... evenly, first and last among them; a single one is another for every group."""
    if wanted == 1:
        return np.array([int(number * _GOLDEN % 1 * length)])
    return np.linspace(0, length - 1, wanted).astype(np.int64)


def _nearest(kept: Rows, wanted: Rows) -> Rows:
    """Give for every number the position of the nearest of some rising numbers."""
    after = np.clip(np.searchsorted(kept, wanted), 1, max(1, len(kept) - 1))
    if len(kept) == 1:
        return np.zeros(len(wanted), np.int64)
    return np.where(wanted - kept[after - 1] <= kept[after] - wanted, after - 1, after)
