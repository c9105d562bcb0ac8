"""Where the fields of an Operetta measurement lie in the well.

``PositionX/Y`` are what the stage was told, in m, x to the right and y up, of the *centre* of the field relative
to the centre of the well (fields of a 2 x 2 layout state plus and minus half a field). In image space a field lies at
``inv(M) @ (X, Y)`` with M the upper left 2 x 2 of ``OrientationMatrix``; the inverse also turns y downwards and carries
the small rotation of the camera. Measured on real pixels of two neighbouring fields of an Operetta CLS: nominal
positions are 8 px off, ``M @ (X, Y)`` 15 px, ``inv(M) @ (X, Y)`` 1 px. Without a matrix a field lies at ``(X, -Y)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.operetta_channels import ChannelRecord
from fractal_omezarr_converters.formats.operetta_index import OperettaIndex
from fractal_omezarr_converters.formats.plane_table import joint_ranks, ranked

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCALES_OF_A_MATRIX = (0.5, 2.0)


def field_centres(index: OperettaIndex, *, positions: str, warnings: list[str]) -> NDArray[np.float64]:
    """Give the centre (x, y) of each plane that has a file in µm, x to the right and y down, from the centre of the well."""
    planes = index.planes
    named = planes.named()
    stated = _stated_places(index, named, warnings)
    matrix = _shared_matrix(index, named, stated, warnings) if positions == "calibrated" else None
    if matrix is None:
        if positions == "calibrated":
            warnings.append("The index holds no OrientationMatrix; fields are placed at their nominal positions.")
        return stated * (1.0, -1.0)
    centres: NDArray[np.float64] = stated @ np.linalg.inv(matrix).T
    return centres


def _stated_places(index: OperettaIndex, named: NDArray[np.bool_], warnings: list[str]) -> NDArray[np.float64]:
    """Give the position (x, y) that the index states of each plane that has a file; fields must not all have the same one."""
    planes = index.planes
    stated = np.stack([planes.x[named], planes.y[named]], axis=1)
    row, column, field = planes.row[named], planes.column[named], planes.field[named]
    several = len(joint_ranks(row, column, field)[1]) > len(joint_ranks(row, column)[1])
    absent = np.isnan(stated)
    nowhere = bool(absent.any() and absent.all())
    if absent.any() and not nowhere:
        at = int(np.argmax(absent.any(axis=1)))
        axis = "X" if absent[at, 0] else "Y"
        raise ConvertersToolsUserError(
            f"{index.path}, line {planes.line[named][at]}: <Position{axis}> of <Image> is missing or empty, although other images"
            " have positions; correct it or export the data again, or set field_grid in the options of the format."
        )
    if several and (nowhere or np.ptp(stated, axis=0).max() == 0):
        same = "all fields state the same position ({:g}, {:g}) µm, as Harmony 4.1 wrote it".format(*stated[0])
        raise ConvertersToolsUserError(
            f"'{index.path}': {'no field states a position' if nowhere else same}, so the arrangement of the fields is not"
            " known; set field_grid (number of columns, order, overlap) in the options of the format."
        )
    if nowhere:
        warnings.append(
            "The index states no positions; the one field of each well is placed in the middle of the well."
        )
        return np.zeros_like(stated)
    return stated


def _shared_matrix(
    index: OperettaIndex, named: NDArray[np.bool_], places: NDArray[np.float64], warnings: list[str]
) -> NDArray[np.float64] | None:
    """One matrix for all channels, so that the channels of a field stay on top of each other."""
    used = [index.channels[number] for number in ranked(index.planes.channel[named])[0].tolist()]
    stated = [facts for facts in used if facts.matrix is not None]
    if not stated:
        return None
    matrices = np.array([facts.matrix for facts in stated], dtype=np.float64)
    for facts, each in zip(stated, matrices, strict=True):
        _check_matrix(index, facts, each)
    first: NDArray[np.float64] = matrices[0]
    reach = float(np.abs(places).max(initial=0.0))
    pixel = float(index.planes.pixel_x[named][0])
    differences = np.abs(np.linalg.inv(matrices) - np.linalg.inv(first)).sum(axis=2).max() * reach
    if differences > pixel:
        warnings.append(
            f"Channels state different OrientationMatrix values (up to {differences / pixel:.1f} px apart); all channels"
            f" of a field are placed by that of channel {stated[0].number}."
        )
    return first


def _check_matrix(index: OperettaIndex, facts: ChannelRecord, matrix: NDArray[np.float64]) -> None:
    sizes = np.linalg.svd(matrix, compute_uv=False) if np.isfinite(matrix).all() else np.array([np.inf])
    least, most = SCALES_OF_A_MATRIX
    if not (np.isfinite(sizes).all() and least <= sizes.min() and sizes.max() <= most):
        raise ConvertersToolsUserError(
            f"{index.path}: the OrientationMatrix of channel {facts.number}, {matrix.tolist()}, is not a calibration;"
            " set field_positions to 'nominal' to place the fields without it."
        )
