"""An array in memory to an image with ``write_image``: figures of the call alone, as JSON.

python pyramid_ours.py ARRAY.npy OUT --version 0.5 --codec zstd --threads 2 --chunk 1080
"""

from __future__ import annotations

import argparse
import json
import time

from resident import Growth


def main() -> None:
    """Read the command line; a small array goes first, so that what is loaded on demand is loaded."""
    import numpy as np

    from fractal_omezarr_converters.ngff import write_image

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("array")
    parser.add_argument("out")
    parser.add_argument("--version", default="0.5")
    parser.add_argument("--codec", default="zstd")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--chunk", type=int, default=1080)
    given = parser.parse_args()

    def write(data: np.ndarray, name: str, chunk: int) -> None:
        write_image(
            f"{given.out}/{name}",
            data,
            axes="tczyx",
            scale=(1.0, 1.0, 2.0, 0.325, 0.325),
            chunks=(1, 1, data.shape[2], chunk, chunk),
            levels=5,
            compression=given.codec,
            version=given.version,
            threads=given.threads,
        )

    write(np.zeros((1, 1, 1, 2048, 2048), "u2"), "warm", 512)
    data = np.load(given.array)
    growth = Growth()
    cpu, wall = time.process_time(), time.perf_counter()
    write(data, "ours.zarr", given.chunk)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(json.dumps({"cpu": cpu, "wall": wall, "memory": growth.megabytes()}))


if __name__ == "__main__":
    main()
