"""Reading through dask: nothing is read before it is needed, each source once, pixels the same as when read at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_sources import READS, MadeLoader, details, tile

from fractal_omezarr_converters.core import TiledImage, tiled_image_from_tiles

PLACES = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 1), st.integers(0, 2), st.integers(-7, 7), st.integers(-9, 9)),
    min_size=1,
    max_size=8,
    unique=True,
)


def image(places: list[tuple[int, ...]]) -> TiledImage:
    tiles = [
        tile(f"{i}", fov=f"F{i}", start_t=t, start_c=c, start_z=z, y=y, x=x, value=10 + 20 * i)
        for i, (t, c, z, y, x) in enumerate(places)
    ]
    return tiled_image_from_tiles(tiles=tiles)[0]


def by_hand(places: list[tuple[int, ...]]) -> np.ndarray:
    """Lay tiles one after the other, as anybody would."""
    first = np.min(places, axis=0)
    size = np.max(places, axis=0) - first + np.array([1, 1, 1, 4, 6])
    whole = np.zeros(size, "uint16")
    for i, place in enumerate(places):
        t, c, z, y, x = place - first
        whole[t, c, z, y : y + 4, x : x + 6] = np.indices((4, 6)).sum(axis=0) + 10 + 20 * i
    return whole


@settings(max_examples=40, deadline=None)
@given(PLACES, st.sampled_from([None, (1, 1, 1, 3, 5), (2, 2, 2, 4, 6), "auto", -1, (1, 1, 1, -1, -1)]))
def test_f06_f07_read_at_once_and_through_dask_are_what_anybody_would_lay(places: Any, chunks: Any) -> None:
    made = image(places)
    expected = by_hand(places)
    np.testing.assert_array_equal(made.load_data(), expected)
    READS.clear()
    lazy = made.load_data_dask(chunks=chunks)
    assert READS == []
    assert (lazy.shape, lazy.dtype) == (expected.shape, expected.dtype)
    np.testing.assert_array_equal(lazy.compute(scheduler="synchronous"), expected)
    assert sorted(READS) == sorted(f"{i}" for i in range(len(places)))


def test_f21_a_part_reads_only_the_sources_in_it() -> None:
    made = image([(0, 0, 0, 0, 6 * i) for i in range(10)])
    READS.clear()
    part = made.load_data_dask(chunks=(1, 1, 1, 4, 6))[..., 12:18].compute(scheduler="synchronous")
    assert READS == ["2"]
    assert part[0, 0, 0, 0, 0] == 50


def grid(rows: int, columns: int, *, y: int = 4, x: int = 6, channels: int = 2) -> list[tuple[int, ...]]:
    """Places of a mosaic of fields of 4 x 6 px at a distance of y and x."""
    return [(0, c, 0, y * i, x * j) for c in range(channels) for i in range(rows) for j in range(columns)]


@pytest.mark.parametrize("distance", [{}, {"y": 3, "x": 5}, {"y": 5, "x": 8}])
def test_building_reads_nothing_and_the_graph_grows_linearly(distance: dict[str, int]) -> None:
    tasks = []
    for columns in (8, 16, 32):
        made = image(grid(6, columns, **distance))
        READS.clear()
        lazy = made.load_data_dask()
        lazy[0, 0, 0, 2:, 3:].sum()
        assert READS == []
        tasks.append(len(dict(lazy.__dask_graph__())))
    per_column = (tasks[1] - tasks[0]) / 8
    assert (tasks[2] - tasks[1]) / 16 == pytest.approx(per_column, rel=0.05)
    assert tasks[0] <= (6 * 8 * 2) * (2 if distance.get("y", 4) <= 4 else 6)


@pytest.mark.parametrize(
    ("places", "chunks"),
    [
        (grid(2, 3), ((1,), (1, 1), (1,), (4, 4), (6, 6, 6))),
        (grid(2, 3, y=3, x=5), ((1,), (1, 1), (1,), (3, 4), (5, 5, 6))),
        (grid(1, 3, x=8, channels=1), ((1,), (1,), (1,), (4,), (6, 2, 6, 2, 6))),
        ([(0, 0, 0, 0, 0), (0, 0, 0, 1, 5), (0, 0, 0, 4, 1), (0, 0, 2, 5, 6)], ((1,), (1,), (1, 1, 1), (4, 4, 1), (5, 6, 1))),
    ],
)  # fmt: skip
def test_chunks_follow_the_fields(places: Any, chunks: Any) -> None:
    made = image(places)
    assert made.load_data_dask().chunks == chunks
    np.testing.assert_array_equal(made.load_data_dask().compute(scheduler="synchronous"), by_hand(places))


def test_a_chunk_reads_its_field_alone_also_where_fields_are_apart() -> None:
    made = image(grid(2, 3, y=7, x=11, channels=1))
    READS.clear()
    made.load_data_dask().blocks[0, 0, 0, 2, 2].compute(scheduler="synchronous")
    assert READS == ["4"]


@pytest.mark.parametrize("axes", ["yx", "zyx", "cyx", "tyx", "czyx", "tczyx"])
def test_every_set_of_axes(axes: str) -> None:
    (made,) = tiled_image_from_tiles(
        tiles=[tile(f"{i}", fov=f"F{i}", x=6 * i, value=9 * i, acquisition=details(axes)) for i in range(3)]
    )
    shape = (*[1] * (len(axes) - 2), 4, 18)
    (group, *_) = made.group_by_fov()
    assert made.load_data().shape == made.load_data_dask().compute().shape == made.shape() == shape
    assert group.load_data().shape == group.load_data_dask().compute().shape == group.shape() == (*shape[:-1], 6)
    np.testing.assert_array_equal(made.load_data(), made.load_data_dask().compute())


class Handed(MadeLoader):
    """Reads only with the right resource."""

    def load_data(self, resource: Any = None) -> np.ndarray:
        assert resource == {"folder": "here"}
        return super().load_data(resource)


@pytest.mark.parametrize("way", ["load_data", "load_data_dask"])
def test_resource_is_handed_through_unchanged(way: str) -> None:
    resource = {"folder": "here"}
    one = tile().model_copy(update={"image_loader": Handed(name="a", value=3)})
    (made,) = tiled_image_from_tiles(tiles=[one], resource=resource)
    for holder in (made, made.group_by_fov()[0]):
        assert np.asarray(getattr(holder, way)(resource))[0, 0, 0, 0, 0] == 3
    assert made.regions[0].load_data(axes="tczyx", resource=resource)[0, 0, 0, 0, 0] == 3
