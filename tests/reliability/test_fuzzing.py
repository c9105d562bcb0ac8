"""A sample of fuzzing with the same changes in every run: `make fuzz` goes on for as long as one likes."""

from __future__ import annotations

import json
import random
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

FUZZ = Path(__file__).parents[2] / "dev" / "faults" / "fuzz.py"
sys.path.insert(0, str(FUZZ.parent))

from fuzzing.changes import changed, every_change  # noqa: E402  (no package)
from fuzzing.hunt import fault_of, hunt, sweep  # noqa: E402
from fuzzing.json_changes import every_json_change, json_changed  # noqa: E402
from fuzzing.real_seeds import real_seeds  # noqa: E402
from fuzzing.seeds import written_seeds  # noqa: E402
from fuzzing.table_changes import table_changed  # noqa: E402
from fuzzing.target import Target, target_of  # noqa: E402
from fuzzing.tiff_changes import directories, tiff_changed, tiff_layout  # noqa: E402
from fuzzing.wrong_answer import WrongAnswer  # noqa: E402
from fuzzing.xml_changes import elements_of, xml_changed  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")
SECONDS, CASES = 2.0, 40
Change = Callable[[bytes, random.Random], bytes | None]


@pytest.fixture(autouse=True)
def unlimited() -> Iterator[None]:
    """The limits of a fuzzing process are not those of the tests."""
    before = resource.getrlimit(resource.RLIMIT_AS)
    yield
    assert resource.getrlimit(resource.RLIMIT_AS) == before


@pytest.mark.parametrize("name", written_seeds())
def test_a_sample_finds_nothing(tmp_path: Path, name: str) -> None:
    seeds = tmp_path / name
    seeds.mkdir()
    written_seeds()[name](seeds)
    target = target_of(name, seeds)
    assert fault_of(target.read, seeds) == (None, True)
    before = {path: path.read_bytes() for path in target.files()}
    count, found = hunt(target, seed=1, seconds=SECONDS, cases=CASES, keep=tmp_path / "kept")
    assert not found and count > 0
    assert {path: path.read_bytes() for path in target.files()} == before


@pytest.mark.parametrize("name", ["job", "handover"])
def test_every_value_of_a_document_can_be_wrong(tmp_path: Path, name: str) -> None:
    seeds = tmp_path / name
    seeds.mkdir()
    written_seeds()[name](seeds)
    target = target_of(name, seeds)
    before = {path: path.read_bytes() for path in target.files()}
    count, found = sweep(target, keep=tmp_path / "kept")
    assert not found and count > 100
    assert {path: path.read_bytes() for path in target.files()} == before


def test_every_change_of_json_is_made_once_at_every_place() -> None:
    made = [json.loads(each) for each in every_json_change(b'{"a": [1, "x", 3], "b": {"c": true}}')]
    assert {"a": ["x", 3], "b": {"c": True}} in made  # a member of a list is missing
    assert {"a": [1, "x", 3], "b": {"c_": True}} in made
    assert {"a": [1, 10**400, 3], "b": {"c": True}} in made
    assert {"a": [1, "x", 3], "b": {"c": False}} in made
    assert {"a": {"a": [1, "x", 3]}, "b": {"c": True}} in made
    assert {"a": [1, "x", 4], "b": {"c": True}} not in made  # the first two members of a list stand for all
    assert list(every_json_change(b"no JSON")) == []


def test_every_change_of_xml_and_tables_is_made() -> None:
    made = set(every_change(b'<a x="1"><b>one</b><b>two</b><b y="2"/></a>'))
    for wanted in (
        b'<a x="1"><b>two</b><b y="2"/></a>',
        b'<a x="1"><b>one</b><b>two</b></a>',
        b'<a x="1"><b>one</b><b>two</b><b y_="2"/></a>',
        b'<a x="1"><b>1e400</b><b>two</b><b y="2"/></a>',
        b'<a><b>one</b><b>two</b><b y="2"/></a>',
        b'<a x="NaN"><b>one</b><b>two</b><b y="2"/></a>',
    ):
        assert wanted in made, wanted
    assert b'<a x="1"><b>one</b><b>1e400</b><b y="2"/></a>' not in made  # the first and the last stand for all
    made = set(every_change(b"x,y\n1,2\n3,4"))
    assert {b"x,y\n3,4", b"x,y\n1,NaN\n3,4", b"y\n2\n4", b"x,y\nNaN,2\nNaN,4", b",y\n1,2\n3,4"} <= made
    assert list(every_change(b"\x00\x01")) == []


def in_order(text: bytes, change: Change) -> set[bytes]:
    """What a change makes of a text, many times."""
    chance = random.Random(1)
    return {made for _ in range(400) if (made := change(text, chance)) is not None}


def test_changes_of_xml_know_elements_and_attributes() -> None:
    text = b'<?xml version="1.0"?><a x="1" y="2"><b i="3">one</b><b i="4">two</b><c/></a>'
    assert [each.name for each in elements_of(text)] == [b"b", b"b", b"c", b"a"]
    made = in_order(text, xml_changed)
    for wanted in (
        b'<a x="1" y="2"><b i="4">two</b><c/></a>',
        b'<a x="2" y="1"><b i="3">one</b>',
        b'<a x="1" y="2"><b i="4">one</b><b i="3">two</b>',
        b'<b i="3"></b><b i="4">two</b>',
        b'<Other i="3">one</Other>',
        b'<a y="2"><b',
        b"<c/><c/></a>",
    ):
        assert any(wanted in each for each in made), wanted
    assert xml_changed(b"no elements", random.Random(1)) is None


def test_changes_of_json_know_keys_and_types() -> None:
    text = b'{"a": 1, "b": {"c": ["x"]}}'
    made = [json.loads(each) for each in in_order(text, json_changed)]
    for wanted in (
        {"b": {"c": ["x"]}},
        {"a": [1], "b": {"c": ["x"]}},
        {"a_": 1, "b": {"c": ["x"]}},
        {"a": 1, "b": {"c": []}},
    ):
        assert wanted in made
    assert {str, float, list, dict, bool} <= {
        type(each["a"]) for each in made if isinstance(each, dict) and "a" in each
    }
    assert json_changed(b"{no json", random.Random(1)) is None


def test_changes_of_tables_know_columns_and_cells() -> None:
    made = in_order(b"a,b\n1,2\n3,4\n", table_changed)
    for wanted in (b"b,a\n2,1\n4,3\n", b"b\n2\n4\n", b"a,b\n3,4\n", b"a;b\n1;2\n3;4\n", b'a,b\n"1,2\n3,4\n'):
        assert wanted in made
    assert table_changed(b"one line", random.Random(1)) is None


def test_changes_of_tiff_files_know_tags_and_directories(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 8, 9), "uint16"), photometric="minisblack", metadata=None)
    content = (tmp_path / "a.tif").read_bytes()
    layout = tiff_layout(content)
    assert layout is not None and [len(tags) > 8 for tags, _ in directories(content, layout)] == [True, True]
    made = in_order(content, tiff_changed)
    assert all(len(each) == len(content) for each in made)
    pages = {len(directories(each, layout)) for each in made}
    assert {0, 1, 2} <= pages  # directories that lead nowhere
    first = directories(content, layout)[0][0]
    differing = {
        tag.code for each in made for tag in first if each[tag.at : tag.at + 12] != content[tag.at : tag.at + 12]
    }
    assert len(differing) > 6


@pytest.mark.parametrize("content", [b"", b"\x00", b"<", b"{}", b"[]", b"a,b\nc,d\n", b"II*\0", b"\x89PNG\r\n\x1a\n"])
def test_anything_can_be_changed_and_a_seed_says_how(content: bytes) -> None:
    one, other = (random.Random(5) for _ in range(2))
    assert [changed(content, one) for _ in range(50)] == [changed(content, other) for _ in range(50)]


def test_what_is_a_fault(tmp_path: Path) -> None:
    def of_memory(_: Path) -> None:
        from fractal_omezarr_converters.errors import ConvertersToolsUserError

        try:
            raise MemoryError
        except MemoryError as error:
            raise ConvertersToolsUserError("too large") from error

    assert isinstance(fault_of(of_memory, tmp_path)[0], MemoryError)
    assert isinstance(fault_of(lambda _: {}["x"], tmp_path)[0], KeyError)  # type: ignore[index]


def test_verify_is_checked_by_another_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where verify called everything good, changed chunks and documents would be found."""
    import fractal_omezarr_converters.convert as module

    seeds = tmp_path / "output"
    seeds.mkdir()
    written_seeds()["output"](seeds)
    target = target_of("output", seeds)
    monkeypatch.setattr(module, "verify", lambda _: type("Good", (), {"ok": True}))
    chunk = next(path for path in sorted(seeds.rglob("0/0/0")) if path.is_dir() and "tables" not in path.parts)
    shutil.rmtree(chunk)
    fault, _ = fault_of(target.read, seeds)
    assert isinstance(fault, WrongAnswer) and "pixels differ" in str(fault)


def test_real_data_become_small_seeds(tmp_path: Path) -> None:
    from fractal_omezarr_converters.testing import write_operetta

    truth = write_operetta(tmp_path / "data" / "operetta", wells=("B03",), layout=(1, 2))
    (truth.folders[0] / "PROVENANCE.txt").write_text("from somewhere")
    (truth.folders[0] / "Images" / "r09.tiff").write_bytes(bytes(2 << 20))
    found = real_seeds(tmp_path / "data")
    (name,) = [each for each in found if each.startswith("operetta-")]
    (tmp_path / "seeds").mkdir()
    found[name](tmp_path / "seeds")
    names = sorted(path.name for path in (tmp_path / "seeds").rglob("*") if path.is_file())
    assert names[0] == "Index.idx.xml" and len(names) == 7 and "r09.tiff" not in names
    assert fault_of(target_of(name, tmp_path / "seeds").read, tmp_path / "seeds") == (None, True)
    assert any(each.startswith("tiff-") for each in found)


def test_a_kept_case_can_be_replayed(tmp_path: Path) -> None:
    """What cannot be read for a reason of the harness itself is kept, and found again."""

    def broken(_: Path) -> None:
        raise KeyError("x")

    seeds = tmp_path / "squid"
    seeds.mkdir()
    written_seeds()["npy"](seeds)
    _, found = hunt(Target("npy", seeds, broken, images_too=True), seed=1, seconds=5, cases=1, keep=tmp_path / "kept")
    (kept,) = (tmp_path / "kept").iterdir()
    assert list(found) == ["KeyError"] and (kept / "trace.txt").read_text().startswith("Traceback")
    shutil.rmtree(seeds)
    (kept / "case.json").write_text(
        json.dumps({"target": "npy", "folder": str(tmp_path / "again" / "npy"), "fault": "x"})
    )
    ran = subprocess.run(
        [sys.executable, str(FUZZ), "--replay", str(kept)], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0 and "no fault any more" in ran.stdout
