"""What the guarantees of the writer cost: the same array written without them, with them, and with digests besides, in turn.

python guarantees_ours.py ARRAY.npy OUT --rounds 5 --size 4320 --chunk 1080

Prints a list of figures for each way as JSON. Pixels come from memory, so that nothing is measured but the writer.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from pathlib import Path
from typing import Any

WAYS = ("bare", "guarded", "digests")


def write(out: Path, data: Any, chunk: int, way: str) -> None:
    """One image: pixels, documents; guarded also a staging place, counts, a completion mark and the exchange."""
    from fractal_omezarr_converters.ngff import completion
    from fractal_omezarr_converters.ngff.documents import group_document, image_attributes
    from fractal_omezarr_converters.ngff.layout import make_layout
    from fractal_omezarr_converters.ngff.single_pass import write_pixels
    from fractal_omezarr_converters.ngff.staging import StagedImage
    from fractal_omezarr_converters.ngff.stores import open_store
    from fractal_omezarr_converters.ngff.tile_stream import ArrayTiles, regular_edges

    chunks = (1, 1, data.shape[2], chunk, chunk)
    layout = make_layout(
        version="0.5", axes="tczyx", shape=data.shape, dtype=data.dtype, pixel_size=(1.0,) * 5, origin=(0.0,) * 5, chunks=chunks
    )  # fmt: skip
    tiles = ArrayTiles(data, "tczyx", [regular_edges(n, c) for n, c in zip(layout.shape, layout.chunks)])
    paths = [level.path for level in layout.levels]
    attributes = image_attributes(
        "0.5",
        name="image",
        axes=layout.axes,
        level_paths=paths,
        scales=[layout.on_axes(level.scale) for level in layout.levels],
        translations=[layout.on_axes(level.translation) for level in layout.levels],
        method=layout.method_document(),
    )
    documents = group_document("0.5", attributes)
    if way == "bare":
        store = open_store(str(out / "image.zarr"))
        write_pixels(store, layout, tiles, threads=1)
        for key, content in documents.items():
            store.put(key, content)
        return
    with StagedImage(open_store(str(out)), "image.zarr") as staged:
        report = write_pixels(staged.store, layout, tiles, threads=1, digests=way == "digests")
        for key, content in documents.items():
            staged.store.put(key, content)
        levels = report.levels(paths, [layout.on_axes(level.shape) for level in layout.levels])
        completion.mark(staged.store, "", completion.Completion(fingerprint="0" * 32, levels=levels))
        staged.commit()


def main() -> None:
    """Read the command line; the first round is not counted."""
    import numpy as np

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("array")
    parser.add_argument("out", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, required=True)
    parser.add_argument("--chunk", type=int, required=True)
    given = parser.parse_args()
    data = np.ascontiguousarray(np.load(given.array, mmap_mode="r")[..., : given.size, : given.size])
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for number in range(given.rounds + 1):
        for way in WAYS:
            shutil.rmtree(given.out, ignore_errors=True)
            given.out.mkdir(parents=True)
            began = time.process_time()
            write(given.out, data, given.chunk, way)
            figures = {"CPU s": time.process_time() - began}
            figures["files"] = sum(path.is_file() for path in given.out.rglob("*"))
            if number:
                found[way].append(figures)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
