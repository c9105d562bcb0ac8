"""Paths that are what they say are known as such, one by one and many together."""

from __future__ import annotations

import pytest

from fractal_omezarr_converters.models.plain_paths import are_plain, plain_paths

PLAIN = ["a.tif", "sub/b c.tif", "sub.d/a", "a..tif", "x (1)/-1.tif"]
NOT_PLAIN = [
    *("a#page=1", "a\\b.tif", "../a.tif", "./a.tif", "sub/../a.tif", "sub/./a.tif", ".", "sub/..", "", "sub//a.tif"),
    *("/a.tif", "a.tif/", " a.tif", "a.tif ", "sub/ a.tif", "a\nb.tif", "a\tb.tif", "a\x1cb.tif"),
]


@pytest.mark.parametrize("name", PLAIN)
def test_plain_names(name: str) -> None:
    assert are_plain("/data", [*PLAIN, name, *PLAIN])
    assert plain_paths([f"/data/{name}"]) == [f"/data/{name}"]


@pytest.mark.parametrize("name", NOT_PLAIN)
@pytest.mark.parametrize("number", [0, 20_000])
def test_one_name_among_many_that_is_not_plain(name: str, number: int) -> None:
    before = [f"{each}.tif" for each in range(number)]
    assert not are_plain("/data", [*before, name])
    assert not are_plain("/data", [name, *before])


@pytest.mark.parametrize("name", [name for name in NOT_PLAIN if name not in ("a\tb.tif", "a\x1cb.tif")])
def test_paths_that_are_not_plain_are_told_apart_among_others(name: str) -> None:
    assert plain_paths(["/data/x/a.tif", f"/data/x/{name}", "/data/x/b.tif"]) == [
        "/data/x/a.tif",
        None,
        "/data/x/b.tif",
    ]


@pytest.mark.parametrize("folder", ["data", "", "/data/../x", "/data #1", "/data "])
def test_folders_that_are_not_plain(folder: str) -> None:
    assert not are_plain(folder, PLAIN)


def test_letters_beyond_ascii_are_looked_at_one_by_one() -> None:
    assert not are_plain("/data", ["é.tif"])
    assert plain_paths(["/data/é.tif", "/data/#é.tif"]) == ["/data/é.tif", None]
