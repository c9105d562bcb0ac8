"""Read XML files of very many records that are alike: most of them as rows of values, without an object for each.

The strict reader goes first. When it has read a record that is repeated, the layout of that record is known, and what
follows is matched against the layouts known so far; what matches is taken as rows, and the reader goes on behind it. So
everything that is unlike (another record between, a comment, an entity, damage) is read by the strict reader, and a row
holds what that one would have read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from fractal_omezarr_converters.formats.xml_layouts import BLANK, Layout, Repeated, Row, layout_of
from fractal_omezarr_converters.formats.xml_stream import XmlReading, XmlStream
from fractal_omezarr_converters.formats.xml_text import hold_back

if TYPE_CHECKING:
    from fractal_omezarr_converters.formats.xml_records import XmlRecord

PIECE = 1 << 20
MOST_LAYOUTS = 16
MOST_MISSES = 200
_ONE_BY_ONE, _FARTHER = 32, 8


@dataclass
class _Run:
    """Records of one layout, one after the other, from a place in the text and a line of the file."""

    layout: Layout
    at: int
    line: int
    number: int = 0


@dataclass
class _Place:
    """The place behind a record: its path, and the line of the file."""

    path: tuple[str, ...]
    line: int


@dataclass
class XmlRows:
    """Records that follow each other: their values of ``wanted.fields`` as rows, those of ``wanted.fixed`` in common.

    ``name`` is that of the records, ``inside`` the path of the element that they lie in, as in :class:`XmlRecord`.
    """

    path: str
    inside: str
    name: str
    wanted: Repeated
    fixed: Row
    text: str
    rows: list[Row] = field(default_factory=list)
    runs: list[_Run] = field(default_factory=list)
    _blocks: list[list[tuple[str | None, ...]]] = field(default_factory=list)

    def __len__(self) -> int:
        """Count the records."""
        return sum(run.number for run in self.runs)

    def columns(self) -> list[tuple[str | None, ...]]:
        """Give the wanted fields as columns, in their order, when all rows are there."""
        self.add([])
        if len(self._blocks) > 1:
            self._blocks = [[tuple(chain.from_iterable(parts)) for parts in zip(*self._blocks, strict=True)]]
        return self._blocks[0] if self._blocks else []

    def add(self, columns: list[tuple[str | None, ...]]) -> None:
        """Add columns behind all rows that there are."""
        if self.rows:
            self._blocks.append(list(zip(*self.rows, strict=True)))
            self.rows.clear()
        if columns:
            self._blocks.append(columns)

    def lines(self) -> list[int]:
        """Give the line of the file on which each record begins."""
        return [
            line
            for run in self.runs
            for first in [run.line + run.layout.lines[0]]
            for line in (
                range(first, first + run.number * run.layout.lines[1], run.layout.lines[1])
                if run.layout.lines[1]
                else [first] * run.number
            )
        ]

    def records(self, chosen: Collection[int] | None = None) -> Iterator[XmlRecord]:
        """Read all of them strictly after all, or some, by their places."""
        place = 0
        for run in self.runs:
            at, line = run.at, run.line
            for _ in range(run.number):
                match = run.layout.pattern.match(self.text, at)
                text = match.group() if match is not None else ""
                if chosen is None or place in chosen:
                    for record in XmlStream(self.path, [self.name], content=f"<r>{text}</r>".encode()):
                        _move(record, line - 1)
                        yield record
                at, line, place = at + len(text), line + run.layout.lines[1], place + 1


def _move(record: XmlRecord, lines: int) -> None:
    record.line += lines
    for child in record.children:
        _move(child, lines)


class XmlRowStream(XmlReading):
    """Like an :class:`XmlStream`, but gives repeated records as :class:`XmlRows` where it can, all in the order of the file."""

    def __init__(self, path: str | Path, records: Collection[str], repeated: Mapping[str, Repeated]) -> None:
        """Prepare reading; nothing is opened yet.

        Args:
            path: the file; sentences name it.
            records: paths of wanted elements that occur a few times.
            repeated: paths of elements that occur very often, with what is wanted of them; none lies inside another.
        """
        super().__init__(path, [*records, *repeated])
        self._repeated = {tuple(each.split("/")): wanted for each, wanted in repeated.items()}
        names = "|".join(re.escape(name) for name in {each[-1] for each in self._repeated})
        prefix = r"(?:[\w.-]+:)?"
        self._end_of_record = re.compile(rf"</({prefix}(?:{names}))\s*>|<{prefix}(?:{names})\b[^<>]*/>")
        self._layouts: dict[tuple[str, ...], list[Layout]] = {}
        self._misses = 0
        self._fed = 0
        self._ended_at = -1

    def __iter__(self) -> Iterator[XmlRecord | XmlRows]:
        """Read the file from its beginning; a record is given when it is complete, rows when there are no more of them."""
        self._start()
        self._layouts, self._misses = {}, 0
        self._fed, self._ended_at = 0, -1
        text = ""
        behind: _Place | None = None
        for more, piece, _ in self._pieces(PIECE):
            text, at = text + more, 0
            while self._misses < MOST_MISSES:
                if behind is not None:
                    found, at = self._rows(behind, text, at)
                    yield from found
                end = self._end_of_record.search(text, at)
                if end is None:
                    break
                begin, at = at, end.end()
                self._parse(text[begin:at])
                behind = self._behind(text, begin, end)
                yield from self._ready
                self._ready.clear()
            text = text[at:]
            if not piece or len(text) > PIECE or self._misses >= MOST_MISSES:
                fed, text = hold_back(text, last=not piece)
                self._parse(fed)
                behind = None
                yield from self._ready
                self._ready.clear()
        self._feed("", last=True)
        yield from self._ready

    def _parse(self, text: str) -> None:
        mended = self._mended(text, suspicious=True)
        self._fed += len(mended.encode())
        self._feed(mended)

    def _end(self, name: str) -> None:
        super()._end(name)
        self._ended_at = self._parser.CurrentByteIndex

    def _behind(self, text: str, begin: int, end: re.Match[str]) -> _Place | None:
        """Say which repeated record ended just now, and take its layout if what follows has none; None if none ended."""
        # end tags can stand in comments: the strict reader must have seen this one, and nothing behind it
        ended_at = self._fed - (len(end.group().encode()) if end[1] else 0)
        if not self._ready or self._open or self._ended_at != ended_at:
            return None
        record = self._ready[-1]
        path = (*self._way[1:], record.name)
        start = _begin_of(end[1], text, begin, end.start()) if end[1] else end.start()
        if path not in self._repeated or start < 0:
            return None
        self._misses += 1
        known, at = self._layouts.setdefault(path, []), end.end()
        blanks = BLANK.match(text, at)
        if blanks is not None and blanks.end() < len(text) and len(known) < MOST_LAYOUTS:
            alike = blanks.group() + text[start:at]
            if not any(each.pattern.fullmatch(alike) for each in known):
                layout = layout_of(text[start:at], blanks.group(), record, self._repeated[path])
                known += [layout] if layout is not None else []
        return _Place(path, record.line + text.count("\n", start, at))

    def _rows(self, behind: _Place, text: str, at: int) -> tuple[list[XmlRows], int]:
        """Take what matches from a place on, and tell the strict reader of its line breaks alone."""
        batches: list[XmlRows] = []
        path, first = behind.path, behind.line
        known = self._layouts[path]
        layout: Layout | None = None
        while known:
            # layouts that take turns do so in one order
            place = known.index(layout) + 1 if layout is not None else 0
            layout = next((each for each in known[place:] + known[:place] if each.pattern.match(text, at)), None)
            if layout is None:
                break
            if not batches or batches[-1].fixed != layout.fixed:
                inside = "/".join(path[:-1])
                batches.append(XmlRows(self.path, inside, path[-1], self._repeated[path], layout.fixed, text))
            run = _Run(layout, at, behind.line)
            at = _taken(run, text, batches[-1])
            batches[-1].runs.append(run)
            behind.line += run.number * layout.lines[1]
            self._misses = max(0, self._misses - run.number)
        if behind.line > first:
            self._parse("\n" * (behind.line - first))
        return batches, at


def _begin_of(name: str, text: str, begin: int, end: int) -> int:
    """Find the last start tag of this name between two places; -1 when there is none."""
    at = text.rfind(f"<{name}", begin, end)
    while at >= 0 and text[at + len(name) + 1] not in " \t\r\n>":
        at = text.rfind(f"<{name}", begin, at)
    return at


def _taken(run: _Run, text: str, batch: XmlRows) -> int:
    """Take records of one layout as long as they follow each other; give the place behind them."""
    layout, at = run.layout, run.at
    if not layout.groups:
        found = layout.many.match(text, at)
        if found is not None:
            # values hold no markup, so the tags tell how many there are
            at, run.number = found.end(), text.count("<", at, found.end()) // layout.tags
        return at
    match, groups = layout.pattern.match, layout.groups
    while run.number < _ONE_BY_ONE:
        found = match(text, at)
        if found is None:
            return at
        batch.rows.append(found.group(*groups))  # of two or more fields: a tuple
        run.number, at = run.number + 1, found.end()
    while True:
        # as far ahead as pays for the text that is taken in vain when the next records are others
        end = min(len(text), at + _FARTHER * (at - run.at))
        rows = layout.each.findall(text, at, end)
        behind = rows.pop()[-1] if rows and rows[-1][-1] else ""
        if not rows:
            return at
        columns: list[tuple[str | None, ...]] = list(zip(*rows, strict=True))
        absent = len(columns)  # the number of the group of fields that are not there
        batch.add([(None,) * len(rows) if group == absent else columns[group - 1] for group in groups])
        run.number, at = run.number + len(rows), end - len(behind)
