"""Folders and files that may not be read: one sentence that names the first of them and says whom to ask."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fractal_omezarr_converters.testing.synthetic_named import PATTERN, write_named_images
from fractal_omezarr_converters.testing.synthetic_operetta import PlaneKey, SyntheticOperetta, write_operetta

#: The superuser may read everything, unless it gives this up.
AS_ANYBODY = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
ASK = "cannot be read (Permission denied); ask its owner for the right to read it.\n"


def omezarr(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [*AS_ANYBODY, sys.executable, "-m", "fractal_omezarr_converters.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def closed(place: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command while a place may not be read."""
    rights = place.stat().st_mode
    place.chmod(0)
    try:
        return omezarr(*arguments)
    finally:
        place.chmod(rights)


@pytest.fixture
def plate(tmp_path: Path) -> SyntheticOperetta:
    return write_operetta(tmp_path / "source", wells=("B03",), layout=(1, 1), field_shape=(24, 40), planes=1)


@pytest.mark.parametrize("named", [[], ["--format", "operetta"], ["--format", "named_images"]])
def test_a_source(plate: SyntheticOperetta, tmp_path: Path, named: list[str]) -> None:
    source = plate.folders[0]
    images = source / plate.images_folder
    files = [] if named else [source, images / "Index.idx.xml", images / plate.url(PlaneKey("B03", 1, 0, 0))]
    for place in (source.parent, images, *files):
        ran = closed(place, "convert", source, tmp_path / "out", *named)
        assert ran.returncode == 1 and ran.stdout == ""
        assert ran.stderr.removeprefix("error: ").removeprefix("File ") == f"'{place}' {ASK}"


def test_output_that_is_verified(plate: SyntheticOperetta, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert omezarr("convert", plate.folders[0], out).returncode == 0
    for place in (out, out / "Synthetic Plate.zarr", out / "Synthetic Plate.zarr/B/03/0"):
        ran = closed(place, "verify", out)
        assert ran.returncode == 1 and ran.stderr == f"error: '{place}' {ASK}"


def test_a_folder_of_somebody_else_beside_the_data(plate: SyntheticOperetta) -> None:
    beside = plate.folders[0] / "lost+found"
    beside.mkdir()
    ran = closed(beside, "inspect", plate.folders[0])
    assert ran.returncode == 0, ran.stderr


def test_no_well_of_images_named_by_a_pattern_is_lost(tmp_path: Path) -> None:
    source = write_named_images(tmp_path, wells=("B03", "C04"), layout=(1, 1), field_shape=(16, 24)).folders[0]
    (source / "more" / "Synthetic Plate").mkdir(parents=True)
    for file in (source / "Synthetic Plate").glob("C04*"):
        file.rename(source / "more" / "Synthetic Plate" / file.name)
    named = ("--format", "named_images", "--set", f"pattern=(.*/)?{PATTERN}", "--set", "pixel_size=1")
    whole = omezarr("plan", source, *named)
    assert any((source / "more").rglob("*.tif")) and "2 wells (B03, C04)" in whole.stdout, whole.stderr
    ran = closed(source / "more", "plan", source, *named)
    assert ran.returncode == 1 and ran.stderr == f"error: '{source / 'more'}' {ASK}"


@pytest.mark.parametrize("level", ["0", "1"])
def test_chunks_that_may_not_be_read_are_not_damaged_or_missing(tmp_path: Path, level: str) -> None:
    source = write_operetta(tmp_path / "source", wells=("B03",), layout=(2, 2), field_shape=(64, 64), planes=1)
    out, image = tmp_path / "out", tmp_path / "out/Synthetic Plate.zarr/B/03/0"
    assert (
        omezarr(
            "convert",
            source.folders[0],
            out,
            "--set",
            "omezarr_options.chunks.xy_chunk=32",
            "--set",
            "omezarr_options.levels.num_levels=2",
        ).returncode
        == 0
    )
    chunk = next(
        file for file in sorted((image / level).rglob("*")) if file.is_file() and not file.name.startswith(".")
    )
    for place in (chunk, chunk.parent):
        ran = closed(place, "verify", out)
        assert ran.returncode == 1 and ran.stdout.splitlines()[1:] == [f"{image}: '{place}' {ASK.strip()}"], ran
