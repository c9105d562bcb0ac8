"""`verify` names the file that is wrong: on disk and on S3, in every version, with and without shards."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from object_store import BUCKET
from small_plates import init, tiles

from fractal_omezarr_converters.convert import verify
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.fractal.compute import generic_compute_task
from fractal_omezarr_converters.ngff.reader import open_image
from fractal_omezarr_converters.ngff.stores import Store, open_store

CHUNKS = {"mode": "Fixed Size", "xy_chunk": 16, "z_chunk": 1}
KINDS: dict[str, dict[str, Any]] = {
    "0.4": {"ngff_version": "0.4", "chunks": CHUNKS},
    "0.5": {"ngff_version": "0.5", "chunks": CHUNKS},
    "0.5 in shards": {
        "ngff_version": "0.5",
        "chunks": CHUNKS,
        "shards": {"mode": "Multiple of Chunks", "xy_factor": 2},
    },
}
Image = tuple[str, Store]


@pytest.fixture(scope="module", params=["on disk", "on s3"])
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("named")
    if request.param == "on disk":
        return str(folder / "out")
    request.getfixturevalue("s3_server").fault = None
    return f"s3://{BUCKET}/{folder.name}"


@pytest.fixture(scope="module", params=KINDS)
def image(request: pytest.FixtureRequest, place: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """A well of 40 x 112 pixels, two levels."""
    written = {**KINDS[request.param], "levels": {"mode": "Number of Levels", "num_levels": 2}}
    out = f"{place}/{request.param.replace(' ', '-')}"
    some = tiles(tmp_path_factory.mktemp("in"))
    (job,) = init(some, Path(out) if "://" not in out else out, omezarr_options=written)  # type: ignore[arg-type]
    generic_compute_task(**job)
    assert verify(out).ok, verify(out)
    yield out, open_store(job["zarr_url"])


def chunks_of(store: Store, level: str) -> list[str]:
    return sorted(key for key in store.list(level) if not key.endswith((".zarray", ".zattrs", "zarr.json")))


def flipped(content: bytes) -> bytes:
    at = len(content) // 3
    return content[:at] + bytes([content[at] ^ 0x20]) + content[at + 1 :]


HARMS: dict[str, Callable[[bytes], bytes | None]] = {
    "deleted": lambda _: None,
    "truncated": lambda content: content[: len(content) // 2],
    "emptied": lambda _: b"",
    "flipped": flipped,
    "zeros": lambda content: bytes(len(content)),
}


def said_of(out: str) -> str:
    found = verify(out)
    assert not found.ok
    return "\n".join(found.images[0].problems)


@pytest.mark.parametrize("level", ["0", "1"])
@pytest.mark.parametrize("harm", HARMS)
def test_a_harmed_chunk_is_named(image: Image, harm: str, level: str) -> None:
    out, store = image
    key = chunks_of(store, level)[1]
    content = store.get(key)
    assert content is not None
    changed = HARMS[harm](content)
    store.delete(key)
    if changed is not None:
        store.put(key, changed)
    said = said_of(out)
    store.put(key, content)
    assert f"'{key}'" in said
    for other in chunks_of(store, level):
        assert other == key or f"'{other}'" not in said


def test_a_chunk_whose_header_promises_far_more_is_not_decoded(image: Image) -> None:
    """The decoder of Blosc believes the header and reads beyond the chunk: the process can die."""
    out, store = image
    key = chunks_of(store, "0")[0]
    content = store.get(key) or b""
    store.put(key, content[:15] + bytes([content[15] ^ 4]) + content[16:])
    said = said_of(out)
    with pytest.raises(ConvertersToolsUserError, match="its header states 671"):
        open_image(store).read(0, c=0, z=0, y=slice(0, 4), x=slice(0, 4))
    store.put(key, content)
    assert f"'{key}'" in said and "its header states 671" in said


@pytest.mark.parametrize("level", ["0", "1"])
def test_exchanged_planes_are_both_named(image: Image, level: str) -> None:
    out, store = image
    first, *_, second = chunks_of(store, level)
    contents = store.get(first), store.get(second)
    store.put(first, contents[1] or b"")
    store.put(second, contents[0] or b"")
    said = said_of(out)
    store.put(first, contents[0] or b"")
    store.put(second, contents[1] or b"")
    assert f"'{first}'" in said and f"'{second}'" in said


def test_a_foreign_chunk_is_named(image: Image) -> None:
    out, store = image
    first = chunks_of(store, "0")[0]
    foreign = f"{first}7"
    store.put(foreign, store.get(first) or b"")
    said = said_of(out)
    store.delete(foreign)
    assert f"foreign: '{foreign}'" in said


def _array(document: dict[str, Any]) -> None:
    if "chunks" in document:
        document["chunks"][-1] = 8
    else:
        document["chunk_grid"]["configuration"]["chunk_shape"][-1] = 8


def _multiscales(document: dict[str, Any]) -> Any:
    return document.get("attributes", document).get("ome", document)["multiscales"][0]


def _transform(document: dict[str, Any]) -> Any:
    return _multiscales(document)["datasets"][0]["coordinateTransformations"][0]


EDITS: dict[str, tuple[str, Callable[[dict[str, Any]], Any]]] = {
    "chunk shape": ("0", _array),
    "scale": ("", lambda document: _transform(document)["scale"].__setitem__(-1, 0.123)),
    "axes": ("", lambda document: _multiscales(document)["axes"].reverse()),
    "path of a level": ("", lambda document: _multiscales(document)["datasets"][1].__setitem__("path", "0")),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_document_is_told(image: Image, edit: str) -> None:
    out, store = image
    group, change = EDITS[edit]
    names = ("zarr.json", ".zarray", ".zattrs") if group else ("zarr.json", ".zattrs")
    key = next(name for name in (f"{group}/{name}".lstrip("/") for name in names) if store.get(name) is not None)
    content = store.get(key) or b""
    document = json.loads(content)
    change(document)
    store.put(key, json.dumps(document).encode())
    said = said_of(out)
    store.put(key, content)
    wanted = {
        "chunk shape": key,
        "scale": "scale[3] is 0.123",
        "axes": "multiscales[0].axes",
        "path of a level": "datasets[1]",
    }
    assert wanted[edit] in said
    assert verify(out).ok


def test_a_lost_table_and_a_lost_document_are_told(image: Image) -> None:
    out, store = image
    for key in sorted(store.list("tables/FOV_ROI_table")) + [
        name for name in (".zgroup", "zarr.json") if store.get(name)
    ]:
        content = store.get(key) or b""
        store.delete(key)
        if key.rpartition("/")[2] in (".zattrs", "zarr.json", ".zgroup") and key != "tables/FOV_ROI_table/.zgroup":
            assert not verify(out).ok, key
        store.put(key, content)
    assert verify(out).ok
