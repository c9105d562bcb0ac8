"""Options of the writer: the same in Python, in a configuration file and with --set, and what they make on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

from fractal_omezarr_converters.cli.app import run
from fractal_omezarr_converters.convert import convert
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.ngff.stores import open_store
from fractal_omezarr_converters.ngff.zarr_arrays import open_array
from fractal_omezarr_converters.testing.synthetic_operetta import SyntheticOperetta, write_operetta

IMAGE = "Synthetic Plate.zarr/B/03/0"
COMPRESSION, LEVELS, SHARDS, CHUNKS = (
    f"omezarr_options.{name}" for name in ("compression", "levels", "shards", "chunks")
)
NEW = {"omezarr_options.ngff_version": "0.5"}
SMALL = {f"{CHUNKS}.mode": "Fixed Size", f"{CHUNKS}.xy_chunk": 32}
FACTORS = [{"y": 2, "x": 2}, {"z": 3, "y": 4, "x": 8}]

CASES: dict[str, dict[str, Any]] = {
    "codec": {f"{COMPRESSION}.codec": "lz4", f"{COMPRESSION}.level": 9, f"{COMPRESSION}.shuffle": "bitshuffle"},
    "bare codec": {f"{COMPRESSION}.codec": "plain-zstd", f"{COMPRESSION}.level": 12},
    "no codec": {f"{COMPRESSION}.codec": "none"},
    "blocks": {f"{COMPRESSION}.blocksize": 4096, f"{COMPRESSION}.shuffle": "none"},
    "fixed chunks": {**SMALL, f"{CHUNKS}.z_chunk": 2, f"{CHUNKS}.c_chunk": 2},
    "half fields": {f"{CHUNKS}.xy_scaling": "0.5", f"{CHUNKS}.z_chunk": 1},
    "shards": {**NEW, **SMALL, f"{SHARDS}.mode": "Multiple of Chunks", f"{SHARDS}.xy_factor": 2, f"{SHARDS}.z_factor": 3},
    "shards of a size": {**NEW, **SMALL, f"{SHARDS}.shard_mb": 1},
    "number of levels": {f"{LEVELS}.num_levels": 3},
    "names of levels": {f"{LEVELS}.mode": "Custom Names", f"{LEVELS}.level_names": ["full", "half"]},
    "factors": {f"{LEVELS}.factors": FACTORS},
    "z factor": {f"{LEVELS}.num_levels": 3, "omezarr_options.z_factor": 2},
    **{
        name: {f"{LEVELS}.num_levels": 3, "omezarr_options.downsampling": name}
        for name in ("mean", "nearest", "stride", "mode", "max", "min", "median")
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def plate(tmp_path_factory: pytest.TempPathFactory) -> SyntheticOperetta:
    return write_operetta(
        tmp_path_factory.mktemp("plate"), wells=("B03",), layout=(1, 2), field_shape=(60, 76), planes=3, overlap=0
    )


def nested(dotted: dict[str, Any]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for key, value in dotted.items():
        *folders, last = key.split(".")
        place = tree
        for folder in folders:
            place = place.setdefault(folder, {})
        place[last] = value
    return tree


def files_of(out: Path) -> dict[str, bytes]:
    """All arrays of the image."""
    return {
        path.relative_to(out / IMAGE).as_posix(): path.read_bytes()
        for path in (out / IMAGE).rglob("*")
        if path.is_file() and path.parent != out / IMAGE
    }


def image_document(out: Path) -> dict[str, Any]:
    path = out / IMAGE / ".zattrs"
    if path.exists():
        return dict(json.loads(path.read_text())["multiscales"][0])
    return dict(json.loads((out / IMAGE / "zarr.json").read_text())["attributes"]["ome"]["multiscales"][0])


@pytest.mark.parametrize("case", CASES)
def test_every_option_works_in_python_in_a_file_and_on_the_command_line(
    plate: SyntheticOperetta, tmp_path: Path, case: str
) -> None:
    dotted = CASES[case]
    source = str(plate.folders[0])
    done = convert(source, tmp_path / "python", converter_options=nested(dotted), workers=1, verify=True)
    assert done.verification is not None and done.verification.ok
    (tmp_path / "options.toml").write_text(tomli_w.dumps({"converter_options": nested(dotted)}))
    common = ["--workers", "1", "--quiet", "--no-report"]
    assert run(["convert", source, str(tmp_path / "file"), "--config", str(tmp_path / "options.toml"), *common]) == 0
    settings = [part for key, value in dotted.items() for part in ("--set", f"{key}={_text(value)}")]
    assert run(["convert", source, str(tmp_path / "line"), *settings, *common]) == 0
    made = files_of(tmp_path / "python")
    assert made == files_of(tmp_path / "file") == files_of(tmp_path / "line")
    if case not in {"mean", "number of levels"}:
        assert made != files_of(_by_default(plate, tmp_path))


def _by_default(plate: SyntheticOperetta, tmp_path: Path) -> Path:
    convert(plate.folders[0], tmp_path / "default", converter_options=nested({f"{LEVELS}.num_levels": 3}), workers=1)
    if not files_of(tmp_path / "default"):
        raise AssertionError("nothing was written")
    return tmp_path / "default"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def converted(plate: SyntheticOperetta, tmp_path: Path, case: str) -> Path:
    convert(plate.folders[0], tmp_path / "out", converter_options=nested(CASES[case]), workers=1)
    return tmp_path / "out"


def array_of(out: Path, level: str) -> Any:
    return open_array(open_store(out / IMAGE), level)


def test_chunks_shards_and_codecs_are_on_disk_as_asked(plate: SyntheticOperetta, tmp_path: Path) -> None:
    sharded = array_of(converted(plate, tmp_path / "a", "shards"), "0")
    assert (sharded.chunks, sharded.shards) == ((1, 3, 32, 32), (1, 3, 64, 64))
    sized = array_of(converted(plate, tmp_path / "b", "shards of a size"), "0")
    assert sized.shards == (1, 3, 64, 160)
    assert array_of(converted(plate, tmp_path / "c", "fixed chunks"), "0").chunks == (2, 2, 32, 32)
    document = json.loads((converted(plate, tmp_path / "d", "codec") / IMAGE / "0/.zarray").read_text())
    assert document["compressor"] == {"id": "blosc", "cname": "lz4", "clevel": 9, "shuffle": 2, "blocksize": 1 << 20}


def test_factors_and_z_are_in_scales_and_translations(plate: SyntheticOperetta, tmp_path: Path) -> None:
    out = converted(plate, tmp_path, "factors")
    half, small = (array_of(out, level) for level in "12")
    assert (half.shape, small.shape) == ((2, 3, 30, 76), (2, 1, 15, 19))
    first, _, last = (level["coordinateTransformations"] for level in image_document(out)["datasets"])
    ratio = np.array(last[0]["scale"]) / np.array(first[0]["scale"])
    assert ratio.tolist() == [1, 3, 4, 8]
    moved = np.array(last[1]["translation"]) - np.array(first[1]["translation"])
    np.testing.assert_allclose(moved, np.array([0, 1, 1.5, 3.5]) * np.array(first[0]["scale"]))
    blocks = np.asarray(half[...], "f8").reshape(2, 1, 3, 15, 2, 19, 4).mean(axis=(2, 4, 6))
    assert np.abs(blocks - np.asarray(small[...])).max() <= 0.5


@pytest.mark.parametrize(
    "settings",
    [
        ["omezarr_options.shards.shard_mb=512", "omezarr_options.chunks.xy_chunk=1024"],
        ["omezarr_options.shards.z_factor=3", "omezarr_options.ngff_version=0.4"],
        ["omezarr_options.shards.c_factor=2", "ngff_version=0.4"],
        ["omezarr_options.shards.t_factor=2"],
    ],
)
def test_shards_need_no_more_than_their_size_and_a_version(
    plate: SyntheticOperetta, settings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    named = [word for setting in settings for word in ("--set", setting)]
    code = run(["plan", str(plate.folders[0]), "--ngff-version", "0.5", *named, "--json"])
    shown = capsys.readouterr()
    assert code == 0, shown.err
    assert json.loads(shown.out)["images"][0]["shards"] is not None


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({f"{COMPRESSION}.level": 12}, "level 12 is not possible with zstd; choose one from 0 to 9"),
        ({f"{COMPRESSION}.codec": "jpeg"}, "codec"),
        ({f"{LEVELS}.mode": "Factors", f"{LEVELS}.factors": [4, 2]}, "factors grow from level to level"),
        ({f"{LEVELS}.factors": [2], "omezarr_options.z_factor": 2}, "exclude each other"),
        ({f"{SHARDS}.mode": "Size"}, "shards need OME-Zarr 0.5 or later"),
        ({"omezarr_options.downsampling": "gaussian"}, "downsampling"),
        ({f"{CHUNKS}.xy_chunk": 0}, "xy_chunk"),
    ],
)
def test_impossible_options_are_one_sentence(
    plate: SyntheticOperetta, tmp_path: Path, wrong: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConvertersToolsUserError, match=words):
        convert(plate.folders[0], tmp_path / "out", converter_options=nested(wrong))
    assert not (tmp_path / "out").exists()
