"""Reading vendors' XML: what is mended, what is refused, and what an error says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError
from fractal_omezarr_converters.formats.xml_records import XmlRecord
from fractal_omezarr_converters.formats.xml_stream import CHUNK, MAX_DEPTH, XmlStream, root_element

DOCUMENT = '<a:Root xmlns:a="urn:x/V5"><a:Images><a:Image a:No="1"><a:Name>µ é</a:Name></a:Image></a:Images></a:Root>'


def _write(folder: Path, content: str | bytes, encoding: str = "utf-8") -> Path:
    path = folder / "index.xml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    return path


def _records(path: Path) -> tuple[list[XmlRecord], XmlStream]:
    stream = XmlStream(path, ["Images/Image"])
    return list(stream), stream


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_any_encoding_and_any_namespace_give_local_names(tmp_path: Path, encoding: str) -> None:
    records, stream = _records(_write(tmp_path, DOCUMENT, encoding))
    assert [each.get("Name") for each in records] == ["µ é"]
    assert records[0].attributes == {"No": "1"}
    assert stream.root is not None and stream.root.name == "Root"
    assert stream.warnings == []


@pytest.mark.parametrize("encoding", ["x-user", "hex", "zlib", "rot13", "undefined", "idna", "punycode", "utf_16"])
def test_a_declared_encoding_that_no_text_has_is_refused(tmp_path: Path, encoding: str) -> None:
    path = _write(tmp_path, f'<?xml version="1.0" encoding="{encoding}"?>{DOCUMENT}')
    assert root_element(path) is None
    with pytest.raises(ConvertersToolsUserError, match=f"{path.name}' is declared .* unknown encoding '{encoding}'"):
        list(XmlStream(path, ["R"]))


def test_declared_encoding_is_used(tmp_path: Path) -> None:
    text = '<?xml version="1.0" encoding="ISO-8859-1"?>' + DOCUMENT
    assert _records(_write(tmp_path, text, "latin-1"))[0][0].get("Name") == "µ é"


def test_utf16_file_that_declares_utf8_is_read_by_its_byte_order_mark(tmp_path: Path) -> None:
    text = '<?xml version="1.0" encoding="utf-8"?>' + DOCUMENT
    assert _records(_write(tmp_path, text, "utf-16"))[0][0].get("Name") == "µ é"


def test_latin_bytes_in_a_utf8_file_are_mended_with_a_warning(tmp_path: Path) -> None:
    records, stream = _records(_write(tmp_path, DOCUMENT, "latin-1"))
    assert records[0].get("Name") == "µ é"
    assert len(stream.warnings) == 1 and "index.xml" in stream.warnings[0]


@pytest.mark.parametrize("reference", ["&#0;", "&#x1;", "&#xFFFF;", "&#xD800;", "&#99999999;", "\x0b"])
def test_forbidden_characters_are_left_out_with_a_warning(tmp_path: Path, reference: str) -> None:
    text = f"<R><Images><Image><Name>DAPI{reference}{reference}&#181;</Name></Image></Images></R>"
    records, stream = _records(_write(tmp_path, text))
    assert records[0].get("Name") == "DAPIµ"
    assert len(stream.warnings) == 1


def test_a_reference_cut_by_the_end_of_a_piece_stays_whole(tmp_path: Path) -> None:
    head = "<R><Images><Image><Name>"
    for shift in range(-12, 3):
        text = head + "x" * (CHUNK - len(head) + shift) + "&#0;&#65;</Name></Image></Images></R>"
        records, stream = _records(_write(tmp_path, text))
        assert records[0].required("Name").endswith("xA") and len(stream.warnings) == 1


@pytest.mark.parametrize(
    "prologue",
    [
        '<!DOCTYPE R [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
        '<!DOCTYPE R [<!ENTITY x SYSTEM "file:///etc/hostname">]>',
        '<!DOCTYPE R SYSTEM "http://127.0.0.1:9/x.dtd">',
    ],
)
def test_c02_c03_document_types_and_entities_are_refused(tmp_path: Path, prologue: str) -> None:
    path = _write(tmp_path, f"{prologue}<R><Images><Image><Name>&b;</Name></Image></Images></R>")
    with pytest.raises(ConvertersToolsUserError, match=r"index\.xml.*document type or entities at line 1"):
        _records(path)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_c01_a_file_cut_off_is_named_with_its_position(tmp_path: Path, share: float) -> None:
    text = "<R>\n<Images>\n" + "<Image><Name>abc</Name></Image>\n" * 50 + "</Images></R>"
    path = _write(tmp_path, text[: int(len(text) * share)])
    with pytest.raises(ConvertersToolsUserError, match=r"index\.xml' ends too early, at line \d+.*cut off"):
        _records(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", "is empty"), (b"\x89PNG\r\n", "not valid XML"), (b"<R><a></b></R>", "mismatched tag at line 1")],
)
def test_c01_what_is_not_xml_is_said_so(tmp_path: Path, content: bytes, words: str) -> None:
    with pytest.raises(ConvertersToolsUserError, match=words):
        _records(_write(tmp_path, content))


def test_depth_is_bounded(tmp_path: Path) -> None:
    text = "<R><Images><Image>" + "<x>" * MAX_DEPTH + "</x>" * MAX_DEPTH + "</Image></Images></R>"
    with pytest.raises(ConvertersToolsUserError, match="elements deep"):
        _records(_write(tmp_path, text))


def test_missing_and_special_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConvertersToolsFileNotFoundError, match="is missing"):
        _records(tmp_path / "none.xml")
    pipe = tmp_path / "pipe.xml"
    os.mkfifo(pipe)
    with pytest.raises(ConvertersToolsUserError, match="not a regular file"):
        _records(pipe)


def test_only_wanted_records_are_kept_and_a_second_reading_gives_the_same(tmp_path: Path) -> None:
    text = "<R><Wells><Image>no</Image></Wells><Images><Image>1</Image><Other/><Image>2</Image></Images></R>"
    stream = XmlStream(_write(tmp_path, text), ["Images/Image"])
    assert [each.text for each in stream] == ["1", "2"]
    assert [each.text for each in stream] == ["1", "2"]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("0,5", "decimal comma"),
        ("NaN", "not a finite number"),
        ("1e400", "not a finite number"),
        ("abc", "not a number"),
        ("", "missing or empty"),
    ],
)
def test_c17_wrong_numbers_name_file_line_element_and_value(tmp_path: Path, value: str, words: str) -> None:
    records, _ = _records(_write(tmp_path, f"<R><Images>\n<Image>\n<X>{value}</X></Image></Images></R>"))
    with pytest.raises(ConvertersToolsUserError, match=rf"index\.xml, line 3: <X> of <Image>.*{words}"):
        records[0].number("X")


def test_units_are_read_from_the_attribute(tmp_path: Path) -> None:
    text = (
        '<R><Images><Image><A Unit="m">1.5E-06</A><B Unit="mm">2</B><C>3</C><D Unit="inch">4</D></Image></Images></R>'
    )
    record = _records(_write(tmp_path, text))[0][0]
    assert record.quantity("A", "µm", default_unit="m") == 1.5
    assert record.quantity("B", "µm", default_unit="m") == 2000
    assert record.quantity("C", "µm", default_unit="m") == 3e6
    with pytest.raises(ConvertersToolsUserError, match="unit 'inch'"):
        record.quantity("D", "µm", default_unit="m")


def test_whole_numbers_have_bounds(tmp_path: Path) -> None:
    record = _records(_write(tmp_path, "<R><Images><Image><A>33</A><B>1.5</B></Image></Images></R>"))[0][0]
    assert record.integer("A", least=1, most=33) == 33
    assert record.integer("Z", default=7) == 7
    with pytest.raises(ConvertersToolsUserError, match="is 33; expected 1 to 32"):
        record.integer("A", least=1, most=32)
    with pytest.raises(ConvertersToolsUserError, match="whole number"):
        record.integer("B")


def test_root_element_is_told_from_the_first_bytes(tmp_path: Path) -> None:
    found = root_element(_write(tmp_path, "\ufeff" + DOCUMENT[:60]))
    assert found is not None and found.name == "Root"
    assert root_element(_write(tmp_path, b"\x00\x01")) is None
    assert root_element(tmp_path / "none") is None
