"""The table of time points: when every frame was taken, for series whose frames are not equally far apart.

Columns: ``t_index``, ``t_second`` (from the first frame), ``timestamp`` (ISO 8601) where it is known,
``FieldIndex`` where fields of view differ.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.ngff.stores import Store
from fractal_omezarr_converters.ngff.tables import Backend, Columns, write_table

TIME_POINTS = "time_points"


def are_equidistant(seconds: Sequence[float], tolerance: float = 1e-3) -> bool:
    """Tell whether frames are equally far apart, within a part of the mean distance."""
    steps = [later - earlier for earlier, later in itertools.pairwise(seconds)]
    if len(steps) < 2:
        return True
    mean = sum(steps) / len(steps)
    return all(abs(step - mean) <= tolerance * abs(mean) for step in steps)


def time_point_columns(
    seconds: Sequence[float] | Mapping[str, Sequence[float]], first_timestamp: float | None = None
) -> Columns:
    """Make the columns of the table.

    Args:
        seconds: Time of every frame in seconds, of the image or by name of the field of view.
        first_timestamp: Seconds since 1970-01-01 UTC of the moment that ``seconds`` count from.

    Raises:
        ConvertersToolsUserError: a time is not finite.
    """
    by_field = seconds if isinstance(seconds, Mapping) else {"": seconds}
    every = [value for values in by_field.values() for value in values]
    if not all(math.isfinite(value) for value in every):
        raise ConvertersToolsUserError(
            "A time point is not a finite number of seconds; check the acquisition's metadata."
        )
    zero = min(every, default=0.0)
    columns: dict[str, list[Any]] = {"t_index": [], "t_second": []}
    if isinstance(seconds, Mapping):
        columns = {"FieldIndex": [], **columns}
    if first_timestamp is not None:
        columns["timestamp"] = []
    for name, values in by_field.items():
        for index, value in enumerate(values):
            columns["t_index"].append(index)
            columns["t_second"].append(float(value - zero))
            if "FieldIndex" in columns:
                columns["FieldIndex"].append(name)
            if first_timestamp is not None:
                columns["timestamp"].append(datetime.fromtimestamp(first_timestamp + value, UTC).isoformat())
    return columns


def write_time_points(
    store: Store,
    image_path: str,
    seconds: Sequence[float] | Mapping[str, Sequence[float]],
    *,
    version: str,
    backend: Backend = "csv",
    first_timestamp: float | None = None,
) -> None:
    """Write the table ``time_points`` of an image."""
    columns = time_point_columns(seconds, first_timestamp)
    write_table(store, image_path, TIME_POINTS, columns, backend=backend, version=version)
