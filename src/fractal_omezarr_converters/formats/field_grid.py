"""Fields of view whose positions no metadata state, laid out by rows and columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import ConfigDict, Field

from fractal_omezarr_converters.models.user_facing import UserFacingModel

if TYPE_CHECKING:
    from numpy.typing import NDArray


class FieldGrid(UserFacingModel):
    """Arrangement of fields whose positions the instrument did not record."""

    model_config = ConfigDict(title="Field Grid")

    columns: int = Field(default=1, ge=1, le=10_000, title="Columns")
    """Number of fields in one row of the grid."""
    overlap: float = Field(default=0.0, ge=0, le=0.95, title="Overlap")
    """Overlap of neighbouring fields, as a fraction of the field's size (0.1 is 10 %)."""
    order: Literal["rows", "snake", "columns"] = Field(default="rows", title="Order")
    """Order of the fields:

    - `rows`: each row from the left.
    - `snake`: row by row, back and forth.
    - `columns`: each column from the top.
    """


def grid_centres(
    fields: Sequence[int], sizes: NDArray[np.float64], grid: FieldGrid, *, numbers: Sequence[int] | None = None
) -> NDArray[np.float64]:
    """Give the centre (x, y) of each plane's field in µm, x to the right and y down.

    Args:
        fields: number of the field of every plane.
        sizes: width and height of every plane in µm, (n, 2); the largest sets the pitch.
        grid: the arrangement.
        numbers: all fields of the grid in their order, where some have no plane; those that occur when not given.
    """
    rank = {number: place for place, number in enumerate(sorted(set(numbers or fields)))}
    places = np.array([rank[number] for number in fields], np.int64)
    row, column = np.divmod(places, grid.columns)
    if grid.order == "snake":
        column = np.where(row % 2 == 1, grid.columns - 1 - column, column)
    if grid.order == "columns":
        column, row = np.divmod(places, -(-len(rank) // grid.columns))
    pitch = sizes.max(axis=0) * (1.0 - grid.overlap)
    centres: NDArray[np.float64] = np.stack([column, row], axis=1) * pitch
    return centres
