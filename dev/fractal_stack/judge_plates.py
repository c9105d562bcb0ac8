"""Judge written plates and images by models that others made; runs in an environment of its own.

    python judge_plates.py PLATE_OR_IMAGE ...

yaozarrs checks metadata and the presence and shape of arrays, ome-zarr-models the metadata of every group.
"""

from __future__ import annotations

import json
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import ome_zarr_models
import yaozarrs
import zarr


def groups_below(place: Path) -> list[Path]:
    """Plate, wells and images of a store: every group with metadata of OME-Zarr."""
    found = []
    for document in sorted([*place.rglob(".zattrs"), *place.rglob("zarr.json")]):
        attributes = json.loads(document.read_text())
        attributes = attributes.get("attributes", {}).get("ome", {}) if document.name == "zarr.json" else attributes
        if {"plate", "well", "multiscales"} & set(attributes):
            found.append(document.parent)
    return found


def main(places: list[str]) -> None:
    """Raise at the first store that a judge refuses."""
    groups = 0
    for place in places:
        yaozarrs.validate_zarr_store(place)
        for folder in groups_below(Path(place)):
            ome_zarr_models.open_ome_zarr(zarr.open_group(folder, mode="r"))
            groups += 1
    if not groups:
        raise SystemExit("there is nothing to judge")
    judges = ", ".join(f"{name} {version(name)}" for name in ("yaozarrs", "ome-zarr-models"))
    print(f"{judges}: {len(places)} stores, {groups} groups, none refused")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1:])
