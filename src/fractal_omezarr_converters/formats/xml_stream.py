"""Read a vendor's XML file record by record: any size in little memory, any namespace, broken text mended, no tricks.

* Names are matched without namespace or prefix, since vendors change the namespace from version to version.
* Encoding comes from the byte order mark, then the declaration, then UTF-8. Bytes that do not fit are read as Windows
  text; character references that XML forbids (``&#0;``, as in idr0016 and idr0036) are left out; both with a warning.
* Document type declarations and entities are refused: they are never needed and can be made to read other files or to
  fill the memory.
* A file that is empty, cut off, nested too deeply or not XML gives one sentence with its name and position.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Collection, Iterator
from io import BytesIO
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO
from xml.parsers import expat

from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError
from fractal_omezarr_converters.formats.xml_records import XmlRecord
from fractal_omezarr_converters.formats.xml_text import encoding_of, hold_back

MAX_BYTES = 4 << 30
MAX_DEPTH = 64
MAX_TEXT = 16 << 20
MAX_ELEMENTS_PER_RECORD = 1_000_000
CHUNK = 1 << 18

_REFERENCE = re.compile(r"&#(?:x([0-9a-fA-F]+)|([0-9]+));")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_UNDECODED = re.compile("[\udc80-\udcff]+")
_WIDE = ("utf-16", "utf-32")
_HARMLESS = bytes({*range(0x20, 0x100), *b"\t\n\r"})


class _LocalNames(dict[str, str]):
    """Names without prefix, each taken apart once; declarations of namespaces stay as they are."""

    def __missing__(self, name: str) -> str:
        local = self[name] = name if name.startswith("xmlns") else name.rpartition(":")[2]
        return local


class XmlReading:
    """What reading one XML file takes, whichever way its records are given; see :class:`XmlStream`."""

    def __init__(self, path: str | Path, records: Collection[str], *, content: bytes | None = None) -> None:
        """Prepare reading; nothing is opened yet.

        Args:
            path: the file; sentences name it.
            records: paths of the wanted elements.
            content: what is read instead of the file, for XML that is stored inside another file.
        """
        self.path = str(path)
        self._content = content
        self.root: XmlRecord | None = None
        self.warnings: list[str] = []
        self._wanted = {tuple(each.split("/")) for each in records}
        self._way: list[str] = []
        self._open: list[XmlRecord] = []
        self._elements = 0
        self._ready: list[XmlRecord] = []
        self._local = _LocalNames()
        self._ended = False
        self._parser = expat.ParserCreate()

    @property
    def namespace(self) -> str:
        """Namespace of the root element, empty when it has none; known once iteration has begun."""
        return self.root.attributes.get("xmlns", "") if self.root is not None else ""

    def _start(self) -> None:
        self.root, self.warnings, self._ended = None, [], False
        self._way, self._open, self._ready, self._elements = [], [], [], 0
        parser = self._parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._refuse_document_type
        parser.EntityDeclHandler = self._refuse_document_type

    def _opened(self) -> BinaryIO:
        if self._content is not None:
            return BytesIO(self._content)
        try:
            details = Path(self.path).stat()
        except (FileNotFoundError, NotADirectoryError) as error:
            raise ConvertersToolsFileNotFoundError(f"The metadata file '{self.path}' is missing.") from error
        if not S_ISREG(details.st_mode):
            raise ConvertersToolsUserError(f"'{self.path}' is not a regular file; give the instrument's own file.")
        if details.st_size > MAX_BYTES:
            raise ConvertersToolsUserError(f"'{self.path}' has {details.st_size} bytes, more than {MAX_BYTES}.")
        if details.st_size == 0:
            raise ConvertersToolsUserError(f"The metadata file '{self.path}' is empty; copy it again.")
        return Path(self.path).open("rb")

    def _decoded(self) -> Iterator[str]:
        held = ""
        for more, piece, encoding in self._pieces(CHUNK):
            text, held = hold_back(held + more, last=not piece)
            # looking at bytes costs a tenth of looking at letters
            suspicious = encoding.startswith(_WIDE) or bool(piece.translate(None, _HARMLESS))
            yield self._mended(text, suspicious=suspicious or "\ufffe" in text or "\uffff" in text)

    def _pieces(self, size: int) -> Iterator[tuple[str, bytes, str]]:
        """Give the text piece by piece as it is, with the bytes it comes from (none for the last one) and its encoding."""
        with self._opened() as stream:
            piece = stream.read(size)
            encoding = encoding_of(piece, self.path)
            errors = "strict" if encoding.startswith(_WIDE) else "surrogateescape"
            decoder = codecs.getincrementaldecoder(encoding)(errors)
            while True:
                try:
                    text = decoder.decode(piece, final=not piece)
                except UnicodeDecodeError as error:
                    raise self._cut_off() from error
                yield text, piece, encoding
                if not piece:
                    return
                piece = stream.read(size)

    def _mended(self, text: str, *, suspicious: bool) -> str:
        if not text.isascii():
            text = _UNDECODED.sub(self._as_windows_text, text)
        if "&#" in text:
            text = _REFERENCE.sub(self._without_forbidden_reference, text)
        if suspicious and _FORBIDDEN.search(text):
            self._warn_once("holds control characters that XML forbids; they were left out")
            text = _FORBIDDEN.sub("", text)
        return text

    def _as_windows_text(self, found: re.Match[str]) -> str:
        raw = found.group().encode("utf-8", "surrogateescape")
        self._warn_once(f"holds bytes that are not in its stated encoding (first: {raw[:4]!r}); read as Windows text")
        return raw.decode("cp1252", "replace")

    def _without_forbidden_reference(self, found: re.Match[str]) -> str:
        code = int(found.group(1), 16) if found.group(1) else int(found.group(2))
        if code in (9, 10, 13) or 0x20 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or 0x10000 <= code <= 0x10FFFF:
            return found.group()
        self._warn_once(f"holds character references that XML forbids (first: {found.group()}); they were left out")
        return ""

    def _warn_once(self, what: str) -> None:
        kind = what.split("(", maxsplit=1)[0]
        if not any(kind in said for said in self.warnings):
            self.warnings.append(f"The file '{self.path}' {what}.")

    def _feed(self, text: str, *, last: bool = False) -> None:
        if self._ended:
            return
        try:
            self._parser.Parse(text, last)
        except expat.ExpatError as error:
            message = expat.errors.messages.get(error.code, str(error))
            if message in _SIGNS_OF_A_CUT:
                raise self._cut_off() from error
            if message == expat.errors.XML_ERROR_JUNK_AFTER_DOC_ELEMENT:
                # Some Yokogawa files end with one '>' too many; what stands after the end is never needed.
                self._warn_once("holds text after its end; it was left out")
                self._ended = True
                return
            raise ConvertersToolsUserError(
                f"'{self.path}' is not valid XML: {message} at line {error.lineno}, column {error.offset + 1}"
                f"{self._inside()}; copy or export the file again."
            ) from error

    def _cut_off(self) -> ConvertersToolsUserError:
        return ConvertersToolsUserError(
            f"'{self.path}' ends too early, at line {self._parser.CurrentLineNumber}{self._inside()}:"
            " the file is cut off; copy it again."
        )

    def _inside(self) -> str:
        names = self._way + [each.name for each in self._open[1:]]
        return f", inside <{'/'.join(names)}>" if names else ""

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        local = self._local[name]
        if len(self._way) + len(self._open) >= MAX_DEPTH:
            raise ConvertersToolsUserError(
                f"'{self.path}' is nested more than {MAX_DEPTH} elements deep at line {self._parser.CurrentLineNumber};"
                " this is not the instrument's own file."
            )
        if attributes:
            attributes = {self._local[key]: value for key, value in attributes.items()}
        record = XmlRecord(local, attributes, self.path, self._parser.CurrentLineNumber)
        if self._open:
            self._elements += 1
            if self._elements > MAX_ELEMENTS_PER_RECORD:
                raise ConvertersToolsUserError(
                    f"'{self.path}': <{self._open[0].name}> at line {self._open[0].line} has more than"
                    f" {MAX_ELEMENTS_PER_RECORD} elements; this is not the instrument's own file."
                )
            self._open[-1].children.append(record)
            self._open.append(record)
            return
        if self.root is None:
            self.root = record
        self._way.append(local)
        if tuple(self._way[1:]) in self._wanted:
            self._elements = 0
            record.inside = "/".join(self._way[1:-1])
            self._open.append(record)

    def _end(self, _name: str) -> None:
        if not self._open:
            self._way.pop()
            return
        record = self._open.pop()
        if not self._open:
            self._way.pop()
            self._ready.append(record)

    def _characters(self, text: str) -> None:
        if not self._open:
            return
        record = self._open[-1]
        record.text += text
        if len(record.text) > MAX_TEXT:
            raise ConvertersToolsUserError(
                f"'{self.path}': <{record.name}> at line {record.line} holds more than {MAX_TEXT} characters."
            )

    def _refuse_document_type(self, *_details: object) -> None:
        raise ConvertersToolsUserError(
            f"'{self.path}' declares a document type or entities at line {self._parser.CurrentLineNumber};"
            " no instrument writes these and they are not read: use the file as the instrument wrote it."
        )


class XmlStream(XmlReading):
    """The wanted records of one XML file, in the order of the file.

    ``records`` are paths below the root element, such as ``Images/Image``; everything else is passed over.
    While iterating, ``root`` becomes the root element (without children) and ``warnings`` says what was mended.
    """

    def __iter__(self) -> Iterator[XmlRecord]:
        """Read the file from its beginning and give each wanted record when it is complete."""
        self._start()
        for text in self._decoded():
            self._feed(text)
            yield from self._ready
            self._ready.clear()
        self._feed("", last=True)
        yield from self._ready


_SIGNS_OF_A_CUT = {
    expat.errors.XML_ERROR_NO_ELEMENTS,
    expat.errors.XML_ERROR_UNCLOSED_TOKEN,
    expat.errors.XML_ERROR_PARTIAL_CHAR,
    expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION,
}


def root_element(path: str | Path, limit: int = 1 << 16) -> XmlRecord | None:
    """Give the root element of a file from its first bytes, None when it is not XML; for recognising formats."""
    try:
        with Path(path).open("rb") as stream:
            first = stream.read(limit)
        text = first.decode(encoding_of(first, str(path)), "replace")
    except (OSError, ConvertersToolsUserError):
        return None
    found: list[XmlRecord] = []
    parser = expat.ParserCreate()

    def begin(name: str, attributes: dict[str, str]) -> None:
        if not found:
            found.append(XmlRecord(name.rpartition(":")[2], attributes, str(path), parser.CurrentLineNumber))

    parser.StartElementHandler = begin
    try:
        parser.Parse(text, False)
    except expat.ExpatError:
        return found[0] if found else None
    return found[0] if found else None
