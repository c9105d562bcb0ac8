"""Records that are alike are read as rows: what comes out is what the strict reader reads, whatever stands in the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.formats import xml_rows, xml_stream
from fractal_omezarr_converters.formats.xml_layouts import TEXT, Repeated, field_values
from fractal_omezarr_converters.formats.xml_rows import XmlRows, XmlRowStream
from fractal_omezarr_converters.formats.xml_stream import XmlStream

WANTED = {
    "R": Repeated(("@a", "@b", TEXT), fixed=("@kind",)),
    "List/I": Repeated(("Row", "Name", "Name@No"), fixed=("Row@Unit", "@kind")),
    "List/W/I": Repeated(),
}
OTHERS = ["Note", "List/Note"]

type Found = tuple[str, str, int, tuple[str | None, ...], tuple[str | None, ...]]


def _wanted(inside: str, name: str) -> Repeated:
    return WANTED.get(f"{inside}/{name}".strip("/"), Repeated())


def _strictly(path: Path) -> tuple[list[Found], list[str]]:
    stream = XmlStream(path, [*OTHERS, *WANTED])
    found = [
        (each.inside, each.name, each.line, field_values(each, wanted.fields), field_values(each, wanted.fixed))
        for each in stream
        for wanted in [_wanted(each.inside, each.name)]
    ]
    return found, stream.warnings


def _in_rows(path: Path, *, again: bool) -> tuple[list[Found], list[str], int]:
    """All records; those in rows from their columns, or by reading them ``again``."""
    stream = XmlRowStream(path, OTHERS, WANTED)
    found: list[Found] = []
    in_rows = 0
    for each in stream:
        wanted = _wanted(each.inside, each.name)
        if not isinstance(each, XmlRows):
            values = field_values(each, wanted.fields), field_values(each, wanted.fixed)
            found.append((each.inside, each.name, each.line, *values))
            continue
        in_rows += len(each)
        rows = list(zip(*each.columns(), strict=True)) or [()] * len(each)
        lines = each.lines()
        if again:
            read = list(each.records())
            rows, lines = [field_values(one, wanted.fields) for one in read], [one.line for one in read]
            assert {field_values(one, wanted.fixed) for one in read} == {each.fixed}
        assert len(rows) == len(lines) == len(each)
        found += [(each.inside, each.name, line, row, each.fixed) for line, row in zip(lines, rows, strict=True)]
    return found, stream.warnings, in_rows


def _outcome(read: Callable[[], tuple[Any, ...]]) -> object:
    try:
        found, warnings, *_ = read()
        # which of two warnings comes first depends on how the text is cut
        return found, sorted(warnings)
    except ConvertersToolsUserError as error:
        # positions in a line and the record that was open are of the reader's own way of going through the file
        return str(error).partition(", column")[0].partition(", inside")[0]


VALUES = st.one_of(
    st.sampled_from(["1", "2", "B03", "a b", "", " x ", "µm", "1.5e-07"]),
    st.sampled_from(
        ["a&amp;b", "&#65;", "&#0;", "x>y", "tab\there", "line\nbreak", "\x0b", "'", "\ufffe", "𝄞", "-->", "]]"]
    ),
)
BLANKS = st.sampled_from(["", "\n", "\r\n", "\n    ", "\r\n\t", " ", "\r"])
USUAL = st.sampled_from(["1", "17", "B03_T0001.tif", "2.5"])


@st.composite
def _attributes_record(draw: st.DrawFn, values: st.SearchStrategy[str], prefix: str) -> str:
    names = draw(st.permutations(["a", "b", "kind", "other"]))[: draw(st.integers(2, 4))]
    quote = draw(st.sampled_from(['"', '"', '"', "'"]))
    gap = draw(st.sampled_from([" ", " ", "  ", "\n "]))
    text = draw(values).replace("]]>", "")
    given = "".join(f"{gap}{prefix}{name}={quote}{draw(values).replace(quote, '')}{quote}" for name in names)
    if draw(st.booleans()) and not text:
        return f"<{prefix}R{given} />"
    return f"<{prefix}R{given}>{text}</{prefix}R{draw(st.sampled_from(['', '', ' ']))}>"


@st.composite
def _children_record(draw: st.DrawFn, values: st.SearchStrategy[str]) -> str:
    unit = draw(st.sampled_from(["", ' Unit="m"', ' Unit="µm"']))
    inner = draw(BLANKS)
    number = draw(st.sampled_from(["", ' No="1"', ' No="2"']))
    children = [
        f"<Row{unit}>{draw(values)}</Row>",
        f"<Name{number}>{draw(values)}</Name>",
        f"<Extra>{draw(values)}</Extra>",
    ]
    children += draw(
        st.sampled_from([[], [], [], ["<Row>9</Row>"], ["<Name/>"], ["<Deep><Row>1</Row></Deep>"], ["<!-- I -->"]])
    )
    kept = draw(st.permutations(children))[: draw(st.integers(1, len(children)))]
    kind = draw(st.sampled_from(["", ' kind="x"', ' Version="1"']))
    return f"<I{kind}>{inner}{inner.join(kept)}{inner}</I>"


ODD = st.sampled_from(
    [
        "<!-- <R a='1'>x</R> -->",
        '<!--\n<R a="1" b="2">x</R>\n<R a="1" b="2">x</R>\n-->',
        "<![CDATA[</R><R>]]>",
        "<?pi <R/> ?>",
        "<Note>n</Note>",
        '<Other><R a="9" b="9">not wanted</R></Other>',
        "text",
        '<R a="1" b="2">outer<R a="1" b="2">inner</R></R>',
        '<R a="1" b="2"><x/>t</R>',
        '<W><I id="1"/><I id="2"/>\n<I id="3" /></W>',
        "<R/>",
    ]
)
SPOILT = st.sampled_from(["", "", "", "", "</R>", "<R a=", "&nope;", "<R a='1' a='2'/>", "<!DOCTYPE x>", "\x00"])


@st.composite
def _files(draw: st.DrawFn) -> str:
    prefix = draw(st.sampled_from(["", "bts:"]))
    gap = draw(BLANKS)
    parts: list[str] = []
    for _ in range(draw(st.integers(1, 5))):
        one_layout = draw(st.booleans())
        if one_layout:
            # a run of records that differ in their values alone
            number = draw(st.integers(1, 6))
            sort = draw(st.integers(0, 2))
            for at in range(number):
                values = [draw(USUAL), draw(USUAL), draw(USUAL)]
                parts.append(
                    [
                        f'<{prefix}R {prefix}kind="k" {prefix}a="{values[0]}" {prefix}b="{values[1]}">{values[2]}</{prefix}R>',
                        f'<I Version="1">{gap}<Row Unit="m">{values[0]}</Row>{gap}<Name>{values[1]}</Name></I>',
                        f'<W><id>{at}</id><I id="{at}" /><I id="{values[0]}" /></W>',
                    ][sort]
                )
        else:
            parts.append(draw(st.one_of(_attributes_record(VALUES, prefix), _children_record(VALUES), ODD)))
    parts.insert(draw(st.integers(0, len(parts))), draw(SPOILT))
    inside = draw(st.sampled_from(["", "List"]))
    body = gap.join(parts)
    body = f"<{inside}>{gap}{body}{gap}</{inside}>" if inside else body
    end = draw(st.sampled_from(["</Root>", "</Root>", "</Root>\n", "</Root>>", ""]))
    return f'<Root xmlns="u" xmlns:bts="v">{gap}{body}{gap}{end}'


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=_files(), sizes=st.tuples(st.sampled_from([7, 64, 1 << 18]), st.sampled_from([1, 2, 32])), again=st.booleans()
)
def test_rows_hold_what_the_strict_reader_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, sizes: tuple[int, int], again: bool
) -> None:
    path = tmp_path / "file.xml"
    size, alone = sizes
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with monkeypatch.context() as patched:
        patched.setattr(xml_stream, "CHUNK", size)
        patched.setattr(xml_rows, "PIECE", 3 * size)
        patched.setattr(xml_rows, "_ONE_BY_ONE", alone)
        assert _outcome(lambda: _in_rows(path, again=again)) == _outcome(lambda: _strictly(path))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("gap", ["", "\n", "\r\n    "])
def test_records_that_are_alike_are_read_as_rows(tmp_path: Path, encoding: str, gap: str) -> None:
    records = [f'<b:R b:kind="IMG" b:a="{n}" b:b="{n % 3}" b:other="µ{n}">f{n}.tif</b:R>' for n in range(500)]
    path = tmp_path / "file.xml"
    path.write_text(f'<Root xmlns:b="u">{gap}{gap.join(records)}{gap}</Root>', encoding, newline="")
    found, warnings, in_rows = _in_rows(path, again=False)
    assert (found, warnings) == _strictly(path)
    assert in_rows == 499, "all but the first, which shows the layout"
    assert found[-1][3] == ("499", "1", "f499.tif")


def test_long_runs_that_lack_a_field_and_end_are_read_alike(tmp_path: Path) -> None:
    runs = [f'<R a="{n}">t{n}</R>' if n % 500 < 400 else f'<R b="{n}" a="{n}">u</R>' for n in range(2000)]
    path = tmp_path / "file.xml"
    path.write_text("<Root>" + "\n".join(runs) + "</Root>")
    found, _, in_rows = _in_rows(path, again=False)
    assert found == _strictly(path)[0]
    assert in_rows > 1990
    assert [each[3] for each in found[398:401]] == [("398", None, "t398"), ("399", None, "t399"), ("400", "400", "u")]


def test_layouts_that_take_turns_stay_in_order(tmp_path: Path) -> None:
    texts = ['<R kind="x" a="{n}" b="1">t</R>', '<R a="{n}" extra="e" kind="x">u</R>', '<R kind="y" b="{n}">v</R>']
    path = tmp_path / "file.xml"
    path.write_text("<Root>" + "\n".join(texts[n % 3].format(n=n) for n in range(300)) + "</Root>")
    found, _, in_rows = _in_rows(path, again=True)
    assert found == _strictly(path)[0]
    assert in_rows > 290


@pytest.mark.parametrize(
    "trick",
    ['<!DOCTYPE x [<!ENTITY e "boom">]>', '<!DOCTYPE R SYSTEM "file:///etc/passwd">'],
)
def test_declarations_are_refused_as_before(tmp_path: Path, trick: str) -> None:
    path = tmp_path / "file.xml"
    path.write_text(f"{trick}<Root>" + '<R a="1" b="2">&e;</R>' * 3 + "</Root>")
    with pytest.raises(ConvertersToolsUserError, match="declares a document type or entities at line 1"):
        _in_rows(path, again=False)


def test_a_file_of_records_unlike_each_other_is_read_strictly(tmp_path: Path) -> None:
    records = [f'<R a{n}="{n}" a="1" b="&lt;">t</R>' for n in range(600)]
    path = tmp_path / "file.xml"
    path.write_text(f"<Root>{''.join(records)}</Root>")
    found, _, in_rows = _in_rows(path, again=False)
    assert found == _strictly(path)[0] and len(found) == 600
    assert in_rows == 0
