"""Folders of which only the metadata are there can be planned; a conversion needs the image files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fractal_omezarr_converters.convert import convert, plan, verify
from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError
from fractal_omezarr_converters.testing import write_operetta

Run = Callable[..., Any]


def test_the_index_of_harmony_7_alone_plans(shared_data: Path, omezarr: Run) -> None:
    source = shared_data / "operetta" / "pe2loaddata-Version7"
    ran = omezarr("plan", source, "--json")
    assert ran.returncode == 0, ran.stderr
    document = json.loads(ran.stdout)
    (image,) = document["images"]
    assert image["path"] == "240624_WES_Perturbs_n_densities_1.1.zarr/A/01/0"
    assert (image["axes"], image["shape"], image["dtype"]) == ("czyx", [7, 1, 2160, 2160], "uint16")
    assert image["pixel_size"]["x"] == image["pixel_size"]["y"] == 0.296688132474701
    assert image["channels"][0] == "Alexa 488" and image["channels"][6] == "Brightfield"
    assert image["sources"] == 0 and image["tiles"] == 7
    assert sum("files are missing: 7" in text for text in document["warnings"]) == 1


def test_a_plan_in_words_says_each_warning_once(shared_data: Path, omezarr: Run) -> None:
    source = shared_data / "operetta" / "pe2loaddata-Version7"
    ran = omezarr("plan", source)
    assert ran.returncode == 0 and ran.stderr == ""
    warned = [line for line in ran.stdout.splitlines() if line.startswith("warning: ")]
    assert len(warned) == len(set(warned)) == 2
    assert all(line.count(str(source)) == 1 and ".." not in line for line in warned)


@pytest.mark.parametrize("command", ["convert", "plan"])
def test_without_any_file_only_a_plan_is_made(tmp_path: Path, omezarr: Run, command: str) -> None:
    truth = write_operetta(tmp_path / "source", layout=(1, 2), field_shape=(24, 40), planes=1)
    for file in truth.folders[0].rglob("*.tiff"):
        file.unlink()
    ran = omezarr(command, truth.folders[0], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    if command == "plan":
        assert ran.returncode == 0 and "2 images" in ran.stdout and "files are missing: 8" in ran.stdout
        return
    assert ran.returncode == 1 and ran.stdout == ""
    assert ran.stderr.startswith("error: None of the 8 image files") and ran.stderr.count("\n") == 1
    with pytest.raises(ConvertersToolsFileNotFoundError, match="copy the images"):
        convert(truth.folders[0], tmp_path / "out")


def test_with_some_files_the_rest_is_counted_as_missing(tmp_path: Path, omezarr: Run) -> None:
    truth = write_operetta(tmp_path / "source", layout=(1, 2), field_shape=(24, 40), planes=1)
    gone = truth.folders[0] / "Images" / "r02c03f01p01-ch3sk1fk1fl1.tiff"
    gone.unlink()
    made = plan(truth.folders[0])
    assert made.missing_planes == 1 and any(gone.name in text for text in made.warnings)
    ran = omezarr("convert", truth.folders[0], tmp_path / "out", "--workers", 1)
    assert ran.returncode == 0 and ran.stderr.count(gone.name) == 1
    done = verify(tmp_path / "out")
    assert done.ok and len(done.images) == 2


def test_a_well_without_files_is_named(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    truth = write_operetta(tmp_path / "source", layout=(1, 1), field_shape=(24, 40), planes=1)
    for file in truth.folders[0].rglob("r05c05*.tiff"):
        file.unlink()
    for file in truth.folders[0].rglob("r03c05*.tiff"):
        file.unlink()
    made = plan(truth.folders[0])
    assert [image.path for image in made] == ["Synthetic Plate.zarr/B/03/0"]
    assert any("C05" in text for text in made.warnings)
    shutil.rmtree(tmp_path / "source")
