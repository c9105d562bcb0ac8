"""A small plate of every vendor, how it is read, and what was read in plain values."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from fractal_omezarr_converters.formats import registry
from fractal_omezarr_converters.formats.contract import Scan
from fractal_omezarr_converters.testing import (
    SyntheticPlate,
    write_cellvoyager,
    write_hcsai,
    write_incell,
    write_metaxpress,
    write_micromanager,
    write_named_images,
    write_ome_plate,
    write_operetta,
    write_scanr,
    write_squid,
)
from fractal_omezarr_converters.testing.synthetic_named import PATTERN

SMALL: dict[str, Any] = {"wells": ("B03", "C04"), "planes": 2, "layout": (1, 2), "field_shape": (16, 24), "overlap": 0}
NAMED = {"pattern": PATTERN, "pixel_size": 0.65, "field_grid": {"columns": 2}}


@dataclass(frozen=True)
class Vendor:
    """A format, and what writes a folder for it."""

    format: str
    write: Callable[..., SyntheticPlate]
    settings: dict[str, Any]
    options: dict[str, Any]

    def made(self, folder: Path, **settings: Any) -> SyntheticPlate:
        """Write a small plate."""
        return self.write(folder, **{**SMALL, **self.settings, **settings})

    def scan(self, source: Path) -> Scan:
        """Read it."""
        return registry.get(self.format).scan(str(source), options=self.options)


VENDORS = {
    "cellvoyager": Vendor("cellvoyager", write_cellvoyager, {}, {}),
    "imagexpress_hcsai": Vendor("imagexpress_hcsai", write_hcsai, {}, {}),
    "incell": Vendor("incell", write_incell, {}, {}),
    "metaxpress": Vendor("metaxpress", write_metaxpress, {}, {}),
    "micromanager_images": Vendor("micromanager", write_micromanager, {"files": "images"}, {}),
    "micromanager_stacks": Vendor("micromanager", write_micromanager, {"files": "stacks"}, {}),
    "named_images": Vendor("named_images", write_named_images, {}, NAMED),
    "ome_plate": Vendor("ome_plate", write_ome_plate, {"companion": True}, {}),
    "operetta": Vendor("operetta", write_operetta, {}, {}),
    "scanr": Vendor("scanr", write_scanr, {}, {}),
    "scanr_old": Vendor("scanr", write_scanr, {"generation": "old"}, {}),
    "squid": Vendor("squid", write_squid, {}, {}),
}
if find_spec("ndtiff") is not None:
    VENDORS["micromanager_ndtiff"] = Vendor("micromanager", write_micromanager, {"files": "ndtiff3"}, {})


def in_plain_values(scan: Scan, place: str) -> dict[str, Any]:
    """What a scan says, with its own place left out."""
    tiles = scan.tiles
    said = {
        "start": tiles.start.tolist(),
        "length": tiles.length.tolist(),
        "loaders": [(type(each).__name__, each.model_dump(mode="json")) for each in tiles.loaders],
        "collections": [each.path() for each in tiles.collections],
        "details": [each.model_dump(mode="json") for each in tiles.acquisitions],
        "moments": None if tiles.moments is None else tiles.moments.ms.tolist(),
        **{
            name: getattr(scan, name)
            for name in ("facts", "warnings", "metadata_files", "corrections", "plate", "states", "acquisitions")
        },
    }
    return json.loads(json.dumps(said, default=vars).replace(place, "HERE"))


def moved_profiles(folder: Path) -> None:
    """Move the flat-field profiles out of the index of an Operetta folder, into a file of their own."""
    index = folder / "Images" / "Index.idx.xml"
    text = index.read_text("utf-8-sig")
    maps = text[text.index("<Maps>") : text.index("</Maps>") + 7]
    index.write_text(text.replace(maps, ""), "utf-8")
    (folder / "FFC_Profile").mkdir()
    (folder / "FFC_Profile" / "FFC_Profile_1.xml").write_text(f"<R>{maps}</R>", "utf-8")
