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
