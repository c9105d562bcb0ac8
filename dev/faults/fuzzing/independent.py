"""Read a plate with nothing but zarr-python and json, to tell whether ``verify`` is right when it calls it good."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fuzzing.wrong_answer import WrongAnswer

DOCUMENTS = (".zattrs", ".zgroup", ".zarray", "zarr.json")
FREE = (
    "name",
    "omero",
    "fractal_omezarr_converters",
    "field_count",
    "maximumfieldcount",
    "description",
    "starttime",
    "endtime",
)
"""What people and other programs may edit, or nobody else needs."""


@dataclass
class Picture:
    """All pixels and all documents of a plate."""

    pixels: dict[str, Any] = field(default_factory=dict)
    documents: dict[str, Any] = field(default_factory=dict)


def picture_of(folder: Path) -> Picture:
    """Read everything.

    Raises:
        Exception: whatever json and zarr-python raise on what they cannot read.
    """
    import zarr

    made = Picture()
    for path in sorted(path for path in folder.rglob("*") if path.name in DOCUMENTS):
        where = path.relative_to(folder).as_posix()
        try:
            document = json.loads(path.read_bytes())
        except (ValueError, RecursionError) as error:
            raise ValueError(f"'{where}' is no JSON: {error}") from error
        made.documents[where] = document
        if not isinstance(document, dict):
            raise TypeError(f"'{where}' is no object")
        if path.name == ".zarray" or document.get("node_type") == "array":
            made.pixels[where] = np.asarray(zarr.open_array(path.parent, mode="r")[...])
    return made


def good_though_wrong(folder: Path, original: Picture) -> None:
    """Compare with the original what ``verify`` calls good.

    Raises:
        WrongAnswer: pixels or documents are not those of the original.
    """
    from fractal_omezarr_converters.convert import verify

    if not verify(next(folder.glob("*.zarr"))).ok:
        return
    try:
        found = picture_of(folder)
    except Exception as error:  # of zarr and json, which have no common one
        raise WrongAnswer("verify calls good what zarr-python cannot read", f"{error!r}") from error
    for where, pixels in original.pixels.items():
        if where not in found.pixels:
            raise WrongAnswer("verify calls good a plate without an array", where)
        if not _same(pixels, found.pixels[where]):
            raise WrongAnswer("verify calls good a plate whose pixels differ", where)
    for where, document in original.documents.items():
        if where not in found.documents and document != {}:
            raise WrongAnswer(f"verify calls good a plate without a document of {_level(where)}", where)
        lost = _lost(document, found.documents.get(where), where)
        if lost is not None:
            raise WrongAnswer(f"verify calls good a plate whose documents of {_level(where)} differ", lost)


def _level(where: str) -> str:
    """Which part of a plate a document is of."""
    return {1: "the plate", 2: "a row", 3: "a well", 4: "an image"}.get(where.count("/"), "an array or table")


def _same(one: Any, other: Any) -> bool:
    return (
        one.shape == other.shape
        and one.dtype == other.dtype
        and np.array_equal(one, other, equal_nan=one.dtype.kind in "fc")
    )


def _lost(wanted: Any, found: Any, where: str) -> str | None:
    """The first value of a document that is another one now; what was added is nobody's fault."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key in wanted.keys() & {"tables", "images"}:  # in any order
            if isinstance(found.get(key), list):
                wanted, found = ({**each, key: sorted(each[key], key=str)} for each in (wanted, found))
        parts = [(each, found.get(key), f"{where} {key}") for key, each in wanted.items() if key not in FREE]
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        parts = [(one, other, f"{where}[{at}]") for at, (one, other) in enumerate(zip(wanted, found))]
    else:
        return (
            None
            if wanted == found or (wanted == {} and found is None)
            else f"{where} is {str(found)[:80]} instead of {str(wanted)[:80]}"
        )
    return next((lost for part in parts if (lost := _lost(*part)) is not None), None)
