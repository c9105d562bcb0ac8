"""Values that fields of metadata have when they go wrong."""

from __future__ import annotations

TOKENS = (
    *b"-1 0 NaN 1e400 -1e400 99999999999999999999 0.5 1,5 2147483648 null [] {} true < > &amp; &#0; ]]> ../../x.tif".split(),
    *(
        b"",
        b"\x00",
        b"\xff\xfe",
        b'""',
        b"/etc/passwd",
        b"C:\\x.tif",
        b"%s",
        b"\n",
        b"\r\n",
        b",",
        b";",
        b"\t",
        b'"',
        b" ",
        b"ZZ99",
    ),
    *("µ".encode(), "板".encode(), b"9" * 400, b"[" * 2000, b'{"a":' * 1500),
)
"""As bytes, as they would stand in a file."""

VALUES = (
    *(None, True, False, -1, 0, 1, 2**31, 10**30, 0.5, -1e300, float("nan"), float("inf")),
    *("", " ", "x", "NaN", "-1", "../../x.tif", "/etc/passwd", "\x00", "µ", "9" * 400, "1,5"),
    *([], {}, [[]], [None], {"": None}, [1, "x", None], {"a": {"a": []}}),
)
"""As values of JSON."""
