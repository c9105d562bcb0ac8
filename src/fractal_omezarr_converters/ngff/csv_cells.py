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

# Words that pyarrow takes for "missing", for true and for false.
MISSING = frozenset(
    "#N/A|#N/A N/A|#NA|-1.#IND|-1.#QNAN|-NaN|-nan|1.#IND|1.#QNAN|N/A|NA|NULL|NaN|n/a|nan|null".split("|")
) | {""}
TRUE, FALSE = frozenset({"true", "True", "TRUE"}), frozenset({"false", "False", "FALSE"})
_WHOLE = re.compile(r"-?\d+")
_REAL = re.compile(r"[+-]?(\d+\.?\d*([eE][+-]?\d+)?|\.\d+([eE][+-]?\d+)?|inf(inity)?|nan)", re.IGNORECASE)
_TIME = re.compile(
    r"\d{4}-\d\d-\d\d([ T]\d\d(:\d\d(:\d\d(\.\d+)?)?)?(Z|[+-]\d\d(:?\d\d)?)?)?|\d\d:\d\d(:\d\d(\.\d+)?)?"
)


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
    filled = [text for text in texts if text not in MISSING]
    if not filled:
        return [None] * len(texts)
    if all(_WHOLE.fullmatch(text) and -(2**63) <= int(text) < 2**63 for text in filled):
        return [None if text in MISSING else int(text) for text in texts]
    if all(text in TRUE or text in FALSE for text in filled):
        return [None if text in MISSING else text in TRUE for text in texts]
    if all(_REAL.fullmatch(text) for text in filled):
        return [None if text in MISSING else float(text) for text in texts]
    return [text or None for text in texts]


def read_csv(text: str) -> dict[str, list[Any]]:
    """Read columns from CSV text, with their types."""
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    if not rows:
        return {}
    header, body = rows[0], [row for row in rows[1:] if row]
    return {name: typed([row[index] if index < len(row) else "" for row in body]) for index, name in enumerate(header)}


def changes_in_csv(values: Sequence[Any], *, is_index: bool = False) -> bool:
    """Tell whether text of a column would come back as something else: ``001`` as 1, ``NA`` as missing.

    Whole numbers in an index come back as the same text because readers turn an index into text again.
    """
    texts = [value for value in values if isinstance(value, str) and value]
    if not texts:
        return False
    if any("\n" in text or "\r" in text for text in texts):
        return True
    found = typed(texts)
    if found == texts:
        # Dates stay what they mean for readers that know them, but an index of dates would change.
        return is_index and all(_TIME.fullmatch(text) for text in texts)
    if is_index:
        return [str(value) if type(value) is int else value for value in found] != texts
    return True
