"""Every arrangement of fields that the established engine scrambles: neighbours stay neighbours, or fields stay in place.

The numbers of the tests are the rows of the table of failures that these arrangements were collected in.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fractal_omezarr_converters.core.aggregation import tiled_image_from_tiles
from fractal_omezarr_converters.core.placement import place
from fractal_omezarr_converters.errors import ConvertersToolsUserError, NotAGridError
from fractal_omezarr_converters.models.grouping import AutoTiling, SnapToCornersTiling, SnapToGridTiling
from fractal_omezarr_converters.pipelines.lattice import fit_lattice
from fractal_omezarr_converters.pipelines.mosaic import tile_regions


def serpentine(columns: int, rows: int) -> np.ndarray:
    """Cells in the order in which a stage visits them: every second row from right to left."""
    cells = np.array(
        [(c, r) for r in range(rows) for c in (range(columns) if r % 2 == 0 else reversed(range(columns)))]
    )
    return cells.astype(float)


def arrange(make_tile, positions, strategy, order=None):
    """Corners in pixels, notes, warnings and provenance of fields of 256 x 192 px at these positions."""
    positions = np.rint(positions - np.min(positions, axis=0))
    rows = range(len(positions)) if order is None else order
    tiles = [
        make_tile(f"F{k:04d}", file=str(k), start_x=positions[k, 0] / 2, start_y=positions[k, 1] / 2, shape=(192, 256))
        for k in rows
    ]
    [image] = tiled_image_from_tiles(tiles=tiles)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        moved = tile_regions(image, tiling_strategy=strategy)
    placed = place(moved)
    found = {moved.columns.loaders.loader(i).name: placed.start[i, [4, 3]] for i in range(len(tiles))}
    assert moved.provenance[-1]["name"] == "tile_regions"
    return np.array([found[str(k)] for k in range(len(positions))]), moved, [str(one.message) for one in caught]


def assert_cells(corners, cells):
    """Every field in its own cell: all neighbours are kept, nothing is overwritten."""
    np.testing.assert_array_equal(corners, (cells - cells.min(axis=0)) * [256, 192])


def jittered(cells, overlap, sigma, seed):
    pitch = np.array([256, 192]) * (1 - overlap)
    return cells * pitch + np.random.default_rng(seed).normal(0, sigma, cells.shape)


@pytest.mark.parametrize(
    ("overlap", "count"), [(0.05, 12), (0.1, 7), (0.1, 10), (0.15, 5), (0.2, 4), (0.2, 8), (0.5, 5)]
)
@pytest.mark.parametrize("sigma", [0.3, 2, 5])
def test_row_1_and_2_jittered_serpentine(make_tile, overlap, count, sigma):
    cells = serpentine(count, count)
    corners, image, said = arrange(make_tile, jittered(cells, overlap, sigma, count), AutoTiling())
    assert_cells(corners, cells)
    assert not said and image.provenance[-1]["result"] == "Snap to Grid"
    assert image.provenance[-1]["residual_px"] == pytest.approx(np.hypot(sigma, 0.29), rel=0.35)
    told, untold = (image.notes, image.remarks) if overlap == 0.5 else (image.remarks, image.notes)
    assert any("overlap by" in text and "shown twice" in text for text in told)
    assert not untold


@pytest.mark.parametrize("seed", range(20))
def test_row_1_seven_by_seven(make_tile, seed):
    cells = serpentine(7, 7)
    order = np.random.default_rng(seed).permutation(49)
    corners, _, _ = arrange(make_tile, jittered(cells, 0.1, 3, seed), AutoTiling(), order)
    assert_cells(corners, cells)


def test_row_2_row_major_with_much_overlap(make_tile):
    for count, overlap in ((8, 0.2), (10, 0.15)):
        cells = np.array([(c, r) for r in range(count) for c in range(count)], dtype=float)
        corners, _, _ = arrange(make_tile, jittered(cells, overlap, 2, 1), AutoTiling())
        assert_cells(corners, cells)


@pytest.mark.parametrize(("count", "overlap"), [(8, 0.2), (3, 0.5), (4, 0.5)])
def test_row_3_corners_refuse_to_tear_neighbours(make_tile, count, overlap):
    cells = serpentine(count, count)
    with pytest.raises(NotAGridError, match="choose Inplace"):
        arrange(make_tile, jittered(cells, overlap, 0, 0), SnapToCornersTiling())


@pytest.mark.parametrize("tolerance", [30, 60])
@pytest.mark.parametrize("count", [6, 10])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_row_4_a_wide_tolerance_poisons_nothing(make_tile, tolerance, count, seed):
    cells = serpentine(count, count)
    corners, _, _ = arrange(make_tile, jittered(cells, 0.1, 8, seed), SnapToGridTiling(tolerance=tolerance))
    assert_cells(corners, cells)


@pytest.mark.parametrize("degrees", [-3, 0.2, 0.5, 1, 2, 5])
@pytest.mark.parametrize("strategy", [AutoTiling(), SnapToGridTiling(tolerance=30)])
def test_row_5_a_turned_stage(make_tile, degrees, strategy):
    cells = serpentine(8, 8)
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    corners, image, said = arrange(make_tile, jittered(cells, 0.1, 1, 4) @ turn.T, strategy)
    assert_cells(corners, cells)
    assert image.provenance[-1]["rotation_degrees"] == pytest.approx(degrees, abs=0.05)
    told = image.notes if abs(degrees) > 1.2 else [*image.notes, *image.remarks]
    assert not said and any("turned by" in text for text in told)


@pytest.mark.parametrize("strategy", [AutoTiling(), SnapToGridTiling(tolerance=10)])
@pytest.mark.parametrize("beside", [0, 1, 6])
def test_row_6_the_same_site_twice(make_tile, strategy, beside):
    cells = serpentine(3, 3)
    positions = np.vstack([jittered(cells, 0.1, 0, 0), [[230.0 + beside, 0]]])
    with pytest.raises(ConvertersToolsUserError, match=r"'F0001' and 'F0009' lie .*1\.tif.*9\.tif"):
        arrange(make_tile, positions, strategy)


@pytest.mark.parametrize("gone", [[3], [2, 3], [1, 3, 4]])
@pytest.mark.parametrize("sigma", [0, 3])
def test_row_7_missing_columns(make_tile, gone, sigma):
    cells = serpentine(7, 5)
    cells = cells[~np.isin(cells[:, 0], gone)]
    corners, _, said = arrange(make_tile, jittered(cells, 0.1, sigma, 5), AutoTiling())
    assert_cells(corners, cells)
    assert not said


@pytest.mark.parametrize("shift", [0.5, 0.4, 0.3])
@pytest.mark.parametrize("sigma", [0, 2])
def test_row_8_staggered_rows_stay_in_place(make_tile, shift, sigma):
    cells = serpentine(5, 6)
    positions = jittered(cells, 0.1, sigma, 6) + np.outer(cells[:, 1] % 2, [shift * 230, 0])
    corners, image, said = arrange(make_tile, positions, AutoTiling())
    np.testing.assert_array_equal(corners, np.rint(positions - positions.min(axis=0)))
    assert image.provenance[-1]["result"] == "Inplace"
    assert any("stay at their stage positions" in text for text in said)


@pytest.mark.parametrize("sigma", [0, 3])
def test_row_9_distant_sites_stay_in_place(make_tile, sigma):
    positions = jittered(serpentine(3, 3), -1.0, sigma, 7)
    corners, _, said = arrange(make_tile, positions, AutoTiling())
    np.testing.assert_array_equal(corners, np.rint(positions - positions.min(axis=0)))
    assert any("would lose their distances" in text for text in said)


def test_row_9_sites_at_random_places_stay_in_place(make_tile):
    rng = np.random.default_rng(8)
    positions = serpentine(4, 4) * 700 + rng.uniform(-120, 120, (16, 2))
    corners, _, said = arrange(make_tile, positions, AutoTiling())
    np.testing.assert_array_equal(corners, np.rint(positions - positions.min(axis=0)))
    assert said


def test_an_extra_field_between_the_others_keeps_all_in_place(make_tile):
    cells = serpentine(4, 4)
    positions = np.vstack([jittered(cells, 0.1, 0, 0), [[300.0, 250.0]]])
    corners, image, said = arrange(make_tile, positions, AutoTiling())
    np.testing.assert_array_equal(corners, np.rint(positions))
    assert said and image.provenance[-1]["result"] == "Inplace"


def test_backlash_of_alternate_rows(make_tile):
    cells = serpentine(6, 6)
    positions = jittered(cells, 0.1, 1, 9) + np.outer(cells[:, 1] % 2, [8, 0])
    assert_cells(arrange(make_tile, positions, AutoTiling())[0], cells)


def test_separate_blocks_of_one_grid_are_counted_together(make_tile):
    """Two diagonal blocks, which no row or column connects."""
    cells = np.array([(c, r) for c in range(6) for r in range(6) if (c < 3) == (r < 3)], dtype=float)
    corners, _, said = arrange(make_tile, jittered(cells, 0.1, 2, 10), AutoTiling())
    assert_cells(corners, cells)
    assert not said


def test_two_fields_side_by_side_at_an_angle_stay_in_place(make_tile):
    """A little further along x and along y: the second could be the next in the row as well as in the column."""
    corners, _, said = arrange(make_tile, np.array([[0.0, 0.0], [58.0, 44.0]]), AutoTiling())
    np.testing.assert_array_equal(corners, [[0, 0], [58, 44]])
    assert any("far off the x axis" in text for text in said)


PLACES = st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=2, max_size=6)


@settings(max_examples=400, deadline=None)
@given(PLACES, st.sampled_from([(100.0, 80.0), (8.0, 6.0)]))
def test_fields_at_any_places_are_refused_or_in_rows_along_x(places, size):
    try:
        found = fit_lattice(np.array(places, dtype=float), np.array(size))
    except NotAGridError as error:
        assert "choose Inplace" in str(error)
        return
    assert abs(found.degrees) <= 14.04 and abs(found.matrix[0, 1]) <= 0.25 * found.matrix[1, 1]


CELLS = st.sets(st.tuples(st.integers(0, 7), st.integers(0, 5)), min_size=2, max_size=30)


@settings(max_examples=150, deadline=None)
@given(
    CELLS,
    st.floats(-0.05, 0.6),
    st.tuples(st.floats(-4, 4), st.floats(-0.03, 0.03)),
    st.floats(0, 0.03),
    st.integers(0, 2**31),
)
def test_cells_are_those_of_the_truth_or_refused(cells, overlap, turned, sigma, seed):
    """Blocks with holes, turned, sheared, jittered, in any order: the true cells come out whenever cells touch in a row."""
    true = np.array(sorted(cells), dtype=float)
    true -= true.min(axis=0)
    rng = np.random.default_rng(seed)
    size = np.array([300.0, 200.0])
    angle, shear = np.deg2rad(turned[0]), turned[1]
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ np.array(
        [[1, shear], [0, 1]]
    )
    positions = true * size * (1 - overlap) @ matrix.T + rng.normal(0, sigma, true.shape) * size * (1 - overlap)
    order = rng.permutation(len(true))
    try:
        found = fit_lattice(positions, size)
    except NotAGridError:
        return
    shuffled = fit_lattice(positions[order], size)
    np.testing.assert_array_equal(shuffled.cells, found.cells[order])
    connected = {tuple(cell) for cell in true[:1].tolist()}
    rest = {tuple(cell) for cell in true.tolist()} - connected
    while True:
        touching = {c for c in rest if any(abs(c[0] - d[0]) + abs(c[1] - d[1]) == 1 for d in connected)}
        if not touching:
            break
        connected |= touching
        rest -= touching
    if not rest:
        np.testing.assert_array_equal(found.cells, true)
