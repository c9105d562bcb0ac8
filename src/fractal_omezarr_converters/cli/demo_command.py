"""`omezarr demo`: write a small synthetic plate, convert it as Fractal would, verify every pixel, say where it lies."""

from __future__ import annotations

import json as json_documents
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from fractal_omezarr_converters.cli import exit_codes
from fractal_omezarr_converters.cli.parameters import OUTPUT, RUN, MessageOptions, NgffVersion
from fractal_omezarr_converters.cli.streams import say, write_text
from fractal_omezarr_converters.cli.terminal import set_up_messages, write_json
from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsUserError


def demo_command(
    folder: str = "demo",
    *,
    ngff_version: Annotated[NgffVersion | None, Parameter(group=OUTPUT)] = None,
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
    from fractal_omezarr_converters.testing.round_trip import planes_that_differ
    from fractal_omezarr_converters.testing.synthetic_operetta import write_operetta

    messages = messages or MessageOptions()
    set_up_messages(verbose=messages.verbose, quiet=messages.quiet)
    tell = (lambda _text: None) if messages.quiet else say
    place = Path(folder).expanduser().absolute()
    out = place / "zarr"
    tell("writing a synthetic plate of an Operetta")
    try:
        truth = write_operetta(place / "source", plate_name="DemoPlate", planes=3, times=2, acquisitions=2)
    except OSError as error:
        raise ConvertersToolsUserError(
            f"The folder {place} cannot be written to ({error.strerror or error}); name another one: omezarr demo FOLDER."
        ) from error
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
