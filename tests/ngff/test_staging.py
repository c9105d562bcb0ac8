"""Staging and the completion mark: an image is there as a whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from fractal_omezarr_converters.errors import (
    ConvertersToolsError,
    ConvertersToolsOutputExistsError,
    ConvertersToolsUserError,
    ConvertersToolsWarning,
)
from fractal_omezarr_converters.ngff import completion, staging_owner
from fractal_omezarr_converters.ngff.completion import Completion
from fractal_omezarr_converters.ngff.living_writers import refuse_while_written
from fractal_omezarr_converters.ngff.remote_store import RemoteStore
from fractal_omezarr_converters.ngff.staging import StagedImage
from fractal_omezarr_converters.ngff.stores import LocalStore, open_store


@pytest.fixture(params=["local", "memory"])
def root(request, tmp_path):
    return open_store(tmp_path / "out" if request.param == "local" else f"memory://{uuid.uuid4().hex}/out")


def write(staged, fingerprint, files=1, claimed=None):
    for number in range(files):
        staged.store.put_chunk(f"0/c/{number}", fingerprint.encode())
    staged.store.put("0/zarr.json", b"{}")
    staged.store.put("zarr.json", json.dumps({"zarr_format": 3, "attributes": {"ome": {}}}).encode())
    completion.mark(
        staged.store, "", Completion(fingerprint, [{"path": "0", "files": files if claimed is None else claimed}])
    )


def put(root, fingerprint, mode="No Overwrite"):
    with StagedImage(root, "plate/A/1/0", mode) as staged:
        write(staged, fingerprint)
        staged.commit()


def test_an_image_appears_with_its_mark(root):
    put(root, "one")
    assert completion.is_complete(root, "plate/A/1/0", "one")
    assert not completion.is_complete(root, "plate/A/1/0", "two")
    assert not completion.is_complete(root, "plate/A/1/1")
    assert completion.read(root, "plate/A/1/0").software_version
    assert sorted(root.list()) == ["plate/A/1/0/0/c/0", "plate/A/1/0/0/zarr.json", "plate/A/1/0/zarr.json"]


def test_f59_a_failure_leaves_nothing_on_a_disk(tmp_path):
    root = LocalStore(tmp_path)
    with pytest.raises(OSError, match="disk full"), StagedImage(root, "plate/A/1/0") as staged:
        staged.store.put_chunk("0/c/0", b"")
        raise OSError("disk full")
    assert list(root.list()) == []


def test_a_disk_that_is_full_before_the_image_is_begun_keeps_no_folder(tmp_path):
    put(LocalStore(tmp_path), "old")
    before = sorted(tmp_path.rglob("*"))
    script = """
import os, resource, sys
from fractal_omezarr_converters.ngff.staging import StagedImage
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
try:
    with StagedImage(sys.argv[1], "plate/A/1/0", "Overwrite"):
        raise SystemExit("was begun")
except OSError:
    os._exit(0)
"""
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_cannot_be_removed_does_not_hide_why_the_image_failed(tmp_path):
    class Kept(LocalStore):
        def delete(self, prefix):
            raise OSError(39, "Directory not empty", prefix)

    told = pytest.warns(ConvertersToolsWarning, match="could not be removed .*Directory not empty")
    with told, pytest.raises(ValueError, match="damaged source"), StagedImage(Kept(tmp_path), "image"):
        raise ValueError("damaged source")


def test_f53_a_half_written_image_never_counts_and_is_done_again(root):
    with pytest.raises(OSError, match="gone"), StagedImage(root, "plate/A/1/0") as staged:
        staged.store.put_chunk("0/c/0", b"")
        staged.store.put_chunk("0/c/99", b"")
        raise OSError("gone")
    assert completion.read(root, "plate/A/1/0") is None
    put(root, "one")
    assert sorted(root.list()) == ["plate/A/1/0/0/c/0", "plate/A/1/0/0/zarr.json", "plate/A/1/0/zarr.json"]


def test_f54_the_old_image_stays_until_the_new_one_is_whole(root):
    put(root, "old")
    with pytest.raises(OSError, match="no"), StagedImage(root, "plate/A/1/0", "Overwrite") as staged:
        staged.store.put_chunk("0/c/0", b"new")
        assert root.get("plate/A/1/0/0/c/0") == b"old"
        raise OSError("no")
    assert completion.is_complete(root, "plate/A/1/0", "old")
    put(root, "new", "Overwrite")
    assert root.get("plate/A/1/0/0/c/0") == b"new"
    assert len(list(root.list())) == 3


@pytest.mark.parametrize("ends", [True, False])
def test_an_image_whose_writer_died_right_after_its_mark_stays_until_the_new_one_is_whole(ends):
    root = RemoteStore(f"memory://{uuid.uuid4().hex}/out")
    place = "plate/A/1/0"
    with StagedImage(root, place) as old:
        write(old, "old")
        claim = root.get(f"{place}/{staging_owner.OWNER_FILE}")
        old.commit()
    whole = sorted(root.list())
    root.put(f"{place}/{staging_owner.OWNER_FILE}", claim)
    with contextlib.suppress(InterruptedError), StagedImage(root, place, "Overwrite") as new:
        write(new, "new")
        assert completion.is_complete(root, place, "old") and set(whole) < set(root.list())
        if not ends:
            raise InterruptedError
        new.commit()
    assert completion.is_complete(root, place, "new" if ends else "old")
    assert [key for key in sorted(root.list()) if not key.endswith(staging_owner.OWNER_FILE)] == whole
    assert root.get(f"{place}/0/c/0") == (b"new" if ends else b"old")


class FailingCopies(MemoryFileSystem):
    """An object store that refuses to copy after some objects."""

    protocol = "failing-copies"
    cachable = False
    left = 0

    def cp_file(self, path1, path2, **kwargs):
        self.left -= 1
        if self.left < 0:
            raise OSError("SlowDown")
        super().cp_file(path1, path2, **kwargs)


def test_f54_an_object_store_that_fails_while_it_copies(tmp_path):
    """From the first copy on the old image is gone and nothing counts as complete; running again makes it whole."""
    for copies in range(4):
        filesystem = FailingCopies()
        root = RemoteStore(f"memory://{uuid.uuid4().hex}/out", filesystem=filesystem)
        put(root, "old")
        root.put("plate/A/1/0/0/notes.txt", b"mine")
        filesystem.left = copies
        if copies < 3:
            with pytest.raises(OSError, match="SlowDown"):
                put(root, "new", "Overwrite")
            assert completion.read(root, "plate/A/1/0") is None
            for mode in ("No Overwrite", "Extend"):
                with StagedImage(root, "plate/A/1/0", mode):
                    pass
        put(root, "new", "Overwrite")
        assert completion.is_complete(root, "plate/A/1/0", "new")
        assert root.get("plate/A/1/0/0/c/0") == b"new" and root.get("plate/A/1/0/0/notes.txt") == b"mine"
        assert len(list(root.list())) == 4


@pytest.mark.filterwarnings("ignore:4 files in the folder")
def test_files_of_others_in_an_image_move_to_the_new_one(root):
    put(root, "old")
    for name in ("notes.txt", "0/notes.txt", "labels/sketch.png", "mine/0/c/0"):
        root.put(f"plate/A/1/0/{name}", name.encode())
    put(root, "new", "Overwrite")
    assert completion.is_complete(root, "plate/A/1/0", "new")
    assert root.get("plate/A/1/0/0/notes.txt") == b"0/notes.txt"
    assert len(list(root.list())) == 7


def test_what_is_no_image_is_not_replaced_by_one(root):
    root.put("plate/A/1/zarr.json", json.dumps({"attributes": {"ome": {"well": {"images": []}}}}).encode())
    root.put("plate/zarr.json", json.dumps({"attributes": {"ome": {"plate": {}}}}).encode())
    root.put("array/zarr.json", json.dumps({"node_type": "array", "attributes": {}}).encode())
    for path, kind in (("plate", "plate"), ("plate/A/1", "well"), ("array", "single array")):
        with (
            pytest.raises(ConvertersToolsOutputExistsError, match=f"is a {kind}"),
            StagedImage(root, path, "Overwrite"),
        ):
            pass
    assert len(list(root.list())) == 3


def test_what_may_be_replaced(root):
    put(root, "old")
    with pytest.raises(ConvertersToolsOutputExistsError, match=r"finished image; choose Extend .*, Overwrite"):
        put(root, "new")
    put(root, "new", "Extend")
    assert completion.is_complete(root, "plate/A/1/0", "new")
    root.put("plate/A/1/0/zarr.json", b'{"attributes": {}}')
    for mode in ("No Overwrite", "Extend"):
        with pytest.raises(ConvertersToolsOutputExistsError, match="did not write; choose Overwrite"):
            put(root, "third", mode)
    put(root, "third", "Overwrite")
    assert completion.is_complete(root, "plate/A/1/0", "third")


def test_an_image_without_mark_or_with_missing_chunks_is_not_committed(tmp_path):
    root = LocalStore(tmp_path)
    with pytest.raises(ConvertersToolsError, match="no completion mark"), StagedImage(root, "image") as staged:
        staged.commit()
    with (
        pytest.raises(ConvertersToolsError, match="1 chunk files on disk instead of 2"),
        StagedImage(root, "image") as staged,
    ):
        write(staged, "one", claimed=2)
        staged.commit()
    assert list(root.list()) == []


def test_killed_at_any_moment_the_next_run_ends_whole(tmp_path):
    """A process is killed at its n-th change of the file system, for every n; the old image is there until the new one is."""
    script = (
        "import os, sys, signal\n"
        "left = int(sys.argv[2])\n"
        "def hook(event, args):\n"
        "    global left\n"
        "    changing = event in ('os.rename', 'os.remove', 'os.rmdir', 'os.mkdir')\n"
        "    if changing or (event == 'open' and isinstance(args[1], str) and set(args[1]) & set('wx')):\n"
        "        left -= 1\n"
        "        if left < 0: os.kill(os.getpid(), signal.SIGKILL)\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import test_staging\n"
        "from fractal_omezarr_converters.ngff.stores import LocalStore\n"
        "root = LocalStore(sys.argv[1])\n"
        "sys.addaudithook(hook)\n"
        "test_staging.put(root, 'new', 'Overwrite')\n"
    )
    finished = 0
    for moment in range(200):
        root = LocalStore(tmp_path / str(moment))
        put(root, "old")
        ran = subprocess.run(
            [sys.executable, "-c", script, str(root.path), str(moment)], capture_output=True, check=False
        )
        assert ran.returncode in (0, -9), ran.stderr.decode()
        seen = completion.read(root, "plate/A/1/0")
        if seen is not None and seen.fingerprint == "new":
            finished += 1
        with StagedImage(root, "plate/A/1/0", "Extend"):
            seen = completion.read(root, "plate/A/1/0")
            assert seen is not None
            assert root.get("plate/A/1/0/0/c/0") == seen.fingerprint.encode()
        assert sorted(root.list()) == ["plate/A/1/0/0/c/0", "plate/A/1/0/0/zarr.json", "plate/A/1/0/zarr.json"]
        if ran.returncode == 0:
            break
    else:
        pytest.fail("never finished")
    assert moment > 10
    assert finished >= 1


@contextlib.contextmanager
def two_at_once(root, mode, first, second):
    """The same image, written by two, of which the first has put it into its place; gives the other one."""
    with StagedImage(root, "image", mode) as one, StagedImage(root, "image", mode) as other:
        write(one, first)
        write(other, second)
        one.commit()
        yield other


@pytest.mark.parametrize(("mode", "first"), [("Overwrite", "first"), ("No Overwrite", "second")])
def test_two_runs_at_once_do_not_touch_each_others_staging(tmp_path, mode, first):
    """Without Overwrite the second one finds its own image done."""
    with two_at_once(LocalStore(tmp_path), mode, first, "second") as other:
        other.commit()
    assert completion.is_complete(LocalStore(tmp_path), "image", "second")
    assert [path.name for path in tmp_path.iterdir()] == ["image"]


def test_a_writer_whose_disk_is_away_for_a_while_is_seen_to_live_afterwards(tmp_path, monkeypatch):
    monkeypatch.setattr(staging_owner, "_TOUCH_SECONDS", 0.05)
    disk, link, other = tmp_path / "disk", tmp_path / "mounted", tmp_path / "other"
    disk.mkdir()
    link.symlink_to(disk)
    with StagedImage(link, "image") as staged:
        claim = staged.store.path / staging_owner.OWNER_FILE
        other.touch()
        other.replace(link)  # below a file, a path is refused in another way than one that is not there
        time.sleep(0.3)
        other.symlink_to(disk)
        other.replace(link)
        os.utime(claim, (0, 0))
        end = time.monotonic() + 10
        while claim.stat().st_mtime == 0 and time.monotonic() < end:
            time.sleep(0.02)
        assert claim.stat().st_mtime > 0


def test_a_living_writer_whom_the_system_hides_is_not_taken_for_dead(tmp_path, monkeypatch):
    """Where /proc shows everybody their own processes alone (``hidepid``), those of others still answer that they run."""
    script = """
import sys
from fractal_omezarr_converters.ngff.staging import StagedImage
with StagedImage(sys.argv[1], "image", "Overwrite"):
    print("begun", flush=True)
    sys.stdin.read()
"""
    read = Path.read_text

    def hidden(path, *how, **more):
        if path == Path(f"/proc/{other.pid}/stat"):
            raise FileNotFoundError(path)
        return read(path, *how, **more)

    put(LocalStore(tmp_path), "old")
    command = [sys.executable, "-c", script, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "begun\n"
        (theirs,) = tmp_path.glob(".image.writing-*")
        monkeypatch.setattr(Path, "read_text", hidden)
        with pytest.raises(ConvertersToolsUserError, match=f"process {other.pid}"):
            refuse_while_written(LocalStore(tmp_path), ["image"])
        with StagedImage(LocalStore(tmp_path), "image", "Overwrite") as mine:
            write(mine, "one")
            mine.commit()
        assert theirs.is_dir()
        other.stdin.close()
    assert not theirs.exists()


class Crossed(LocalStore):
    """A folder in which something happens right before the image is moved into its place, or the old one out of it."""

    def __init__(self, path, when, what):
        super().__init__(path)
        self.when, self.what = when, what

    def rename(self, source, target):
        if self.what is not None and self.when(source, target):
            what, self.what = self.what, None
            what()
        super().rename(source, target)


def moves_in(source, target):
    return target == "image"


def moves_out(source, target):
    return source == "image"


@pytest.mark.parametrize(
    ("mode", "before", "when"),
    [
        ("No Overwrite", None, moves_in),
        ("Extend", None, moves_in),
        ("Overwrite", None, moves_in),
        ("Extend", "old", moves_in),
        ("Overwrite", "old", moves_in),
        ("Extend", "old", moves_out),
        ("Overwrite", "old", moves_out),
        ("Overwrite", "one", moves_in),
    ],
)
def test_another_process_that_is_faster_by_a_moment_is_no_failure(tmp_path, mode, before, when):
    """Both write the same image, which is there whole in the end, alone."""
    place = LocalStore(tmp_path)
    if before is not None:
        with StagedImage(place, "image", "No Overwrite") as old:
            write(old, before)
            old.commit()
    with StagedImage(place, "image", mode) as other:
        write(other, "one")
        with StagedImage(Crossed(tmp_path, when, other.commit), "image", mode) as mine:
            write(mine, "one")
            mine.commit()
    assert completion.is_complete(place, "image", "one")
    assert [path.name for path in tmp_path.iterdir()] == ["image"]


def test_an_old_image_that_another_process_has_just_moved_away(tmp_path):
    place, elsewhere = LocalStore(tmp_path), tmp_path.parent / f"{tmp_path.name}-elsewhere"
    with StagedImage(place, "image", "No Overwrite") as old:
        write(old, "old")
        old.commit()
    root = Crossed(tmp_path, moves_out, lambda: (tmp_path / "image").rename(elsewhere))
    with StagedImage(root, "image", "Overwrite") as mine:
        write(mine, "one")
        mine.commit()
    assert completion.is_complete(place, "image", "one")
    assert completion.is_complete(LocalStore(elsewhere), "", "old")
    assert [path.name for path in tmp_path.iterdir()] == ["image"]


def test_another_process_that_finished_another_image_is_not_replaced(tmp_path):
    refused = pytest.raises(ConvertersToolsOutputExistsError, match="holds a finished image")
    with two_at_once(LocalStore(tmp_path), "No Overwrite", "one", "two") as other, refused:
        other.commit()
    assert completion.is_complete(LocalStore(tmp_path), "image", "one")
    assert [path.name for path in tmp_path.iterdir()] == ["image"]
