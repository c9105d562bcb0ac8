"""What users do when they run a conversion again, one story after the other on one plate that grows."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from checks import (
    fingerprint,
    flagged_lines,
    require,
    require_clean_logs,
    require_done,
    require_images,
    require_refused,
    require_verified,
)
from interruption import kill_while_writing
from stories import OPERETTA, PLATE, Stories


@dataclass
class Reruns:
    """The stories go on with the plate that the first stories made."""

    on: Stories

    def second_run_is_refused(self) -> None:
        """No Overwrite on a plate that exists: a sentence, and not a byte is touched."""
        before = fingerprint(self.on.zarr_dir)
        job = self.on.convert("No Overwrite")
        require_refused(job, "choose Extend to add to it, Overwrite to replace it")
        require_clean_logs(job.logs)
        require(list(job.logs) == [name for name in job.logs if "non_par" in name], "A refused job wrote images.")
        require(fingerprint(self.on.zarr_dir) == before, "The refused run changed files of the plate.")

    def plate_is_overwritten(self) -> None:
        """Overwrite makes every image anew."""
        before = fingerprint(self.on.plate)
        self.on.check_plate(self.on.convert("Overwrite"))
        after = fingerprint(self.on.plate)
        old = [name for name, state in before.items() if "/0/" in name and after.get(name) == state]
        require(not old, f"Overwrite left old files: {old[:3]}")

    def well_is_added(self) -> None:
        """One more well was imaged: Extend converts it alone, and the conditions of the others stay."""
        self._grow("more", wells=["D04"])
        before = fingerprint(self.on.plate)
        job = self.on.convert("Extend", wells=["D04"], conditions=["D04"])
        self.on.check_plate(job)
        self._require_untouched(before)
        require(len(job.logs) == 2, f"One image was to be made, the job wrote the logs {sorted(job.logs)}.")

    def failed_well_is_done_by_extend(self) -> None:
        """One well of two new ones fails; the other is complete, and Extend does the failed one when its file is whole."""
        self._grow("damaged", wells=["E07", "F08"])
        job = self.on.convert("Extend")
        whole = next((self.on.data / "whole").iterdir())
        require_refused(job, whole.name)
        listed = self.on.listed()
        require(self.on.image("F08") in listed, "A well that is complete is not in the image list.")
        require(self.on.image("E07") not in listed, "A well that failed is in the image list.")
        require(not self.on.image("E07").exists(), "A well that failed left an image.")
        shutil.copy(whole, self.on.measurement / "Images" / whole.name)
        before = fingerprint(self.on.plate)
        self.on.check_plate(self.on.convert("Extend"))
        self._require_untouched(before)

    def fields_are_added(self) -> None:
        """More fields of every well were imaged: Extend makes the images, which are larger now, anew."""
        self._grow("fields", fields=6)
        before = fingerprint(self.on.plate)
        self.on.check_plate(self.on.convert("Extend"))
        after = fingerprint(self.on.plate)
        kept = [name for name, state in before.items() if name.endswith("/0/.zarray") and after.get(name) == state]
        require(not kept, f"Extend left images without the new fields: {kept[:3]}")

    def acquisition_is_added(self) -> None:
        """The plate was imaged again: Extend adds the second acquisition and leaves the first alone."""
        second = sorted((self.on.data / "cycles").iterdir())[1]
        shutil.copytree(second, self.on.data / "plate" / second.name)
        self.on.cycles = 2
        before = fingerprint(self.on.plate)
        self.on.check_plate(self.on.convert("Extend"))
        self._require_untouched(before)

    def killed_image_is_done_by_extend(self) -> None:
        """The process that writes one of two wells is killed; the other is complete, and Extend does the killed one."""
        dataset, zarr_dir = self.on.client.new_dataset(self.on.project, "interrupted")
        measurement = next((self.on.data / "slow").iterdir())
        arguments = {"acquisitions": [{"path": str(measurement)}]}
        killed, other = zarr_dir / PLATE / "B" / "03" / "0", zarr_dir / PLATE / "C" / "05" / "0"
        job = self.on.run([(OPERETTA, arguments)], dataset, during=lambda: kill_while_writing(killed))
        require(job.status == "failed", f"The job is '{job.status}' although one of its processes was killed.")
        listed = [Path(item["zarr_url"]) for item in self.on.client.images(self.on.project, dataset)]
        require(listed == [other], f"The image list is {listed} instead of {other} alone.")
        require(not killed.exists(), "The image whose process was killed is there.")
        before = fingerprint(other)
        job = self.on.run([(OPERETTA, {**arguments, "overwrite": "Extend"})], dataset)
        require_done(job)
        expected = {
            place: {"plate": PLATE, "well": well, "acquisition": 0} for place, well in ((killed, "B03"), (other, "C05"))
        }
        require_images(self.on.client.images(self.on.project, dataset), expected, is_3d=True)
        require(fingerprint(other) == before, "Extend touched the image that was complete.")
        left = [path.name for path in killed.parent.iterdir() if path.name.startswith(".0.")]
        require(not left, f"What the killed process wrote is still there: {left}")
        print("   " + require_verified(self.on.tasks.programs, zarr_dir / PLATE))

    def plate_is_overwritten_with_less(self) -> None:
        """Overwrite with two of five wells: the log says what goes, and the rest is gone when the new wells are whole."""
        kept, gone = ["B03", "F08"], ["C05", "D04", "E07"]
        job = self.on.convert("Overwrite", wells=kept)
        require_done(job)
        told = flagged_lines(job.logs)
        require(len(told) == 1 and "C05" in told[0], f"The log does not say once what is lost: {told}")
        left = [well for well in gone if self.on.image(well).parent.exists()]
        require(not left, f"Wells that the run did not make are still there: {left}")
        lost = [self.on.image(well, cycle) for well in gone for cycle in range(self.on.cycles)]
        require(set(lost) <= set(self.on.listed()), "Fractal forgot images by itself; say so in docs/fractal.md.")
        for place in lost:
            self.on.client.forget_image(self.on.project, self.on.dataset, place)
        everything, self.on.wells = self.on.wells, kept
        self.on.check_images()
        self.on.wells = everything

    def _grow(self, source: str, *, wells: list[str] | None = None, fields: int = 4) -> None:
        """The microscope goes on: new files and a new index appear in the measurement folder."""
        exported = next((self.on.data / source).iterdir())
        for path in exported.rglob("*"):
            there = self.on.measurement / path.relative_to(exported)
            if path.is_file() and (not there.exists() or path.suffix == ".xml"):
                shutil.copy(path, there)
        self.on.wells += wells or []
        self.on.fields = fields

    def _require_untouched(self, before: dict[str, tuple[int, int]]) -> None:
        """Chunks that were there are the same files as before."""
        after = fingerprint(self.on.plate)
        chunks = {
            name: state for name, state in before.items() if not name.rpartition("/")[2].startswith((".z", "zarr"))
        }
        changed = [name for name, state in chunks.items() if after.get(name) != state and "_table" not in name]
        require(not changed, f"Extend touched images that were complete: {changed[:3]}")
