"""Conversions that are run again with Extend, by the task files in processes of their own."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from task_jobs import COMPUTE, INIT, Job

from fractal_omezarr_converters.convert import verify
from fractal_omezarr_converters.ngff import open_plate
from fractal_omezarr_converters.ngff.stores import open_store
from fractal_omezarr_converters.ngff.tables import read_table
from fractal_omezarr_converters.testing.synthetic_operetta import PlaneKey, SyntheticOperetta, write_operetta

PLATE = "Synthetic Plate.zarr"
FORM: dict[str, Any] = {"layout": (1, 2), "field_shape": (24, 40), "overlap": 0, "planes": 2}


class Experiment:
    """A measurement that grows, its output, and the runs of the converter."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.out = folder / "out"
        self.plate = self.out / PLATE
        self.made = 0

    def image(self, well: str, acquisition: int = 0) -> Path:
        return self.plate / well[0] / well[1:] / str(acquisition)

    def imaged(self, wells: Sequence[str], **more: Any) -> SyntheticOperetta:
        """The microscope goes on: its folders hold more than before."""
        shutil.rmtree(self.folder / "in", ignore_errors=True)
        self.truth = write_operetta(self.folder / "in", wells=wells, **{**FORM, **more})
        for file in (self.folder / "in").rglob("*.tif*"):  # copies keep the times of their files
            os.utime(file, (1_700_000_000, 1_700_000_000))
        return self.truth

    def start(self, mode: str, *, conditions: Sequence[str] = (), wells: Sequence[str] = ()) -> list[dict[str, Any]]:
        """The init step; gives the jobs."""
        corrections: dict[str, Any] = {}
        if conditions:
            table = self.folder / "conditions.csv"
            table.write_text("well,drug\n" + "".join(f"{well},drug of {well}\n" for well in conditions))
            corrections["condition_table_path"] = str(table)
        if wells:
            corrections["filters"] = [{"name": "Well Filter", "mode": "Include", "wells": list(wells)}]
        acquisitions = [
            {"path": str(folder), "acquisition": number, "advanced": corrections}
            for number, folder in enumerate(self.truth.folders)
        ]
        arguments = {"zarr_dir": str(self.out), "acquisitions": acquisitions, "overwrite": mode}
        init = Job(INIT, arguments, self.folder / "jobs")
        assert init.code == 0, init.log
        jobs: list[dict[str, Any]] = init.result["parallelization_list"]
        return jobs

    def run(self, mode: str, **more: Any) -> dict[Path, Job]:
        """All steps; gives the jobs by their images."""
        started = self.start(mode, **more)
        return {Path(job["zarr_url"]): Job(COMPUTE, job, self.folder / "jobs") for job in started}

    def files(self, *images: Path) -> dict[Path, tuple[int, int, int]]:
        """Every file of some images, with what tells it from a newer one."""
        found = [path for image in images for path in image.rglob("*") if path.is_file()]
        return {path: (path.stat().st_ino, path.stat().st_size, path.stat().st_mtime_ns) for path in found}


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    return Experiment(tmp_path)


def require_right(experiment: Experiment, wells: Sequence[str], acquisitions: int = 1) -> None:
    """The plate lists just these wells and acquisitions, and every pixel is that of its source."""
    assert sorted(open_plate(experiment.plate).well_paths) == sorted(f"{well[0]}/{well[1:]}" for well in wells)
    found = verify(experiment.plate)
    assert len(found.images) == len(wells) * acquisitions
    assert found.ok, found.problems


def test_wells_are_added_and_conditions_of_the_others_stay(experiment: Experiment) -> None:
    experiment.imaged(["B03", "C05"])
    experiment.run("No Overwrite", conditions=["B03", "C05"])
    before = experiment.files(experiment.image("B03"), experiment.image("C05"))
    experiment.imaged(["B03", "C05", "D04"])
    ran = experiment.run("Extend", conditions=["D04"], wells=["D04"])
    assert list(ran) == [experiment.image("D04")]
    assert experiment.files(experiment.image("B03"), experiment.image("C05")) == before
    table = read_table(open_store(experiment.plate), "", "condition_table")
    assert list(table["drug"]) == ["drug of B03", "drug of C05", "drug of D04"]
    require_right(experiment, ["B03", "C05", "D04"])


def test_fields_are_added_to_wells_that_were_complete(experiment: Experiment) -> None:
    experiment.imaged(["B03", "C05"])
    experiment.run("No Overwrite")
    experiment.imaged(["B03", "C05"], layout=(2, 2))
    ran = experiment.run("Extend")
    assert all(job.code == 0 for job in ran.values())
    for well in ("B03", "C05"):
        table = read_table(open_store(experiment.image(well)), "", "FOV_ROI_table")
        assert list(table["FieldIndex"]) == ["FOV_1", "FOV_2", "FOV_3", "FOV_4"]
    require_right(experiment, ["B03", "C05"])


def test_an_acquisition_is_added(experiment: Experiment) -> None:
    experiment.imaged(["B03", "C05"])
    experiment.run("No Overwrite")
    before = experiment.files(experiment.image("B03"), experiment.image("C05"))
    experiment.imaged(["B03", "C05"], acquisitions=2)
    ran = experiment.run("Extend")
    assert all(job.code == 0 for job in ran.values())
    assert experiment.files(experiment.image("B03"), experiment.image("C05")) == before
    document = json.loads((experiment.plate / ".zattrs").read_text())["plate"]
    assert [each["id"] for each in document["acquisitions"]] == [0, 1]
    require_right(experiment, ["B03", "C05"], acquisitions=2)


def test_one_well_of_many_fails_and_the_next_run_does_it_alone(experiment: Experiment) -> None:
    wells = ["B03", "C05", "D04", "E07"]
    truth = experiment.imaged(wells)
    file = truth.folders[0] / truth.images_folder / truth.url(PlaneKey("D04", 2, 1, 1))
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2].ljust(len(whole), b"\xff"))
    ran = experiment.run("No Overwrite")
    failed = experiment.image("D04")
    assert [image for image, job in ran.items() if job.code] == [failed]
    assert file.name in ran[failed].log.splitlines()[-1] and ran[failed].result is None
    assert not failed.exists()
    others = [experiment.image(well) for well in wells if well != "D04"]
    before = experiment.files(*others)
    file.write_bytes(whole)
    ran = experiment.run("Extend")
    assert all(job.code == 0 for job in ran.values())
    assert [image for image, job in ran.items() if " written in " in job.log] == [failed]
    assert experiment.files(*others) == before
    assert all(len(job.result["image_list_updates"]) == 1 for job in ran.values())
    require_right(experiment, wells)
