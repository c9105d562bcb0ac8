"""Name a plate, and check its stated size against the wells that occur."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.plane_checks import table_of
from fractal_omezarr_converters.formats.plane_records import PlaneRecord
from fractal_omezarr_converters.models.plate_facts import PlateFacts
from fractal_omezarr_converters.models.well_names import row_name, safe_plate_name


def plate_facts_of(
    planes: Sequence[PlaneRecord],
    *,
    name: str | None,
    described_in: str,
    warnings: list[str],
    rows: int | None = None,
    columns: int | None = None,
    **facts: Any,
) -> PlateFacts:
    """Name the plate and check its stated size against the wells that occur.

    Args:
        planes: all records of the measurement.
        name: the plate's name, as the user or the metadata state it.
        described_in: the metadata file, for sentences.
        warnings: takes what was changed.
        rows: rows of the physical plate, None when it is not known.
        columns: columns of the physical plate.
        **facts: further fields of :class:`PlateFacts`.

    Raises:
        ConvertersToolsUserError: the name is empty.
    """
    try:
        safe, warning = safe_plate_name(name or "")
    except ValueError as error:
        raise ConvertersToolsUserError(f"'{described_in}': {error} Give the plate a name in the options.") from error
    if warning:
        warnings.append(warning)
    table = table_of(planes, described_in)
    last_row, last_column = int(table.row.max(initial=1)), int(table.column.max(initial=1))
    if rows is not None and columns is not None and (last_row > rows or last_column > columns):
        warnings.append(
            f"'{described_in}' states a plate of {rows} rows and {columns} columns, but there are images in row"
            f" {row_name(last_row)}, column {last_column}; the size of the plate is not used."
        )
        rows = columns = None
    return PlateFacts(name=safe, rows=rows, columns=columns, **facts)
