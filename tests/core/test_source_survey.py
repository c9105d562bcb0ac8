"""Many files: each is looked at once, each header is read once, and of very many a sample covers every size."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from fractal_omezarr_converters.core import source_survey
from fractal_omezarr_converters.core.loader_columns import LoaderColumns
from fractal_omezarr_converters.core.source_stamps import changed_sources, stamps_of
from fractal_omezarr_converters.core.source_survey import HeaderChoice, ask_each, distinct_rows, source_files
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.loaders import DefaultImageLoader
from fractal_omezarr_converters.models.options import ConverterOptions
from fractal_omezarr_converters.models.source_files import (
    NO_FILE,
    UNKNOWN,
    SourceFile,
    SourceFiles,
    common_folder,
    facts_of,
    look_at,
)
from fractal_omezarr_converters.pipelines import AcquisitionRequest, read_acquisitions


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each TIFF file is opened."""
    count: Counter[str] = Counter()
    begin = tifffile.TiffFile.__init__

    def counted(self: tifffile.TiffFile, file: Any, *rest: Any, **more: Any) -> None:
        count[Path(str(file)).name] += 1
        begin(self, file, *rest, **more)

    monkeypatch.setattr(tifffile.TiffFile, "__init__", counted)
    return count


def write_table(folder: Path, shapes: list[tuple[int, int]], lengths: bool) -> None:
    rows = [
        "file_path,row,column,fov_name,start_x,start_y,start_c" + (",length_x,length_y,length_z,length_c" * lengths)
    ]
    for number, (height, width) in enumerate(shapes):
        # big-endian files are opened by the library, whose openings are counted
        tifffile.imwrite(folder / f"{number:03d}.tif", np.full((height, width), number, np.uint16), byteorder=">")
        stated = f",{width},{height},1,1" * lengths
        rows.append(f"{number:03d}.tif,A,{1 + number // 10},F{number % 10},{100 * (number % 10)},0,0{stated}")
    (folder / "tiles.csv").write_text("\n".join(rows) + "\n")
    (folder / "acquisition_details.toml").write_text('channel_names = ["a"]\nxy_pixel_size = 0.5\n')


@pytest.mark.parametrize("lengths", [True, False])
def test_the_header_of_every_file_is_read_once_from_table_to_plan(
    tmp_path: Path, opened: Counter[str], lengths: bool
) -> None:
    write_table(tmp_path, [(20, 24 + number % 3) for number in range(30)], lengths)
    images, report = read_acquisitions([AcquisitionRequest(str(tmp_path), plate_name="P")], ConverterOptions())
    assert opened == {f"{number:03d}.tif": 1 for number in range(30)}
    assert [plan.path for plan in report.plans] == [image.path for image in images]


def test_of_very_many_files_some_of_every_size_are_read(
    tmp_path: Path, opened: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_survey, "ALL_HEADERS_UP_TO", 8)
    shapes = [(20, 24)] * 30
    shapes[17] = (20, 40)
    write_table(tmp_path, shapes, lengths=True)
    read_acquisitions([AcquisitionRequest(str(tmp_path), plate_name="P")], ConverterOptions())
    assert opened["017.tif"] == 1
    assert len(opened) <= 10
    assert set(opened.values()) == {1}


def test_a_wrong_size_is_found_in_a_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_survey, "ALL_HEADERS_UP_TO", 8)
    write_table(tmp_path, [(20, 24)] * 30, lengths=True)
    tifffile.imwrite(tmp_path / "013.tif", np.zeros((20, 26), np.uint16))
    with pytest.raises(ConvertersToolsUserError, match=r"013\.tif"):
        read_acquisitions([AcquisitionRequest(str(tmp_path), plate_name="P")], ConverterOptions())


def test_every_row_has_a_stand_in_of_its_own_size_and_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_survey, "ALL_HEADERS_UP_TO", 12)
    paths = [tmp_path / f"{number}.bin" for number in range(40)]
    for number, path in enumerate(paths):
        path.write_bytes(bytes(10 + number % 3))
    loaders = LoaderColumns.from_files([str(path) for path in paths])
    image = np.arange(40) // 20
    choice = HeaderChoice(loaders, image)
    assert not choice.is_all
    assert choice.is_own.sum() <= 12
    assert set(choice.rows(loaders).tolist()) == set(np.flatnonzero(choice.is_own).tolist())
    for row, other in enumerate(choice.stands_for.tolist()):
        assert (image[row], row % 3) == (image[other], other % 3)
        assert choice.is_own[other]
    part = loaders.select(np.arange(20, 40))
    assert set((choice.rows(part) + 20).tolist()) == set(np.flatnonzero(choice.is_own[20:]) + 20)


def test_files_whose_sizes_all_differ_are_chosen_evenly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source_survey, "ALL_HEADERS_UP_TO", 5)
    for number in range(21):
        (tmp_path / f"{number}.bin").write_bytes(bytes(number))
    loaders = LoaderColumns.from_files([str(tmp_path / f"{number}.bin") for number in range(21)])
    assert HeaderChoice(loaders, np.zeros(21, int)).rows(loaders).tolist() == [0, 5, 10, 15, 20]


def test_files_are_looked_at_folder_by_folder(tmp_path: Path) -> None:
    paths = []
    for folder, number in (("few", 3), ("many", 30)):
        (tmp_path / folder).mkdir()
        for each in range(number):
            paths.append(str(tmp_path / folder / f"{each}.tif"))
            Path(paths[-1]).write_bytes(bytes(each))
    found = look_at([*paths, str(tmp_path / "many" / "none.tif"), str(tmp_path / "absent" / "a.tif")])
    assert found == {path: SourceFile.of(path) for path in paths}


def test_links_folders_and_pipes_among_many_files_are_told_apart(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.tif" for number in range(300)]
    for path in paths[3:]:
        path.write_bytes(bytes(7))
    paths[0].symlink_to(paths[10])
    paths[1].mkdir()
    os.mkfifo(paths[2])
    size, mtime = facts_of([*map(str, paths), None, str(tmp_path / "none.tif"), f"{tmp_path}/b\0d.tif"])
    assert size.tolist() == [7, NO_FILE, NO_FILE, *[7] * 297, UNKNOWN, NO_FILE, NO_FILE]
    assert mtime[5] == paths[5].stat().st_mtime_ns
    assert mtime[0] == paths[10].stat().st_mtime_ns
    files = SourceFiles([str(path) for path in paths[3:]], size[3:300], mtime[3:300])
    assert list(files) == [SourceFile.of(str(path)) for path in paths[3:]]
    assert list(files[4:6]) == list(files)[4:6]
    assert changed_sources(stamps_of(files), list(files)) == []
    paths[9].write_bytes(bytes(8))
    now = [SourceFile.of(str(path)) for path in paths[3:]]
    assert [file.path for file in changed_sources(stamps_of(files), now)] == [str(paths[9])]


@pytest.mark.parametrize(
    ("paths", "folder"),
    [
        (["/a/b/c.tif", "/a/b/d.tif"], "/a/b/"),
        (["/a/b/c.tif"], "/a/b/"),
        (["/a/bc/1.tif", "/a/bd/1.tif"], "/a/"),
        (["/a/b", "/a/b/c"], "/a/"),
        (["/a/", "/a/b"], "/a/"),
        (["/x", "/y"], "/"),
        (["a", "b"], ""),
        ([""], ""),
    ],
)
def test_the_folder_of_all(paths: list[str], folder: str) -> None:
    assert common_folder(paths) == folder


def test_files_of_several_folders_are_looked_at_together(tmp_path: Path) -> None:
    paths: list[str | None] = []
    for number in range(20):
        path = tmp_path / f"{number % 3}" / f"{number}.tif"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(number))
        paths += [str(path), None, f"{path}.absent", str(path.parent)]
    size, mtime = facts_of(paths)
    assert size.reshape(20, 4).tolist() == [[number, UNKNOWN, NO_FILE, NO_FILE] for number in range(20)]
    assert mtime[0] == Path(str(paths[0])).stat().st_mtime_ns


def test_threads_are_started_for_questions_only(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    start = threading.Thread.start

    def counted(self: threading.Thread) -> None:
        started.append(self.name)
        start(self)

    monkeypatch.setattr(threading.Thread, "start", counted)

    def slowly(row: int) -> int:
        time.sleep(0.003)
        return row

    assert [ask_each(np.arange(count), slowly) for count in (0, 1, 16)] == [[], [0], list(range(16))]
    assert not started
    assert ask_each(np.arange(40), slowly) == list(range(40))
    assert started


@pytest.mark.parametrize("slow", [False, True])
def test_of_slow_disks_several_files_are_looked_at_together(
    slow: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [str(tmp_path / f"{number}.tif") for number in range(1500)]
    for number, path in enumerate(paths):
        if number % 100 != 7:
            Path(path).write_bytes(bytes(number % 13))
    expected = [NO_FILE if number % 100 == 7 else number % 13 for number in range(1500)]
    stat, asked = os.stat, Counter[int]()

    def from_afar(path: Any, **more: Any) -> os.stat_result:
        asked[threading.get_ident()] += 1
        if slow:
            time.sleep(0.0003)
        return stat(path, **more)

    monkeypatch.setattr(os, "supports_dir_fd", {*os.supports_dir_fd, from_afar})
    monkeypatch.setattr(os, "stat", from_afar)
    size, mtime = facts_of(paths)
    monkeypatch.undo()
    assert size.tolist() == expected
    assert mtime[1499] == Path(paths[1499]).stat().st_mtime_ns
    assert len(asked) > 4 if slow else set(asked) == {threading.get_ident()}


def test_paths_that_need_cleaning_are_left_to_the_loader(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 5), np.uint8))
    plain = str(tmp_path / "a.tif")
    written = [plain, f"{tmp_path}/./a.tif", f"{tmp_path}//a.tif", f"{plain}#page=0", f' "{plain}" ', "a.tif"]
    loaders = LoaderColumns.from_files(written)
    known = source_files(loaders, distinct_rows(loaders), str(tmp_path), fresh=True)
    assert known == [SourceFile.of(plain), None, None, None, None, None]
    assert (
        ask_each(np.arange(6), lambda row: loaders.loader(row).sources(str(tmp_path))) == [[SourceFile.of(plain)]] * 6
    )


def test_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, np.zeros((4, 5), np.uint8))
    loader = DefaultImageLoader(file_path=str(path))
    assert loader.shape_and_dtype() == ((4, 5), "uint8")
    tifffile.imwrite(path, np.zeros((5, 4), np.uint8))
    os.utime(path, ns=(1, 1))
    assert loader.shape_and_dtype() == ((5, 4), "uint8")


@pytest.mark.parametrize(
    ("array", "axes"),
    [
        (np.zeros((3, 8, 9), np.uint8), "cyx"),
        (np.zeros((1, 1, 8, 9), np.uint16), "yx"),
        (np.zeros((8, 9), np.uint16), "yx"),
        (np.zeros((5, 8, 9), np.uint16), "qyx"),
    ],
)
def test_files_with_one_page_keep_their_axes(tmp_path: Path, array: np.ndarray, axes: str) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, photometric="rgb" if axes == "cyx" else "minisblack")
    loader = DefaultImageLoader(file_path=str(path))
    assert loader.data_axes() == axes
    stated = loader.shape_and_dtype()
    assert stated is not None and loader.load_data().shape == stated[0]


def test_an_imagej_stack_behind_one_page_keeps_its_planes(tmp_path: Path) -> None:
    stack = np.arange(3 * 8 * 9, dtype=np.uint16).reshape(3, 8, 9)
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, truncate=True, metadata={"axes": "ZYX"})
    loader = DefaultImageLoader(file_path=str(tmp_path / "a.tif"))
    assert loader.data_axes() == "zyx"
    np.testing.assert_array_equal(loader.load_data(), stack)
