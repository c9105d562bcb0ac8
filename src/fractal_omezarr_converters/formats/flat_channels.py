"""Channels with a single plane beside stacks: taken once (the other planes stay empty), or shown at every plane."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from fractal_omezarr_converters.formats.plane_table import joint_ranks

if TYPE_CHECKING:
    from fractal_omezarr_converters.formats.plane_axes import PlaneAxes
    from fractal_omezarr_converters.formats.plane_states import SortedPlanes
    from fractal_omezarr_converters.formats.plane_table import PlaneTable


def repeat_single_planes(
    listed: PlaneTable, planes: PlaneTable, found: SortedPlanes, axes: PlaneAxes, warnings: list[str]
) -> tuple[PlaneTable, SortedPlanes, PlaneAxes]:
    """Give a plane that is alone in its channel, field and frame once for every plane that its well has.

    Args:
        listed: all planes that the metadata name: what is left of a stack whose files are missing is no single plane.
        planes: the planes to convert.
        found: their files, in the same order.
        axes: their indices.
        warnings: takes what was repeated.
    """
    stack = joint_ranks(listed.row, listed.column, listed.field, listed.channel, listed.t)[0]
    distinct = joint_ranks(stack, listed.z)[1]
    alone = (np.bincount(stack[distinct])[stack[found.kept]] == 1).tolist()
    wells = planes.wells()
    depths = {well: np.unique(axes.z_index[wells == well]).tolist() for well in np.unique(wells).tolist()}
    taken: list[int] = []
    z_index: list[int] = []
    for number, (well, z) in enumerate(zip(wells.tolist(), axes.z_index.tolist(), strict=True)):
        wanted = depths[well] if alone[number] else [z]
        taken.extend([number] * len(wanted))
        z_index.extend(wanted)
    added = len(taken) - len(planes)
    if not added:
        return planes, found, axes
    chosen = np.asarray(taken, np.int64)
    again = replace(found, kept=found.kept[chosen], files=found.files.select(chosen))
    again.states.never_acquired = max(0, again.states.never_acquired - added)
    if not again.states.never_acquired:
        again.states.examples.pop("never_acquired", None)
    warnings.append(
        f"Single planes beside stacks are repeated at every plane of their well: {added} planes were added."
    )
    moved = replace(axes, z_index=np.asarray(z_index, np.int64), t_index=axes.t_index[chosen])
    return planes.select(chosen), again, moved
