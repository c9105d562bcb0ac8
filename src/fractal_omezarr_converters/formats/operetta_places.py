"""Where planes of an Operetta measurement lie: fields in the well, planes in z, frames in time.

Fields. ``PositionX/Y`` are what the stage was told, in m, x to the right and y up, of the *centre* of the field relative
to the centre of the well (fields of a 2 x 2 layout state plus and minus half a field). In image space a field lies at
``inv(M) @ (X, Y)`` with M the upper left 2 x 2 of ``OrientationMatrix``; the inverse also turns y downwards and carries
the small rotation of the camera. Measured on real pixels of two neighbouring fields of an Operetta CLS: nominal
positions are 8 px off, ``M @ (X, Y)`` 15 px, ``inv(M) @ (X, Y)`` 1 px. Without a matrix a field lies at ``(X, -Y)``.

Z. The index of a plane is the rank of its ``PlaneID``. ``PositionZ`` differs between channels (focus offsets), so the z
step is taken inside one well, field, channel and time point, never over channels.

Time. ``TimepointID`` begins at 0 or at 1; frames are numbered by rank. The time of a frame is the median of
``MeasurementTimeOffset`` over all its planes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import ConfigDict, Field

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.operetta_index import ChannelFacts, OperettaIndex, Plane
from fractal_omezarr_converters.models.user_facing import UserFacingModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP_TOLERANCE = 0.01
SCALES_OF_A_MATRIX = (0.5, 2.0)


class FieldGrid(UserFacingModel):
    """Arrangement of fields whose positions the instrument did not record."""

    model_config = ConfigDict(title="Field Grid")

    columns: int = Field(default=1, ge=1, le=10_000, title="Columns")
    """Number of fields in one row of the grid."""
    overlap: float = Field(default=0.0, ge=0, le=0.95, title="Overlap")
    """Overlap of neighbouring fields, as a fraction of the field's size (0.1 is 10 %)."""
    order: Literal["rows", "snake"] = Field(default="rows", title="Order")
    """Order of the fields: each row from the left, or back and forth (snake)."""


def field_centres(
    index: OperettaIndex, planes: Sequence[Plane], *, positions: str, grid: FieldGrid | None, warnings: list[str]
) -> NDArray[np.float64]:
    """Give the centre (x, y) of each plane in µm, x to the right and y down, from the centre of the well."""
    if grid is not None:
        return _on_a_grid(planes, grid)
    stated = np.array([(each.x, each.y) for each in planes], dtype=np.float64).reshape(-1, 2)
    _check_positions_differ(planes, stated)
    matrix = _shared_matrix(index, planes, warnings) if positions == "calibrated" else None
    if matrix is None:
        if positions == "calibrated":
            warnings.append("The index holds no OrientationMatrix; fields are placed at their nominal positions.")
        return stated * (1.0, -1.0)
    centres: NDArray[np.float64] = stated @ np.linalg.inv(matrix).T
    return centres


def _check_positions_differ(planes: Sequence[Plane], stated: NDArray[np.float64]) -> None:
    fields = {(each.row, each.column, each.field) for each in planes}
    several = len(fields) > len({key[:2] for key in fields})
    if several and np.ptp(stated, axis=0).max() == 0:
        x, y = stated[0]
        raise ConvertersToolsUserError(
            f"All fields state the same position ({x:g}, {y:g}) µm, as Harmony 4.1 wrote it, so their arrangement is not"
            " known; set field_grid (number of columns, order, overlap) in the options of the format."
        )


def _shared_matrix(index: OperettaIndex, planes: Sequence[Plane], warnings: list[str]) -> NDArray[np.float64] | None:
    """One matrix for all channels, so that the channels of a field stay on top of each other."""
    used = [index.channels[number] for number in sorted({each.channel for each in planes})]
    stated = [facts for facts in used if facts.matrix is not None]
    if not stated:
        return None
    matrices = np.array([facts.matrix for facts in stated], dtype=np.float64)
    for facts, each in zip(stated, matrices, strict=True):
        _check_matrix(index, facts, each)
    first: NDArray[np.float64] = matrices[0]
    reach = max((max(abs(each.x), abs(each.y)) for each in planes), default=0.0)
    pixel = planes[0].pixel_x
    differences = np.abs(np.linalg.inv(matrices) - np.linalg.inv(first)).sum(axis=2).max() * reach
    if differences > pixel:
        warnings.append(
            f"Channels state different OrientationMatrix values (up to {differences / pixel:.1f} px apart); all channels"
            f" of a field are placed by that of channel {stated[0].number}."
        )
    return first


def _check_matrix(index: OperettaIndex, facts: ChannelFacts, matrix: NDArray[np.float64]) -> None:
    sizes = np.linalg.svd(matrix, compute_uv=False)
    least, most = SCALES_OF_A_MATRIX
    if not (np.isfinite(sizes).all() and least <= sizes.min() and sizes.max() <= most):
        raise ConvertersToolsUserError(
            f"{index.path}: the OrientationMatrix of channel {facts.number}, {matrix.tolist()}, is not a calibration;"
            " set field_positions to 'nominal' to place the fields without it."
        )


def _on_a_grid(planes: Sequence[Plane], grid: FieldGrid) -> NDArray[np.float64]:
    rank = {number: place for place, number in enumerate(sorted({each.field for each in planes}))}
    places = np.array([rank[each.field] for each in planes])
    row, column = np.divmod(places, grid.columns)
    if grid.order == "snake":
        column = np.where(row % 2 == 1, grid.columns - 1 - column, column)
    size = np.array([(each.width * each.pixel_x, each.height * each.pixel_y) for each in planes])
    pitch = size.max(axis=0) * (1.0 - grid.overlap)
    centres: NDArray[np.float64] = np.stack([column, row], axis=1) * pitch
    return centres


def ranks(values: Sequence[tuple[int, ...]]) -> NDArray[np.int64]:
    """Number values from 0 in their order, equal ones alike."""
    numbers = {value: number for number, value in enumerate(sorted(set(values)))}
    return np.array([numbers[value] for value in values], dtype=np.int64)


def z_step(planes: Sequence[Plane], z_index: NDArray[np.int64], warnings: list[str]) -> float:
    """Give the distance of neighbouring planes in µm, taken within one well, field, channel and time point."""
    stacks: dict[tuple[int, ...], list[tuple[int, float]]] = defaultdict(list)
    for each, rank in zip(planes, z_index.tolist(), strict=True):
        if each.z is not None:
            key = (each.row, each.column, each.field, each.channel, each.time, each.sequence, each.flim)
            stacks[key].append((rank, each.z))
    per_channel: dict[int, list[float]] = defaultdict(list)
    for place, stack in stacks.items():
        stack.sort()
        per_channel[place[3]].extend(
            (z - below) / (rank - rank_below) for (rank_below, below), (rank, z) in pairwise(stack) if rank > rank_below
        )
    steps = {channel: float(np.median(found)) for channel, found in per_channel.items() if found}
    if z_index.max(initial=0) == 0:
        return 1.0
    if not steps or max(abs(step) for step in steps.values()) == 0:
        warnings.append(
            "The distance of the planes in z is unknown (PositionZ is missing or constant); 1.0 µm is used."
        )
        return 1.0
    middle = float(np.median(list(steps.values())))
    if any(abs(step - middle) > STEP_TOLERANCE * abs(middle) for step in steps.values()):
        listed = ", ".join(f"channel {channel}: {step:.4g}" for channel, step in sorted(steps.items()))
        warnings.append(f"Channels have different z steps in µm ({listed}); {abs(middle):.4g} is used for all.")
    if middle < 0:
        warnings.append("PositionZ falls with PlaneID; planes are kept in the order of PlaneID, from top to bottom.")
    return round(abs(middle), 9) or 1.0


def frame_times(planes: Sequence[Plane], t_index: NDArray[np.int64]) -> list[float | None]:
    """Give the time of each frame in s since the start: median offset of its planes, else from their clock times."""
    frames = int(t_index.max(initial=-1)) + 1
    offsets = np.array([np.nan if each.offset is None else each.offset for each in planes], dtype=np.float64)
    found = _medians(offsets, t_index, frames)
    if frames > 1 and len({value for value in found if value is not None}) < 2:
        taken = np.array([np.nan if each.taken is None else each.taken for each in planes], dtype=np.float64)
        clock = _medians(taken, t_index, frames)
        first = next((value for value in clock if value is not None), 0.0)
        found = [None if value is None else round(value - first, 6) for value in clock]
    return found


def _medians(values: NDArray[np.float64], groups: NDArray[np.int64], number: int) -> list[float | None]:
    found: list[float | None] = []
    for group in range(number):
        chosen = values[groups == group]
        chosen = chosen[np.isfinite(chosen)]
        found.append(float(np.median(chosen)) if chosen.size else None)
    return found


def t_step(times: Sequence[float | None], warnings: list[str]) -> float:
    """Give the median time between frames in s, 1.0 with a warning when it is not known."""
    if len(times) < 2:
        return 1.0
    known = [(number, value) for number, value in enumerate(times) if value is not None]
    steps = [(b - a) / (j - i) for (i, a), (j, b) in pairwise(known)]
    step = float(np.median(steps)) if steps else 0.0
    if step <= 0:
        warnings.append("The time between frames is unknown (time offsets are missing or constant); 1.0 s is used.")
        return 1.0
    return round(step, 9)


def z_offsets(planes: Sequence[Plane], z_index: NDArray[np.int64]) -> dict[int, float]:
    """Give the height of the lowest plane of each channel in µm, as the focus of the instrument states it."""
    lowest: dict[int, list[float]] = defaultdict(list)
    first: dict[int, int] = {}
    for each, rank in zip(planes, z_index.tolist(), strict=True):
        first[each.channel] = min(first.get(each.channel, rank), rank)
    for each, rank in zip(planes, z_index.tolist(), strict=True):
        if each.z is not None and rank == first[each.channel]:
            lowest[each.channel].append(each.z)
    return {channel: round(float(np.median(found)), 6) for channel, found in sorted(lowest.items())}
