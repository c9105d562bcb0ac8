"""Memory: the plan states it, the limit is kept whatever the size of the image, and one that is too small is refused at once."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from fractal_omezarr_converters import (
    AcquisitionDetails,
    ConverterOptions,
    DefaultImageLoader,
    SingleImage,
    Tile,
    plan_image,
    tiled_image_creation_pipeline,
    tiles_aggregation_pipeline,
)
from fractal_omezarr_converters.convert import convert, plan, verify
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.fractal.compute import generic_compute_task
from fractal_omezarr_converters.fractal.init import build_parallelization_list
from fractal_omezarr_converters.pipelines.write_settings import PROGRAM_BYTES
from fractal_omezarr_converters.testing.synthetic_operetta import write_operetta

MB = 2**20
WRITE_ONE = """
import json, sys
from fractal_omezarr_converters.fractal.compute import generic_compute_task
generic_compute_task(**json.loads(open(sys.argv[1]).read()))
lines = open("/proc/self/status").read().splitlines()
print(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) // 1024)
"""
VERIFY = WRITE_ONE.replace(
    "generic_compute_task(**json.loads(open(sys.argv[1]).read()))",
    "from fractal_omezarr_converters.convert import verify\nassert verify(sys.argv[1]).ok",
)


def mosaic(
    folder: Path,
    grid: int,
    height: int,
    width: int,
    *,
    planes: int = 1,
    step: float = 1.0,
    channels: int = 1,
    dtype: str = "u2",
) -> list[Tile]:
    """Fields of view of one image, each a file of noise; ``step`` is the distance of neighbours in fields."""
    folder.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(0).poisson(300, (planes, height, width)).astype(dtype).squeeze()
    tifffile.imwrite(folder / "first.tif", noise, compression="zlib" if planes > 1 else None)
    tiles = []
    for number, channel in np.ndindex(grid * grid, channels):
        file = folder / f"{number}_{channel}.tif"
        file.hardlink_to(folder / "first.tif")
        tiles.append(
            Tile(
                fov_name=f"F{number}",
                start_x=(number % grid) * width * step,
                start_y=(number // grid) * height * step,
                start_c=channel,
                length_x=width,
                length_y=height,
                length_z=planes,
                collection=SingleImage(image_path="image"),
                image_loader=DefaultImageLoader(file_path=str(file)),
                acquisition_details=AcquisitionDetails(),
            )
        )
    return tiles


def options(chunk: int | None = None, **runtime: Any) -> ConverterOptions:
    chunks = {"chunks": {"mode": "Fixed Size", "xy_chunk": chunk, "z_chunk": 5}} if chunk else {}
    return ConverterOptions.model_validate(
        {
            "omezarr_options": chunks,
            "grouping": {"mode": "Mosaic", "tiling_strategy": {"mode": "Inplace"}},
            "runtime_settings": runtime,
        }
    )


CASES = {
    "fields are chunks": {"grid": 4, "height": 128, "width": 160},
    "a mosaic of 144 fields": {"grid": 12, "height": 128, "width": 160},
    "fields that overlap": {"grid": 12, "height": 128, "width": 160, "step": 0.9},
    "large fields, small chunks": {"grid": 2, "height": 900, "width": 1100, "chunk": 64},
    "stacks in one file": {"grid": 3, "height": 200, "width": 260, "planes": 20, "chunk": 64},
    "many channels": {"grid": 1, "height": 90, "width": 70, "channels": 40},
    "channels of numbers with a point": {"grid": 2, "height": 90, "width": 70, "channels": 12, "dtype": "f4"},
    "odd chunks": {"grid": 6, "height": 128, "width": 160, "chunk": 77},
}


@pytest.mark.filterwarnings("ignore:Fields of view overlap in place")
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("case", CASES)
def test_the_writer_keeps_to_what_the_plan_states(tmp_path: Path, case: str, threads: int) -> None:
    given = dict(CASES[case])
    chosen = options(given.pop("chunk", None), num_workers=threads)
    [image] = tiles_aggregation_pipeline(mosaic(tmp_path / "source", **given), converter_options=chosen)
    free = plan_image(image, converter_options=chosen)
    assert free.to_json()["memory"] == free.memory >= free.least_memory > PROGRAM_BYTES

    def written(name: str, limit_mb: int | None) -> int:
        limited = options(**chosen.runtime_settings.model_dump() | {"memory_limit_mb": limit_mb})
        limited.omezarr_options = chosen.omezarr_options
        container = tiled_image_creation_pipeline(
            zarr_url=f"{tmp_path}/{name}.zarr", tiled_image=image, registration_pipeline=None, converter_options=limited
        )
        assert limit_mb is None or container.plan.memory <= limit_mb * MB
        return int(container.report.largest_memory)

    assert written("free", None) <= free.memory - PROGRAM_BYTES
    least_mb = -(-free.least_memory // MB)
    assert written("held", least_mb) <= least_mb * MB - PROGRAM_BYTES
    same = [sorted((p.relative_to(root), p.read_bytes()) for p in root.rglob("0/**/*") if p.is_file())
            for root in (tmp_path / "free.zarr", tmp_path / "held.zarr")]  # fmt: skip
    assert same[0] == same[1]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from /proc")
@pytest.mark.parametrize(
    ("grid", "height", "width", "chunk", "limit_mb"),
    [(12, 512, 640, None, 128), (2, 4600, 5200, 256, 150), (1, 9000, 9500, 512, 110)],
    ids=["144 fields", "large fields, small chunks", "one field that is larger than the limit"],
)
def test_a_process_stays_below_its_limit(  # noqa: PLR0917
    tmp_path: Path, grid: int, height: int, width: int, chunk: int | None, limit_mb: int
) -> None:
    chosen = options(chunk, memory_limit_mb=limit_mb, num_workers=2)
    tiles = mosaic(tmp_path / "source", grid, height, width)
    assert grid * grid * height * width * 2 > 0.5 * limit_mb * MB
    [image] = tiles_aggregation_pipeline(tiles, converter_options=chosen)
    (tmp_path / "out").mkdir()
    [job] = build_parallelization_list([image], zarr_dir=str(tmp_path / "out"), converter_options=chosen)
    (tmp_path / "job.json").write_text(json.dumps(job))
    ran = subprocess.run(
        [sys.executable, "-c", WRITE_ONE, str(tmp_path / "job.json")], capture_output=True, text=True, check=True
    )
    assert int(ran.stdout) <= limit_mb
    assert verify(tmp_path / "out").ok


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of a process is read from /proc")
def test_verify_does_not_hold_a_deep_stack_several_times(tmp_path: Path) -> None:
    """A file of 300 planes, 220 MB, that is one tile."""
    [tile] = mosaic(tmp_path / "source", 1, 600, 640)
    (tmp_path / "source" / "0_0.tif").unlink()
    plane = tifffile.imread(tmp_path / "source" / "first.tif")
    with tifffile.TiffWriter(tmp_path / "source" / "0_0.tif") as stack:
        for z in range(300):
            stack.write(plane + z, contiguous=True)
    chosen = options()
    [image] = tiles_aggregation_pipeline([tile.model_copy(update={"length_z": 300})], converter_options=chosen)
    (tmp_path / "out").mkdir()
    [job] = build_parallelization_list([image], zarr_dir=str(tmp_path / "out"), converter_options=chosen)
    generic_compute_task(**job)
    ran = subprocess.run(
        [sys.executable, "-c", VERIFY, str(tmp_path / "out")], capture_output=True, text=True, check=True
    )
    assert int(ran.stdout) <= 600


def test_a_limit_that_is_too_small_is_refused_in_the_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    truth = write_operetta(tmp_path / "source", wells=("B03",), layout=(1, 1), field_shape=(24, 40))
    sentence = (
        r"Image '.*B/03/0' needs at least \d+ MB of memory, and the limit is 50 MB: 96 MB for the program, .* one chunk of "
        r"1 x 2 x 24 x 40 pixels .* raise the limit, or choose smaller chunks\."
    )
    with pytest.raises(ConvertersToolsUserError, match=sentence):
        plan(truth.folders[0], memory="50MB")
    with pytest.raises(ConvertersToolsUserError, match=sentence):
        convert(truth.folders[0], tmp_path / "out", converter_options={"runtime_settings": {"memory_limit_mb": 50}})
    monkeypatch.setenv("OMEZARR_MEMORY_MB", "50")
    with pytest.raises(ConvertersToolsUserError, match=sentence):
        plan(truth.folders[0])
    assert plan(truth.folders[0], memory="1GB").memory < 2**30
    monkeypatch.setenv("OMEZARR_MEMORY_MB", "much")
    with pytest.raises(ConvertersToolsUserError, match="OMEZARR_MEMORY_MB is 'much'; give a whole number of MB"):
        plan(truth.folders[0])
    assert not (tmp_path / "out").exists()


def test_the_command_line_takes_a_size(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from fractal_omezarr_converters.cli.app import run

    truth = write_operetta(tmp_path / "source", wells=("B03",), layout=(1, 2), field_shape=(24, 40))
    source, out = str(truth.folders[0]), str(tmp_path / "out")
    assert run(["convert", source, out, "--memory", "80MB"]) == 1
    assert "needs at least" in capsys.readouterr().err
    assert run(["plan", source, "--memory", "much"]) == 2
    assert "'much' is no size of memory; write it with a unit, such as 4GB or 500MB" in capsys.readouterr().err
    assert run(["convert", source, out, "--memory", "200MB", "--verify", "--quiet"]) == 0


def test_workers_share_the_memory(tmp_path: Path) -> None:
    truth = write_operetta(tmp_path / "source", wells=("B03", "C05"), layout=(1, 1), field_shape=(24, 40))
    with pytest.raises(
        ConvertersToolsUserError, match=r"8 workers need at least \d+ MB .* 300 MB are granted; use at most"
    ):
        convert(truth.folders[0], tmp_path / "out", memory="300MB", workers=8)
    done = convert(truth.folders[0], tmp_path / "out", memory="300MB", workers=2, verify=True)
    assert done.verification is not None and done.verification.ok


@pytest.mark.parametrize(
    ("variables", "megabytes"),
    [
        ({"SLURM_MEM_PER_NODE": "512"}, 512),
        ({"SLURM_MEM_PER_CPU": "200", "SLURM_CPUS_PER_TASK": "2"}, 400),
        ({"SLURM_MEM_PER_NODE": "0"}, None),
    ],
)
def test_what_slurm_grants_is_known(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], megabytes: int | None
) -> None:
    from fractal_omezarr_converters.pipelines.write_settings import granted_memory

    for name in ("SLURM_MEM_PER_NODE", "SLURM_MEM_PER_CPU", "SLURM_CPUS_PER_TASK"):
        monkeypatch.delenv(name, raising=False)
    before = granted_memory()
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    known = [each for each in (before, None if megabytes is None else megabytes * MB) if each is not None]
    assert granted_memory() == (min(known) if known else None)
