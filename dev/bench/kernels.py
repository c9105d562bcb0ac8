"""One part of the pass on the planes of an array in memory: CPU seconds, pixels taken and bytes made, as JSON.

python kernels.py PART WAY ARRAY.npy OUT
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Work = Callable[[Any, Path], int]
"""Works on chunks, an array (chunks, planes, y, x); gives the bytes of what it made."""


def mean_ours(chunks: Any, _out: Path) -> int:
    """The kernel of the pass: halves to even, sums in words."""
    import numpy as np

    from fractal_omezarr_converters.ngff.downsample import downsample

    made = np.empty((1, 1, *_halved(chunks[0].shape)), chunks.dtype)
    for chunk in chunks:
        downsample(chunk[None, None], (1, 1, 1, 2, 2), "mean", made)
    return len(chunks) * made.nbytes


def mean_of_sums(chunks: Any, _out: Path) -> int:
    """Four strided parts added in wider integers, whole planes at once."""
    import numpy as np

    for chunk in chunks:
        total = chunk[:, ::2, ::2].astype(np.uint32)
        for y, x in ((0, 1), (1, 0), (1, 1)):
            total += chunk[:, y::2, x::2]
        made = ((total + 2) >> 2).astype(chunk.dtype)
    return len(chunks) * int(made.nbytes)


def mean_by_reshape(chunks: Any, _out: Path) -> int:
    """``reshape(...).mean(...)``, as ome-zarr-py and many scripts do."""
    for chunk in chunks:
        depth, height, width = chunk.shape
        made = chunk.reshape(depth, height // 2, 2, width // 2, 2).mean(axis=(2, 4)).astype(chunk.dtype)
    return len(chunks) * int(made.nbytes)


def histogram_ours(chunks: Any, _out: Path) -> int:
    """The histogram of the pass."""
    from fractal_omezarr_converters.ngff.histogram import Histogram

    histogram = Histogram.empty(chunks.dtype)
    for chunk in chunks:
        histogram.add(chunk)
    return int(histogram.counts.nbytes)


def histogram_numpy(chunks: Any, _out: Path) -> int:
    """``numpy.bincount`` on slices that stay in the cache."""
    import numpy as np

    counts = np.zeros(1 << 16, np.int64)
    for chunk in chunks:
        flat = chunk.reshape(-1)
        for first in range(0, flat.size, 1 << 19):
            found = np.bincount(flat[first : first + (1 << 19)])
            counts[: found.size] += found
    return counts.nbytes


def percentiles_numpy(chunks: Any, _out: Path) -> int:
    """``numpy.percentile`` of every chunk, which does not add up to the percentiles of the image."""
    import numpy as np

    for chunk in chunks:
        np.percentile(chunk, [0.1, 99.9])
    return 16 * len(chunks)


def encode_ours(codec: str) -> Work:
    """The encoder of the pass: imagecodecs into a buffer that is kept."""

    def work(chunks: Any, _out: Path) -> int:
        from fractal_omezarr_converters.ngff.codecs import Compression

        encode = Compression(codec).encoder(chunks.dtype)
        return sum(len(encode(chunk)) for chunk in chunks)

    return work


def encode_numcodecs(codec: str, level: int, blocksize: int = 1 << 20) -> Work:
    """``numcodecs.Blosc``, which zarr-python uses: every result in memory of its own."""

    def work(chunks: Any, _out: Path) -> int:
        import numcodecs

        numcodecs.blosc.use_threads = False
        encoder = numcodecs.Blosc(codec, level, numcodecs.Blosc.SHUFFLE, blocksize)
        return sum(len(encoder.encode(chunk)) for chunk in chunks)

    return work


def encode_bare_zstd(level: int) -> Work:
    """zstd without shuffle, zarr-python's default for Zarr v3."""

    def work(chunks: Any, _out: Path) -> int:
        import numcodecs

        return sum(len(numcodecs.Zstd(level).encode(chunk)) for chunk in chunks)

    return work


def write_ours(chunks: Any, out: Path) -> int:
    """Encoded by the pass's encoder, written by its store."""
    from fractal_omezarr_converters.ngff.codecs import Compression
    from fractal_omezarr_converters.ngff.stores import open_store

    store, encode = open_store(str(out / "ours.zarr")), Compression("lz4").encoder(chunks.dtype)
    for number, chunk in enumerate(chunks):
        store.put_chunk(f"0/{number}/0/0", encode(chunk))
    return _size(out)


def write_zarr(*, empty: bool) -> Work:
    """zarr-python, with and without its look at every chunk for being empty."""

    def work(chunks: Any, out: Path) -> int:
        import numcodecs
        import zarr

        depth, height, width = chunks.shape[1:]
        array = zarr.create_array(
            str(out / "zarr.zarr"),
            shape=(len(chunks) * depth, height, width),
            chunks=(depth, height, width),
            dtype=chunks.dtype,
            zarr_format=2,
            compressors=numcodecs.Blosc("lz4", 5, numcodecs.Blosc.SHUFFLE, 1 << 20),
            config={"write_empty_chunks": empty},
        )
        for number, chunk in enumerate(chunks):
            array[number * depth : (number + 1) * depth] = chunk
        return _size(out)

    return work


KERNELS: dict[str, dict[str, Work]] = {
    "mean of 2 x 2": {
        "ours": mean_ours,
        "sums of strided parts": mean_of_sums,
        "reshape and mean (numpy)": mean_by_reshape,
    },
    "histogram": {
        "ours (mahotas)": histogram_ours,
        "bincount (numpy)": histogram_numpy,
        "two percentiles per chunk (numpy)": percentiles_numpy,
    },
    "encode, zstd": {
        "ours: zstd 1 in Blosc, blocks of 1 MiB": encode_ours("zstd"),
        "the same by numcodecs": encode_numcodecs("zstd", 1),
        "numcodecs, blocks as Blosc chooses": encode_numcodecs("zstd", 1, 0),
        "bare zstd 0 by numcodecs (zarr-python's default)": encode_bare_zstd(0),
    },
    "encode, lz4": {
        "ours: lz4 5 in Blosc, blocks of 1 MiB": encode_ours("lz4"),
        "the same by numcodecs": encode_numcodecs("lz4", 5),
        "numcodecs, blocks as Blosc chooses": encode_numcodecs("lz4", 5, 0),
    },
    "encode and write, lz4": {
        "ours": write_ours,
        "zarr-python, empty chunks written": write_zarr(empty=True),
        "zarr-python as it comes": write_zarr(empty=False),
    },
}


def _halved(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (shape[0], *(n // 2 for n in shape[1:]))


def _size(out: Path) -> int:
    return sum(path.stat().st_size for path in out.rglob("*") if path.is_file())


def _chunks_of(data: Any) -> Iterator[Any]:
    """Chunks of a quarter of the side, five planes each: (planes, y, x)."""
    side = data.shape[-1] // 4
    for channel in range(data.shape[1]):
        for y in range(0, data.shape[3], side):
            for x in range(0, data.shape[4], side):
                yield data[0, channel, :, y : y + side, x : x + side]


def main() -> None:
    """Read the command line; a small piece goes first, so that what is loaded on demand is loaded."""
    import numpy as np

    part, name, array, place = sys.argv[1:]
    work, out = KERNELS[part][name], Path(place)
    chunks = np.stack(list(_chunks_of(np.load(array))))
    (out / "warm").mkdir(parents=True)
    work(np.zeros((3, 1, 1024, 1024), chunks.dtype), out / "warm")
    (out / "kept").mkdir()
    began = time.process_time()
    made = work(chunks, out / "kept")
    cpu = time.process_time() - began
    print(json.dumps({"cpu": cpu, "megabytes": chunks.nbytes / 1e6, "result": made / 1e6}))


if __name__ == "__main__":
    main()
