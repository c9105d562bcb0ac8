"""How the text of an XML file is encoded, and where it may be cut into pieces."""

from __future__ import annotations

import codecs
import re

from fractal_omezarr_converters.errors import ConvertersToolsUserError

_DECLARED = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")
_LONGEST_REFERENCE = 16
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def encoding_of(first: bytes, path: str) -> str:
    """Find the encoding of a file from its first bytes.

    Raises:
        ConvertersToolsUserError: it is declared to be one that is not known.
    """
    for mark, name in _BYTE_ORDER_MARKS:
        if first.startswith(mark):
            return name
    if first.startswith(b"<\x00"):
        return "utf-16-le"
    if first.startswith(b"\x00<"):
        return "utf-16-be"
    declared = _DECLARED.search(first[:400])
    name = declared.group(1).decode("ascii").lower() if declared else "utf-8"
    if name.startswith(("utf-16", "ucs-2", "utf-32")):
        return "utf-8"  # declared as two bytes a character, but written with one: seen in files re-saved by scripts
    try:
        b"<".decode(name, "surrogateescape")  # codecs of Python that are none of texts refuse this
    except (LookupError, UnicodeError) as error:
        raise ConvertersToolsUserError(f"'{path}' is declared to be in the unknown encoding '{name}'.") from error
    return name


def hold_back(text: str, *, last: bool) -> tuple[str, str]:
    """Keep a character reference whole that the end of a piece cuts in two."""
    start = text.rfind("&")
    if last or start < 0 or len(text) - start > _LONGEST_REFERENCE or ";" in text[start:]:
        return text, ""
    return text[:start], text[start:]
