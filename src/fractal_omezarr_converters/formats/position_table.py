"""A table of positions that a user wrote: field, x, y in µm, and the well where wells differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fractal_omezarr_converters.core.frame_sources import read_frame
from fractal_omezarr_converters.core.frames import Frame
from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError
from fractal_omezarr_converters.models.urls import is_file_there
from fractal_omezarr_converters.models.well_names import parse_well, row_index

Place = tuple[float, float]


@dataclass(frozen=True)
class Positions:
    """Centres of fields (x, y) in µm, y downwards; by well and field, else by field for all wells."""

    path: str
    of_all: dict[int, Place]
    of_well: dict[tuple[int, int, int], Place]
    names: Mapping[int, str]

    def of(self, row: int, column: int, field: int) -> Place:
        """Give the centre of a field.

        Raises:
            ConvertersToolsUserError: the table has no row for it.
        """
        found = self.of_well.get((row, column, field)) or self.of_all.get(field)
        if found is None:
            raise ConvertersToolsUserError(
                f"The table of positions '{self.path}' has no row for field {self.names.get(field, field)}; add it, or filter"
                " the field out."
            )
        return found


def read_positions(folder: Path, name: str, fields: Mapping[str, int]) -> Positions:
    """Read a table of positions; a relative path is taken from the folder of the images.

    Args:
        folder: the folder of the images.
        name: path of the table.
        fields: numbers of the fields that have names.

    Raises:
        ConvertersToolsUserError: columns are missing or values are wrong; all of them together.
    """
    path = folder / Path(name).expanduser()
    if not is_file_there(path):
        raise ConvertersToolsFileNotFoundError(f"The table of positions '{path}' is not there; check position_table.")
    frame = read_frame(path, name=f"The table of positions '{path}'")
    lacking = [each for each in ("field", "x", "y") if each not in frame.columns]
    if lacking:
        raise ConvertersToolsUserError(
            f"{frame.name} has no column {', '.join(lacking)}; it has {', '.join(frame.columns) or 'none'}."
        )
    numbers = [_field(text, fields) for text in frame.needed_text("field")]
    unknown = [row for row, number in enumerate(numbers) if number is None and frame.columns["field"][row] is not None]
    frame.wrong("field", unknown, "is neither the number nor the name of a field")
    x, y = (frame.numbers(axis, needed=True).tolist() for axis in "xy")
    wells = _wells(frame)
    keys = list(zip(wells, numbers, strict=True))
    first: dict[tuple[tuple[int, int] | None, int | None], int] = {}
    repeated = [row for row, key in enumerate(keys) if first.setdefault(key, row) != row and None not in key[1:]]
    frame.wrong("field", repeated, "has a row already; remove one of them")
    frame.raise_problems()
    places = {key: (x[row], y[row]) for key, row in first.items()}
    return Positions(
        str(path),
        {number: place for (well, number), place in places.items() if well is None and number is not None},
        {(*well, number): place for (well, number), place in places.items() if well is not None and number is not None},
        {number: word for word, number in fields.items()},
    )


def _wells(frame: Frame) -> list[tuple[int, int] | None]:
    """Row and column of the well of every row; None where none is stated."""
    texts = frame.text("well") if "well" in frame.columns else [None] * len(frame)
    found: list[tuple[int, int] | None] = []
    wrong: list[int] = []
    for row, text in enumerate(texts):
        well = None
        if text is not None:
            try:
                letters, column = parse_well(text)
                well = row_index(letters) + 1, column
            except ValueError:
                wrong.append(row)
        found.append(well)
    frame.wrong("well", wrong, "is not a well; write A01, a1, A - 1 or R01C01")
    return found


def _field(stated: str, fields: Mapping[str, int]) -> int | None:
    if stated in fields:
        return fields[stated]
    try:
        return int(stated)
    except ValueError:
        return None
