"""Read level 0 of an image with zarr: all of it chunk by chunk, then small windows here and there. Figures as JSON.

python read_back.py IMAGE --window 512
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import time

WINDOWS = 24


def main() -> None:
    """Read the command line."""
    import zarr

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image")
    parser.add_argument("--window", type=int, default=512)
    given = parser.parse_args()
    array = zarr.open_array(f"{given.image}/0", mode="r")
    step = array.shards or array.chunks
    assert array[(0,) * array.ndim] is not None
    began = time.process_time()
    for corner in itertools.product(*(range(0, n, s) for n, s in zip(array.shape, step))):
        array[tuple(slice(at, at + s) for at, s in zip(corner, step))]
    whole = time.process_time() - began
    random.seed(0)
    places = [tuple(random.randrange(max(1, n - given.window)) for n in array.shape[-2:]) for _ in range(WINDOWS)]
    before = tuple(n // 2 for n in array.shape[:-2])
    began = time.process_time()
    for y, x in places:
        array[(*before, slice(y, y + given.window), slice(x, x + given.window))]
    print(json.dumps({"all": whole, "window": (time.process_time() - began) / WINDOWS}))


if __name__ == "__main__":
    main()
