"""The single pass against the slow reference: every pixel of every level, read once, written once, in bounded memory."""

from __future__ import annotations

import threading
import time
import tracemalloc

import numpy as np
import pytest
import slow_writer
import zarr
from hypothesis import HealthCheck, given, settings
from writer_cases import CountingStore, assert_same, cases, files_below, layout_of, pixels_of

from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsUserError
from fractal_omezarr_converters.ngff.histogram import Histogram
from fractal_omezarr_converters.ngff.layout import make_layout
from fractal_omezarr_converters.ngff.memory_need import memory_need
from fractal_omezarr_converters.ngff.single_pass import write_pixels
from fractal_omezarr_converters.ngff.stores import LocalStore


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=cases())
def test_every_level_equals_the_slow_reference(case, tmp_path_factory):
    rng = np.random.default_rng(case["seed"])
    folder = tmp_path_factory.mktemp("image")
    layout = layout_of(case)
    arrays = [pixels_of(rng, length, case["dtype"]) for _, length in case["boxes"]]
    tiles = slow_writer.BoxTiles(case["boxes"], arrays, case["parts"], case["into"])
    store = CountingStore(folder)
    # a limit of one byte makes the writer read in parts or set decoded tiles aside on disk
    report = write_pixels(store, layout, tiles, threads=case["threads"], memory_limit=case["memory"], digests=True)

    image, sourced = slow_writer.lay(case["shape"], case["dtype"], tiles)
    for level, expected in zip(layout.levels, slow_writer.levels(image, layout)):
        array = zarr.open_array(str(folder / level.path), mode="r")
        assert array.dtype == layout.dtype
        assert_same(array[...], expected, level.path)

    assert all(count == 1 for count in store.writes.values())
    present = slow_writer.expected_chunks(sourced, layout)
    assert report.chunk_counts == [len(blocks) for blocks in present]
    if layout.shards is None:
        assert len(store.writes) == sum(report.chunk_counts)
    assert sum(report.file_counts) == len(store.writes)
    assert all(n == 1 for n in tiles.reads.values())
    assert all(tiles.pixels_read[i] == array.size for i, array in enumerate(arrays))
    assert len(set(tiles.announced)) == len(tiles.announced)

    planned = memory_need(layout, tiles)
    limit = planned.usual(case["threads"]) if case["memory"] is None else planned.of(1)
    assert report.largest_memory <= limit

    assert report.pixels_without_source == (~sourced).sum()
    assert report.overlapped_pixels == sum(a.size for a in arrays) - sourced.sum()
    assert report.planes_without_source == (~sourced.any(axis=(3, 4))).sum()
    for channel, histogram in enumerate(report.histograms):
        values = image[:, channel][sourced[:, channel]]
        values = values[np.isfinite(values)]
        assert histogram.total == values.size
        if values.size:
            assert histogram.minimum() == values.min()
            assert histogram.maximum() == values.max()


@pytest.mark.parametrize("into", [True, False])
@pytest.mark.parametrize("missing", [None, 4])
def test_what_a_chunk_has_beyond_the_image_is_zero(tmp_path, into, missing):
    # bright pixels everywhere, and buffers that are used again: what is not cleared shows
    places = [(y, x) for y in range(3) for x in range(3)]
    boxes = [([0, 0, 0, 10 * y, 10 * x], [1, 1, 2, 10, 10]) for n, (y, x) in enumerate(places) if n != missing]
    tiles = slow_writer.BoxTiles(boxes, [np.full((1, 1, 2, 10, 10), 999, "u2")] * len(boxes), into=into)
    layout = layout_of(
        {"version": "0.4", "shape": (1, 1, 2, 30, 30), "dtype": "u2", "chunks": (1, 1, 2, 8, 12), "shards": None,
         "levels": [2, 4], "method": "mean", "compression": "none"}
    )  # fmt: skip
    write_pixels(LocalStore(tmp_path), layout, tiles, threads=1)
    for number, level in enumerate(layout.levels):
        image = zarr.open_array(str(tmp_path / level.path))[...]
        for block in np.ndindex(*layout.grid(number)):
            chunk = np.fromfile(tmp_path / level.path / "/".join(map(str, block)), "u2")
            chunk = chunk.reshape(layout.level_chunks(number))
            part = image[tuple(slice(b * c, (b + 1) * c) for b, c in zip(block, chunk.shape))]
            assert chunk.sum() == part.sum() > 0
            np.testing.assert_array_equal(chunk[tuple(slice(0, n) for n in part.shape)], part)


def mosaic(
    tmp_path, *, grid, field, chunk, threads, overlap=0, memory=None, parts=False, into=False, version="0.5", z=1
):
    """A mosaic of fields; returns store, layout, tiles and report."""
    pitch = field - overlap
    side = [pitch * n + overlap for n in grid]
    boxes = [
        ([0, 0, k, pitch * i, pitch * j], [1, 1, 1, field, field])
        for i in range(grid[0])
        for j in range(grid[1])
        for k in range(z)
    ]
    rng = np.random.default_rng(3)
    arrays = [rng.integers(0, 999, length).astype("u2") for _, length in boxes]
    tiles = slow_writer.BoxTiles(boxes, arrays, parts, into)
    layout = make_layout(
        version=version,
        axes="zyx",
        shape=(1, 1, z, *side),
        dtype="u2",
        pixel_size=(1,) * 5,
        origin=(0,) * 5,
        chunks=(1, 1, z, chunk, chunk),
        levels=[2, 4, 8, 16],
    )
    store = CountingStore(tmp_path / "image")
    report = write_pixels(store, layout, tiles, threads=threads, memory_limit=memory)
    image, _ = slow_writer.lay(layout.shape, "u2", tiles)
    np.testing.assert_array_equal(zarr.open_array(str(tmp_path / "image" / "0"), mode="r")[...], image[0, 0])
    assert set(tiles.reads.values()) == {1}
    assert set(store.writes.values()) == {1}
    return layout, report


@pytest.mark.parametrize("threads", [1, 2])
def test_memory_does_not_grow_with_the_image(tmp_path, threads):
    largest = []
    for n in (4, 12):
        layout, report = mosaic(tmp_path / str(n), grid=(n, n), field=32, chunk=32, threads=threads)
        largest.append(report.largest_memory)
        counted = (threads + 1) * Histogram.bytes_of(layout.dtype)
        assert report.largest_memory <= layout.memory_estimate(threads) + counted
    assert largest[1] <= largest[0] + 2 * 32 * 32 * 2 * (threads + 1)


@pytest.mark.parametrize("into", [True, False])
@pytest.mark.parametrize("parts", [True, False])
def test_memory_stays_within_the_limit_where_tiles_cross_chunks(tmp_path, parts, into):
    layout, free = mosaic(tmp_path / "free", grid=(12, 12), field=32, overlap=5, chunk=40, threads=1)
    limit = layout.memory_estimate(1) + 4 * 32 * 32 * 2 + 2 * Histogram.bytes_of(layout.dtype)
    _, held = mosaic(
        tmp_path / "held", grid=(12, 12), field=32, overlap=5, chunk=40, threads=1, memory=limit, parts=parts, into=into
    )
    assert held.largest_memory <= limit + 32 * 32 * 2  # the tile in hand
    assert free.overlapped_pixels == held.overlapped_pixels > 0


def test_thousands_of_small_tiles_take_no_memory_beside_the_pixels(tmp_path):
    side, tile = 2048, (1, 1, 1, 9, 9)
    corners = np.random.default_rng(0).integers(0, side - 9, (1500, 2)).tolist()
    tiles = slow_writer.BoxTiles([([0, 0, 0, *corner], tile) for corner in corners], [np.ones(tile, "u1")] * 1500)
    layout = make_layout(
        version="0.5", axes="yx", shape=(1, 1, 1, side, side), dtype="u1", pixel_size=(1,) * 5, origin=(0,) * 5,
        chunks=(1, 1, 1, side, side), levels=1,
    )  # fmt: skip
    planned = memory_need(layout, tiles).usual(1)
    tracemalloc.start()
    report = write_pixels(LocalStore(tmp_path), layout, tiles, threads=1)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most <= planned + (16 << 20)
    _, sourced = slow_writer.lay(layout.shape, "u1", tiles)
    assert report.pixels_without_source == (~sourced).sum()
    assert report.overlapped_pixels == 1500 * 81 - sourced.sum()


def test_small_chunks_of_large_fields_decode_each_field_once(tmp_path):
    _, report = mosaic(tmp_path, grid=(3, 2), field=64, chunk=16, threads=2, z=3)
    assert report.tiles_read == 18


def test_a_tile_that_spans_channels_and_slices_is_read_once(tmp_path):
    boxes = [([0, 0, 0, 20 * i, 0], [2, 3, 4, 20, 30]) for i in range(3)]
    arrays = [np.random.default_rng(i).integers(0, 255, length).astype("u1") for i, (_, length) in enumerate(boxes)]
    tiles = slow_writer.BoxTiles(boxes, arrays)
    layout = make_layout(
        version="0.5", axes="tczyx", shape=(2, 3, 4, 60, 30), dtype="u1", pixel_size=(1,) * 5, origin=(0,) * 5,
        chunks=(1, 1, 2, 20, 30), levels=[2],
    )  # fmt: skip
    write_pixels(LocalStore(tmp_path), layout, tiles, threads=1)
    assert set(tiles.reads.values()) == {1}
    np.testing.assert_array_equal(zarr.open_array(str(tmp_path / "0"))[...], np.concatenate(arrays, axis=3))


def test_an_image_without_any_tile_has_documents_and_no_chunks(tmp_path):
    layout = make_layout(
        version="0.4", axes="yx", shape=(1, 1, 1, 20, 20), dtype="u2", pixel_size=(1,) * 5, origin=(0,) * 5,
        chunks=(1, 1, 1, 8, 8), levels=2,
    )  # fmt: skip
    report = write_pixels(LocalStore(tmp_path), layout, slow_writer.BoxTiles([], []))
    assert report.chunk_counts == [0, 0]
    assert not zarr.open_array(str(tmp_path / "0"))[...].any()


@pytest.mark.parametrize(
    "wrong",
    [
        np.zeros((1, 1, 1, 8, 7), "u2"),
        np.zeros((1, 1, 1, 1, 1), "u2"),
        np.zeros((1, 1, 1, 8, 8), "i4"),
        np.zeros((1, 1, 1, 8, 8), "f4"),
    ],
)
def test_f24_a_tile_that_differs_from_its_plan_is_refused(tmp_path, wrong):
    tiles = slow_writer.BoxTiles([([0] * 5, [1, 1, 1, 8, 8])], [wrong])
    layout = make_layout(
        version="0.4",
        axes="yx",
        shape=(1, 1, 1, 8, 8),
        dtype="u2",
        pixel_size=(1,) * 5,
        origin=(0,) * 5,
        chunks=(1, 1, 1, 8, 8),
    )
    with pytest.raises(ConvertersToolsUserError, match="gave pixels of shape"):
        write_pixels(LocalStore(tmp_path), layout, tiles)


def test_a_tile_outside_the_image_is_refused(tmp_path):
    tiles = slow_writer.BoxTiles([([0, 0, 0, 0, 4], [1, 1, 1, 8, 8])], [np.zeros((1, 1, 1, 8, 8), "u2")])
    layout = make_layout(
        version="0.4",
        axes="yx",
        shape=(1, 1, 1, 8, 8),
        dtype="u2",
        pixel_size=(1,) * 5,
        origin=(0,) * 5,
        chunks=(1, 1, 1, 8, 8),
    )
    with pytest.raises(ConvertersToolsError, match="outside the image"):
        write_pixels(LocalStore(tmp_path), layout, tiles)


@pytest.mark.parametrize("threads", [1, 4])
def test_a_failing_read_stops_all_threads_and_is_raised(tmp_path, threads):
    class Failing(slow_writer.BoxTiles):
        def read(self, index):
            if index == 7:
                raise OSError("the file is gone")
            return super().read(index)

    boxes = [([0, 0, 0, 8 * i, 0], [1, 1, 1, 8, 8]) for i in range(200)]
    tiles = Failing(boxes, [np.zeros((1, 1, 1, 8, 8), "u2")] * 200)
    layout = make_layout(
        version="0.5", axes="yx", shape=(1, 1, 1, 1600, 8), dtype="u2", pixel_size=(1,) * 5, origin=(0,) * 5,
        chunks=(1, 1, 1, 8, 8), shards=(1, 1, 1, 64, 8), levels=1,
    )  # fmt: skip
    before = threading.active_count()
    with pytest.raises(OSError, match="the file is gone"):
        write_pixels(LocalStore(tmp_path), layout, tiles, threads=threads)
    assert threading.active_count() == before
    assert len(tiles.reads) < 200


def test_a_thread_that_the_system_refuses_stops_those_that_run(tmp_path, monkeypatch):
    before, begin = threading.active_count(), threading.Thread.start

    def refused_from_the_third_on(thread):
        if threading.active_count() >= before + 3:
            raise RuntimeError("can't start new thread")
        begin(thread)

    class Slow(slow_writer.BoxTiles):
        def read(self, index):
            time.sleep(0.01)
            return super().read(index)

    boxes = [([0, 0, 0, 8 * i, 0], [1, 1, 1, 8, 8]) for i in range(200)]
    tiles = Slow(boxes, [np.zeros((1, 1, 1, 8, 8), "u2")] * 200)
    layout = make_layout(
        version="0.5", axes="yx", shape=(1, 1, 1, 1600, 8), dtype="u2", pixel_size=(1,) * 5, origin=(0,) * 5,
        chunks=(1, 1, 1, 8, 8), levels=1,
    )  # fmt: skip
    monkeypatch.setattr(threading.Thread, "start", refused_from_the_third_on)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        write_pixels(LocalStore(tmp_path), layout, tiles, threads=8)
    assert threading.active_count() == before
    assert len(tiles.reads) < 200


def test_digests_do_not_depend_on_threads(tmp_path):
    found = []
    for threads in (1, 3):
        rng = np.random.default_rng(0)
        boxes = [([0, 0, 0, 16 * i, 16 * j], [1, 1, 1, 16, 16]) for i in range(5) for j in range(4)]
        tiles = slow_writer.BoxTiles(boxes, [rng.integers(0, 99, (1, 1, 1, 16, 16)).astype("u2") for _ in boxes])
        layout = make_layout(
            version="0.5", axes="yx", shape=(1, 1, 1, 80, 64), dtype="u2", pixel_size=(1,) * 5, origin=(0,) * 5,
            chunks=(1, 1, 1, 16, 16), levels=3,
        )  # fmt: skip
        found.append(
            write_pixels(LocalStore(tmp_path / str(threads)), layout, tiles, threads=threads, digests=True).digests
        )
    assert found[0] == found[1]
    assert None not in found[0]


def test_digests_tell_pixels_apart(tmp_path):
    """One pixel of level 0 by 1 changes the digest of level 0, and of no level that rounds it away."""
    found = []
    for value in (0, 1):
        pixels = np.zeros((1, 1, 1, 40, 24), "u2")
        pixels[..., 39, 23] = value
        layout = make_layout(
            version="0.4", axes="yx", shape=pixels.shape, dtype="u2", pixel_size=(1,) * 5, origin=(0,) * 5,
            chunks=(1, 1, 1, 16, 16), levels=2,
        )  # fmt: skip
        tiles = slow_writer.BoxTiles([([0] * 5, list(pixels.shape))], [pixels])
        found.append(write_pixels(LocalStore(tmp_path / str(value)), layout, tiles, digests=True).digests)
    assert found[0][0] != found[1][0]
    assert found[0][1] == found[1][1]


@pytest.mark.parametrize("codec", ["zstd", "lz4", "lz4hc", "zlib", "blosclz", "plain-zstd", "gzip", "none"])
@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("dtype", ["u1", "u2", "f8"])
def test_f58_every_codec_is_read_by_zarr(tmp_path, codec, version, dtype):
    case = {
        "version": version, "shape": (1, 1, 2, 33, 35), "dtype": dtype, "chunks": (1, 1, 1, 16, 16),
        "shards": (1, 1, 2, 32, 32) if version == "0.5" else None, "levels": 2, "method": "mean", "compression": codec,
    }  # fmt: skip
    layout = layout_of(case)
    array = np.random.default_rng(0).integers(0, 200, case["shape"]).astype(dtype)
    write_pixels(LocalStore(tmp_path), layout, slow_writer.BoxTiles([([0] * 5, case["shape"])], [array]))
    for level, expected in zip(layout.levels, slow_writer.levels(array, layout)):
        np.testing.assert_array_equal(zarr.open_array(str(tmp_path / level.path), mode="r")[...], expected)


@pytest.mark.parametrize("shards", [None, (1, 2, 2, 48, 48), (1, 1, 4, 32, 64)])
def test_every_file_is_the_same_with_any_number_of_threads(tmp_path, shards):
    rng = np.random.default_rng(5)
    boxes = [
        ([0, c, 0, 30 * i, 40 * j], [1, 1, 4, 33, 40])
        for c in range(2)
        for i in range(5)
        for j in range(4)
        if (i, j) != (2, 1)
    ]
    arrays = [rng.integers(0, 999, length).astype("u2") for _, length in boxes]
    layout = make_layout(
        version="0.5", axes="czyx", shape=(1, 2, 4, 153, 160), dtype="u2", pixel_size=(1,) * 5, origin=(0,) * 5,
        chunks=(1, 1, 1, 16, 16), shards=shards, levels=[2, 4, 8],
    )  # fmt: skip
    written = []
    for run, threads in enumerate((1, 2, 5, 5)):
        write_pixels(LocalStore(tmp_path / str(run)), layout, slow_writer.BoxTiles(boxes, arrays), threads=threads)
        written.append(files_below(tmp_path / str(run)))
    assert all(files == written[0] for files in written)
