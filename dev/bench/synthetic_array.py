"""A seeded array of 16-bit camera pixels, axes t, c, z, y, x, as OUT/array.npy.

python dev/bench/synthetic_array.py OUT --size 4320
"""

from __future__ import annotations

import argparse
from pathlib import Path

from synthetic_plate import plane

CHANNELS, SLICES = 2, 5


def main() -> None:
    """Read the command line."""
    import numpy as np

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--size", type=int, default=4320)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    made = np.empty((1, CHANNELS, SLICES, given.size, given.size), "u2")
    for z in range(SLICES):
        made[0, 0, z] = plane(rng, given.size, 1 + 0.3 * z)
        for channel in range(1, CHANNELS):
            made[0, channel, z] = np.roll(made[0, 0, z], 37 * channel, 0)
    np.save(given.out / "array.npy", made)


if __name__ == "__main__":
    main()
