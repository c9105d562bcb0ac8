"""A scene of bright and dim spots, and the fields that a stage with an error takes of it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

FINE = 4
"""The scene is drawn this many times finer than it is seen, so that fields lie between pixels."""


class Scene(NamedTuple):
    """Fields (n, height, width) as uint16, where they are, and where the stage says they are; x, y in pixels."""

    fields: np.ndarray
    true: np.ndarray
    stage: np.ndarray


def blurred(picture: np.ndarray, radius: int) -> np.ndarray:
    """Mean over a box, twice."""
    for axis in (0, 1, 0, 1):
        total = np.cumsum(np.insert(picture, 0, 0, axis=axis), axis=axis)
        length = picture.shape[axis]
        high = np.minimum(np.arange(length) + radius + 1, length)
        low = np.maximum(np.arange(length) - radius, 0)
        picture = (total.take(high, axis) - total.take(low, axis)) / (2 * radius + 1)
    return picture


def make_scene(
    seed: int,
    *,
    columns: int = 3,
    rows: int = 3,
    size: tuple[int, int] = (240, 200),
    overlap: float = 0.1,
    error: float = 5.0,
    spots: float = 0.01,
    radius: float = 1.5,
) -> Scene:
    """Fields of ``size`` (x, y) in rows and columns, seen through a lens that is darker at its rim, with noise."""
    rng = np.random.default_rng(seed)
    cells = np.array([(c, r) for r in range(rows) for c in range(columns)], dtype=float)
    stage = np.rint(cells * np.asarray(size) * (1 - overlap))
    true = np.round((stage + rng.normal(0, error, stage.shape)) * FINE) / FINE
    true -= true.min(axis=0)
    width, height = (int(edge) for edge in np.ceil(true.max(axis=0)) + size)
    sky = np.zeros((height * FINE, width * FINE))
    number = int(spots * width * height)
    sky[rng.integers(0, height * FINE, number), rng.integers(0, width * FINE, number)] = rng.lognormal(0, 0.6, number)
    blur = int(radius * FINE)
    sky = blurred(sky, blur) * 250 * (2 * blur + 1) ** 2 + 40
    y, x = (np.linspace(-1, 1, edge) for edge in reversed(size))
    lens = 1 - 0.15 * (y[:, None] ** 2 + x[None, :] ** 2)
    fields = []
    for left, top in (true * FINE).astype(int):
        cut = sky[top : top + size[1] * FINE, left : left + size[0] * FINE]
        seen = cut.reshape(size[1], FINE, size[0], FINE).mean(axis=(1, 3)) * lens
        fields.append(rng.poisson(seen) + 100)
    return Scene(np.array(fields, dtype=np.uint16), true, stage)
