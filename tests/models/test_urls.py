"""Paths and URLs."""

from __future__ import annotations

import os
import unicodedata
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest
import tifffile

from fractal_omezarr_converters.convert import plan
from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError
from fractal_omezarr_converters.models.loaders import DefaultImageLoader
from fractal_omezarr_converters.models.urls import (
    UrlType,
    absolute_url,
    basename_url,
    clean_url,
    existing_local_path,
    filesystem_for_url,
    find_url_type,
    glob_url_paths,
    is_absolute_url,
    join_url_paths,
    local_url_to_path,
    parent_url,
)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("/data", "local"), ("~/data", "local"), ("C:\\data", "local"), ("C:/data", "local"), ("\\\\server\\share", "local"),
        ("file:///data", "local"), ("file://server/share/a", "local"), ("file:///C:/data", "local"), ("~", "local"),
        ("S3://bucket/a", "s3"), ("https://a/b", "not_supported"), ("s3://bucket/a", "s3"),
        ("http://a/b", "not_supported"), ("gs://a", "not_supported"),
    ],
)  # fmt: skip
def test_kinds(url: str, kind: str) -> None:
    assert find_url_type(url) is UrlType(kind)
    assert is_absolute_url(url)


@pytest.mark.parametrize("url", ["data/plate", "C:data", "./a", "..", "a", ""])
def test_relative_is_not_absolute(url: str) -> None:
    assert not is_absolute_url(url)
    assert find_url_type(url) is UrlType.NOT_SUPPORTED


@pytest.mark.parametrize(
    ("base", "parts", "joined"),
    [
        ("/a/b", ("c", "d"), "/a/b/c/d"), ("/a/", ("/b/", "c//d/"), "/a/b/c/d"), ("/a/b", ("../c", "./d"), "/a/c/d"),
        ("s3://bucket", ("a", "..", "b"), "s3://bucket/b"), ("s3://bucket//a/", (), "s3://bucket/a"), ("a", ("b",), "a/b"),
        ("a", ("../..", "b"), "../b"), ("C:\\data", ("x", "y"), "C:/data/x/y"), ("/", ("a",), "/a"), ("/", (), "/"),
        ("C:\\data\\a", ("..\\x", "y\\z"), "C:/data/x/y/z"), ("C:\\", ("..", "a"), "C:/a"), ("s3://bucket", ("a\\b",), "s3://bucket/a\\b"),
        ("file:///a b/c", ("d",), "/a b/c/d"), ("file://server/share/a", ("../b",), "\\\\server\\share/b"),
        ("~/a", ("b",), "~/a/b"),
        ("\\\\server\\share\\a", ("b",), "\\\\server\\share/a/b"), ("/a", ("..", "..", "b"), "/b"), ("", ("a",), "a"),
    ],
)  # fmt: skip
def test_f52_joins_are_normalised(base: str, parts: tuple[str, ...], joined: str) -> None:
    assert join_url_paths(base, *parts) == joined


@pytest.mark.parametrize(
    ("base", "part"), [("s3://bucket/a", "../../b"), ("s3://bucket", ".."), ("http://host/a", "../../x")]
)
def test_f52_joins_stay_in_the_bucket(base: str, part: str) -> None:
    with pytest.raises(ConvertersToolsUserError, match=r"leaves '(s3|http)://"):
        join_url_paths(base, part)


@pytest.mark.parametrize(
    ("url", "parent", "name"),
    [
        ("/a/b/c", "/a/b", "c"),
        ("/a", "/", "a"),
        ("s3://b/k", "s3://b", "k"),
        ("a/b", "a", "b"),
        ("C:\\a\\b", "C:/a", "b"),
        ("/a/b/", "/a", "b"),
    ],
)
def test_parent_and_name(url: str, parent: str, name: str) -> None:
    assert parent_url(url) == parent
    assert basename_url(url) == name


@pytest.mark.parametrize("root", ["/", "C:\\", "s3://bucket", "\\\\server\\share", "s3://bucket/"])
def test_a_root_has_no_parent(root: str) -> None:
    with pytest.raises(ConvertersToolsUserError, match="no parent"):
        parent_url(root)


def test_f50_relative_paths_are_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute_url("out/x") == f"{tmp_path.as_posix()}/out/x"
    assert absolute_url("~/x") == f"{Path.home().as_posix()}/x"
    assert absolute_url("s3://b/a/../c") == "s3://b/c"
    with pytest.raises(ConvertersToolsUserError, match="empty"):
        absolute_url("  ")


def test_f51_nothing_is_created(tmp_path: Path) -> None:
    path = local_url_to_path(str(tmp_path / "new" / ".." / "other" / "x"))
    assert path == tmp_path / "other" / "x"
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ConvertersToolsUserError, match="not a path of this computer"):
        local_url_to_path("s3://bucket/a")


@pytest.mark.parametrize("text", [' "/a b" ', "'/a b'", "/a b\n", "file:///a%20b", "file://localhost/a%20b"])
def test_quotes_spaces_and_file_scheme_go(text: str) -> None:
    assert clean_url(text) == "/a b"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_in_both_forms_are_found(tmp_path: Path, form: str) -> None:
    for part in ("NFC", "NFD"):
        folder = (
            tmp_path / unicodedata.normalize("NFC", f"größe {part}")
            if part == "NFC"
            else tmp_path / unicodedata.normalize("NFD", f"größe {part}")
        )
        folder.mkdir()
        (folder / "a.tif").touch()
        asked = tmp_path / unicodedata.normalize(form, f"größe {part}") / "a.tif"
        assert existing_local_path(asked) == folder / "a.tif"
    missing = tmp_path / "größe" / "b.tif"
    assert existing_local_path(missing) == missing


@pytest.mark.skipif(os.sep != "/", reason="backslashes are separators here")
def test_separators_of_windows_are_understood_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "plate 1" / "größe").mkdir(parents=True)
    (tmp_path / "plate 1" / "größe" / "a.tif").touch()
    decomposed = unicodedata.normalize("NFD", "größe")
    assert existing_local_path(f"{tmp_path}/plate 1\\{decomposed}\\a.tif") == tmp_path / "plate 1" / "größe" / "a.tif"
    (tmp_path / "odd\\name.tif").touch()
    assert existing_local_path(tmp_path / "odd\\name.tif") == tmp_path / "odd\\name.tif"
    assert existing_local_path(f"{tmp_path}/gone\\a.tif") == tmp_path / "gone\\a.tif"


def test_glob(tmp_path: Path) -> None:
    base = tmp_path / "odd [name]"
    (base / "sub").mkdir(parents=True)
    for name in ("b.tif", "a.tif", "sub/c.tif"):
        (base / name).touch()
    top = base.as_posix()
    assert glob_url_paths(base_url=str(base), pattern="*.tif") == [f"{top}/a.tif", f"{top}/b.tif"]
    assert glob_url_paths(base_url=str(base), pattern="**/*.tif") == [
        f"{top}/a.tif",
        f"{top}/b.tif",
        f"{top}/sub/c.tif",
    ]
    assert glob_url_paths(base_url=str(base), pattern="a.tif") == [f"{top}/a.tif"]
    assert glob_url_paths(base_url=str(base), pattern="gone.tif") == []


def test_any_scheme_of_fsspec() -> None:
    files = filesystem_for_url("memory://plates/a")
    files.pipe("/plates/a.tif", b"1")
    assert glob_url_paths(base_url="memory://plates", pattern="*.tif") == ["memory:///plates/a.tif"]
    with pytest.raises(ConvertersToolsUserError, match="Listing is not possible for 'nosuch://a'"):
        filesystem_for_url("nosuch://a", "Listing")


@pytest.mark.parametrize("url", ["zip://plate::/data/plates.zip", "tar://plate", "ftp://server/plate", "dir://plate"])
def test_schemes_that_lead_to_no_folder_are_refused(url: str) -> None:
    with pytest.raises(ConvertersToolsUserError, match=f"'{url}'.* unpack archives, and give a local path"):
        filesystem_for_url(url)
    with pytest.raises(ConvertersToolsUserError, match="Reading a folder is not possible"):
        plan(url)


def test_the_folder_above_the_home_is_not_the_working_directory() -> None:
    assert join_url_paths("~", "../b") == f"{Path.home().parent.as_posix().rstrip('/')}/b"
    assert join_url_paths("~/a", "..", "b") == f"{Path.home().as_posix()}/b"


def test_local_paths_are_absolute_on_this_computer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert local_url_to_path("a/../b") == tmp_path / "b"
    assert local_url_to_path("~/a") == Path.home() / "a"
    assert local_url_to_path(f"file://{tmp_path}/a%20b") == tmp_path / "a b"
    assert local_url_to_path(f' "{tmp_path}/c d" ') == tmp_path / "c d"


@pytest.mark.parametrize("url", ["/a", "a/b", "~/a", "file:///a"])
def test_the_file_system_of_local_paths(url: str) -> None:
    assert "file" in filesystem_for_url(url).protocol


def test_images_are_read_over_http(tmp_path: Path) -> None:
    pytest.importorskip("aiohttp", reason="fsspec reads http:// through aiohttp")
    pixels = np.arange(12 * 17, dtype="uint16").reshape(12, 17)
    tifffile.imwrite(tmp_path / "a.tif", pixels)
    serve = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        shelf = f"http://127.0.0.1:{server.server_port}"
        np.testing.assert_array_equal(DefaultImageLoader(file_path=f"{shelf}/a.tif").load_data(), pixels)
        for name in ("gone.tif", "gone.png", "gone.npy"):
            with pytest.raises(ConvertersToolsFileNotFoundError, match=f"{name}' does not exist"):
                DefaultImageLoader(file_path=name).load_data(shelf)
        server.shutdown()
