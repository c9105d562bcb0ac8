"""Channels with a single plane beside stacks: taken once (the other planes stay empty), or shown at every plane."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from fractal_omezarr_converters.formats.plane_axes import PlaneAxes
    from fractal_omezarr_converters.formats.plane_records import PlaneRecord
    from fractal_omezarr_converters.formats.plane_states import SortedPlanes


def repeat_single_planes(
    planes: Sequence[PlaneRecord], found: SortedPlanes, axes: PlaneAxes, warnings: list[str]
) -> tuple[list[PlaneRecord], SortedPlanes, PlaneAxes]:
    """Give a plane that is alone in its channel, field and frame once for every plane that its well has.

    Args:
        planes: the planes to convert.
        found: their files, in the same order.
        axes: their indices.
        warnings: takes what was repeated.
    """
    depths: dict[tuple[int, ...], set[int]] = defaultdict(set)
    stacks: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for number, (each, z) in enumerate(zip(planes, axes.z_index.tolist(), strict=True)):
        depths[each[:2]].add(z)
        stacks[(*each[:4], each.t)].append(number)
    taken: list[int] = []
    z_index: list[int] = []
    for number, (each, z) in enumerate(zip(planes, axes.z_index.tolist(), strict=True)):
        alone = len(stacks[(*each[:4], each.t)]) == 1
        wanted = sorted(depths[each[:2]]) if alone else [z]
        taken.extend([number] * len(wanted))
        z_index.extend(wanted)
    added = len(taken) - len(planes)
    if not added:
        return list(planes), found, axes
    again = replace(found, kept=[found.kept[n] for n in taken], files=[found.files[n] for n in taken])
    again.states.never_acquired = max(0, again.states.never_acquired - added)
    if not again.states.never_acquired:
        again.states.examples.pop("never_acquired", None)
    warnings.append(
        f"Single planes beside stacks are repeated at every plane of their well: {added} planes were added."
    )
    chosen = np.asarray(taken, np.int64)
    moved = replace(axes, z_index=np.asarray(z_index, np.int64), t_index=axes.t_index[chosen])
    return [planes[n] for n in taken], again, moved
