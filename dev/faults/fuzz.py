"""Change files of instruments at random and read them: every exception that is not one of ours is a fault.

python dev/faults/fuzz.py [TARGET ...] [--seconds 600] [--seed 1] [--seeds FOLDER] [--keep FOLDER]

Targets are all formats, and ``tiff``, ``png``, ``jpeg``, ``npy``, ``handover``, ``job`` and ``output``. Seeds are small synthetic
files; with ``--seeds`` also small acquisitions of a folder of real data, for the format that claims them. What was found is kept,
one folder per place in our code.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import logging
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fractal_omezarr_converters import testing
from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsInternalError

IMAGES = (".tif", ".tiff", ".png", ".jpg", ".bmp", ".npy")
MEMORY = 3 * 2**30
LONGEST = 20
"""Seconds after which a case counts as one that hangs."""
TOKENS = (
    *b"-1 0 NaN 1e400 -1e400 99999999999999999999 0.5 1,5 2147483648 null [] {} true < > &amp; &#0; ]]> ../../x.tif".split(),
    *(
        b"",
        b"\x00",
        b"\xff\xfe",
        b'""',
        b"/etc/passwd",
        b"C:\\x.tif",
        b"%s",
        b"\n",
        b"\r\n",
        b",",
        b";",
        b"\t",
        b'"',
        b" ",
        b"ZZ99",
    ),
    *("µ".encode(), "板".encode(), b"9" * 400, b"[" * 2000, b'{"a":' * 1500),
)
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")


class TooLong(Exception):
    """A case took more than ``LONGEST`` seconds."""


@dataclass
class Target:
    """What is read: a folder of seeds, and how."""

    name: str
    folder: Path
    read: Callable[[Path], object]
    images_too: bool = False

    def files(self) -> list[Path]:
        """The files that are changed."""
        found = [path for path in self.folder.rglob("*") if path.is_file() and path.stat().st_size < 1 << 20]
        chosen = [path for path in found if path.suffix.lower() not in IMAGES]
        return sorted(found if self.images_too or not chosen else chosen)


def changed(content: bytes, chance: random.Random) -> bytes:
    """One to four small changes, as fields, bytes and lines go wrong."""
    data = bytearray(content)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        at, kind = chance.randrange(len(data) + 1), chance.randrange(8)
        length = min(len(data) - at, chance.choice((1, 2, 4, 8, 40, 400)))
        numbers = list(_NUMBER.finditer(data)) if kind in (0, 1) and len(data) < 200_000 else []
        if numbers:
            found = chance.choice(numbers)
            data[found.start() : found.end()] = chance.choice(TOKENS)
        elif kind == 2 and data:
            data[at - 1] ^= 1 << chance.randrange(8)
        elif kind == 3:
            del data[at : at + length]
        elif kind == 4:
            data[at:at] = data[at : at + length] * chance.choice((1, 2, 50))
        elif kind == 5:
            data[at : at + length] = bytes(chance.randrange(256) for _ in range(length))
        elif kind == 6:
            del data[at:]
        else:
            data[at:at] = chance.choice(TOKENS)
    return bytes(data)


def check(read: Callable[[Path], object], folder: Path) -> BaseException | None:
    """Read; give an exception that is not ours."""
    signal.alarm(LONGEST)
    try:
        read(folder)
    except ConvertersToolsInternalError as error:
        return error
    except ConvertersToolsError:
        return None
    except (Exception, RecursionError) as error:
        return error
    finally:
        signal.alarm(0)
    return None


def place_of(error: BaseException) -> str:
    """Where in our code it came from, by which findings are told apart."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if "fractal_omezarr_converters" in frame.filename
    ]
    last = frames[-1] if frames else None
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.name}" if last else type(error).__name__


def fuzz(target: Target, seconds: float, seed: int, keep: Path) -> dict[str, str]:
    """Change and read for some time; give what was found by its place."""
    chance = random.Random(f"{target.name}{seed}")
    originals = {path: path.read_bytes() for path in target.files()}
    found: dict[str, str] = {}
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        path = chance.choice(list(originals))
        path.write_bytes(changed(originals[path], chance))
        error = check(target.read, target.folder)
        count += 1
        if error is not None and place_of(error) not in found:
            found[place_of(error)] = f"{error}"[:200]
            name = hashlib.blake2b(place_of(error).encode(), digest_size=4).hexdigest()
            kept = keep / f"{target.name}-{name}"
            shutil.copytree(target.folder, kept / "case", dirs_exist_ok=True)
            (kept / "trace.txt").write_text("".join(traceback.format_exception(error)))
        path.write_bytes(originals[path])
    print(f"{target.name}: {count} cases in {seconds:g} s, {len(found)} places that raise what is not ours", flush=True)
    for where, said in found.items():
        print(f"  {where}: {said}", flush=True)
    return found


def _plan_of(name: str) -> Callable[[Path], object]:
    from fractal_omezarr_converters.convert import plan

    return lambda folder: plan(next(folder.glob("*")), format=name)


def _pixels(path: Path) -> object:
    from fractal_omezarr_converters.models.loaders import DefaultImageLoader

    loader = DefaultImageLoader(file_path=str(next(path.glob("*"))))
    return loader.shape_and_dtype(), loader.load_data()


def _handover(folder: Path) -> object:
    from fractal_omezarr_converters.fractal.handover import tiled_image_from_json_str

    return tiled_image_from_json_str((folder / "image.json").read_text("utf-8", errors="replace"))


def _job(folder: Path) -> object:
    from fractal_omezarr_converters.fractal.compute import generic_compute_task

    try:
        arguments = json.loads((folder / "job.json").read_bytes())
    except (ValueError, RecursionError):
        return None  # Fractal reads it, not we
    if not isinstance(arguments, dict):
        return None
    return generic_compute_task(zarr_url=str(folder.parent / "nowhere.zarr/A/01/0"), init_args=arguments)


def _output(folder: Path) -> object:
    from fractal_omezarr_converters.convert import inspect, verify

    plate = str(next(folder.glob("*.zarr")))
    return verify(plate), inspect(plate)


SYNTHETIC: dict[str, Callable[[Path], object]] = {
    "operetta": lambda folder: testing.write_operetta(
        folder, wells=("B03",), layout=(1, 2), field_shape=(20, 24), overlap=0
    ),
    "cellvoyager": testing.write_cellvoyager,
    "imagexpress_hcsai": testing.write_hcsai,
    "incell": testing.write_incell,
    "metaxpress": testing.write_metaxpress,
    "micromanager": testing.write_micromanager,
    "named_images": testing.write_named_images,
    "ome_plate": testing.write_ome_plate,
    "scanr": testing.write_scanr,
    "squid": testing.write_squid,
}


def targets(folder: Path, wanted: list[str], real: Path | None) -> Iterator[Target]:
    """Make the seeds of every wanted target."""
    import tifffile

    for name, write in SYNTHETIC.items():
        if not wanted or name in wanted:
            write(folder / name)
            yield Target(name, folder / name, _plan_of(name))
    if not wanted or "tile_table" in wanted:
        table = folder / "tile_table" / "acquisition"
        table.mkdir(parents=True)
        tifffile.imwrite(table / "a.tif", np.arange(72, dtype="uint16").reshape(8, 9))
        (table / "tiles.csv").write_text(
            "file_path,row,column,fov_name,start_x,start_y,start_z,start_c,start_t,length_x,length_y,drug\n"
            "a.tif,A,1,F1,0,0,0,0,0,9,8,x\na.tif,A,1,F2,9.0,0,0,0,0,9,8,x\n"
        )
        (table / "acquisition_details.toml").write_text(
            'pixelsize = 0.65\naxes = ["c", "z", "y", "x"]\nchannel_names = ["DAPI"]\n'
        )
        yield Target("tile_table", folder / "tile_table", _plan_of("tile_table"))
    pixels = np.random.default_rng(1).integers(0, 60000, (3, 16, 20)).astype("uint16")
    files: dict[str, Callable[[Path], object]] = {
        "tiff": lambda path: tifffile.imwrite(path / "a.ome.tif", pixels, compression="zlib", metadata={"axes": "ZYX"}),
        "png": lambda path: _pillow(path / "a.png", pixels[0]),
        "jpeg": lambda path: _pillow(path / "a.jpg", pixels[0].astype("uint8")),
        "npy": lambda path: np.save(path / "a.npy", pixels),
    }
    for name, write in files.items():
        if not wanted or name in wanted:
            (folder / name).mkdir(parents=True)
            write(folder / name)
            yield Target(name, folder / name, _pixels, images_too=True)
    if {"handover", "job", "output"} & set(wanted) or not wanted:
        yield from _own_documents(folder, wanted)
    if real is not None:
        yield from _real(folder, wanted, real)


def _pillow(path: Path, pixels: Any) -> None:
    from PIL import Image

    Image.fromarray(pixels).save(path)


def _own_documents(folder: Path, wanted: list[str]) -> Iterator[Target]:
    """What we write ourselves: jobs, hand-over files and plates."""
    from fractal_omezarr_converters.convert import convert
    from fractal_omezarr_converters.fractal.acquisition_inputs import AcquisitionInput
    from fractal_omezarr_converters.fractal.init import init_acquisitions
    from fractal_omezarr_converters.models.options import ConverterOptions

    truth = testing.write_operetta(folder / "source", wells=("B03",), layout=(1, 2), field_shape=(20, 24), overlap=0)
    source = str(truth.folders[0])
    (job,) = init_acquisitions(
        "operetta",
        zarr_dir=str(folder / "aside"),
        acquisitions=[AcquisitionInput(path=source)],
        converter_options=ConverterOptions(),
    )["parallelization_list"]
    for name in ("handover", "job", "output"):
        (folder / name).mkdir()
    (folder / "handover" / "image.json").write_text(job["init_args"]["tiled_image_json_str"])
    (folder / "job" / "job.json").write_text(json.dumps(job["init_args"]))
    convert(source, folder / "output", workers=1)
    for name, read in {"handover": _handover, "job": _job, "output": _output}.items():
        if not wanted or name in wanted:
            yield Target(name, folder / name, read, images_too=name == "output")


def _real(folder: Path, wanted: list[str], real: Path) -> Iterator[Target]:
    """Small acquisitions of real data, for the format that claims them."""
    from fractal_omezarr_converters.formats import registry

    for place in sorted(path for path in real.glob("*/*") if path.is_dir()):
        files = [path for path in place.rglob("*") if path.is_file()]
        if not files or sum(path.stat().st_size for path in files) > 20 << 20:
            continue
        with contextlib.suppress(ConvertersToolsError):
            name = registry.detect(place).name
            if not wanted or name in wanted:
                copied = folder / f"real-{place.parent.name}-{place.name}"
                shutil.copytree(place, copied / place.name)
                yield Target(f"{name}-{place.name}", copied, _plan_of(name))


def main() -> int:
    """Fuzz; 0 when nothing was found."""
    parser = argparse.ArgumentParser(prog="python dev/faults/fuzz.py", description=__doc__.split("\n")[0])
    parser.add_argument("targets", nargs="*")
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--seeds", type=Path)
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "omezarr-fuzz")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

    def too_long(*_: object) -> None:
        raise TooLong(f"more than {LONGEST} s")

    signal.signal(signal.SIGALRM, too_long)
    found: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        for target in targets(Path(folder), given.targets, given.seeds):
            before = check(target.read, target.folder)
            if before is not None:
                print(f"{target.name}: the seed itself cannot be read: {before!r}")
                return 2
            found |= fuzz(target, given.seconds, given.seed, given.keep)
    print(f"{len(found)} places found" + (f"; cases are in {given.keep}" if found else ""))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
