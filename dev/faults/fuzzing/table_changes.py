"""Changes of tables in text: rows, columns and cells that are missing, doubled or exchanged; separators and quotes."""

from __future__ import annotations

import random
from collections.abc import Iterator

from fuzzing.tokens import TOKENS

_ROWS = 4
SEPARATORS = (b"\t", b";", b",", b"=")


def table_changed(content: bytes, chance: random.Random) -> bytes | None:
    """One change of a row, column or cell; None when this is no table."""
    separator = separator_of(content)
    if separator is None:
        return None
    rows = [line.split(separator) for line in content.split(b"\n")]
    kind = chance.randrange(14)
    if kind < 5:
        _column_changed(rows, kind, chance)
    elif kind < 8:
        _row_changed(rows, kind - 5, chance)
    elif kind < 12:
        _cell_changed(rows, kind - 8, chance, separator)
    elif kind == 12:
        separator = chance.choice(SEPARATORS)
    else:
        text = separator.join(rows[0]) + b"\n" + b"\n".join(separator.join(row) for row in rows[1:])
        return chance.choice(
            (b"\xef\xbb\xbf" + text, text.replace(b"\n", b"\r"), b"\n\n" + text, text.replace(b".", b","))
        )
    return b"\n".join(separator.join(row) for row in rows)


def every_table_change(content: bytes) -> Iterator[bytes]:
    """One after the other, each column and row missing, each cell and each column with each odd text.

    The first rows and the last stand for all.
    """
    separator = separator_of(content)
    if separator is None:
        return
    lines = content.split(b"\n")
    rows = [line.split(separator) for line in lines]
    chosen = sorted({*range(min(_ROWS, len(rows))), len(rows) - 1})
    for number in chosen:
        yield b"\n".join(lines[:number] + lines[number + 1 :])
        for cell in range(len(rows[number])):
            for text in TOKENS:
                row = [*rows[number][:cell], text, *rows[number][cell + 1 :]]
                yield b"\n".join([*lines[:number], separator.join(row), *lines[number + 1 :]])
    for column in range(max(map(len, rows))):
        yield b"\n".join(separator.join(row[:column] + row[column + 1 :]) for row in rows)
        for text in TOKENS:
            below = [[*row[:column], text, *row[column + 1 :]] if len(row) > column else row for row in rows[1:]]
            yield b"\n".join(separator.join(row) for row in [rows[0], *below])


def separator_of(content: bytes) -> bytes | None:
    """What separates the cells of text in lines; None when nothing does, or this is no text."""
    head = content[:4096]
    if b"\x00" in head or b"\n" not in head:
        return None
    counted = {each: sum(each in line for line in head.split(b"\n")) for each in SEPARATORS}
    most = max(counted, key=lambda each: counted[each])
    return most if counted[most] >= 2 else None


def _column_changed(rows: list[list[bytes]], kind: int, chance: random.Random) -> None:
    width = max(map(len, rows))
    one, other = chance.randrange(width), chance.randrange(width)
    token = chance.choice(TOKENS)
    for number, row in enumerate(rows):
        if max(one, other) >= len(row):
            continue
        if kind == 0:
            del row[one]
        elif kind == 1:
            row.insert(other, row[one])
        elif kind == 2:
            row[one], row[other] = row[other], row[one]
        elif kind == 3 and number:
            row[one] = token
        elif kind == 4 and not number:
            row[one] = row[other] if one != other else row[one] + b"_"


def _row_changed(rows: list[list[bytes]], kind: int, chance: random.Random) -> None:
    one, other = chance.randrange(len(rows)), chance.randrange(len(rows))
    if kind == 0:
        del rows[one]
    elif kind == 1:
        rows[other:other] = [list(rows[one]) for _ in range(chance.choice((1, 1, 40)))]
    else:
        rows[one], rows[other] = rows[other], rows[one]


def _cell_changed(rows: list[list[bytes]], kind: int, chance: random.Random, separator: bytes) -> None:
    row = chance.choice([row for row in rows if any(row)] or rows)
    at = chance.randrange(len(row))
    if kind == 0:
        row[at] = chance.choice(TOKENS)
    elif kind == 1:
        row[at] += separator * chance.choice((1, 2, 30))
    elif kind == 2:
        row[at] = chance.choice((b'"' + row[at], row[at] + b'"', b'"' + row[at] + b'"', b"'" + row[at] + b"'"))
    else:
        other = chance.choice(rows)
        place = chance.randrange(len(other))
        row[at], other[place] = other[place], row[at]
