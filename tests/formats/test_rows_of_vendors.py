"""Columns that are read from rows are those that are read record by record, and so are the sentences on what is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats import xml_rows
from fractal_omezarr_converters.formats.cellvoyager_records import ImageRecord, read_records
from fractal_omezarr_converters.formats.operetta_columns import IndexedPlane
from fractal_omezarr_converters.formats.operetta_index import read_index
from fractal_omezarr_converters.testing.synthetic_cellvoyager import write_cellvoyager
from fractal_omezarr_converters.testing.synthetic_operetta import write_operetta
from fractal_omezarr_converters.testing.synthetic_plate import PlaneKey

SMALL: dict[str, Any] = {"wells": ("B03", "C05"), "layout": (1, 2), "field_shape": (8, 8), "overlap": 0, "planes": 2}
SPOILT = (
    "",
    "0",
    "-1",
    "33",
    "abc",
    "nan",
    "inf",
    "1e400",
    "99999999999999999999",
    " 3 ",
    "2.5",
    "1,5",
    "&#0;",
    "&amp;",
    "１",
)


def _listed(columns: Any, names: tuple[str, ...]) -> dict[str, list[Any]]:
    """All columns as lists that can be compared; NaN becomes None."""
    found = {}
    for name in names:
        values = getattr(columns, name)
        found[name] = [None if value != value else value for value in np.asarray(values, object).tolist()]  # noqa: PLR0124 -- NaN
    return found


def _records(path: Path) -> object:
    data = read_records(str(path))
    return _listed(data.images, ImageRecord._fields), data.failures, data.warnings


def _index(path: Path) -> object:
    index = read_index(str(path))
    facts = index.channels, index.images_referred_to, index.wells_selected, index.warnings, index.instrument
    return _listed(index.planes, IndexedPlane._fields), facts


def _both(read: Callable[[Path], object], path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[object, object]:
    """What is read with rows and without."""

    def outcome() -> object:
        try:
            return read(path)
        except ConvertersToolsUserError as error:
            return str(error)

    with monkeypatch.context() as patched:
        patched.setattr(xml_rows, "_ONE_BY_ONE", 1)
        fast = outcome()
        patched.setattr(xml_rows, "MOST_MISSES", 0)
        return fast, outcome()


@pytest.fixture(scope="module")
def metadata(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Callable[[Path], object], str]]:
    """Metadata of small measurements, by vendor and version."""
    made = tmp_path_factory.mktemp("made")
    failed = [PlaneKey("B03", 1, 1, 0)]
    yokogawa = (
        write_cellvoyager(made / "c", failed=failed, projections=True, **SMALL).folders[0] / "MeasurementData.mlf"
    )
    empty = [PlaneKey("C05", 2, 0, 1)]
    v5 = write_operetta(made / "5", flavour="V5", empty=empty, **SMALL).folders[0] / "Images" / "Index.idx.xml"
    v7 = write_operetta(made / "7", flavour="V7", times=2, **SMALL).folders[0] / "Images" / "Index.xml"
    late = re.sub(r"(?s)(<Maps>.*</Maps>)(.*)(</EvaluationInputData>)", r"\2\1\3", v7.read_text("utf-8-sig"))
    columbus = re.sub(r"<URL>", '<URL BufferNo="3">', v5.read_text("utf-8-sig"))
    return {
        "yokogawa": (_records, yokogawa.read_text("utf-8-sig")),
        "v5": (_index, v5.read_text("utf-8-sig")),
        "v5, line by line": (_index, v5.read_text("utf-8-sig").replace("><", ">\r\n  <")),
        "v7": (_index, v7.read_text("utf-8-sig")),
        "v7, maps at the end": (_index, late),
        "buffers": (_index, columbus),
    }


KINDS = ["yokogawa", "v5", "v5, line by line", "v7", "v7, maps at the end", "buffers"]


@pytest.mark.parametrize("kind", KINDS)
def test_rows_give_what_records_give(
    metadata: dict[str, Any], kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, text = metadata[kind]
    path = tmp_path / "metadata.xml"
    path.write_text(text, "utf-8-sig", newline="")
    fast, strict = _both(read, path, monkeypatch)
    assert fast == strict and not isinstance(fast, str)


YOKOGAWA = (
    "Row Column FieldIndex ZIndex TimePoint TimelineIndex ActionIndex Ch X Y Z Time ZImageProcessing Type".split()
)
HARMONY = (
    "Row Col FieldID PlaneID TimepointID SequenceID FlimID ChannelID ImageSizeX ImageSizeY ImageResolutionX PositionX"
    " PositionZ AbsPositionZ MeasurementTimeOffset AbsTime State URL"
).split()
FIELDS = [("yokogawa", name) for name in YOKOGAWA] + [(kind, name) for kind in ("v5", "v7") for name in HARMONY]
FIELDS.remove(("v5", "SequenceID"))


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_every_value_is_bounded_in_rows_as_in_records(
    metadata: dict[str, Any], kind: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One record among those that are read as rows has another value, or another unit."""
    read, text = metadata[kind]
    pattern = rf'bts:{name}="([^"]*)"' if kind == "yokogawa" else rf'<{name}(?: Unit="\w*")?>([^<]*)<'
    places = [each.span(1) for each in re.finditer(pattern, text)]
    start, end = places[len(places) * 2 // 3]
    path = tmp_path / "metadata.xml"
    for value in (*SPOILT, "49", "2000000", "100001", str(1 << 32)):
        path.write_text(text[:start] + value + text[end:], "utf-8-sig", newline="")
        fast, strict = _both(read, path, monkeypatch)
        assert fast == strict, value


@pytest.mark.parametrize("unit", [' Unit="mm"', ' Unit="µm"', "", ' Unit=""', ' Unit="furlong"'])
@pytest.mark.parametrize("which", [slice(None), slice(5, 9)])
def test_units_are_read_in_rows_as_in_records(
    metadata: dict[str, Any], unit: str, which: slice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, text = metadata["v5"]
    parts = text.split('<PositionX Unit="m"')
    marks = ['<PositionX Unit="m"'] * (len(parts) - 1)
    marks[which] = [f"<PositionX{unit}"] * len(marks[which])
    path = tmp_path / "metadata.xml"
    path.write_text(parts[0] + "".join(map("".join, zip(marks, parts[1:]))), "utf-8-sig", newline="")
    fast, strict = _both(read, path, monkeypatch)
    assert fast == strict


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), kind=st.sampled_from(KINDS))
def test_spoilt_values_are_told_alike(
    metadata: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: st.DataObject, kind: str
) -> None:
    """Some values are replaced by others, attributes and elements left out or renamed."""
    read, text = metadata[kind]
    begin = text.index("<Image Version" if kind != "yokogawa" else "<bts:MeasurementRecord")
    for _ in range(data.draw(st.integers(1, 3))):
        what = data.draw(st.sampled_from(["value", "text", "leave out", "rename"]))
        pattern = {
            "value": r'(?<==")[^"<>]*(?=")',
            "text": r"(?<=[\w\"]>)[^<>]*(?=</)",
            "leave out": r"<(\w+)[^<>]*>[^<>]*</\1>| bts:\w+=\"[^\"]*\"",
            "rename": r"\b(?:Unit|Row|PlaneID|PositionX|AbsTime|TimelineIndex|Ch|Type)\b",
        }[what]
        places = [each.span() for each in re.finditer(pattern, text) if each.start() > begin]
        start, end = data.draw(st.sampled_from(places))
        new = {"leave out": "", "rename": "Other"}.get(what)
        text = text[:start] + (data.draw(st.sampled_from(SPOILT)) if new is None else new) + text[end:]
    path = tmp_path / "metadata.xml"
    path.write_text(text, "utf-8-sig", newline="")
    fast, strict = _both(read, path, monkeypatch)
    assert fast == strict
