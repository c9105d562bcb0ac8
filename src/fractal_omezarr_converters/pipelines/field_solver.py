"""Positions of fields of view from measured shifts between neighbours and from what the stage says.

The stage is taken to repeat itself: shifts between neighbours in one row deviate from the stage's statement by a common amount (a
rotated camera, a wrong pixel size), and so do those in one column; what is left is the stage's error. A measurement that deviates
from it by far is not believed. All measurements that are left decide together, weighted, together with a weak pull of every
pair towards the stage model, so that errors do not add up along rows and fields without measurements stay where the stage says.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

STAGE_DEVIATIONS = 8.0
"""A measurement further from the stage model than this many typical errors is not believed."""
SMALLEST_STAGE_ERROR = 1.5
FEWEST = 8
"""Number of measurements of one direction from which they say something about the stage."""
ROUNDS = (8.0, 4.0, 2.0, 1.0, 1.0, 1.0)
"""Disagreement in pixels at which a measurement loses weight, round by round."""
DISAGREEMENT = 2.0
"""A measurement that contradicts the others by more than this many pixels is dropped in the end."""
_ANCHOR = 1e-7


class Pairs(NamedTuple):
    """Neighbouring places and their measured distances; a measurement that failed is not a number."""

    first: Integers
    second: Integers
    direction: Integers
    """0: side by side, 1: one above the other."""
    measured: Floats
    sigma: Floats


class Solution(NamedTuple):
    """Positions between pixels, which pairs were believed, and how well they agree."""

    positions: Floats
    believed: Booleans
    stage_error: float
    disagreement: float


def solve(stage: Floats, pairs: Pairs) -> Solution:
    """Positions (x, y) of all places.

    Args:
        stage: Positions that the stage states, in pixels.
        pairs: Neighbours and their measured distances.
    """
    stated = stage[pairs.second] - stage[pairs.first]
    deviation = pairs.measured - stated
    believed = np.isfinite(deviation).all(axis=1)
    model = np.zeros_like(stated)
    spread = np.full(len(stated), SMALLEST_STAGE_ERROR)
    for direction in (0, 1):
        mine = pairs.direction == direction
        usable = mine & believed
        if not usable.any():
            continue
        middle = np.median(deviation[usable], axis=0)
        typical = 1.4826 * np.median(np.abs(deviation[usable] - middle), axis=0).max()
        spread[mine] = max(float(typical), SMALLEST_STAGE_ERROR)
        if int(usable.sum()) >= FEWEST:
            model[mine] = middle
            far = np.abs(deviation - middle).max(axis=1) > STAGE_DEVIATIONS * spread
            believed &= ~(mine & far)
    positions = stage.copy()
    trust = np.where(believed, 1 / pairs.sigma**2, 0.0)
    weight = trust
    residual = np.zeros_like(stated)
    for scale in ROUNDS:
        positions = _balanced(stage, pairs, stated + model, (weight, 1 / spread**2))
        residual = np.where(believed[:, None], positions[pairs.second] - positions[pairs.first] - pairs.measured, 0.0)
        distance = np.hypot(residual[:, 0], residual[:, 1])
        weight = trust / (1 + (distance / scale) ** 2) ** 2
    believed &= distance <= DISAGREEMENT
    positions = _balanced(stage, pairs, stated + model, (np.where(believed, weight, 0.0), 1 / spread**2))
    kept = residual[believed]
    return Solution(
        positions,
        believed,
        float(np.sqrt(np.mean((deviation - model)[believed] ** 2))) if believed.any() else 0.0,
        float(np.sqrt(np.mean(kept**2))) if len(kept) else 0.0,
    )


def _balanced(stage: Floats, pairs: Pairs, modelled: Floats, weights: tuple[Floats, Floats]) -> Floats:
    """Weighted least squares over all pairs: measured and modelled distances; conjugate gradients, any number of fields."""
    number = len(stage)
    measured = np.where(np.isfinite(pairs.measured), pairs.measured, 0.0)
    total = weights[0] + weights[1]
    pull = weights[0][:, None] * measured + weights[1][:, None] * modelled
    anchor = _ANCHOR * float(total.max(initial=1.0))
    diagonal = np.bincount(pairs.first, total, number) + np.bincount(pairs.second, total, number) + anchor

    def gathered(values: Floats) -> Floats:
        one = [np.bincount(pairs.second, values[:, k], number) for k in (0, 1)]
        other = [np.bincount(pairs.first, values[:, k], number) for k in (0, 1)]
        return np.stack(one, axis=1) - np.stack(other, axis=1)

    def product(values: Floats) -> Floats:
        return gathered(total[:, None] * (values[pairs.second] - values[pairs.first])) + anchor * values

    positions = stage.copy()
    rest = gathered(pull) + anchor * stage - product(positions)
    scaled = rest / diagonal[:, None]
    direction = scaled.copy()
    size = (rest * scaled).sum(axis=0)
    goal = 1e-20 * np.maximum(size, 1e-12)
    for _ in range(20 * number + 100):
        if (size <= goal).all():
            break
        moved = product(direction)
        step = size / np.maximum((direction * moved).sum(axis=0), 1e-300)
        positions = positions + step * direction
        rest = rest - step * moved
        scaled = rest / diagonal[:, None]
        grown = (rest * scaled).sum(axis=0)
        direction = scaled + (grown / np.maximum(size, 1e-300)) * direction
        size = grown
    return positions


def groups_of(number: int, pairs: Pairs, believed: Booleans) -> Integers:
    """Number the groups of places that believed measurements connect, the largest first."""
    group = np.arange(number)
    while True:
        low = np.minimum(group[pairs.first[believed]], group[pairs.second[believed]])
        merged = group.copy()
        np.minimum.at(merged, pairs.first[believed], low)
        np.minimum.at(merged, pairs.second[believed], low)
        merged = merged[merged]
        if np.array_equal(merged, group):
            break
        group = merged
    _, group, sizes = np.unique(group, return_inverse=True, return_counts=True)
    rank = np.empty(len(sizes), dtype=np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    return rank[group.ravel()]
