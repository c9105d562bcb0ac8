"""What users do with the converters on Fractal, one story after the other, each checked to the last pixel."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checks import (
    fingerprint,
    require,
    require_clean_logs,
    require_done,
    require_images,
    require_refused,
    require_verified,
)
from client import Client, JobResult, TaskGroup
from programs import run

OPERETTA = "Convert Operetta and Opera Phenix to OME-Zarr"
TILE_TABLE = "Convert a Table of Tiles to OME-Zarr"
PROJECTION = "Project Image (HCS Plate)"
PLATE = "Synthetic Plate.zarr"
CONDITIONS = {
    "B03": ("DMSO", 0.5),
    "C05": ("Taxol", 2.5),
    "D04": ("Taxol", 5.0),
    "E07": ("DMSO", 0.25),
    "F08": ("Nocodazole", 1.5),
}


@dataclass
class Stories:
    """The stories share a client, the collected package and a plate that grows."""

    client: Client
    tasks: TaskGroup
    data: Path
    project: str = ""
    jobs: int = 0
    wells: list[str] = field(default_factory=lambda: ["B03", "C05"])

    def prepare(self) -> None:
        """Write the acquisitions with the collected package itself, and make a project."""
        run([self.tasks.programs / "python", Path(__file__).with_name("write_data.py"), self.data])
        self.project = self.client.new_project("stack")
        self.dataset, self.zarr_dir = self.client.new_dataset(self.project, "plate")

    @property
    def plate(self) -> Path:
        """The converted plate."""
        return self.zarr_dir / PLATE

    @property
    def measurement(self) -> Path:
        """The measurement folder of the synthetic plate."""
        return next((self.data / "plate").iterdir())

    def plate_is_converted(self) -> None:
        """A plate of two wells with conditions."""
        job = self._convert("No Overwrite")
        require_done(job)
        self._check_plate(job)

    def single_images_are_converted(self) -> None:
        """Two images that belong to no plate, one of them in a sub-folder."""
        dataset, zarr_dir = self.client.new_dataset(self.project, "single images")
        arguments = {"acquisitions": [{"path": str(self.data / "single")}]}
        job = self._run([(TILE_TABLE, arguments)], dataset)
        require_done(job)
        require_clean_logs(job.logs)
        expected: dict[Path, dict[str, Any]] = {
            zarr_dir / "control.zarr": {"drug": "DMSO"},
            zarr_dir / "treated" / "first.zarr": {"drug": "Taxol"},
        }
        require_images(self.client.images(self.project, dataset), expected, is_3d=False)
        print("   " + require_verified(self.tasks.programs, zarr_dir))

    def second_run_is_refused(self) -> None:
        """No Overwrite on a plate that exists: a sentence, and not a byte is touched."""
        before = fingerprint(self.zarr_dir)
        job = self._convert("No Overwrite")
        require_refused(job, "choose Extend to add to it, Overwrite to replace it")
        require_clean_logs(job.logs)
        require(fingerprint(self.zarr_dir) == before, "The refused run changed files of the plate.")

    def plate_is_overwritten(self) -> None:
        """Overwrite makes every image anew."""
        before = fingerprint(self.plate)
        job = self._convert("Overwrite")
        require_done(job)
        self._check_plate(job)
        after = fingerprint(self.plate)
        old = [name for name, state in before.items() if "/0/" in name and after.get(name) == state]
        require(not old, f"Overwrite left old files: {old[:3]}")

    def plate_is_extended(self) -> None:
        """One more well was imaged: Extend converts it and leaves the others alone."""
        self._grow("more", ["D04"])
        before = fingerprint(self.plate)
        job = self._convert("Extend")
        require_done(job)
        self._check_plate(job)
        self._require_untouched(before)

    def failed_well_is_done_by_extend(self) -> None:
        """One well of two new ones fails; the other is complete, and Extend does the failed one when its file is whole."""
        self._grow("damaged", ["E07", "F08"])
        job = self._convert("Extend")
        whole = next((self.data / "whole").iterdir())
        require_refused(job, whole.name)
        listed = [Path(item["zarr_url"]) for item in self.client.images(self.project, self.dataset)]
        require(self._image("F08") in listed, "A well that is complete is not in the image list.")
        require(self._image("E07") not in listed, "A well that failed is in the image list.")
        shutil.copy(whole, self.measurement / "Images" / whole.name)
        before = fingerprint(self.plate)
        job = self._convert("Extend")
        require_done(job)
        self._check_plate(job)
        self._require_untouched(before)

    def workflow_goes_on(self, core: TaskGroup) -> None:
        """Conversion and projection in one workflow; ngio reads what both leave."""
        dataset, zarr_dir = self.client.new_dataset(self.project, "projected")
        job = self._run([(OPERETTA, self._arguments("No Overwrite")), (PROJECTION, {})], dataset)
        require_done(job)
        require_clean_logs(job.logs_of(0))
        images = self.client.images(self.project, dataset)
        flat = {Path(item["zarr_url"]) for item in images if not item["types"]["is_3D"]}
        projected = next(path for path in zarr_dir.iterdir() if path.suffix == ".zarr" and path.name != PLATE)
        wanted = {projected / well[0] / well[1:] / "0" for well in self.wells}
        require(flat == wanted, f"The projected images are {sorted(flat)} instead of {sorted(wanted)}.")
        reader = Path(__file__).with_name("read_with_ngio.py")
        said = run([core.programs / "python", "-W", "ignore", reader, zarr_dir / PLATE, projected])
        print("   " + said.strip().replace("\n", "\n   "))

    def _arguments(self, overwrite: str) -> dict[str, Any]:
        table = self.data / "conditions.csv"
        rows = [f"{well},{CONDITIONS[well][0]},{CONDITIONS[well][1]}" for well in self.wells]
        table.write_text("\n".join(["well,drug,dose_um", *rows]) + "\n")
        acquisition = {"path": str(self.measurement), "advanced": {"condition_table_path": str(table)}}
        return {"acquisitions": [acquisition], "overwrite": overwrite}

    def _convert(self, overwrite: str) -> JobResult:
        return self._run([(OPERETTA, self._arguments(overwrite))], self.dataset)

    def _run(self, tasks: list[tuple[str, dict[str, Any]]], dataset: str) -> JobResult:
        self.jobs += 1
        workflow = self.client.new_workflow(self.project, f"workflow {self.jobs}", tasks)
        job = self.client.run_job(self.project, workflow, dataset)
        print(f"   job: {job.status} in {job.seconds:.1f} s")
        return job

    def _image(self, well: str) -> Path:
        return self.plate / well[0] / well[1:] / "0"

    def _check_plate(self, job: JobResult) -> None:
        require_clean_logs(job.logs)
        expected = {
            self._image(well): {
                "plate": PLATE,
                "well": well,
                "acquisition": 0,
                "drug": CONDITIONS[well][0],
                "dose_um": CONDITIONS[well][1],
            }
            for well in self.wells
        }
        require_images(self.client.images(self.project, self.dataset), expected, is_3d=True)
        print("   " + require_verified(self.tasks.programs, self.plate))

    def _grow(self, source: str, wells: list[str]) -> None:
        """The microscope goes on: new files and a new index appear in the measurement folder."""
        exported = next((self.data / source).iterdir())
        for path in exported.rglob("*"):
            there = self.measurement / path.relative_to(exported)
            if path.is_file() and (not there.exists() or path.suffix == ".xml"):
                shutil.copy(path, there)
        self.wells += wells

    def _require_untouched(self, before: dict[str, tuple[int, int]]) -> None:
        """Chunks that were there are the same files as before."""
        after = fingerprint(self.plate)
        chunks = {
            name: state for name, state in before.items() if not name.rpartition("/")[2].startswith((".z", "zarr"))
        }
        changed = [name for name, state in chunks.items() if after.get(name) != state and "_table" not in name]
        require(not changed, f"Extend touched images that were complete: {changed[:3]}")
