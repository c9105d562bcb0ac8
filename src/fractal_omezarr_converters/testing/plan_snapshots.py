"""The plan of a conversion as a snapshot: made from metadata alone, so that a test needs no pixels.

def test_plan(snapshot_path, update_snapshots):
    check_plan_snapshot("data/plate", snapshot_path, update_snapshots=update_snapshots)
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fractal_omezarr_converters.formats import registry

DECIMALS = 4


def build_plan_snapshot(
    source: str | Path, *, format: str | None = None, options: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Describe what a format finds in a source: per image its fields, channels, sizes, places, and all warnings."""
    chosen = registry.get(format) if format else registry.detect(source)
    scan = chosen.scan(str(source), options=options)
    table = scan.tiles
    images: dict[str, Any] = {}
    for number, collection in enumerate(table.collections):
        mine = np.flatnonzero(table.collection == number)
        details = table.acquisitions[int(table.acquisition[mine[0]])]
        fields = {}
        for index in dict.fromkeys(table.fov[mine].tolist()):
            of_field = mine[table.fov[mine] == index]
            start, length = table.start[of_field], table.length[of_field]
            fields[table.fov_names[index]] = {
                "tiles": len(of_field),
                "start": np.round(start.min(axis=0), DECIMALS).tolist(),
                "stop": np.round((start + length).max(axis=0), DECIMALS).tolist(),
            }
        images[collection.path()] = {
            "axes": list(details.axes),
            "pixelsize": [details.t_spacing, details.z_spacing, details.pixel_size_y, details.pixel_size_x],
            "channel_labels": [each.channel_label for each in details.channels or []],
            "wavelength_ids": [each.wavelength_id for each in details.channels or []],
            "fields": fields,
        }
    states = {name: value for name, value in vars(scan.states).items() if name != "examples"}
    folder = str(Path(source).absolute())
    warnings = [each.replace(folder, "<source>").replace(str(source), "<source>") for each in scan.warnings]
    return {"format": chosen.name, "images": dict(sorted(images.items())), "states": states, "warnings": warnings}


def check_plan_snapshot(
    source: str | Path,
    snapshot_path: str | Path,
    *,
    update_snapshots: bool,
    format: str | None = None,
    options: Mapping[str, Any] | None = None,
) -> None:
    """Compare the plan of a source with a stored one, or store it anew.

    Raises:
        AssertionError: the plans differ.
    """
    found = build_plan_snapshot(source, format=format, options=options)
    stored = Path(snapshot_path)
    if update_snapshots:
        stored.parent.mkdir(parents=True, exist_ok=True)
        stored.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", "utf-8")
        return
    assert stored.is_file(), f"there is no snapshot '{stored}'; run pytest with --update-snapshots to write it"
    assert json.loads(stored.read_text("utf-8")) == json.loads(json.dumps(found)), f"the plan differs from '{stored}'"
