"""Image files are found inside the acquisition's folder and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats.acquisition_files import AcquisitionFiles


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "plate" / "Images"
    (folder / "sub").mkdir(parents=True)
    (folder / "a.tif").touch()
    (folder / "sub" / "b.tif").touch()
    (tmp_path / "secret.tif").touch()
    return folder


def test_files_are_found_with_either_slash(images: Path) -> None:
    files = AcquisitionFiles(images.parent, images)
    assert files.locate("a.tif", where="x") == (str(images / "a.tif"), True)
    assert files.locate("sub\\b.tif", where="x") == (str(images / "sub" / "b.tif"), True)
    assert files.locate("gone.tif", where="x") == (str(images / "gone.tif"), False)
    assert files.locate("nowhere/gone.tif", where="x")[1] is False


@pytest.mark.parametrize(
    "name",
    [
        "../../secret.tif",
        "sub/../../../secret.tif",
        "/etc/hostname",
        "C:\\data\\x.tif",
        "\\\\server\\share\\x.tif",
        "http://example.org/x.tif",
        "..",
        "a\0.tif",
    ],
)
def test_c04_names_that_lead_out_are_refused(images: Path, name: str) -> None:
    with pytest.raises(ConvertersToolsUserError, match=r"index, line 7.*leads out"):
        AcquisitionFiles(images.parent, images).locate(name, where="index, line 7")


@pytest.mark.parametrize(
    "name",
    [
        "/data/plate/Images/a.tif",
        "C:\\data\\a.tif",
        "C:/data/A.tif",
        "\\\\server\\share\\a.tif",
        "http://example.org/a.tif",
        "file:///D:/data/a.tif",
    ],
)
def test_of_full_paths_of_another_computer_the_file_beside_is_taken(images: Path, name: str) -> None:
    files = AcquisitionFiles(images.parent, images)
    assert files.locate(name, where="x") == (str(images / "a.tif"), True)
    found = files.locate_all([name, "sub/b.tif"], where=str, heading="x")
    assert found.files.paths == [str(images / "a.tif"), str(images / "sub" / "b.tif")] and found.there.all()


def test_one_file_is_not_taken_for_two_of_its_name_in_two_folders(images: Path) -> None:
    files = AcquisitionFiles(images.parent, images)
    files.locate("C:\\one\\a.tif", where="x")
    with pytest.raises(ConvertersToolsUserError, match="leads out"):
        files.locate("C:\\two\\a.tif", where="x")


def test_a_link_that_a_full_path_leads_to_needs_the_option(images: Path, tmp_path: Path) -> None:
    (images / "linked.tif").symlink_to(tmp_path / "secret.tif")
    with pytest.raises(ConvertersToolsUserError, match="follow_links"):
        AcquisitionFiles(images.parent, images).locate("/data/linked.tif", where="x")


def test_links_out_of_the_folder_need_the_option(images: Path, tmp_path: Path) -> None:
    (images / "linked.tif").symlink_to(tmp_path / "secret.tif")
    (images / "inside.tif").symlink_to(images / "a.tif")
    files = AcquisitionFiles(images.parent, images)
    assert files.locate("inside.tif", where="x")[1]
    with pytest.raises(ConvertersToolsUserError, match="follow_links"):
        files.locate("linked.tif", where="x")
    assert AcquisitionFiles(images.parent, images, follow_links=True).locate("linked.tif", where="x")[1]


def test_the_acquisition_itself_may_be_a_link(images: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(images.parent)
    link = tmp_path / "link"
    assert AcquisitionFiles(link, link / "Images").locate("a.tif", where="x")[1]


def _located(files: AcquisitionFiles, names: list[str]) -> tuple[list[str], list[bool], list[int]]:
    found = files.locate_all(names, where=lambda number: f"index, line {number}", heading="Wrong names")
    return found.files.paths, found.there.tolist(), found.files.size.tolist()


def test_many_files_are_found_with_their_sizes_and_times(images: Path) -> None:
    (images / "a.tif").write_bytes(b"four")
    names = ["a.tif", "sub/b.tif", "a.tif", "./a.tif"]
    found = AcquisitionFiles(images.parent, images).locate_all(names, where=str, heading="Wrong names")
    expected = [images / name for name in names]
    assert list(map(Path, found.files.paths)) == expected
    assert found.files.size.tolist() == [4, 0, 4, 4]
    assert found.files.mtime_ns.tolist() == [path.stat().st_mtime_ns for path in expected]


@pytest.mark.parametrize("names", [["a.tif", "gone.tif"], ["sub/gone.tif", "a.tif"]])
def test_a_file_that_is_missing_among_many_is_told_apart(images: Path, names: list[str]) -> None:
    more = [f"{number}.tif" for number in range(2500)]
    for name in more:
        (images / name).touch()
    paths, there, _ = _located(AcquisitionFiles(images.parent, images), [*more, *names, *more])
    assert [Path(path).name for path, is_there in zip(paths, there) if not is_there] == ["gone.tif"]
    assert paths == [str(images / name) for name in [*more, *names, *more]]


def test_links_among_many_are_checked(images: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.tif").write_bytes(b"secret")
    (images / "linked.tif").symlink_to(tmp_path / "secret.tif")
    (images / "folder.tif").mkdir()
    with pytest.raises(ConvertersToolsUserError, match=r"index, line 1.*follow_links"):
        _located(AcquisitionFiles(images.parent, images), ["a.tif", "linked.tif"])
    followed = AcquisitionFiles(images.parent, images, follow_links=True)
    assert _located(followed, ["a.tif", "linked.tif", "folder.tif"])[1] == [True, True, False]


@pytest.mark.parametrize("name", ["../../secret.tif", "sub/../../../secret.tif", "", "..", "sub/"])
def test_names_that_lead_out_are_refused_among_many(images: Path, name: str) -> None:
    with pytest.raises(ConvertersToolsUserError, match=r"index, line 1.*leads out"):
        _located(AcquisitionFiles(images.parent, images), ["a.tif", name])


@pytest.mark.parametrize(("stated", "name"), [("a.tif", "A.TIF"), ("Plätte.tif", "Pl\u0061\u0308tte.tif")])
def test_files_are_found_under_another_spelling(images: Path, stated: str, name: str) -> None:
    """Windows makes no difference between capitals; copies by way of a Mac take accents apart."""
    (images / "a.tif").rename(images / name)
    (images / "b.tif").touch()
    assert AcquisitionFiles(images.parent, images).locate(stated, where="x") == (str(images / name), True)
    paths, there, _ = _located(AcquisitionFiles(images.parent, images), ["b.tif", stated])
    assert paths == [str(images / "b.tif"), str(images / name)] and there == [True, True]


def test_between_two_spellings_none_is_chosen(images: Path) -> None:
    for name in ("Other.tif", "OTHER.tif"):
        (images / name).touch()
    files = AcquisitionFiles(images.parent, images)
    assert files.locate("other.tif", where="x") == (str(images / "other.tif"), False)
    assert files.locate("Other.tif", where="x") == (str(images / "Other.tif"), True)


def test_links_under_another_spelling_are_checked(images: Path, tmp_path: Path) -> None:
    (images / "LINKED.tif").symlink_to(tmp_path / "secret.tif")
    with pytest.raises(ConvertersToolsUserError, match="follow_links"):
        AcquisitionFiles(images.parent, images).locate("linked.tif", where="x")
