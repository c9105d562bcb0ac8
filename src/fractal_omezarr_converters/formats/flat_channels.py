"""Channels with a single plane beside stacks: taken once (the other planes stay empty), or shown at every plane."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fractal_omezarr_converters.formats.plane_table import joint_ranks, ranked

if TYPE_CHECKING:
    from fractal_omezarr_converters.formats.plane_axes import PlaneAxes
    from fractal_omezarr_converters.formats.plane_states import SortedPlanes
    from fractal_omezarr_converters.formats.plane_table import PlaneTable


def repeat_single_planes(
    planes: PlaneTable, found: SortedPlanes, axes: PlaneAxes, warnings: list[str]
) -> tuple[PlaneTable, SortedPlanes, PlaneAxes]:
    """Give a plane that is alone in its channel, field and frame once for every plane that its well has.

    Args:
        planes: the planes to convert.
        found: their files, in the same order.
        axes: their indices.
        warnings: takes what was repeated.
    """
    stack, first = joint_ranks(planes.row, planes.column, planes.field, planes.channel, planes.t)
    alone = np.bincount(stack, minlength=len(first))[stack] == 1
    well = ranked(planes.wells())[1]
    there = np.zeros((int(well.max(initial=-1)) + 1, int(axes.z_index.max(initial=-1)) + 1), np.bool_)
    there[well, axes.z_index] = True
    times = np.where(alone, there.sum(axis=1)[well], 1)
    added = int(times.sum()) - len(planes)
    if not added:
        return planes, found, axes
    chosen = np.repeat(np.arange(len(planes)), times)
    depths = [np.flatnonzero(there[well[n]]) if alone[n] else axes.z_index[n : n + 1] for n in range(len(planes))]
    again = replace(found, kept=found.kept[chosen], files=[found.files[n] for n in chosen.tolist()])
    again.states.never_acquired = max(0, again.states.never_acquired - added)
    if not again.states.never_acquired:
        again.states.examples.pop("never_acquired", None)
    warnings.append(
        f"Single planes beside stacks are repeated at every plane of their well: {added} planes were added."
    )
    moved = replace(axes, z_index=np.concatenate(depths), t_index=axes.t_index[chosen])
    return planes.select(chosen), again, moved
