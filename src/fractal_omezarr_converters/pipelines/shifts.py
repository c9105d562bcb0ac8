"""How far one picture lies from another where both show the same place: correlation of two overlapping rectangles.

Brightness is variance-stabilised (square root) and band-passed, so that noise, vignetting and background count little. All
shifts within the search range are compared by their exact normalised correlation (zero-padded Fourier transform, so that nothing
wraps around; the energy of each overlap from running sums), coarsely at half resolution; the best few are compared again at
full resolution, and the winner is refined to a fraction of a pixel.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Plane = npt.NDArray[np.float32]
Axes = tuple[int, ...]

PEAKS = 3
RIVAL = 0.6
"""Coarse peaks below this share of the highest are not compared at full resolution."""
HALVED_FROM = 48
"""Rectangles of at least this many pixels are compared at half resolution first."""
BACKGROUND = 12
"""Radius of the box whose mean, taken twice, is the background."""
THINNEST = 4
"""Overlaps thinner than this many pixels prove nothing."""
LONGEST_CLIMB = 12
GRAIN = 16
"""Pixels of a band-passed picture that vary together."""


class Shift(NamedTuple):
    """A measured shift (x, y) with its correlation, that of the next best place, and the pixels that were compared."""

    x: float
    y: float
    correlation: float
    rival: float
    pixels: int


def prepared(raw: Plane, floor: float, axes: Axes) -> Plane:
    """Variance-stabilised picture, smoothed, and less its background along some axes."""
    stable = np.sqrt(np.maximum(raw - np.float32(floor), 0))
    for axis in (0, 1):
        for _ in range(2):
            stable = _smoothed(stable, axis)
    background = stable
    for axis in axes:
        for _ in range(2):
            background = _box(background, axis, BACKGROUND)
    return np.asarray(stable - background, dtype=np.float32)


def _smoothed(picture: Plane, axis: int) -> Plane:
    padded = np.pad(picture, [(1, 1) if k == axis else (0, 0) for k in (0, 1)], mode="edge")
    low, mid, high = (np.take(padded, range(k, k + picture.shape[axis]), axis=axis) for k in (0, 1, 2))
    return np.asarray((low + mid + mid + high) / 4, dtype=np.float32)


def _box(picture: Plane, axis: int, radius: int) -> Plane:
    """Mean over the pixels within a radius, fewer at the rim."""
    length = picture.shape[axis]
    total = np.concatenate(
        [np.zeros_like(picture[:1] if axis == 0 else picture[:, :1], dtype=np.float64), picture], axis=axis
    ).cumsum(axis=axis)
    high = np.minimum(np.arange(length) + radius + 1, length)
    low = np.maximum(np.arange(length) - radius, 0)
    count = (high - low).reshape((-1, 1) if axis == 0 else (1, -1))
    return np.asarray((total.take(high, axis=axis) - total.take(low, axis=axis)) / count, dtype=np.float32)


def background_axes(height: float, width: float) -> Axes:
    """Axes (0: y, 1: x) along which the background can be told in an overlap of this size.

    Along a thin overlap it is known from one side only, and would draw the pictures together.
    """
    wide = tuple(axis for axis, size in ((0, height), (1, width)) if size >= 4 * BACKGROUND)
    return wide or (0 if height >= width else 1,)


def measure_shift(
    first: Plane, second: Plane, expected: tuple[int, int], search: int, axes: Axes = (0, 1)
) -> Shift | None:
    """Where the second picture's corner lies in the pixels of the first: (x, y), within the search range.

    Args:
        first: Prepared picture.
        second: Prepared picture.
        expected: Where the corner is expected.
        search: Largest distance from there along x and y.
        axes: Axes along which the background was taken away.

    Returns:
        The shift with the highest correlation; None when no overlap is large enough or nothing has structure.
    """
    factor = 2 if min(*first.shape, *second.shape) >= HALVED_FROM else 1
    coarse = [_halved(one) if factor == 2 else one for one in (first, second)]
    middle = (round(expected[0] / factor), round(expected[1] / factor))
    reach = -(-search // factor) + 1
    surface = _correlations(coarse[0], coarse[1], middle, reach, THINNEST // factor)
    peaks = _highest(surface, 2 * factor)
    if not peaks:
        return None
    best: Shift | None = None
    found: list[Shift] = []
    for row, column, height in peaks:
        if height < RIVAL * peaks[0][2]:
            continue
        begin = ((column - reach + middle[0]) * factor, (row - reach + middle[1]) * factor)
        climbed = _climbed(first, second, begin, axes)
        if climbed is not None:
            found.append(climbed)
    within = [
        one for one in found if abs(one.x - expected[0]) <= search + 0.5 and abs(one.y - expected[1]) <= search + 0.5
    ]
    if not within:
        return None
    best = max(within, key=lambda one: one.correlation * np.sqrt(one.pixels))
    others = [one.correlation for one in found if max(abs(one.x - best.x), abs(one.y - best.y)) > 2.5]
    return best._replace(rival=max(others, default=0.0))


def _halved(picture: Plane) -> Plane:
    height, width = (size // 2 * 2 for size in picture.shape)
    even = picture[:height, :width]
    return np.asarray((even[::2, ::2] + even[1::2, ::2] + even[::2, 1::2] + even[1::2, 1::2]) / 4, dtype=np.float32)


def _correlations(first: Plane, second: Plane, middle: tuple[int, int], reach: int, thinnest: int) -> Plane:
    """Normalised correlation times the root of the overlap's share, for all shifts around ``middle`` (rows y, columns x)."""
    shape = []
    for axis, centre in ((0, middle[1]), (1, middle[0])):
        needed = max(centre + reach + second.shape[axis], first.shape[axis] - centre + reach, first.shape[axis])
        shape.append(_fast_length(max(needed, second.shape[axis])))
    product = np.fft.rfft2(first, shape) * np.conj(np.fft.rfft2(second, shape))
    raw = np.fft.irfft2(product, shape)
    ys = np.arange(middle[1] - reach, middle[1] + reach + 1)
    xs = np.arange(middle[0] - reach, middle[0] + reach + 1)
    raw = raw[np.ix_(ys % shape[0], xs % shape[1])]
    y = _common(ys, first.shape[0], second.shape[0])
    x = _common(xs, first.shape[1], second.shape[1])
    energy = _energy(first, y[0], x[0]) * _energy(second, y[1], x[1])
    tall, wide = y[0][1] - y[0][0], x[0][1] - x[0][0]
    area = np.maximum(tall, 0)[:, None] * np.maximum(wide, 0)[None, :]
    enough = (tall >= thinnest)[:, None] & (wide >= thinnest)[None, :] & (energy > 0)
    scaled = np.zeros(raw.shape)
    np.divide(raw, np.sqrt(energy, where=enough, out=np.ones_like(energy)), out=scaled, where=enough)
    return np.asarray(scaled * np.sqrt(area / max(int(area.max()), 1)), dtype=np.float32)


def _common(shifts: Any, first: int, second: int) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Begin and end of the common part in the first and in the second picture, for each shift along one axis."""
    begin, end = np.maximum(shifts, 0), np.minimum(first, shifts + second)
    end = np.maximum(end, begin)
    low = np.clip(begin - shifts, 0, second)
    return (np.minimum(begin, first), np.minimum(end, first)), (low, np.clip(end - shifts, low, second))


def _energy(picture: Plane, y: tuple[Any, Any], x: tuple[Any, Any]) -> Any:
    total = np.zeros((picture.shape[0] + 1, picture.shape[1] + 1))
    np.cumsum(np.cumsum(picture.astype(np.float64) ** 2, axis=0), axis=1, out=total[1:, 1:])
    corner = [total[np.ix_(rows, columns)] for rows in y for columns in x]
    return np.maximum(corner[3] - corner[1] - corner[2] + corner[0], 0)


def _highest(surface: Plane, apart: int) -> list[tuple[int, int, float]]:
    """The highest places, some pixels apart from each other."""
    left = surface.copy()
    found = []
    for _ in range(PEAKS):
        row, column = (int(k) for k in np.unravel_index(int(left.argmax()), left.shape))
        height = float(left[row, column])
        if height <= 0:
            break
        found.append((row, column, height))
        left[max(row - apart, 0) : row + apart + 1, max(column - apart, 0) : column + apart + 1] = 0
    return found


def _climbed(first: Plane, second: Plane, begin: tuple[int, int], axes: Axes) -> Shift | None:
    """The highest correlation at full resolution near a place, between pixels.

    Near the rim of a picture its background is known from one side only, which would draw the pictures together by a sixth of a
    pixel: the rim is left out as far as the overlap allows.
    """
    known: dict[tuple[int, int], tuple[float, int]] = {}
    extent = _extent(first, second, *begin)
    rim = tuple(min(BACKGROUND, max(extent[axis], 0) // 4) if axis in axes else 0 for axis in (0, 1))

    def at(x: int, y: int) -> float:
        if (x, y) not in known:
            known[x, y] = correlation_at(first, second, (x, y), (rim[0], rim[1]))
        return known[x, y][0]

    x, y = begin
    for _ in range(LONGEST_CLIMB):
        around = [(x + dx, y + dy) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
        best = max(around, key=lambda place: at(*place))
        if best == (x, y):
            break
        x, y = best
    value, pixels = known[x, y]
    if value <= 0:
        return None
    right = _vertex(at(x - 1, y), value, at(x + 1, y))
    down = _vertex(at(x, y - 1), value, at(x, y + 1))
    return Shift(x + right, y + down, value, 0.0, pixels)


def _extent(first: Plane, second: Plane, x: int, y: int) -> tuple[int, int]:
    """Height and width of what both pictures show."""
    height = min(first.shape[0], y + second.shape[0]) - max(y, 0)
    width = min(first.shape[1], x + second.shape[1]) - max(x, 0)
    return height, width


def correlation_at(
    first: Plane, second: Plane, place: tuple[int, int], rim: tuple[int, int] = (0, 0)
) -> tuple[float, int]:
    """Correlation of what both pictures show, less a rim, when the second lies at ``place`` (x, y) in the first; its pixels."""
    x, y = place
    height, width = (size - 2 * less for size, less in zip(_extent(first, second, x, y), rim, strict=True))
    if height < THINNEST or width < THINNEST:
        return -1.0, 0
    top, left = max(y, 0) + rim[0], max(x, 0) + rim[1]
    one = first[top : top + height, left : left + width]
    other = second[top - y : top - y + height, left - x : left - x + width]
    one, other = one - one.mean(), other - other.mean()
    energies = float(np.vdot(one, one)), float(np.vdot(other, other))
    if min(energies) <= 0:
        return -1.0, 0
    return float(np.vdot(one, other) / np.sqrt(energies[0] * energies[1])), int(one.size)


def _vertex(before: float, here: float, after: float) -> float:
    """Where the parabola through three neighbouring values is highest, within half a pixel."""
    bend = before - 2 * here + after
    if bend >= 0:
        return 0.0
    return float(np.clip((before - after) / (2 * bend), -0.5, 0.5))


def _fast_length(needed: int) -> int:
    """The next length with small prime factors only."""
    while True:
        rest = needed
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return needed
        needed += 1
