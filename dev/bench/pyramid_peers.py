"""An array in memory to an image with libraries that others use: figures of the call alone, as JSON.

python pyramid_peers.py ngio-0.4 ARRAY.npy OUT --chunk 1080       ngio-0.4, ngio-0.5, ngff-zarr, ngff-zarr-itk, ome-zarr

Each makes five levels with its 2 x 2 mean and its default codec. What is imported on the way is imported before.
Without arguments: which of them this environment has.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
import time
from collections.abc import Callable
from typing import Any

from resident import Growth

LEVELS = 5
Write = Callable[[Any, str, int], None]


def ngio(version: str) -> Write:
    """``create_empty_ome_zarr``, ``set_array``, ``consolidate``, as its documentation shows."""
    import ngio
    import ngio.images

    def write(data: Any, out: str, chunk: int) -> None:
        container = ngio.create_empty_ome_zarr(
            store=out,
            shape=data.shape,
            axes_names="tczyx",
            pixelsize=0.325,
            z_spacing=2.0,
            levels=LEVELS,
            chunks=(1, 1, data.shape[2], chunk, chunk),
            dtype=str(data.dtype),
            ngff_version=version,
        )
        image = container.get_image()
        image.set_array(data)
        image.consolidate(mode="auto")

    return write


def ngff_zarr(method: str) -> Write:
    """``to_multiscales`` and ``to_ngff_zarr`` with a bin-shrinking method."""
    import ngff_zarr

    def write(data: Any, out: str, chunk: int) -> None:
        image = ngff_zarr.to_ngff_image(
            data, dims=("t", "c", "z", "y", "x"), scale={"t": 1.0, "z": 2.0, "y": 0.325, "x": 0.325}
        )
        factors = [{"z": 1, "y": 2**k, "x": 2**k} for k in range(1, LEVELS)]
        chunks = {"t": 1, "c": 1, "z": data.shape[2], "y": chunk, "x": chunk}
        levels = ngff_zarr.to_multiscales(
            image, scale_factors=factors, method=getattr(ngff_zarr.Methods, method), chunks=chunks
        )
        ngff_zarr.to_ngff_zarr(out, levels, version="0.5")

    return write


def ome_zarr() -> Write:
    """``write_image`` with the local mean."""
    import zarr
    from ome_zarr.scale import Methods
    from ome_zarr.writer import write_image

    def write(data: Any, out: str, chunk: int) -> None:
        write_image(
            data,
            zarr.open_group(out, mode="w", zarr_format=3),
            axes="tczyx",
            method=Methods.LOCAL_MEAN,
            scale_factors=[{"y": 2**k, "x": 2**k} for k in range(1, LEVELS)],
            storage_options={"chunks": (1, 1, data.shape[2], chunk, chunk)},
        )

    return write


PEERS: dict[str, Callable[[], Write]] = {
    "ngio-0.4": lambda: ngio("0.4"),
    "ngio-0.5": lambda: ngio("0.5"),
    "ngff-zarr": lambda: ngff_zarr("DASK_BIN_SHRINK"),
    "ngff-zarr-itk": lambda: ngff_zarr("ITKWASM_BIN_SHRINK"),
    "ome-zarr": ome_zarr,
}


def present() -> list[str]:
    """The libraries that can be imported."""
    modules = {peer: peer.removesuffix("-itk").split("-0")[0].replace("-", "_") for peer in PEERS}
    return [peer for peer, module in modules.items() if importlib.util.find_spec(module)]


def main() -> None:
    """Read the command line; a small array goes first, so that what is loaded on demand is loaded."""
    if len(sys.argv) == 1:
        print(json.dumps(present()))
        return
    import numpy as np

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("peer", choices=list(PEERS))
    parser.add_argument("array")
    parser.add_argument("out")
    parser.add_argument("--chunk", type=int, default=1080)
    given = parser.parse_args()
    write = PEERS[given.peer]()
    write(np.zeros((1, 1, 1, 128, 128), "u2"), f"{given.out}/warm", 32)
    data = np.load(given.array)
    growth = Growth()
    cpu, wall = time.process_time(), time.perf_counter()
    write(data, f"{given.out}/{given.peer}.zarr", given.chunk)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(json.dumps({"cpu": cpu, "wall": wall, "memory": growth.megabytes()}))


if __name__ == "__main__":
    main()
