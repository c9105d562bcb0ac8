"""A plate as an instrument describes it, with as many planes as asked for. Only two wells have pixels of their own.

python dev/bench/synthetic_vendors.py OUT --vendor cellvoyager --planes 10000
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from synthetic_table import CHANNELS, shape

from fractal_omezarr_converters.models.well_names import row_name
from fractal_omezarr_converters.testing.synthetic_cellvoyager import write_cellvoyager
from fractal_omezarr_converters.testing.synthetic_metaxpress import write_metaxpress
from fractal_omezarr_converters.testing.synthetic_operetta import write_operetta
from fractal_omezarr_converters.testing.synthetic_plate import SyntheticChannel

WRITERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "cellvoyager": (write_cellvoyager, {}),
    "operetta_v5": (write_operetta, {"flavour": "V5"}),
    "operetta_v7": (write_operetta, {"flavour": "V7"}),
    "metaxpress": (write_metaxpress, {}),
}
"""Vendors by the name of the bench; it begins with the name of the format."""


def main() -> None:
    """Read the command line and write the plate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--vendor", choices=list(WRITERS), required=True)
    parser.add_argument("--planes", type=int, default=10_000)
    given = parser.parse_args()
    wells, fields, slices = shape(given.planes, one_image=False)
    side = max(1, round(fields**0.5))
    write, settings = WRITERS[given.vendor]
    truth = write(
        given.out,
        wells=tuple(f"{row_name(well // 24 + 1)}{well % 24 + 1:02d}" for well in range(wells)),
        layout=(side, side),
        field_shape=(8, 8),
        overlap=0,
        planes=slices,
        channels=tuple(SyntheticChannel(n + 1, f"channel {n + 1}", 450.0 + 50 * n) for n in range(CHANNELS)),
        linked=True,
        **settings,
    )
    (given.out / "folder").write_text(str(truth.folders[0].relative_to(given.out)))
    (given.out / "planes").write_text(str(wells * side**2 * slices * CHANNELS))


if __name__ == "__main__":
    main()
