"""What the headers of files say of the pixels that loaders deliver: read once per process while a file stays the same."""

from __future__ import annotations

import os
from typing import NamedTuple

from fractal_omezarr_converters.models.planes import Part, Selection
from fractal_omezarr_converters.models.urls import is_remote_url

MOST_KEPT = 50_000


class Header(NamedTuple):
    """Shape, type and axes of what is delivered; ``axes`` is None when none of them has a name."""

    shape: tuple[int, ...]
    dtype: str
    axes: str | None
    is_rgb: bool


_Key = tuple[str, int, int, Selection]
_known: dict[_Key, Header] = {}
_equal: dict[Header, Header] = {}


def header_of(path: str, selection: Selection) -> Header:
    """Read the header of the chosen part of a file, or give what was read when the file was of this size and time.

    Raises:
        ConvertersToolsFileNotFoundError: The file is not there.
        ConvertersToolsUserError: It is damaged, or has no such part.
    """
    key = _key(path, selection)
    found = None if key is None else _known.get(key)
    if found is None:
        found = None if key is None else _plain(path, selection)
        if found is None:
            from fractal_omezarr_converters.models.image_files import chosen_part
            from fractal_omezarr_converters.models.tiff_pool import headers_only

            with headers_only(), chosen_part(path, selection) as part:
                found = _header(part)
        found = _equal.setdefault(found, found)
        if key is not None:
            _remember(key, found)
    return found


def unnamed_shape(part: Part) -> tuple[int, ...] | None:
    """Give the shape of a whole file none of whose axes has a name; None when they have, or when a part was chosen."""
    return part.planes.unnamed_shape if not part.fixed else None


def _header(part: Part) -> Header:
    sizes, plain = part.sizes, unnamed_shape(part)
    return Header(
        shape=plain or tuple(sizes.values()),
        dtype=str(part.planes.stored_dtype),
        axes="".join(sizes) if plain is None else None,
        is_rgb=part.planes.is_rgb and sizes.get("c") == 3,
    )


def _plain(path: str, selection: Selection) -> Header | None:
    """The header of a plain TIFF file; None for all others."""
    from fractal_omezarr_converters.models.image_files import is_plain_choice
    from fractal_omezarr_converters.models.plain_tiff import plain_header

    found = plain_header(path) if is_plain_choice(path, selection) else None
    return None if found is None else Header(found.shape, found.dtype, "yx", is_rgb=False)


def _key(path: str, selection: Selection) -> _Key | None:
    """The file as it is now; None for files that are not on this computer or not there."""
    if not path.startswith("/") and is_remote_url(path):
        return None
    try:
        facts = os.stat(path)  # noqa: PTH116  # thousands of headers
    except (OSError, ValueError):
        return None
    return path, facts.st_size, facts.st_mtime_ns, selection


def _remember(key: _Key, header: Header) -> None:
    _known[key] = header
    while len(_known) > MOST_KEPT:
        _known.pop(next(iter(_known)), None)
