"""Do fields of view lie as the metadata say, or mirrored or exchanged? Overlaps of neighbours tell.

Instruments disagree on the sign of y and on which stage axis runs along the image. Where fields overlap, only one of the
eight arrangements (positions exchanged or not, mirrored along x or not, along y or not) makes neighbours show the same
specimen. A few fields of one well are read, averaged to a coarse plane, and the correlation of their overlaps is taken for
each arrangement. Arrangements that no overlap can tell apart count as what the metadata say.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fractal_omezarr_converters.core.pixels import load_block
from fractal_omezarr_converters.core.tile_table import TileTable
from fractal_omezarr_converters.errors import ConvertersToolsError
from fractal_omezarr_converters.models.acquisition import AcquisitionDetails, StageOrientation
from fractal_omezarr_converters.pipelines.shifts import THINNEST, Plane, correlation_at

CLEAR = 0.3
"""By how much the correlation of another arrangement must be higher to be believed."""
CONVINCING = 0.7
"""Correlation that the better arrangement must reach."""
RIGHT = 0.6
"""Correlation from which on the arrangement of the metadata is not doubted: repeated structures look alike anywhere."""
COARSE_PIXELS = 512
MOST_FIELDS = 9
MOST_WELLS = 3
REACH = 2
SMALLEST_SHARE = 0.0005
"""Overlaps of less than this share of a field prove nothing."""

Floats = NDArray[np.float64]
ARRANGEMENTS = tuple(
    StageOrientation(flip_x=x, flip_y=y, swap_xy=swap)
    for swap, x, y in sorted(itertools.product((False, True), repeat=3), key=sum)
)


@dataclass(frozen=True)
class OrientationFinding:
    """Correlation of the overlaps as read and in the best arrangement; ``best`` comes after what is applied already."""

    well: str
    as_read: float
    best: StageOrientation
    correlation: float
    overlaps: int

    @property
    def is_clear(self) -> bool:
        """Say whether another arrangement than that of the metadata is clearly right."""
        higher = self.correlation - max(self.as_read, 0.0)
        doubted = self.best != StageOrientation() and self.as_read < RIGHT
        return doubted and self.correlation >= CONVINCING and higher >= CLEAR

    def sentence(self) -> str:
        """What was found and what to do, for the user."""
        return (
            f"The fields of view do not fit together where the metadata place them: {self._figures()}. Set the stage"
            f" orientation to '{self._changes()}', or let it be found automatically (orientation: auto)."
        )

    def applied(self) -> str:
        """What was found and done, for the user."""
        return f"The positions of the fields of view were changed ({self._changes()}): {self._figures()}."

    def _changes(self) -> str:
        words = (("swap_xy", "Swap XY"), ("flip_x", "Flip X"), ("flip_y", "Flip Y"))
        return ", ".join(text for name, text in words if getattr(self.best, name))

    def _figures(self) -> str:
        return (
            f"in '{self.well}' the overlaps of neighbours correlate by {self.as_read:.2f} as the metadata say, and by"
            f" {self.correlation:.2f} with '{self._changes()}' ({self.overlaps} overlaps)"
        )


def check_orientation(table: TileTable, resource: Any = None) -> OrientationFinding | None:
    """Compare the eight arrangements on the overlaps of one well.

    Args:
        table: tiles of one acquisition, with what the user states about the stage applied.
        resource: handed to the loaders.

    Returns:
        The finding of the well with the highest correlation; None when no fields overlap, files are missing, or there is
        nothing to see in the overlaps.
    """
    findings = []
    for collection in _wells_with_most_fields(table):
        well = table.select(table.collection == collection)
        start, length = well.world()
        try:
            found = _check_well(well, start, length, collection, resource)
        except (ConvertersToolsError, OSError):
            continue  # the conversion itself will say what is wrong with the file
        if found is not None:
            findings.append(found)
            if found.correlation >= CONVINCING:
                break
    return max(findings, key=lambda one: one.correlation, default=None)


def oriented(details: AcquisitionDetails, then: StageOrientation) -> AcquisitionDetails:
    """The details with one more orientation applied after theirs."""
    now = details.stage_orientation
    flip_x, flip_y = (now.flip_y, now.flip_x) if then.swap_xy else (now.flip_x, now.flip_y)
    both = StageOrientation(
        flip_x=flip_x != then.flip_x, flip_y=flip_y != then.flip_y, swap_xy=now.swap_xy != then.swap_xy
    )
    return details.model_copy(update={"stage_orientation": both})


def _wells_with_most_fields(table: TileTable) -> list[int]:
    names = len(table.fov_names)
    pairs = np.unique(table.collection.astype(np.int64) * names + table.fov)
    numbers, counts = np.unique(pairs // names, return_counts=True)
    order = sorted(zip(-counts, numbers, strict=True))
    return [int(number) for count, number in order if count < -1][:MOST_WELLS]


def _check_well(
    table: TileTable, start: Floats, length: Floats, collection: int, resource: Any
) -> OrientationFinding | None:
    rows = _reference_rows(table, start, collection)
    size = length[rows][:, [4, 3]]
    corner = start[rows][:, [4, 3]]
    if not _overlaps(corner, size):
        return None  # fields that only another arrangement would lay over each other prove nothing
    per_pixel = table.steps()[rows[0]][[4, 3]]
    overlaps = {each: _overlaps(_arranged(corner, size, each), size) for each in ARRANGEMENTS}
    thinnest = min((min(pair.extent / per_pixel) for pairs in overlaps.values() for pair in pairs), default=0.0)
    if thinnest < THINNEST:
        return None
    factor = max(1, min(int(max(size[0] / per_pixel) // COARSE_PIXELS), int(thinnest // (2 * THINNEST))))
    used = sorted({number for pairs in overlaps.values() for pair in pairs for number in (pair.first, pair.second)})
    planes = {number: _coarse(table, int(rows[number]), factor, resource) for number in used}
    scale = per_pixel * factor
    scores = {each: _score(pairs, planes, scale) for each, pairs in overlaps.items() if pairs}
    as_read = scores[StageOrientation()]
    # the first is the one with the fewest changes among those that are as good
    highest = max(scores.values())
    best = next(each for each, score in scores.items() if score >= highest - 0.02)
    return OrientationFinding(
        well=table.collections[collection].path(),
        as_read=as_read,
        best=best,
        correlation=scores[best],
        overlaps=len(overlaps[best]),
    )


def _reference_rows(table: TileTable, start: Floats, collection: int) -> NDArray[np.int64]:
    """One tile of every field: the first channel, the first time, the middle of the stack; the fields of the first corner."""
    mine = np.flatnonzero(table.collection == collection)
    chosen = []
    for field in np.unique(table.fov[mine]).tolist():
        tiles = mine[table.fov[mine] == field]
        tiles = tiles[np.lexsort((start[tiles, 2], start[tiles, 0], start[tiles, 1]))]
        first = tiles[(start[tiles, :2] == start[tiles[0], :2]).all(axis=1)]
        chosen.append(int(first[len(first) // 2]))
    corner = start[chosen][:, 3:]
    near = np.argsort(((corner - corner.min(axis=0)) ** 2).sum(axis=1), kind="stable")
    return np.array(chosen, np.int64)[near[:MOST_FIELDS]]


def _arranged(corner: Floats, size: Floats, how: StageOrientation) -> Floats:
    """Corners (x, y) after an orientation of the stage; intervals are mirrored whole."""
    found = corner[:, ::-1].copy() if how.swap_xy else corner.copy()
    for axis, flip in enumerate((how.flip_x, how.flip_y)):
        if flip:
            found[:, axis] = -(found[:, axis] + size[:, axis])
    return found


@dataclass(frozen=True)
class _Overlap:
    first: int
    second: int
    shift: Floats  # of the second's corner from the first's (x, y)
    extent: Floats


def _overlaps(corner: Floats, size: Floats) -> list[_Overlap]:
    """Pairs of fields that lie beside each other, with what both show; corners of neighbours across are left out."""
    first, second = np.triu_indices(len(corner), 1)
    low = np.maximum(corner[first], corner[second])
    extent = np.minimum(corner[first] + size[first], corner[second] + size[second]) - low
    share = extent / size[first]
    beside = (extent > 0).all(axis=1) & (share.max(axis=1) > 0.5) & (share.prod(axis=1) > SMALLEST_SHARE)
    return [
        _Overlap(int(first[at]), int(second[at]), corner[second[at]] - corner[first[at]], extent[at])
        for at in np.flatnonzero(beside).tolist()
    ]


def _coarse(table: TileTable, row: int, factor: int, resource: Any) -> Plane:
    """The first plane of a tile, averaged over squares; the square root makes noise alike in dark and bright places."""
    axes = "".join(table.acquisitions[int(table.acquisition[row])].axes)
    pixels = load_block(table.loaders.loader(row), axes, None, resource=resource)
    plane = np.asarray(pixels[0, 0, pixels.shape[2] // 2], np.float32)
    height, width = (n // factor for n in plane.shape)
    squares = plane[: height * factor, : width * factor].reshape(height, factor, width, factor)
    coarse = squares.mean(axis=(1, 3), dtype=np.float32)
    stable: Plane = np.sqrt(np.maximum(coarse - np.float32(np.percentile(coarse, 1)), 0))
    return stable


def _score(pairs: list[_Overlap], planes: dict[int, Plane], scale: Floats) -> float:
    """Mean correlation of the overlaps, each at its best within a few pixels of where it should be.

    Neighbours along x and along y count apart, and the worse of both is the score: positions that are mirrored along one
    axis are still right along the other.
    """
    found: dict[int, list[float]] = {}
    for pair in pairs:
        x, y = (round(n) for n in (pair.shift / scale).tolist())
        around = itertools.product(range(-REACH, REACH + 1), repeat=2)
        highest = max(correlation_at(planes[pair.first], planes[pair.second], (x + dx, y + dy))[0] for dx, dy in around)
        found.setdefault(int(abs(pair.shift[1]) > abs(pair.shift[0])), []).append(highest)
    return min(float(np.mean(each)) for each in found.values())
