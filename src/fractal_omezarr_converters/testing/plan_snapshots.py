"""The plan of a conversion as a snapshot: made from metadata alone, so that a test needs no pixels.

def test_plan(snapshot_path, update_snapshots):
    check_plan_snapshot("data/plate", snapshot_path, update_snapshots=update_snapshots)

``pytest --update-snapshots`` writes the files anew. What changed in them is then to be checked against the vendor's metadata.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fractal_omezarr_converters.convert import plan
from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.testing.snapshots import differences_between

if TYPE_CHECKING:
    from fractal_omezarr_converters.core.moments import Moments
    from fractal_omezarr_converters.core.tile_table import TileTable

DECIMALS = 4
LINE = 160


def build_plan_snapshot(
    source: str | Path, *, format: str | None = None, options: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Describe what a format finds in a source: plate, states of planes, warnings; per image its sizes, channels, times, fields.

    ``shape`` (along ``axes``), ``dtype`` and channels are those of the plan with default options; ``pixelsize`` is in s, µm, µm,
    µm; ``times`` in s; ``acquired`` the first and last moment of the image's planes. Of each field: how many tiles, and ``start``
    and ``stop`` along t, c, z, y, x as the scan has them.
    """
    chosen = registry.get(format) if format else registry.detect(source)
    scan = chosen.scan(str(source), options=options)
    planned = {each.path: each for each in plan(source, format=chosen.name, format_options=options)}
    images: dict[str, Any] = {}
    for number, collection in enumerate(scan.tiles.collections):
        path = collection.path()
        made = planned[path]
        channels = made.image.channels or []
        images[path] = {
            "shape": list(made.shape),
            "dtype": made.dtype,
            "channel_labels": [each.channel_label for each in channels],
            "wavelength_ids": [each.wavelength_id for each in channels],
            "colors": [each.color for each in channels],
            **_image(scan.tiles, number),
        }
    states = {name: value for name, value in vars(scan.states).items() if name != "examples"}
    folder = str(Path(source).absolute())
    warnings = [each.replace(folder, "<source>").replace(str(source), "<source>") for each in scan.warnings]
    return {
        "format": chosen.name,
        "plate": scan.plate.to_json() if scan.plate else None,
        "states": states,
        "warnings": warnings,
        "images": dict(sorted(images.items())),
    }


def _image(table: TileTable, number: int) -> dict[str, Any]:
    """What the tiles of one image say."""
    mine = np.flatnonzero(table.collection == number)
    details = table.acquisitions[int(table.acquisition[mine[0]])]
    moments = table.moments.select(mine) if table.moments is not None else None
    return {
        "axes": list(details.axes),
        "pixelsize": [details.t_spacing, details.z_spacing, details.pixel_size_y, details.pixel_size_x],
        "times": np.unique(np.round(table.start[mine, 0], DECIMALS)).tolist(),
        "acquired": _first_and_last(moments),
        "tiles": len(mine),
        "fields": {
            table.fov_names[index]: _field(table, mine, index) for index in dict.fromkeys(table.fov[mine].tolist())
        },
    }


def _first_and_last(moments: Moments | None) -> list[str] | None:
    if moments is None:
        return None
    known = moments.ms[moments.known]
    times = [moments.time(int(np.flatnonzero(moments.ms == each)[0])) for each in (known.min(), known.max())]
    return [each.isoformat() for each in times if each is not None]


def _field(table: TileTable, mine: Any, index: int) -> dict[str, Any]:
    of_field = mine[table.fov[mine] == index]
    start, length = table.start[of_field], table.length[of_field]
    return {
        "tiles": len(of_field),
        "start": np.round(start.min(axis=0), DECIMALS).tolist(),
        "stop": np.round((start + length).max(axis=0), DECIMALS).tolist(),
    }


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
        AssertionError: the plans differ; every difference is listed with its path.
    """
    found = build_plan_snapshot(source, format=format, options=options)
    stored = Path(snapshot_path)
    if update_snapshots:
        stored.parent.mkdir(parents=True, exist_ok=True)
        stored.write_text(_compact(found) + "\n", "utf-8")
        return
    assert stored.is_file(), f"there is no snapshot '{stored}'; run pytest with --update-snapshots to write it"
    differences = differences_between(json.loads(stored.read_text("utf-8")), json.loads(json.dumps(found)))
    listed = "\n".join(f"  {each}" for each in differences)
    assert not differences, f"the plan differs from '{stored}' in {len(differences)} places:\n{listed}"


def _compact(value: Any, indent: str = "") -> str:
    """JSON with what fits on one line on one line."""
    line = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, dict | list) or (len(line) + len(indent) <= LINE and not _has_images(value)):
        return line
    inner = indent + " "
    if isinstance(value, dict):
        parts = [
            f"{inner}{json.dumps(key, ensure_ascii=False)}: {_compact(each, inner)}" for key, each in value.items()
        ]
        return "{\n" + ",\n".join(parts) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + _compact(each, inner) for each in value) + f"\n{indent}]"


def _has_images(value: Any) -> bool:
    """Whether a value has parts of its own that deserve lines."""
    return isinstance(value, dict) and any(isinstance(each, dict) for each in value.values())
