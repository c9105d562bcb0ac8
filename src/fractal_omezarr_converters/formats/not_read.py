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
        "open it as it is; 'omezarr verify' compares a plate that this program wrote with its source",
    ),
)
#: Documents of a Zarr group of either version: the folder that holds one is OME-Zarr itself.
ZARR_DOCUMENTS = (".zgroup", "zarr.json")
TABLE_SUFFIXES = (".csv", ".tsv", ".txt", ".parquet", ".pq")


def why_not_read(source: str | Path) -> str | None:
    """Say what a folder or file is and what to do, if it is of a kind that is known and cannot be read, or not without more."""
    place = Path(source)
    if place.is_file() and place.suffix.lower() in TABLE_SUFFIXES:
        return (
            f"'{source}' is not called tiles.csv or tiles.parquet; if it is a table of tiles, say so with the format "
            "tile_table (omezarr ... --format tile_table), else give the folder that the microscope wrote."
        )
    document = next((name for name in ZARR_DOCUMENTS if (place / name).is_file()), None)
    if document is not None:
        what, instead = KNOWN[-1][1:]
        return f"'{source}' is {what} ('{document}'), which cannot be read; {instead}."
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
