"""The files of the next tiles are asked for while the tiles before are in work, in order, and not too many of them."""

from __future__ import annotations

import os
import threading
import time

import numpy as np
import pytest
import slow_writer

from fractal_omezarr_converters.models.file_fetching import fetch
from fractal_omezarr_converters.ngff import read_ahead
from fractal_omezarr_converters.ngff.layout import make_layout
from fractal_omezarr_converters.ngff.single_pass import write_pixels
from fractal_omezarr_converters.ngff.stores import LocalStore

LONG = 20.0
COUNT, SIDE = 24, 8
TILE = SIDE * SIDE * 2


class WaitingTiles(slow_writer.BoxTiles):
    """A column of tiles; each is given only when the next ones were announced, or are being read."""

    def __init__(self, ahead):
        boxes = [([0, 0, 0, SIDE * i, 0], [1, 1, 1, SIDE, SIDE]) for i in range(COUNT)]
        super().__init__(boxes, [np.full((1, 1, 1, SIDE, SIDE), i + 1, "u2") for i in range(COUNT)])
        self.ahead = ahead
        self.changed = threading.Condition()
        self.largest = 0
        self.begun = set()

    def will_need(self, index, *, hold):
        with self.changed:
            super().will_need(index, hold=hold)
            self.largest = max(self.largest, index - len(self.reads))
            self.changed.notify_all()

    def read(self, index):
        wanted = set(range(index + 1, min(COUNT, index + 1 + self.ahead)))
        with self.changed:
            self.begun.add(index)  # by another thread, perhaps: no need to announce it any more
            self.changed.notify_all()
            assert self.changed.wait_for(lambda: wanted <= self.begun | set(self.announced), LONG), (
                index,
                self.announced,
            )
        return super().read(index)


def layout_of_column():
    return make_layout(
        version="0.5", axes="yx", shape=(1, 1, 1, SIDE * COUNT, SIDE), dtype="u2", pixel_size=(1,) * 5, origin=(0,) * 5,
        chunks=(1, 1, 1, SIDE, SIDE), levels=2,
    )  # fmt: skip


def threads_of_ours():
    return [thread.name for thread in threading.enumerate() if "read-ahead" in thread.name or "writer" in thread.name]


@pytest.mark.parametrize("threads", [1, 3])
def test_tiles_are_announced_before_they_are_read(tmp_path, monkeypatch, threads):
    monkeypatch.setattr(read_ahead, "AHEAD", 4 * TILE)
    tiles = WaitingTiles(ahead=4)
    report = write_pixels(LocalStore(tmp_path), layout_of_column(), tiles, threads=threads)
    assert not threads_of_ours()
    assert report.tiles_read == COUNT
    assert tiles.announced == sorted(set(tiles.announced))
    assert tiles.largest <= 4 + threads  # of the tiles that are read by then, some are not counted yet


def test_a_failing_read_ends_the_announcements(tmp_path):
    class Failing(slow_writer.BoxTiles):
        def read(self, index):
            raise OSError("the file is gone")

    column = WaitingTiles(ahead=0)
    tiles = Failing(list(zip(column.start.tolist(), column.length.tolist())), column.arrays)
    with pytest.raises(OSError, match="the file is gone"):
        write_pixels(LocalStore(tmp_path), layout_of_column(), tiles, threads=1)
    assert not threads_of_ours()


def cached(path, size):
    """Whether the system can give the end of a file without waiting for the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.preadv(descriptor, [bytearray(1)], size - 1, os.RWF_NOWAIT) == 1
    except BlockingIOError:
        return False
    finally:
        os.close(descriptor)


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="this system has no way to ask for files")
def test_a_file_is_fetched_into_the_cache(tmp_path):
    path, size = tmp_path / "plane.tif", 3_000_001
    path.write_bytes(bytes(size))
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)
    try:
        if cached(path, size):
            pytest.skip("this file system keeps all files in memory")
    except OSError:
        pytest.skip("this file system does not tell what is in its cache")
    fetch(str(path))
    end = time.monotonic() + LONG
    while not cached(path, size):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_what_cannot_be_fetched_is_left_to_the_reader(tmp_path):
    fetch(str(tmp_path / "missing.tif"))
    fetch(str(tmp_path))
    fetch("a\0b")
    (tmp_path / "empty.tif").touch()
    fetch(str(tmp_path / "empty.tif"))
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.tif")
        fetch(str(tmp_path / "pipe.tif"))  # returns at once, though nobody writes
