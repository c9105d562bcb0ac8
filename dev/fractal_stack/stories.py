"""What users do with the converters on Fractal, one story after the other, each checked to the last pixel."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from checks import (
    require,
    require_clean_logs,
    require_done,
    require_images,
    require_verified,
)
from client import Client, JobResult, TaskGroup
from programs import run

OPERETTA = "Convert Operetta and Opera Phenix to OME-Zarr"
TILE_TABLE = "Convert a Table of Tiles to OME-Zarr"
ANY_PLATE = "Convert Any Supported Plate to OME-Zarr"
PROJECTION = "Project Image (HCS Plate)"
PLATE = "Synthetic Plate.zarr"
PROJECTED = ["B03", "C05"]
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
    fields: int = 4
    cycles: int = 1

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
        """The first measurement folder of the synthetic plate."""
        return self.measurements[0]

    @property
    def measurements(self) -> list[Path]:
        """The measurement folders of the synthetic plate, one per cycle."""
        return sorted((self.data / "plate").iterdir())

    def plate_is_converted(self) -> None:
        """A plate of two wells with conditions."""
        self.check_plate(self.convert("No Overwrite"))

    def single_images_are_converted(self) -> None:
        """Two images that belong to no plate, one of them in a sub-folder."""
        dataset, zarr_dir = self.client.new_dataset(self.project, "single images")
        arguments = {"acquisitions": [{"path": str(self.data / "single")}]}
        job = self.run([(TILE_TABLE, arguments)], dataset)
        require_done(job)
        require_clean_logs(job.logs)
        expected: dict[Path, dict[str, Any]] = {
            zarr_dir / "control.zarr": {"drug": "DMSO"},
            zarr_dir / "treated" / "first.zarr": {"drug": "Taxol"},
        }
        require_images(self.client.images(self.project, dataset), expected, is_3d=False)
        print("   " + require_verified(self.tasks.programs, zarr_dir))

    def plate_is_detected(self) -> None:
        """The same plate by the task that finds out what wrote a folder."""
        dataset, zarr_dir = self.client.new_dataset(self.project, "detected")
        job = self.run([(ANY_PLATE, {"acquisitions": [{"path": str(self.measurement)}]})], dataset)
        require_done(job)
        require_clean_logs(job.logs)
        expected: dict[Path, dict[str, Any]] = {
            zarr_dir / PLATE / well[0] / well[1:] / "0": {"plate": PLATE, "well": well, "acquisition": 0}
            for well in self.wells
        }
        require_images(self.client.images(self.project, dataset), expected, is_3d=True)
        print("   " + require_verified(self.tasks.programs, zarr_dir / PLATE))

    def workflow_goes_on(self, core: TaskGroup) -> None:
        """Conversion and projection in one workflow; ngio reads what both leave."""
        dataset, zarr_dir = self.client.new_dataset(self.project, "projected")
        job = self.run([(OPERETTA, self.arguments("No Overwrite", wells=PROJECTED)), (PROJECTION, {})], dataset)
        require_done(job)
        require_clean_logs(job.logs_of(0))
        images = self.client.images(self.project, dataset)
        flat = {Path(item["zarr_url"]) for item in images if not item["types"]["is_3D"]}
        projected = next(path for path in zarr_dir.iterdir() if path.suffix == ".zarr" and path.name != PLATE)
        wanted = {projected / well[0] / well[1:] / str(cycle) for well in PROJECTED for cycle in range(self.cycles)}
        require(flat == wanted, f"The projected images are {sorted(flat)} instead of {sorted(wanted)}.")
        reader = Path(__file__).with_name("read_with_ngio.py")
        said = run([core.programs / "python", "-W", "ignore", reader, zarr_dir / PLATE, projected, str(self.fields)])
        print("   " + said.strip().replace("\n", "\n   "))

    def arguments(self, overwrite: str, *, wells: Sequence[str] = (), conditions: Sequence[str] = ()) -> dict[str, Any]:
        """What a user fills in: all measurements with their conditions; some wells only, conditions of some only."""
        table = self.data / "conditions.csv"
        rows = [f"{well},{CONDITIONS[well][0]},{CONDITIONS[well][1]}" for well in conditions or self.wells]
        table.write_text("\n".join(["well,drug,dose_um", *rows]) + "\n")
        corrections: dict[str, Any] = {"condition_table_path": str(table)}
        if wells:
            corrections["filters"] = [{"name": "Well Filter", "mode": "Include", "wells": list(wells)}]
        acquisitions = [
            {"path": str(folder), "acquisition": number, "advanced": corrections}
            for number, folder in enumerate(self.measurements)
        ]
        return {"acquisitions": acquisitions, "overwrite": overwrite}

    def convert(self, overwrite: str, **more: Any) -> JobResult:
        """Convert the plate into the dataset that all stories share."""
        return self.run([(OPERETTA, self.arguments(overwrite, **more))], self.dataset)

    def run(
        self,
        tasks: list[tuple[str, dict[str, Any]]],
        dataset: str,
        *,
        during: Callable[[], None] | None = None,
        **more: Any,
    ) -> JobResult:
        """Run a new workflow of tasks; ``during`` happens while the job runs."""
        self.jobs += 1
        workflow = self.client.new_workflow(self.project, f"workflow {self.jobs}", tasks)
        number = self.client.submit_job(self.project, workflow, dataset)
        if during is not None:
            during()
        job = self.client.end_of_job(self.project, number, **more)
        print(f"   job: {job.status} in {job.seconds:.1f} s")
        return job

    def image(self, well: str, cycle: int = 0) -> Path:
        """Where the image of a well lies."""
        return self.plate / well[0] / well[1:] / str(cycle)

    def listed(self) -> list[Path]:
        """The image list of the dataset that all stories share."""
        return [Path(item["zarr_url"]) for item in self.client.images(self.project, self.dataset)]

    def check_plate(self, job: JobResult) -> None:
        """Logs, image list, conditions and every pixel of the shared plate."""
        require_done(job)
        require_clean_logs(job.logs)
        self.check_images()

    def check_images(self) -> None:
        """Image list, conditions and every pixel of the shared plate."""
        expected = {
            self.image(well, cycle): {
                "plate": PLATE,
                "well": well,
                "acquisition": cycle,
                "drug": CONDITIONS[well][0],
                "dose_um": CONDITIONS[well][1],
            }
            for well in self.wells
            for cycle in range(self.cycles)
        }
        require_images(self.client.images(self.project, self.dataset), expected, is_3d=True)
        stated = {(row["well"], row["acquisition"]): row["drug"] for row in self._plate_conditions()}
        wanted = {(well, cycle): CONDITIONS[well][0] for well in self.wells for cycle in range(self.cycles)}
        require(stated == wanted, f"The condition table of the plate holds {stated} instead of {wanted}.")
        print("   " + require_verified(self.tasks.programs, self.plate))

    def _plate_conditions(self) -> list[dict[str, Any]]:
        reader = Path(__file__).with_name("read_conditions.py")
        found: list[dict[str, Any]] = json.loads(run([self.tasks.programs / "python", reader, self.plate]))
        return found
