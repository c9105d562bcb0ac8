"""A plate as an instrument describes it, with as many planes as asked for; where files can repeat, two wells have pixels.

python dev/bench/synthetic_vendors.py OUT --vendor cellvoyager --planes 10000
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from synthetic_table import CHANNELS, shape

from fractal_omezarr_converters.models.well_names import row_name
from fractal_omezarr_converters.testing.synthetic_cellvoyager import write_cellvoyager
from fractal_omezarr_converters.testing.synthetic_hcsai import write_hcsai
from fractal_omezarr_converters.testing.synthetic_incell import write_incell
from fractal_omezarr_converters.testing.synthetic_metaxpress import write_metaxpress
from fractal_omezarr_converters.testing.synthetic_micromanager import write_micromanager
from fractal_omezarr_converters.testing.synthetic_ome_plate import write_ome_plate
from fractal_omezarr_converters.testing.synthetic_operetta import write_operetta
from fractal_omezarr_converters.testing.synthetic_plate import SyntheticChannel
from fractal_omezarr_converters.testing.synthetic_scanr import write_scanr
from fractal_omezarr_converters.testing.synthetic_squid import write_squid


class Vendor(NamedTuple):
    """How a plate is written, and by which format it is read."""

    format_name: str
    write: Callable[..., Any]
    settings: dict[str, Any]


VENDORS = {
    "cellvoyager": Vendor("cellvoyager", write_cellvoyager, {"linked": True}),
    "operetta_v5": Vendor("operetta", write_operetta, {"linked": True, "flavour": "V5"}),
    "operetta_v7": Vendor("operetta", write_operetta, {"linked": True, "flavour": "V7"}),
    "metaxpress": Vendor("metaxpress", write_metaxpress, {"linked": True}),
    "hcsai": Vendor("imagexpress_hcsai", write_hcsai, {}),
    "squid": Vendor("squid", write_squid, {}),
    "scanr": Vendor("scanr", write_scanr, {"plate_size": (16, 24)}),
    "micromanager": Vendor("micromanager", write_micromanager, {"files": "images"}),
    "incell": Vendor("incell", write_incell, {}),
    "ome_plate": Vendor("ome_plate", write_ome_plate, {"files": "plane", "companion": True}),
}
MOST_WRITTEN = 20_000
"""Planes of a plate whose files are written one by one, because they cannot be links to those of other wells."""


def main() -> None:
    """Read the command line and write the plate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--vendor", choices=list(VENDORS), required=True)
    parser.add_argument("--planes", type=int, default=10_000)
    given = parser.parse_args()
    vendor = VENDORS[given.vendor]
    planes = given.planes if "linked" in vendor.settings else min(given.planes, MOST_WRITTEN)
    wells, fields, slices = shape(planes, one_image=False)
    side = max(1, round(fields**0.5))
    truth = vendor.write(
        given.out,
        wells=tuple(f"{row_name(well // 24 + 1)}{well % 24 + 1:02d}" for well in range(wells)),
        layout=(side, side),
        field_shape=(8, 8),
        overlap=0,
        planes=slices,
        channels=tuple(SyntheticChannel(n + 1, f"channel {n + 1}", 450.0 + 50 * n) for n in range(CHANNELS)),
        **vendor.settings,
    )
    (given.out / "folder").write_text(str(truth.folders[0].relative_to(given.out)))
    (given.out / "planes").write_text(str(wells * side**2 * slices * CHANNELS))


if __name__ == "__main__":
    main()
