"""`omezarr demo`: write a small synthetic plate, convert it as Fractal would, verify every pixel, say where it lies."""

from __future__ import annotations

import json as json_documents
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from fractal_omezarr_converters.cli import exit_codes
from fractal_omezarr_converters.cli.parameters import RUN, MessageOptions
from fractal_omezarr_converters.cli.terminal import say, set_up_messages, write_json, write_text
from fractal_omezarr_converters.errors import ConvertersToolsError

if TYPE_CHECKING:
    from fractal_omezarr_converters.testing.synthetic_operetta import SyntheticOperetta


def demo_command(
    folder: str = "demo",
    *,
    ngff_version: Annotated[str | None, Parameter(group=RUN)] = None,
    messages: MessageOptions | None = None,
    json: Annotated[bool, Parameter(group=RUN, negative="")] = False,
) -> int:
    """Write a small Operetta plate, convert it as Fractal would, compare every pixel with the source.

    Example: `omezarr demo`

    Parameters
    ----------
    folder:
        Where to write; what an earlier demo left there is replaced.
    ngff_version:
        Version of OME-Zarr.
    json:
        One JSON document on stdout.
    """
    from fractal_omezarr_converters.convert import verify
    from fractal_omezarr_converters.testing.synthetic_operetta import write_operetta

    messages = messages or MessageOptions()
    set_up_messages(verbose=messages.verbose, quiet=messages.quiet)
    tell = (lambda _text: None) if messages.quiet else say
    place = Path(folder).expanduser().absolute()
    out = place / "zarr"
    tell("writing a synthetic plate of an Operetta")
    truth = write_operetta(place / "source", plate_name="DemoPlate", planes=3, times=2, acquisitions=2)
    tell("converting it: init, then one compute step per image, as Fractal runs them")
    updates = convert_as_fractal_does(truth.folders, out, ngff_version)
    tell("comparing every pixel with the source")
    verification = verify(out)
    wrong = planes_that_differ(truth, updates)
    plates = sorted({f"{out}/{update['attributes']['plate']}" for update in updates})
    ok = verification.ok and not wrong
    if json:
        write_json(
            {
                "ok": ok,
                "source": [str(each) for each in truth.folders],
                "plates": plates,
                "images": updates,
                "planes_that_differ": wrong,
                "verification": verification.to_json(),
            }
        )
    else:
        write_text(str(verification))
        write_text(
            f"{len(truth.listed()) * truth.acquisitions} planes of the plate looked up by field: {len(wrong)} differ"
        )
        for plate in plates:
            write_text(f"result: {plate}")
    return exit_codes.DONE if ok else exit_codes.FAILED


def planes_that_differ(truth: SyntheticOperetta, updates: list[dict[str, Any]]) -> list[str]:
    """Look up every plane by its field of view in the image's ROI table and compare it with what the plate was made of.

    Unlike ``verify`` this trusts neither our reader of the index nor our placing.
    """
    import numpy as np

    from fractal_omezarr_converters.ngff.stores import open_store
    from fractal_omezarr_converters.ngff.tables import read_table
    from fractal_omezarr_converters.ngff.zarr_arrays import open_array

    wrong: list[str] = []
    for update in updates:
        store = open_store(update["zarr_url"])
        pixels = np.asarray(open_array(store, "0")[...])
        rois = read_table(store, "", "FOV_ROI_table")
        well, acquisition = update["attributes"]["well"], update["attributes"]["acquisition"]
        for row, name in enumerate(rois["FieldIndex"]):
            x, y = (round(float(rois[f"{axis}_micrometer"][row]) / truth.pixel_size) for axis in "xy")
            height, width = truth.field_shape
            for key in truth.listed(acquisition):
                if key.well == well and key.field == number_in(name):
                    found = pixels[key.t, key.channel, key.z, y : y + height, x : x + width]
                    if not np.array_equal(found, truth.pixels(key)):
                        wrong.append(str(key))
    return wrong


def number_in(name: str) -> int:
    """The number of a field in its name."""
    return int("".join(letter for letter in name if letter.isdigit()))


def convert_as_fractal_does(sources: list[Path], out: Path, ngff_version: str | None = None) -> list[dict[str, Any]]:
    """Run the task files in processes of their own, arguments and results in files, and give the image list."""
    from fractal_omezarr_converters import tasks

    folder = Path(tasks.__path__[0])
    arguments: dict[str, Any] = {
        "zarr_dir": str(out),
        "acquisitions": [{"path": str(source), "acquisition": number} for number, source in enumerate(sources)],
        "overwrite": "Overwrite",
    }
    if ngff_version is not None:
        arguments["converter_options"] = {"ngff_version": ngff_version}
    updates: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as job_folder:
        init = run_task_file(folder / "operetta" / "convert_init.py", arguments, Path(job_folder) / "init")
        for number, item in enumerate(init["parallelization_list"]):
            result = run_task_file(folder / "convert_compute.py", item, Path(job_folder) / f"compute-{number}")
            updates.extend(result["image_list_updates"])
    return updates


def run_task_file(file: Path, arguments: dict[str, Any], job: Path) -> dict[str, Any]:
    """Run one task file the way Fractal does and give its result."""
    job.with_suffix(".args.json").write_text(json_documents.dumps(arguments), encoding="utf-8")
    out = job.with_suffix(".out.json")
    command = [sys.executable, str(file), "--args-json", str(job.with_suffix(".args.json")), "--out-json", str(out)]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise ConvertersToolsError(f"{file.name} failed:\n{finished.stdout}{finished.stderr}")
    result: dict[str, Any] = json_documents.loads(out.read_text(encoding="utf-8"))
    return result
