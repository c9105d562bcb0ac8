"""The messages that docs/fractal.md quotes are those that users really get, word for word."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fractal_omezarr_converters import tasks
from fractal_omezarr_converters.errors import ConvertersToolsError
from fractal_omezarr_converters.fractal import init
from fractal_omezarr_converters.ngff.staging_owner import OWNER_FILE
from fractal_omezarr_converters.tasks.operetta import convert_compute, convert_init
from fractal_omezarr_converters.testing.synthetic_operetta import PlaneKey, SyntheticOperetta, write_operetta


@pytest.fixture
def quoted(project_root: Path) -> list[str]:
    """The first cell of every row of the table of messages."""
    section = (
        (project_root / "docs" / "fractal.md").read_text().partition("### When a job fails")[2].partition("\n## ")[0]
    )
    return re.findall(r"^\| `([^`]+)` \|", section, re.MULTILINE)


@pytest.fixture
def plate(tmp_path: Path) -> SyntheticOperetta:
    return write_operetta(tmp_path / "in", wells=("B03", "C05"), layout=(1, 1), field_shape=(32, 32), planes=1)


def start(plate: SyntheticOperetta, out: Path, **more: Any) -> list[dict[str, Any]]:
    acquisitions = more.pop("acquisitions", [{"path": str(plate.folders[0]), **more.pop("acquisition", {})}])
    result = convert_init(zarr_dir=str(out), acquisitions=acquisitions, **more)
    jobs: list[dict[str, Any]] = result["parallelization_list"]
    return jobs


def existing_plate(plate: SyntheticOperetta, tmp_path: Path) -> None:
    for job in start(plate, tmp_path / "out"):
        convert_compute(**job)
    start(plate, tmp_path / "out")


def another_cycle(plate: SyntheticOperetta, tmp_path: Path) -> None:
    """Overwrite where Extend is meant."""
    for job in start(plate, tmp_path / "out"):
        convert_compute(**job)
    start(plate, tmp_path / "out", acquisition={"acquisition": 1}, overwrite="Overwrite")


def another_cycle_of_the_same_number(plate: SyntheticOperetta, tmp_path: Path) -> None:
    """Extend, and the number was left as it was."""
    for job in start(plate, tmp_path / "out"):
        convert_compute(**job)
    second = write_operetta(tmp_path / "second", wells=("B03", "C05"), layout=(1, 1), field_shape=(32, 32), planes=1)
    start(second, tmp_path / "out", overwrite="Extend")


def held_by_another_run(plate: SyntheticOperetta, tmp_path: Path) -> None:
    """A process on another computer showed signs of life just now."""
    claim = Path(start(plate, tmp_path / "out")[0]["zarr_url"]).parent / ".0.writing-0badcafe-1-2-aaaaaaaa" / OWNER_FILE
    claim.parent.mkdir(parents=True)
    claim.write_text(json.dumps({"host": "node7", "pid": 7, "since": 1.7e9, "user": "anna"}))
    start(plate, tmp_path / "out", overwrite="Overwrite")


def half_overwritten(plate: SyntheticOperetta, tmp_path: Path) -> None:
    for job in start(plate, tmp_path / "out"):
        convert_compute(**job)
    start(plate, tmp_path / "out", overwrite="Overwrite")
    start(plate, tmp_path / "out")


def damaged_file(plate: SyntheticOperetta, tmp_path: Path) -> None:
    file = plate.folders[0] / plate.images_folder / plate.url(PlaneKey("B03", 1))
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2].ljust(len(content), b"\xff"))
    for job in start(plate, tmp_path / "out"):
        convert_compute(**job)


def too_many(plate: SyntheticOperetta, tmp_path: Path) -> None:
    init.check_images([None] * (init.MOST_IMAGES + 1))  # type: ignore[list-item]  # only counted


FAILURES: dict[str, Callable[[SyntheticOperetta, Path], Any]] = {
    "There is no folder": lambda plate, here: start(plate, here / "out", acquisitions=[{"path": "/data/no plate"}]),
    "Windows computer": lambda plate, here: start(plate, here / "out", acquisitions=[{"path": r"Z:\data\plate 1"}]),
    "holds no index": lambda plate, here: start(plate, here / "out", acquisitions=[{"path": str(here)}]),
    "both make the image": lambda plate, here: start(
        plate, here / "out", acquisitions=[{"path": str(plate.folders[0])}] * 2
    ),
    "names the well": lambda plate, here: start(
        plate, here / "out", acquisition={"advanced": {"filters": [{"name": "Well Filter", "wells": ["H12"]}]}}
    ),
    "Condition table": lambda plate, here: start(
        plate, here / "out", acquisition={"advanced": {"condition_table_path": str(here / "none.csv")}}
    ),
    "cannot be written to": lambda plate, here: start(plate, plate.folders[0] / "Images" / "Index.idx.xml"),
    "20001 images": too_many,
    "exists in": existing_plate,
    "which this run does not make": another_cycle,
    "which this run does not read": another_cycle_of_the_same_number,
    "is being written by another run": held_by_another_run,
    "is being overwritten": half_overwritten,
    "cannot be read": damaged_file,
}


@pytest.mark.parametrize("words", FAILURES)
def test_a_quoted_message_is_real(quoted: list[str], plate: SyntheticOperetta, tmp_path: Path, words: str) -> None:
    with pytest.raises(ConvertersToolsError) as caught:
        FAILURES[words](plate, tmp_path)
    rows = [row for row in quoted if words in row]
    assert len(rows) == 1
    pattern = ".*".join(re.escape(part) for part in rows[0].split("..."))
    assert re.fullmatch(pattern, str(caught.value).strip(), re.DOTALL), str(caught.value)


def test_the_message_about_arguments_is_real(quoted: list[str], tmp_path: Path) -> None:
    given = tmp_path / "args.json"
    given.write_text('{"zarr_dir": "/out", "acquisitions": [], "overwrite": "Replace"}')
    file = Path(tasks.__path__[0]) / "operetta" / "convert_init.py"
    command = [sys.executable, file, "--args-json", given, "--out-json", tmp_path / "out.json"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stderr.strip().endswith(next(row for row in quoted if "overwrite:" in row))


def test_every_row_is_tried(quoted: list[str]) -> None:
    untried = [row for row in quoted if not any(words in row for words in (*FAILURES, "overwrite:"))]
    assert quoted and untried == []
