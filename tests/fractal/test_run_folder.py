"""Hand-over files: private folders, whole or not at all, removed only when ours."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.fractal.run_folder import (
    MARK,
    cleanup_if_exists,
    make_run_folder,
    mark_done,
    remove_useless_runs,
)


def hand_over(folder: str, text: str = "{}") -> str:
    from fractal_omezarr_converters.fractal.handover import dump_json_str

    return dump_json_str(folder, text)


def test_f67_two_runs_into_one_folder_have_folders_of_their_own(tmp_path: Path) -> None:
    temp = str(tmp_path / "_tmp_json")
    first = make_run_folder(temp, zarr_dir="/out", images=["/out/a"])
    second = make_run_folder(temp, zarr_dir="/out", images=["/out/b"])
    assert first != second
    url = hand_over(first)
    third = make_run_folder(temp, zarr_dir="/out", images=["/out/c"])
    remove_useless_runs(temp, zarr_dir="/out", images=["/out/c"])
    assert Path(url).read_text() == "{}"
    assert Path(second).is_dir() and Path(third).is_dir()


def test_f67_cleanup_leaves_files_of_the_user(tmp_path: Path) -> None:
    folder = tmp_path / "precious"
    folder.mkdir()
    (folder / "thesis.docx").write_text("years of work")
    (folder / "data").mkdir()
    (folder / "data" / "plate.json").write_text("{}")
    run = make_run_folder(str(folder), zarr_dir="/out", images=["/out/a"])
    hand_over(run)
    (Path(run) / "notes.txt").write_text("mine")
    cleanup_if_exists(str(folder))
    assert (folder / "thesis.docx").read_text() == "years of work"
    assert (folder / "data" / "plate.json").exists()
    assert [entry.name for entry in Path(run).iterdir() if entry.name != MARK] == ["notes.txt"]


def test_f67_cleanup_does_not_touch_a_folder_that_only_looks_like_ours(tmp_path: Path) -> None:
    lookalike = tmp_path / "run-20261120T093000-1a2b3c4d"
    lookalike.mkdir()
    (lookalike / ("handover-" + "0" * 32 + ".json")).write_text("{}")
    cleanup_if_exists(str(tmp_path))
    assert len(list(lookalike.iterdir())) == 1


def test_cleanup_removes_what_we_wrote_and_the_empty_folders(tmp_path: Path) -> None:
    temp = tmp_path / "_tmp_json"
    url = hand_over(make_run_folder(str(temp), zarr_dir="/out", images=["/out/a"]))
    mark_done(url)
    cleanup_if_exists(str(temp))
    assert not temp.exists()
    cleanup_if_exists(str(temp))


def test_cleanup_refuses_a_file(tmp_path: Path) -> None:
    file = tmp_path / "image.json"
    file.write_text("{}")
    with pytest.raises(ConvertersToolsUserError, match="is a file"):
        cleanup_if_exists(str(file))
    assert file.exists()


def test_f66_a_run_is_kept_until_it_is_finished_or_made_again(tmp_path: Path) -> None:
    temp = str(tmp_path)
    run = make_run_folder(temp, zarr_dir="/out", images=["/out/a", "/out/b"])
    urls = [hand_over(run), hand_over(run)]
    mark_done(urls[0])
    remove_useless_runs(temp, zarr_dir="/out", images=["/out/c"])
    assert all(Path(url).exists() for url in urls)
    remove_useless_runs(temp, zarr_dir="/elsewhere", images=["/out/a", "/out/b"])
    assert all(Path(url).exists() for url in urls)
    mark_done(urls[1])
    remove_useless_runs(temp, zarr_dir="/out", images=["/out/c"])
    assert not Path(run).exists()


def test_a_run_whose_images_are_made_again_is_removed_when_it_is_old(tmp_path: Path) -> None:
    run = make_run_folder(str(tmp_path), zarr_dir="/out", images=["/out/a"])
    url = hand_over(run)
    remove_useless_runs(str(tmp_path), zarr_dir="/out", images=["/out/a", "/out/b"])
    assert Path(url).exists()
    mark = Path(run, MARK)
    mark.write_text(json.dumps({**json.loads(mark.read_text()), "created": "2020-01-01T00:00:00+00:00"}))
    remove_useless_runs(str(tmp_path), zarr_dir="/out", images=["/out/a", "/out/b"])
    assert not Path(run).exists()


def test_no_half_written_file_is_ever_seen(tmp_path: Path) -> None:
    run = make_run_folder(str(tmp_path), zarr_dir="/out", images=[])
    text = json.dumps({"n": list(range(1000)), "long": "x" * 20_000_000})
    seen: set[int] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            seen.update(file.stat().st_size for file in Path(run).glob("handover-*.json") if file.exists())

    watcher = threading.Thread(target=look)
    watcher.start()
    url = hand_over(run, text)
    done.set()
    watcher.join()
    assert seen <= {len(text)}
    assert len(json.loads(Path(url).read_text())["n"]) == 1000
    assert sorted(entry.name for entry in Path(run).iterdir()) == sorted([MARK, Path(url).name])
