"""Attributes of tiles: every column of a tile table that has no meaning of its own."""

from __future__ import annotations

import difflib
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from fractal_omezarr_converters.core.attributes import RESERVED_ATTRIBUTES
from fractal_omezarr_converters.core.coded_cells import combined
from fractal_omezarr_converters.core.frames import Frame

if TYPE_CHECKING:
    import numpy.typing as npt


def attributes_of_rows(frame: Frame, known: frozenset[str]) -> tuple[list[dict[str, list[Any]]], npt.NDArray[np.int32]]:
    """Give the distinct sets of attributes of a table and the number of each row's set among them.

    Names that Fractal reserves are recorded in the frame as wrong; names close to a known column as a note.

    Args:
        frame: the table.
        known: columns that are no attributes.
    """
    names = [name for name in frame.columns if name not in known]
    refused = [name for name in names if name in RESERVED_ATTRIBUTES]
    if refused:
        frame.problems.append(
            f"{frame.name}: {', '.join(map(repr, refused))} cannot be an attribute, because Fractal uses the names"
            f" {', '.join(RESERVED_ATTRIBUTES)} itself; rename or remove the column."
        )
    for name in names:
        near = difflib.get_close_matches(name.lower(), sorted(known), n=1, cutoff=0.85)
        if near:
            frame.notes.append(f"{frame.name}: column '{name}' is taken as an attribute; did you mean '{near[0]}'?")
    if not names:
        return [{}], np.zeros(len(frame), dtype=np.int32)
    columns = {name: frame.coded_values(name) for name in names}
    for name, cells in columns.items():
        endless = cells.rows(lambda cell: isinstance(cell, float) and math.isinf(cell))
        frame.wrong(name, endless, "is not a finite number")
    sets = combined(list(columns.values()))
    return [{name: [value] for name, value in zip(names, row)} for row in sets.values], sets.codes
