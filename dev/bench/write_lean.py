"""The leanest loop that reads, averages, encodes and writes the bytes of one well: no plan, no general case, no safety.

Fields lie on a grid and are one chunk each; headers are skipped, not parsed. What is left is the cost of the work itself.
"""

from __future__ import annotations

import argparse
import csv
import threading
from pathlib import Path

import imagecodecs
import numpy as np

Key = tuple[int, int, int, int]


def mean_of_four(image: np.ndarray, out: np.ndarray) -> None:
    """2 x 2 mean, a few rows at a time."""
    words = image.view("u4")
    rows = max(1, 32768 // words.shape[1])
    s, u = np.empty((rows, words.shape[1]), "u4"), np.empty((rows, words.shape[1]), "u4")
    for first in range(0, out.shape[0], rows):
        n = min(rows, out.shape[0] - first)
        a, b, s_, u_ = words[2 * first : 2 * (first + n) : 2], words[2 * first + 1 : 2 * (first + n) : 2], s[:n], u[:n]
        np.right_shift(a, 16, out=s_)
        np.bitwise_and(a, 65535, out=u_)
        s_ += u_
        np.right_shift(b, 16, out=u_)
        s_ += u_
        np.bitwise_and(b, 65535, out=u_)
        s_ += u_
        s_ += 2
        s_ >>= 2
        out[first : first + n] = s_


class Lean:
    """One well, chunk = field."""

    def __init__(self, plate: Path, out: Path, codec: str, level: int, blocksize: int) -> None:
        self.out, self.codec, self.level, self.blocksize = out, codec, level, blocksize
        with (plate / "tiles.csv").open() as file:
            rows = list(csv.DictReader(file))
        self.size = int(rows[0]["length_x"])
        xs = sorted({float(row["start_x"]) for row in rows})
        ys = sorted({float(row["start_y"]) for row in rows})
        zs = sorted({float(row["start_z"]) for row in rows})
        self.grid, self.depth = (len(ys), len(xs)), len(zs)
        self.planes: dict[tuple[int, int, int], list[Path]] = {}
        for row in rows:
            key = (int(row["start_c"]), ys.index(float(row["start_y"])), xs.index(float(row["start_x"])))
            self.planes.setdefault(key, [Path()] * self.depth)[zs.index(float(row["start_z"]))] = (
                plate / row["file_path"]
            )
        self.levels = 1
        while max(self.grid) * self.size >> (self.levels - 1) > 256:
            self.levels += 1

    def channel(self, channel: int) -> None:
        """All levels of one channel."""
        n, z, bins = self.size, self.depth, np.zeros(65536, np.int64)
        self.encoded = np.empty(z * n * n * 2 + 64, "u1")
        encoded = np.empty(z * n * n * 2 + 64, "u1")
        block = np.empty((z, n, n), "u2")
        open_chunks: dict[tuple[int, int, int], list] = {}

        def finish(level: int, y: int, x: int, chunk: np.ndarray) -> None:
            made = imagecodecs.blosc_encode(
                chunk, level=self.level, compressor=self.codec, shuffle=1, typesize=2, blocksize=self.blocksize, numthreads=1,
                out=encoded,
            )  # fmt: skip
            path = self.out / str(level) / str(channel) / "0" / str(y) / str(x)
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb", buffering=0) as file:
                file.write(made)
            if level + 1 == self.levels:
                return
            rows = min(2, -(-self.grid[0] >> level) - y // 2 * 2) if level else min(2, self.grid[0] - y // 2 * 2)
            columns = (
                min(2, self.grid[1] - x // 2 * 2) if level == 0 else min(2, -(-self.grid[1] >> level) - x // 2 * 2)
            )
            key = (level + 1, y // 2, x // 2)
            if key not in open_chunks:
                open_chunks[key] = [np.zeros((z, n, n), "u2"), max(1, rows) * max(1, columns)]
            parent = open_chunks[key]
            half = n // 2
            for k in range(z):
                mean_of_four(
                    chunk[k], parent[0][k, y % 2 * half : y % 2 * half + half, x % 2 * half : x % 2 * half + half]
                )
            parent[1] -= 1
            if parent[1] == 0 or (level + 1 == self.levels):
                del open_chunks[key]
                finish(*key, parent[0])

        for _, y, x in sorted(
            (k for k in self.planes if k[0] == channel), key=lambda k: (k[1] // 2, k[2] // 2, k[1], k[2])
        ):
            for k, path in enumerate(self.planes[channel, y, x]):
                with path.open("rb", buffering=0) as file:
                    file.seek(path.stat().st_size - n * n * 2)
                    file.readinto(block[k])
            for first in range(0, block.size, 1 << 19):
                found = np.bincount(block.reshape(-1)[first : first + (1 << 19)])
                bins[: found.size] += found
            finish(0, y, x, block)
        for key in sorted(open_chunks):
            if key in open_chunks:
                finish(*key, open_chunks.pop(key)[0])


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("plate", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--codec", default="zstd")
    parser.add_argument("--level", type=int, default=1)
    parser.add_argument("--blocksize", type=int, default=1 << 20)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    lean = Lean(given.plate, given.out, given.codec, given.level, given.blocksize)
    channels = sorted({key[0] for key in lean.planes})
    if given.threads == 1:
        for channel in channels:
            lean.channel(channel)
        return
    threads = [threading.Thread(target=lean.channel, args=(channel,)) for channel in channels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    main()
