"""Two sources for one plane: found before anything is written, because one of them would be lost."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from fractal_omezarr_converters.core.columns import RegionColumns
from fractal_omezarr_converters.core.equal_rows import may_have_equal_rows
from fractal_omezarr_converters.core.geometry import AXES, Floats
from fractal_omezarr_converters.errors import ConvertersToolsUserError

_TICKS_PER_PX = 100
_MOST_EXPANDED = 20_000_000


def refuse_duplicates(
    columns: RegionColumns, image: NDArray[np.int64], steps: Floats, remedy: Callable[[int, int], str]
) -> None:
    """Raise when two different sources state the same field of view, frame, channel, plane, y and x of one image.

    ``image`` numbers the image of every region, ``steps`` (n x 5) are the pixel sizes, ``remedy`` says what to do about
    two regions. Stacks count with each of their frames, channels and planes.

    Raises:
        ConvertersToolsUserError: names both sources.
    """
    start = np.rint(columns.start / steps * _TICKS_PER_PX).astype(np.int64)
    # longer stacks are not counted out; a length that no stack has is refused where positions are checked
    count = np.clip(np.rint(columns.length / steps), 1, _MOST_EXPANDED + 1).astype(np.int64)
    owner, cells = _planes(start, count)
    columns_of_keys = [image[owner], columns.fov[owner], *np.ascontiguousarray(cells.T)]
    if not may_have_equal_rows(columns_of_keys):
        return
    keys = np.column_stack(columns_of_keys)
    order = np.lexsort(keys.T[::-1])
    ordered = keys[order]
    same = np.flatnonzero((ordered[1:] == ordered[:-1]).all(axis=1))
    if not len(same):
        return
    first, second = owner[order[same]], owner[order[same + 1]]
    involved = np.unique(np.concatenate([first, second]))
    identity = np.full(len(columns), -1, dtype=np.int64)
    identity[involved] = columns.loaders.select(involved).identity()
    different = np.flatnonzero(identity[first] != identity[second])
    if not len(different):
        return
    one, other = sorted((int(first[different[0]]), int(second[different[0]])))
    plane = dict(zip(AXES, (ordered[same[different[0]]][2:] / _TICKS_PER_PX).tolist()))
    where = ", ".join(f"{axis}={value:g}" for axis, value in plane.items())
    raise ConvertersToolsUserError(
        f"Two sources state the same plane of field of view '{columns.fov_name(one)}' ({where} in pixels): "
        f"{columns.loaders.loader(one).describe_source()} and {columns.loaders.loader(other).describe_source()} "
        f"({len(different)} such planes); {remedy(one, other)}."
    )


def _planes(start: NDArray[np.int64], count: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Give one row per frame, channel and plane of every region: the region's number and the position in ticks."""
    owner = np.arange(len(start))
    cells = start
    for axis in range(3):
        repeats = count[owner, axis]
        if (repeats == 1).all() or int(repeats.sum()) > _MOST_EXPANDED:
            continue
        offset = np.arange(int(repeats.sum())) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        owner, cells = np.repeat(owner, repeats), np.repeat(cells, repeats, axis=0)
        cells[:, axis] += offset * _TICKS_PER_PX
    return owner, cells
