"""Sources, hand-over and output on S3 whose requests fail: exact pixels or one clear sentence, never half for whole."""

from __future__ import annotations

import contextlib
import itertools
import json
import logging
import multiprocessing
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from object_store import BUCKET, SECRET, FaultyS3
from small_plates import AS_FILES, EXTEND, MODES, NO, OVER, init, options, pixels, tiles

from fractal_omezarr_converters.convert import verify
from fractal_omezarr_converters.core.tile import Tile
from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsStoreError, ConvertersToolsUserError
from fractal_omezarr_converters.fractal.compute import generic_compute_task
from fractal_omezarr_converters.models import remote_ahead, remote_calls
from fractal_omezarr_converters.models.loaders import DefaultImageLoader
from fractal_omezarr_converters.models.tiff_pool import close_files
from fractal_omezarr_converters.ngff import completion, plate_lock
from fractal_omezarr_converters.ngff.array_images import write_image
from fractal_omezarr_converters.ngff.read_ahead import AHEAD
from fractal_omezarr_converters.ngff.reader import open_image
from fractal_omezarr_converters.ngff.stores import open_store
from fractal_omezarr_converters.ngff.zarr_arrays import open_array
from fractal_omezarr_converters.pipelines.aggregation import tiles_aggregation_pipeline
from fractal_omezarr_converters.pipelines.plan import plan_image

Place = tuple[FaultyS3, str]
IMAGE = "Plate.zarr/A/01/0"


def uploaded(folder: Path, url: str, wells: str = "A") -> list[Tile]:
    """Tiles whose files lie in the store."""
    some = tiles(folder, wells)
    files = fsspec.filesystem("s3")
    for tile in some:
        name = Path(tile.image_loader.file_path).name
        files.pipe_file(f"{url}/in/{name}", (folder / name).read_bytes())
        tile.image_loader = DefaultImageLoader(file_path=f"{url}/in/{name}")
    return some


def looks_whole(out: str, row: str = "A") -> bool:
    return completion.is_complete(open_store(out), f"Plate.zarr/{row}/01/0")


def is_exact(out: str, row: str = "A") -> bool:
    store = open_store(f"{out}/Plate.zarr/{row}/01/0")
    written = np.asarray(open_array(store, "0")[...])[0, 0]
    tables = {key.split("/")[1] for key in store.list("tables") if key.count("/") > 1}
    truth = np.hstack([pixels(f"{row}_0_{field}.tif") for field in range(2)])
    return looks_whole(out, row) and np.array_equal(written, truth) and {"FOV_ROI_table", "well_ROI_table"} <= tables


def converted(some: list[Tile], out: str, mode: Any = NO) -> None:
    for job in init(some, out, mode, **AS_FILES):
        generic_compute_task(**json.loads(json.dumps(job)))


SURVIVED: dict[str, Callable[[FaultyS3], None]] = {
    "503 SlowDown": lambda s3: s3.harm(0.2, (503, "SlowDown")),
    "500 InternalError": lambda s3: s3.harm(0.15, (500, "InternalError")),
    "resets": lambda s3: s3.harm(0.15, "reset"),
    "slow": lambda s3: s3.harm(1.0, 0.02),
    "hangs": lambda s3: s3.harm(0.02, "hang"),
    "half of what is read": lambda s3: s3.harm(0.3, "truncate", methods="GET"),
    "flipped bits in sources": lambda s3: s3.harm(0.3, "flip", methods="GET", inside="/in/"),
    "503 on HEAD": lambda s3: s3.harm(0.3, (503, "SlowDown"), methods="HEAD"),
}


@pytest.mark.parametrize("fault", SURVIVED)
def test_faults_that_pass_leave_exact_pixels(tmp_path: Path, s3: Place, fault: str) -> None:
    server, url = s3
    some = uploaded(tmp_path, url)
    SURVIVED[fault](server)
    converted(some, f"{url}/out")
    assert server.harmed
    server.fault = None
    assert is_exact(f"{url}/out")


@pytest.mark.parametrize("memory", [None, 4000])
@pytest.mark.parametrize("fault", [None, "503 on HEAD", "flipped bits in sources", "half of what is read"])
def test_objects_of_the_next_tiles_are_fetched_at_the_same_time(
    tmp_path: Path, s3: Place, fault: str | None, memory: int | None
) -> None:
    """Each once, where nothing fails; with a limit of memory nothing is kept, so that one follows the other."""
    server, url = s3
    some = []
    for row in range(4):
        for tile in uploaded(tmp_path / str(row), f"{url}/{row}"):
            some.append(tile.model_copy(update={"fov_name": f"{row}_{tile.fov_name}", "start_y": row * 40.0}))
    settings = {"runtime_settings": {"num_workers": 1, **({"memory_limit_mb": memory} if memory else {})}}
    (job,) = init(some, tmp_path / "out", **settings)
    close_files()
    if fault is not None:
        SURVIVED[fault](server)
    harm, begun = server.fault or (lambda *_: None), []

    def slow(method: str, path: str) -> Any:
        if method == "GET" and path.endswith(".tif"):
            begun.append((time.monotonic(), path))
            return harm(method, path) or 0.3
        return harm(method, path)

    server.fault = slow
    generic_compute_task(**job)
    server.fault = None
    assert verify(tmp_path / "out").ok
    apart = [later[0] - earlier[0] for earlier, later in itertools.pairwise(begun)]
    if fault is None:
        assert len(begun) == len({path for _, path in begun}) == 8
        assert min(apart) >= 0.3 if memory else sorted(apart)[3] < 0.2
    assert not remote_ahead._fetched


def taken_in_child(url: str) -> bytes | None:
    return remote_ahead.taken(url)


def test_a_forked_process_waits_for_nothing_that_its_parent_fetches() -> None:
    held = threading.Event()
    remote_ahead.begin("s3://bucket/plane.tif", lambda: b"pixels" if held.wait(60) else None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with multiprocessing.get_context("fork").Pool(1) as pool:
                found = pool.map_async(taken_in_child, ["s3://bucket/plane.tif"])
                assert found.get(timeout=30) == [None]
    finally:
        held.set()
    assert remote_ahead.taken("s3://bucket/plane.tif") == b"pixels"


def test_the_plan_counts_what_is_fetched_ahead(tmp_path: Path, s3: Place) -> None:
    def memory(some: list[Tile], **more: Any) -> int:
        (image,) = tiles_aggregation_pipeline(some, converter_options=options(**more))
        return plan_image(image, converter_options=options(**more)).memory

    local, remote = tiles(tmp_path / "here"), uploaded(tmp_path / "there", s3[1])
    assert memory(remote) - memory(local) == AHEAD
    limit = {"runtime_settings": {"memory_limit_mb": 4000}}
    assert memory(remote, **limit) == memory(local, **limit)


@pytest.mark.parametrize("stated", ["soon", "-1", "nan", "1e9"])
def test_a_pause_that_is_no_number_of_seconds_is_refused(monkeypatch: pytest.MonkeyPatch, stated: str) -> None:
    monkeypatch.setenv(remote_calls.PAUSE_VARIABLE, "")
    assert remote_calls.longest_pause() == remote_calls.LONGEST_PAUSE
    monkeypatch.setenv(remote_calls.PAUSE_VARIABLE, stated)
    with pytest.raises(ConvertersToolsUserError, match=f"OMEZARR_STORE_PAUSE is '{stated}'; give seconds"):
        remote_calls.longest_pause()


REFUSED: dict[str, tuple[Callable[[FaultyS3], None], str]] = {
    "403": (lambda s3: s3.harm(1.0, (403, "AccessDenied"), methods="PUT", inside="/0/"), "credentials"),
    "expired": (lambda s3: s3.harm(1.0, (403, "ExpiredToken"), methods="PUT", inside="/1/"), "expired"),
    "503 for ever": (lambda s3: s3.harm(1.0, (503, "SlowDown"), methods="PUT", inside="/0/"), "overloaded"),
    "404 bucket": (lambda s3: s3.harm(1.0, (404, "NoSuchBucket"), methods="PUT", inside="/0/"), "bucket exists"),
    "flips for ever": (lambda s3: s3.harm(1.0, "flip", methods="GET", inside="/in/"), "checksum|changed"),
    "halves for ever": (lambda s3: s3.harm(1.0, "truncate", methods="GET", inside="/in/"), "store can be reached"),
}


# every fault in one mode, and every mode after two faults that leave different things behind
@pytest.mark.parametrize(
    ("fault", "mode"),
    sorted(
        {
            *zip(REFUSED, (EXTEND, OVER, NO) * 2),
            *((fault, mode) for fault in ("403", "halves for ever") for mode in MODES),
        }
    ),
)
def test_faults_that_stay_are_said_and_any_mode_goes_on(tmp_path: Path, s3: Place, fault: str, mode: Any) -> None:
    server, url = s3
    some = uploaded(tmp_path, url)
    (job,) = init(some, f"{url}/out", **AS_FILES)
    harm, said = REFUSED[fault]
    close_files()
    harm(server)
    with pytest.raises(ConvertersToolsStoreError, match=said) as refused:
        generic_compute_task(**job)
    assert url in str(refused.value)
    server.fault = None
    assert not looks_whole(f"{url}/out")
    converted(some, f"{url}/out", mode)
    assert is_exact(f"{url}/out")


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_objects_that_are_hidden_for_a_while_are_never_taken_for_nothing(
    tmp_path: Path, s3: Place, share: float
) -> None:
    """A stale gateway says 404 for objects that are there."""
    server, url = s3
    some = uploaded(tmp_path, url)
    server.harm(share, (404, "NoSuchKey"), methods="GET HEAD", inside=url.removeprefix("s3:/"))
    try:
        converted(some, f"{url}/out")
    except ConvertersToolsError as error:
        assert url in str(error)
    server.fault = None
    if looks_whole(f"{url}/out"):
        assert is_exact(f"{url}/out")
    else:
        converted(some, f"{url}/out", EXTEND)
        assert is_exact(f"{url}/out")


def test_an_overwrite_that_fails_keeps_the_old_image(tmp_path: Path, s3: Place) -> None:
    server, url = s3
    some = uploaded(tmp_path, url)
    converted(some, f"{url}/out")
    (job,) = init(some, f"{url}/out", OVER, **AS_FILES)
    server.harm(1.0, (503, "SlowDown"), methods="PUT", inside="/1/")
    with pytest.raises(ConvertersToolsStoreError):
        generic_compute_task(**job)
    server.fault = None
    assert is_exact(f"{url}/out")
    generic_compute_task(**job)
    assert is_exact(f"{url}/out")
    assert not [key for key in open_store(f"{url}/out").list() if "writing" in key or "being-set-up" in key]


def test_secrets_are_neither_written_nor_said(tmp_path: Path, s3: Place, caplog: pytest.LogCaptureFixture) -> None:
    server, url = s3
    some = uploaded(tmp_path, url)
    with caplog.at_level(logging.DEBUG, "fractal_omezarr_converters"):
        converted(some, f"{url}/out")
        server.harm(1.0, (403, "InvalidAccessKeyId"), methods="PUT")
        with pytest.raises(ConvertersToolsStoreError) as refused:
            converted(some, f"{url}/out", OVER)
    server.fault = None
    store = open_store(f"{url}/out")
    content = b"\n".join(store.get(key) or b"" for key in store.list())
    said = f"{refused.value} {caplog.text} {content!r}"
    for secret in (SECRET, "AKIAIOSFODNN7EXAMPLE"):
        assert secret not in said


def test_a_bucket_that_is_not_there_and_a_store_that_is_down(tmp_path: Path, s3: Place) -> None:
    with pytest.raises(ConvertersToolsUserError, match="s3://nowhere-at-all/out"):
        converted(tiles(tmp_path), "s3://nowhere-at-all/out")


def test_a_source_that_was_replaced_between_the_steps_is_refused(tmp_path: Path, s3: Place) -> None:
    _, url = s3
    some = uploaded(tmp_path, url)
    (job,) = init(some, f"{url}/out")
    file = some[0].image_loader.file_path
    files = fsspec.filesystem("s3")
    other = bytearray(files.cat_file(file))
    other[-1] ^= 1
    import time

    time.sleep(1.1)  # S3 keeps times in seconds
    files.pipe_file(file, bytes(other))
    with pytest.raises(ConvertersToolsUserError, match="changed after the conversion was planned"):
        generic_compute_task(**job)
    assert not looks_whole(f"{url}/out")


def test_two_extending_inits_at_once_lose_no_well(tmp_path: Path, s3: Place) -> None:
    _, url = s3
    parts = ["ABC", "DEF", "GH"]
    lists = [tiles(tmp_path, part) for part in parts]
    init(lists[0][:2], f"{url}/out")
    with ThreadPoolExecutor(3) as pool:
        jobs = [job for made in pool.map(lambda some: init(some, f"{url}/out", EXTEND), lists) for job in made]
    assert len(jobs) == 8
    plate = json.loads(open_store(f"{url}/out").get("Plate.zarr/.zattrs") or b"")["plate"]
    assert {well["path"] for well in plate["wells"]} == {f"{row}/01" for row in "ABCDEFGH"}
    assert not [key for key in open_store(f"{url}/out").list() if "being-set-up" in key]


def test_the_lock_of_a_plate(s3: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    _, url = s3
    store, key = open_store(url), ".P.zarr.being-set-up"
    with plate_lock.plate_lock(store, "P.zarr"), plate_lock.plate_lock(store, "P.zarr"):  # who holds it may ask again
        assert store.get(key)
        refusals: list[str] = []

        def other() -> None:
            try:
                with plate_lock.plate_lock(store, "P.zarr", timeout=0.2):
                    refusals.append("held by two")
            except ConvertersToolsUserError as error:
                refusals.append(str(error))

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert "another run (process" in refusals[0] and key in refusals[0]
    assert store.get(key) is None
    for left in (
        {"host": "elsewhere", "pid": 1, "renewed": 0},
        {"host": __import__("platform").node(), "pid": 2**22 + 1},
    ):
        store.put(key, json.dumps(left).encode())
        with plate_lock.plate_lock(store, "P.zarr", timeout=0.2):
            assert json.loads(store.get(key) or b"")["claim"]
        assert store.get(key) is None


@pytest.mark.parametrize("moment", ["while the pixels are written", "after the mark"])
def test_two_processes_that_write_one_image_leave_none_that_is_half(tmp_path: Path, s3: Place, moment: str) -> None:
    """The second one begins, removes what the first one wrote, and dies; the first one must not call the image complete.

    What is complete already the second one leaves in its place until its own image is whole.
    """
    from fractal_omezarr_converters.ngff.staging import StagedImage

    _, url = s3
    some = uploaded(tmp_path, url)
    (job,) = init(some, f"{url}/out")
    store = open_store(f"{url}/out")

    class Died(Exception):
        pass

    def second() -> None:
        with pytest.raises(Died), StagedImage(f"{url}/out", IMAGE, "Overwrite"):
            raise Died

    patch = pytest.MonkeyPatch()
    original = completion.mark

    def mark(*given: Any) -> None:
        if moment == "after the mark":
            original(*given)
        second()
        if moment != "after the mark":
            original(*given)

    patch.setattr(completion, "mark", mark)
    is_whole = moment == "after the mark"
    with contextlib.nullcontext() if is_whole else pytest.raises(ConvertersToolsError):
        generic_compute_task(**job)
    patch.undo()
    assert completion.is_complete(store, IMAGE) == is_whole
    generic_compute_task(**job)
    assert is_exact(f"{url}/out")
    assert verify(f"{url}/out").ok


def test_a_copy_that_died_is_finished_from_what_was_written_whole(tmp_path: Path, s3: Place) -> None:
    """Even when the sources are gone by then."""
    from fractal_omezarr_converters.ngff import staging_owner

    server, url = s3
    some = uploaded(tmp_path, url)
    converted(some, f"{url}/out")
    (job,) = init(some, f"{url}/out", OVER)
    patch = pytest.MonkeyPatch()
    patch.setattr(staging_owner.os, "getpid", lambda: 2**22 + 7)  # whoever writes is dead afterwards
    server.fault = lambda method, path: (
        (403, "AccessDenied") if method == "PUT" and f"{IMAGE}/1/" in path and "writing" not in path else None
    )
    patch.setattr("fractal_omezarr_converters.ngff.remote_store.RemoteStore.delete", lambda *_: None)
    with pytest.raises(ConvertersToolsStoreError):
        generic_compute_task(**job)
    patch.undo()
    server.fault = None
    assert not looks_whole(f"{url}/out")
    fsspec.filesystem("s3").rm(f"{url}/in", recursive=True)
    from fractal_omezarr_converters.ngff.staging import recover

    recover(f"{url}/out", IMAGE)
    assert is_exact(f"{url}/out")


def test_a_listing_that_comes_late_loses_nothing(tmp_path: Path, s3: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    from fractal_omezarr_converters.ngff.remote_store import RemoteStore

    _, url = s3
    some = uploaded(tmp_path, url)
    converted(some, f"{url}/out")
    (job,) = init(some, f"{url}/out", OVER)
    real, late = RemoteStore.list, [3]

    def listed(self: RemoteStore, prefix: str = "") -> Any:
        keys = list(real(self, prefix))
        if "writing" in prefix and late[0]:
            late[0] -= 1
            keys = [key for key in keys if not key.endswith("/0")]
        return iter(keys)

    monkeypatch.setattr(RemoteStore, "list", listed)
    generic_compute_task(**job)
    assert late == [0]
    assert is_exact(f"{url}/out")
    assert BUCKET in url


def test_an_array_is_written_with_the_credentials_that_its_store_was_opened_with(
    s3: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, url = s3
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name)
    store = open_store(f"{url}/image.zarr", key="AKIAIOSFODNN7EXAMPLE", secret=SECRET, endpoint_url=server.url)
    data = np.arange(40 * 30, dtype="u2").reshape(40, 30)
    made = write_image(store, data, axes="yx")
    assert made.url == f"{url}/image.zarr"
    np.testing.assert_array_equal(open_image(store).read(), data)
