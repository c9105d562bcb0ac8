"""Cells of CSV tables: how values are written, and which types readers find in the text again.

Tables are read by programs that guess the type of a column from its text (pyarrow: whole number, true/false, real number, text,
in this order). Text that would be read as something else, such as the name ``001``, must not be written as CSV.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

# Words that pyarrow takes for "missing", for true and for false (1 and 0 only in columns that also hold words).
MISSING = frozenset(
    "#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|N/A|NA|NULL|NaN|n/a|nan|null".split("|")
) | {""}
TRUE, FALSE = frozenset({"1", "true", "True", "TRUE"}), frozenset({"0", "false", "False", "FALSE"})
_WHOLE = re.compile(r"-?[0-9]+|0[xX][0-9a-fA-F]+")
_REAL = re.compile(r"[+-]?(([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?|inf(inity)?|nan)", re.IGNORECASE)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_CLOCK = re.compile(r"[0-9]{2}:[0-9]{2}(:[0-9]{2})?")
_STAMP = re.compile(_DATE.pattern + r"[ T][0-9]{2}(:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?)?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?")


def cell(value: Any) -> str:
    """Write one value: empty for missing, a decimal point, and the shortest digits that give the same number again."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value) if isinstance(value, float) else str(value)


def csv_text(columns: Mapping[str, Sequence[Any]]) -> str:
    """Write columns as CSV with a header row."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        cells = [cell(value) for value in row]
        # A single empty cell would be a blank line, which readers skip.
        out.write('""\n') if cells == [""] else writer.writerow(cells)
    return out.getvalue()


def typed(texts: Sequence[str]) -> list[Any]:
    """Find the type of a column from its text and return its values, None for missing ones."""
    filled = [text.strip(" \t") for text in texts if text not in MISSING]
    if not filled:
        return [None] * len(texts)
    if all(_WHOLE.fullmatch(text) and -(2**63) <= _whole(text) < 2**63 for text in filled):
        return [None if text in MISSING else _whole(text) for text in texts]
    if all(text in TRUE or text in FALSE for text in filled):
        return [None if text in MISSING else text.strip(" \t") in TRUE for text in texts]
    if all(_REAL.fullmatch(text) for text in filled):
        return [None if text in MISSING else float(text) for text in texts]
    return [text or None for text in texts]


def _whole(text: str) -> int:
    return int(text, 16 if "x" in text.lower() else 10)


def read_csv(text: str) -> dict[str, list[Any]]:
    """Read columns from CSV text, with their types.

    Raises:
        ValueError: two columns have one name, or a row has more cells than there are columns.
    """
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    if not rows:
        return {}
    header, body = rows[0], [row for row in rows[1:] if row]
    if repeated := [name for name in header if header.count(name) > 1]:
        raise ValueError(f"two columns are called {repeated[0]!r}")
    if longest := [row for row in body if len(row) > len(header)]:
        raise ValueError(f"the row {','.join(longest[0])!r} has {len(longest[0])} cells for {len(header)} columns")
    return {name: typed([row[index] if index < len(row) else "" for row in body]) for index, name in enumerate(header)}


def changes_in_csv(values: Sequence[Any], *, is_index: bool = False) -> bool:
    """Tell whether text of a column would come back as something else: ``001`` as 1, ``NA`` as missing.

    Moments (date and time) stay moments for readers that know them. Numbers written as they would be read (``7``, ``0.5``)
    may become numbers. In an index only whole numbers may, because readers turn those into text again.
    """
    texts = [value for value in values if isinstance(value, str) and value]
    if not texts:
        return False
    if any("\n" in text or "\r" in text for text in texts):
        return True
    found = typed(texts)
    if found == texts:
        filled = [text for text in texts if text not in MISSING]
        if all(_STAMP.fullmatch(text) for text in filled):
            return is_index or filled != texts
        dates = all(_DATE.fullmatch(text) or _STAMP.fullmatch(text) for text in filled)
        return dates or all(_CLOCK.fullmatch(text) for text in filled)
    if is_index and any(type(value) is not int for value in found):
        return True
    return any(value != value or str(value).lower() != text.lower() for value, text in zip(found, texts))  # noqa: PLR0124
