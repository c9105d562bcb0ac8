"""One contract for every store."""

from __future__ import annotations

import uuid

import pytest

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.ngff.stores import open_store


@pytest.fixture(params=["local", "memory"])
def store(request, tmp_path):
    return open_store(tmp_path / "out" if request.param == "local" else f"memory://{uuid.uuid4().hex}/out")


def test_bytes_come_back(store):
    store.put("a/zarr.json", b"one")
    store.put_chunk("a/c/0/0", memoryview(b"two"))
    sink = store.begin("a/c/0/1")
    sink.append(b"th")
    sink.append(memoryview(b"ree"))
    sink.finish()
    assert [store.get(key) for key in ("a/zarr.json", "a/c/0/0", "a/c/0/1", "a/none", "a")] == [
        b"one",
        b"two",
        b"three",
        None,
        None,
    ]
    assert sorted(store.list("a")) == ["a/c/0/0", "a/c/0/1", "a/zarr.json"]
    assert sorted(store.list()) == ["a/c/0/0", "a/c/0/1", "a/zarr.json"]
    assert sorted(store.child("a/c").list()) == ["0/0", "0/1"]
    assert list(store.folders("a")) == ["c"]
    assert store.exists("a/c")
    assert not store.exists("b")


def test_deleting_takes_all_below_and_nothing_else(store):
    for key in ("a/x/1", "a/x/2", "ab/1"):
        store.put(key, b"")
    store.delete("a")
    store.delete("never/there")
    assert list(store.list()) == ["ab/1"]


def test_opening_creates_nothing(tmp_path):
    store = open_store(tmp_path / "not" / "there")
    assert list(store.list()) == []
    assert store.get("x") is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("key", ["../x", "a/../../x", "/etc/x"])
def test_keys_stay_inside(store, key):
    with pytest.raises(ConvertersToolsUserError, match="leaves its store"):
        store.put(key, b"")


def test_documents_are_put_whole(tmp_path):
    store = open_store(tmp_path)
    store.put("zarr.json", b"old")
    with pytest.raises(TypeError):
        store.put("zarr.json", "text")
    assert store.get("zarr.json") == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["zarr.json"]
