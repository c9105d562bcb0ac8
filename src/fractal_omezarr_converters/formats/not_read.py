"""Plates that are known by their files and cannot be read: a sentence says what they are and what to do instead.

Each would need real files to be sure of pixels and places; published descriptions alone are not enough.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path

#: File names (in the folder or one below), what they are, and what to do.
KNOWN: tuple[tuple[tuple[str, ...], str, str], ...] = (
    (
        ("MeasurementResult.ome.tif",),
        "an OME-TIFF export of a CQ1 or CQ3000",
        "give the measurement with its MeasurementData.mlf, or MeasurementResult.ome.tif itself (format ome_plate)",
    ),
    (
        ("MeasurementResult.xml",),
        "a measurement of a CellVoyager CV1000",
        "export its images as TIFF with well and field in their names and use the format named_images",
    ),
    (
        ("*.im",),
        "a measurement of an InCell 1000 with raw images (.im)",
        "export its images as TIFF with the InCell software and use the format named_images",
    ),
    (
        ("*.flex",),
        "a measurement of an Opera with .flex files and without the index of Columbus",
        "export it from Columbus or Harmony (format operetta), or as TIFF (format named_images)",
    ),
    (
        ("*.C01", "*.c01"),
        "a scan of CellInsight or ArrayScan with .C01 files",
        "export it as TIFF with the instrument's software; its names are recognised then (format named_images)",
    ),
    (
        ("plate.ome.zarr", "*.ome.zarr"),
        "OME-Zarr already",
        "open it as it is; 'omezarr validate' says whether it is complete",
    ),
)


def why_not_read(source: str | Path) -> str | None:
    """Say what a folder holds and what to do, if it is of a kind that is known and cannot be read."""
    place = Path(source)
    names = _names(place) if place.is_dir() else [place.name]
    for patterns, what, instead in KNOWN:
        first = next((name for name in names for pattern in patterns if fnmatchcase(name, pattern)), None)
        if first is not None:
            return f"'{source}' is {what} ('{first}'), which cannot be read; {instead}."
    return None


def _names(folder: Path) -> list[str]:
    here = sorted(folder.iterdir())
    below = (
        each for inside in here if inside.is_dir() and not inside.name.endswith(".zarr") for each in inside.iterdir()
    )
    return [each.name for each in (*here, *below)]
