"""Every source plane is read exactly once, every chunk or shard is written exactly once, and hardly a byte more is moved."""

from __future__ import annotations

import re
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from fractal_omezarr_converters import (
    AcquisitionDetails,
    ChannelInfo,
    ConverterOptions,
    SingleImage,
    Tile,
    tiled_image_creation_pipeline,
    tiles_aggregation_pipeline,
)
from fractal_omezarr_converters.models import ImageLoaderInterface
from fractal_omezarr_converters.ngff.stores import open_store
from fractal_omezarr_converters.ngff.zarr_arrays import open_array

READS: Counter[str] = Counter()
WRITES: Counter[str] = Counter()
DOCUMENTS = (".zarray", ".zattrs", ".zgroup", "zarr.json")
CHUNK = re.compile(r"(?:^|/)(\d+/(?:c/)?\d+(?:/\d+)*)$")


def note_write(path: object) -> None:
    """Count files below a level's folder that are no documents."""
    found = CHUNK.search(str(path))
    if found:
        WRITES[found[1]] += 1


def watch_files(event: str, arguments: tuple[Any, ...]) -> None:
    """See every file that Python opens for writing."""
    if event == "open" and WATCHED and str(arguments[0]).startswith(WATCHED[0]) and set(str(arguments[1])) & set("wxa"):
        note_write(arguments[0])


WATCHED: list[str] = []
sys.addaudithook(watch_files)


class CountedFiles(MemoryFileSystem):
    """An object store that counts what is put."""

    protocol = "counted"
    store: dict[str, Any] = {}  # noqa: RUF012  (as in the class above)

    def pipe_file(self, path: str, value: bytes, *rest: Any, **more: Any) -> None:
        note_write(path)
        super().pipe_file(path, value, *rest, **more)

    def put_file(self, lpath: str, rpath: str, *rest: Any, **more: Any) -> None:
        note_write(rpath)
        super().put_file(lpath, rpath, *rest, **more)


fsspec.register_implementation("counted", CountedFiles, clobber=True)


class CountedLoader(ImageLoaderInterface):
    """A made-up source of one or several planes; every read is counted."""

    name: str
    shape: tuple[int, ...]
    seed: int

    def pixels(self) -> np.ndarray[Any, Any]:
        return np.random.default_rng(self.seed).poisson(200, self.shape).astype("uint16")

    def load_data(self, resource: Any | None = None) -> np.ndarray[Any, Any]:
        READS[self.name] += 1
        return self.pixels()

    def shape_and_dtype(self, resource: Any | None = None) -> tuple[tuple[int, ...], str]:
        return self.shape, "uint16"

    def find_data_type(self, resource: Any | None = None) -> str:
        return "uint16"


HEIGHT, WIDTH = 60, 76


def tiles_of(case: dict[str, Any]) -> list[Tile[Any, Any]]:
    """Fields in rows and columns, with or without overlap and gaps; planes apart or in stacks."""
    columns, rows = case.get("grid", (4, 3))
    step_y, step_x = case.get("step", (HEIGHT, WIDTH))
    planes, stack = case.get("planes", 1), case.get("stack", False)
    details = AcquisitionDetails(
        axes=list("tczyx"),
        channels=[ChannelInfo(channel_label=f"C{c}") for c in range(case.get("channels", 1))],
    )
    made = []
    for place in np.ndindex(case.get("times", 1), case.get("channels", 1), 1 if stack else planes, rows, columns):
        t, c, z, i, j = place
        if (i, j) in case.get("missing", ()):
            continue
        shape = (planes, HEIGHT, WIDTH) if stack else (HEIGHT, WIDTH)
        name = "-".join(map(str, place))
        made.append(
            Tile(
                fov_name=f"F{i}{j}",
                start_t=t,
                start_c=c,
                start_z=z,
                start_y=step_y * i,
                start_x=step_x * j,
                length_y=HEIGHT,
                length_x=WIDTH,
                length_z=planes if stack else 1,
                collection=SingleImage(image_path="image"),
                image_loader=CountedLoader(name=name, shape=shape, seed=len(made)),
                acquisition_details=details,
            )
        )
    return made


CASES: dict[str, dict[str, Any]] = {
    "fields are chunks": {},
    "overlap, last one wins": {"step": (53, 69)},
    "overlap, moved apart": {"step": (55, 70), "tiling": "Auto"},
    "corners": {"step": (57, 71), "tiling": "Snap to Corners", "missing": [(1, 1)]},
    "gaps between fields": {"step": (71, 83), "missing": [(0, 2), (2, 0)]},
    "chunks smaller than fields": {"chunk": 17, "channels": 2},
    "chunks larger than fields": {"chunk": 130, "grid": (5, 4)},
    "z in blocks": {"planes": 5, "z_chunk": 2, "chunk": 41},
    "stacks in one source": {"planes": 5, "stack": True, "z_chunk": 2, "chunk": 32, "step": (53, 69)},
    "time and channels": {"times": 3, "channels": 3, "grid": (2, 2), "c_chunk": 2},
    "z shrinks too": {"planes": 4, "z_factor": 2, "chunk": 32},
    "per field": {"grouping": {"mode": "Per-FOV"}},
}


def options_of(case: dict[str, Any], *, sharded: bool, threads: int) -> ConverterOptions:
    chunks: dict[str, Any] = (
        {"mode": "Fixed Size", "xy_chunk": case["chunk"]} if "chunk" in case else {"mode": "Same as FOV"}
    )
    chunks |= {key: case[key] for key in ("z_chunk", "c_chunk") if key in case}
    written = {"ngff_version": "0.5" if sharded else "0.4", "chunks": chunks, "levels": 4}
    written["z_factor"] = case.get("z_factor", 1)
    if sharded:
        written["shards"] = {"mode": "Multiple of Chunks", "xy_factor": 2, "z_factor": 2, "c_factor": 2}
    grouping = case.get("grouping", {"mode": "Mosaic", "tiling_strategy": {"mode": case.get("tiling", "Inplace")}})
    return ConverterOptions.model_validate(
        {"omezarr_options": written, "grouping": grouping, "runtime_settings": {"num_workers": threads}}
    )


@pytest.fixture(params=["local", "remote"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A folder, or a bucket of an object store, that is watched."""
    READS.clear()
    WRITES.clear()
    if request.param == "local":
        WATCHED[:] = [str(tmp_path)]
        yield str(tmp_path)
        WATCHED.clear()
    else:
        yield f"counted://{uuid.uuid4().hex}"


@pytest.mark.filterwarnings("ignore::fractal_omezarr_converters.errors.ConvertersToolsWarning")
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("sharded", [False, True], ids=["chunks", "shards"])
@pytest.mark.parametrize("case", CASES)
def test_read_once_and_written_once(place: str, case: str, sharded: bool, threads: int) -> None:
    tiles = tiles_of(CASES[case])
    options = options_of(CASES[case], sharded=sharded, threads=threads)
    images = tiles_aggregation_pipeline(tiles, converter_options=options)
    assert not READS
    for image in images:
        WRITES.clear()
        url = f"{place}/{image.path}"
        container = tiled_image_creation_pipeline(
            zarr_url=url, tiled_image=image, registration_pipeline=None, converter_options=options
        )
        report = container.report
        store = open_store(url)
        files = {key: store.get(key) for key in store.list() if CHUNK.search(key)}
        assert set(WRITES.values()) == {1}
        assert set(WRITES) == set(files) and len(files) == sum(report.file_counts)
        moved = report.bytes_read + report.bytes_written
        source = sum(tile.nbytes for tile in (region.image_loader.pixels() for region in image.regions))
        assert moved <= 1.05 * (source + sum(len(content or b"") for content in files.values()))
        assert report.tiles_read == len(image.regions)
        _compare(container, store)
    assert set(READS.values()) == {1}
    assert len(READS) == len(tiles)


def _compare(container: Any, store: Any) -> None:
    """Level 0 is what anybody would lay; coarser levels have something in every chunk that the report counts."""
    plan = container.plan
    expected = np.zeros(plan.placement.shape, "uint16")
    for row in plan.placement.order:
        start, length = plan.placement.start[row], plan.placement.length[row]
        box = tuple(slice(a, a + n) for a, n in zip(start.tolist(), length.tolist()))
        expected[box] = plan.image.columns.loaders.loader(int(row)).pixels()
    found = np.asarray(open_array(store, "0")[...])
    np.testing.assert_array_equal(found.reshape(expected.shape), expected)
