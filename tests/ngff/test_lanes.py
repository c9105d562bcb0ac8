"""One image written in lanes, by any number of writers in any order: the same files as from one writer, each written once."""

from __future__ import annotations

import random
import threading

import numpy as np
import pytest
import slow_writer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from writer_cases import cases, files_below, layout_of, pixels_of

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.ngff.block_plan import plan_blocks
from fractal_omezarr_converters.ngff.lane_pass import LaneJoin, begin_lanes, end_lanes, write_lane
from fractal_omezarr_converters.ngff.lanes import Split, choose_split, divide
from fractal_omezarr_converters.ngff.layout import make_layout
from fractal_omezarr_converters.ngff.occupancy import Occupancy
from fractal_omezarr_converters.ngff.single_pass import write_pixels
from fractal_omezarr_converters.ngff.stores import LocalStore, open_store


def write_in_lanes(store, layout, tiles, split, *, order=None, threads=1, memory=None):
    """Lanes in the order given, each by a writer of its own, then joined."""
    begin_lanes(store, layout)
    join = LaneJoin(store, layout, tiles(), split, digests=True)
    numbers = list(range(join.count))
    random.Random(order).shuffle(numbers)
    made = []
    for lane in numbers:
        source = tiles()
        write_lane(store, layout, source, split, lane, threads=threads, digests=True, memory_limit=memory)
        made.append(source)
        join.take(lane)
    end_lanes(store)
    return join.report(), made


def assert_same_account(found, expected):
    assert found.chunk_counts == expected.chunk_counts
    assert found.file_counts == expected.file_counts
    assert found.digests == expected.digests
    assert found.planes_without_source == expected.planes_without_source
    assert found.pixels_without_source == expected.pixels_without_source
    assert found.overlapped_pixels == expected.overlapped_pixels
    assert found.bytes_written == expected.bytes_written
    for one, other in zip(found.histograms, expected.histograms):
        np.testing.assert_array_equal(one.counts, other.counts)
        assert (one.minimum(), one.maximum()) == (other.minimum(), other.maximum())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=cases(), data=st.data())
def test_lanes_write_the_files_that_one_writer_writes(case, data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("image")
    layout = layout_of(case)
    rng = np.random.default_rng(case["seed"])
    arrays = [pixels_of(rng, length, case["dtype"]) for _, length in case["boxes"]]

    def tiles():
        return slow_writer.BoxTiles(case["boxes"], arrays, case["parts"], case["into"])

    expected = write_pixels(LocalStore(folder / "one"), layout, tiles(), threads=1, digests=True)
    files = Occupancy(layout, np.zeros((0, 5), np.int64)).chunks_per_shard(0)
    unit = tuple(data.draw(st.integers(1, 3)) * f for f in files)
    split = Split(unit, data.draw(st.integers(1, 9)))
    report, made = write_in_lanes(
        LocalStore(folder / "many"),
        layout,
        tiles,
        split,
        order=case["seed"],
        threads=case["threads"],
        memory=case["memory"],
    )
    assert files_below(folder / "many") == files_below(folder / "one")
    assert_same_account(report, expected)
    if case["parts"]:  # also tiles that several lanes need are read once, pixel by pixel
        for index, array in enumerate(arrays):
            assert sum(tiles.pixels_read[index] for tiles in made) == array.size


def mosaic(*, grid=(8, 8), field=16, z=1, c=1, chunk=16, overlap=0, shards=None, levels=(2, 4, 8), seed=0):
    pitch = field - overlap
    boxes = [
        ([0, channel, plane, pitch * i, pitch * j], [1, 1, 1, field, field])
        for channel in range(c)
        for plane in range(z)
        for i in range(grid[0])
        for j in range(grid[1])
    ]
    rng = np.random.default_rng(seed)
    arrays = [rng.integers(0, 999, length).astype("u2") for _, length in boxes]
    layout = make_layout(
        version="0.5", axes="czyx", shape=(1, c, z, *(pitch * n + overlap for n in grid)), dtype="u2", pixel_size=(1,) * 5,
        origin=(0,) * 5, chunks=(1, 1, 1, chunk, chunk), shards=shards, levels=list(levels),
    )  # fmt: skip
    return layout, lambda **more: slow_writer.BoxTiles(boxes, arrays, **more)


def lanes_of(layout, tiles, split):
    return divide(layout, plan_blocks(layout, tiles, 1), split)


def test_channels_and_planes_are_divided_first_and_share_nothing():
    layout, tiles = mosaic(z=3, c=2)
    split = choose_split(layout, tiles(), 2, cost_of_a_lane=0)
    lanes = lanes_of(layout, tiles(), split)
    assert split.unit[3:] == layout.grid(0)[3:]
    assert lanes.count == 6
    assert all((owner >= 0).all() for owner in lanes.owners)


def test_one_plane_is_divided_into_nodes_of_the_tree_that_share_only_the_last_levels():
    layout, tiles = mosaic(grid=(32, 32), levels=(2, 4, 8, 16))
    split = choose_split(layout, tiles(), 4, cost_of_a_lane=0)
    lanes = lanes_of(layout, tiles(), split)
    assert lanes.count == 16
    joined = [int((owner < 0).sum()) for owner in lanes.owners]
    assert joined[:4] == [0, 0, 0, 0]
    assert sum(joined) <= 4
    assert np.bincount(lanes.lane).tolist() == [64] * 16


def test_no_plane_is_read_twice_where_fields_are_chunks():
    layout, tiles = mosaic(grid=(16, 16))
    split = choose_split(layout, tiles(), 3, cost_of_a_lane=0)
    lanes = lanes_of(layout, tiles(), split)
    used = np.concatenate([np.unique(lanes.of(n).tile) for n in range(lanes.count)])
    assert np.bincount(used).tolist() == [1] * 256


def test_shards_are_never_divided_and_shards_of_coarser_levels_are_joined():
    layout, tiles = mosaic(grid=(16, 16), shards=(1, 1, 1, 64, 64))
    split = choose_split(layout, tiles(), 2, cost_of_a_lane=0)
    lanes = lanes_of(layout, tiles(), split)
    assert lanes.count >= 2
    files = lanes.plan.blocks // 4
    for file in np.unique(files, axis=0):
        assert len(set(lanes.lane[(files == file).all(axis=1)].tolist())) == 1


def test_more_lanes_than_channels_are_made_when_writers_would_wait():
    layout, tiles = mosaic(grid=(16, 16), c=2)
    assert choose_split(layout, tiles(), 2, cost_of_a_lane=1 << 14).lanes == 2
    assert choose_split(layout, tiles(), 8, cost_of_a_lane=0).lanes >= 8


@pytest.mark.parametrize(("grid", "cost"), [((1, 1), 0), ((4, 4), 16 << 20)])
def test_an_image_that_is_too_small_stays_with_one_writer(grid, cost):
    layout, tiles = mosaic(grid=grid)
    assert choose_split(layout, tiles(), 8, cost_of_a_lane=cost) is None


def test_memory_of_lanes_and_of_their_join_does_not_grow_with_the_image(tmp_path):
    largest = []
    for n in (8, 32):
        layout, tiles = mosaic(grid=(n, n), levels=(2, 4, 8, 16, 32))
        report, _ = write_in_lanes(LocalStore(tmp_path / str(n)), layout, tiles, Split((1, 1, 1, 4, 4), 999))
        largest.append(report.largest_memory)
    assert largest[1] <= largest[0] + 3 * layout.chunk_bytes


def test_lanes_go_to_object_stores_too(tmp_path):
    layout, tiles = mosaic(grid=(5, 6), overlap=3, shards=(1, 1, 1, 32, 32))
    write_pixels(LocalStore(tmp_path), layout, tiles(), threads=1)
    store = open_store("memory://lanes/image")
    write_in_lanes(store, layout, tiles, Split((1, 1, 1, 2, 2), 5), order=3)
    assert {key: store.get(key) for key in store.list()} == files_below(tmp_path)


def test_a_lane_that_died_leaves_no_file_cut_short_and_is_written_again(tmp_path):
    class Dying(slow_writer.BoxTiles):
        def read(self, index):
            if sum(self.reads.values()) == 9:
                raise MemoryError
            return super().read(index)

    layout, tiles = mosaic(shards=(1, 1, 1, 32, 32))
    write_pixels(LocalStore(tmp_path / "one"), layout, tiles(), threads=1)
    whole = files_below(tmp_path / "one")
    store, split = LocalStore(tmp_path / "many"), Split((1, 1, 1, 4, 4), 4)
    begin_lanes(store, layout)
    dying = Dying(list(zip(tiles().start, tiles().length)), tiles().arrays)
    with pytest.raises(MemoryError):
        write_lane(store, layout, dying, split, 2, threads=1)
    left = {key: data for key, data in files_below(tmp_path / "many").items() if not key.startswith(".parts")}
    assert left and all(whole[key] == data for key, data in left.items())
    join = LaneJoin(store, layout, tiles(), split)
    for lane in (2, 0, 1, 3, 2):
        write_lane(store, layout, tiles(), split, lane, threads=1)
        join.take(lane)
    end_lanes(store)
    assert files_below(tmp_path / "many") == whole


def test_a_lane_that_was_given_up_and_still_writes_in_another_order_changes_nothing(tmp_path):
    """A worker that is out of reach writes on beside the one that took its place, and dies: what both hand over is the same."""

    class Late(slow_writer.BoxTiles):
        last_is_read = threading.Event()

        def read(self, index):
            if index == first:
                assert self.last_is_read.wait(30)
                raise MemoryError
            if index == last:
                self.last_is_read.set()
            return super().read(index)

    layout, tiles = mosaic()
    write_pixels(LocalStore(tmp_path / "one"), layout, tiles(), threads=1)
    store, split = LocalStore(tmp_path / "many"), Split((1, 1, 1, 1, 1), 3)
    plan = plan_blocks(layout, tiles(), 1)
    tiles_of_lane = plan.tile[divide(layout, plan, split).lane == 0]
    first, last = int(tiles_of_lane[0]), int(tiles_of_lane[-1])
    begin_lanes(store, layout)
    join = LaneJoin(store, layout, tiles(), split)
    for lane in range(join.count):
        write_lane(store, layout, tiles(), split, lane, threads=1)
    late = Late(list(zip(tiles().start, tiles().length)), tiles().arrays)
    with pytest.raises(MemoryError):
        write_lane(store, layout, late, split, 0, threads=2)
    for lane in range(join.count):
        join.take(lane)
    end_lanes(store)
    assert files_below(tmp_path / "many") == files_below(tmp_path / "one")


def test_a_lane_without_its_account_is_named(tmp_path):
    layout, tiles = mosaic()
    store = LocalStore(tmp_path)
    begin_lanes(store, layout)
    join = LaneJoin(store, layout, tiles(), Split((1, 1, 1, 4, 4), 4))
    with pytest.raises(ConvertersToolsUserError, match="part 0 of the image is missing"):
        join.take(0)


def test_a_lane_that_was_given_up_cannot_bring_the_folder_back(tmp_path):
    layout, tiles = mosaic()
    store = LocalStore(tmp_path / "image")
    begin_lanes(store, layout)
    store.delete("")
    with pytest.raises(FileNotFoundError):
        write_lane(store, layout, tiles(), Split((1, 1, 1, 4, 4), 4), 1)
    assert not (tmp_path / "image").exists()
