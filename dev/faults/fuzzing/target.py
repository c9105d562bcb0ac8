"""What is fuzzed: a folder of seeds, and how it is read; the name of a target says how."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fuzzing.wrong_answer import WrongAnswer

IMAGES = (".tif", ".tiff", ".png", ".jpg", ".bmp", ".npy")
LARGEST_FILE = 1 << 20
LARGEST_CONVERSION = 32 << 20
"""Bytes of pixels of a changed acquisition that is converted."""
OPTIONS: dict[str, dict[str, Any]] = {
    "named_images": {
        "pattern": r"(?P<well>[A-Z]\d+)_s(?P<field>\d+)_(?P<channel>.+)_z(?P<z>\d+)_t(?P<t>\d+)",
        "pixel_size": 0.65,
        "z_spacing": 1.5,
        "field_grid": {"columns": 2},
    },
    "named_images-cellprofiler-AS_09047-rowO": {"pixel_size": 0.65, "field_grid": {"columns": 2}},
    "ome_plate-ome-types-xml_one-screen-one-plate-four-wells.ome.xml": {"field_grid": {"columns": 2}},
    "ome_plate-ome-types-xml_two-screens-two-plates-four-wells.ome.xml": {
        "field_grid": {"columns": 2},
        "plate": "twoName",
    },
    "metaxpress-cellprofiler-ADSAStaph-singlefile": {"pixel_size": 0.65},
}
"""Options of formats, by the name of the target: what its files do not say."""
PIXELS = ("tiff", "png", "jpeg", "npy")
"""Targets that are an image file whose pixels are read."""


@dataclass
class Target:
    """A folder of seeds, how they are read, and what else is done with them now and then."""

    name: str
    folder: Path
    read: Callable[[Path], object]
    images_too: bool = False
    deeper: Callable[[Path], object] | None = None
    """For every eighth case that can be read; takes longer."""
    state: dict[str, Any] = field(default_factory=dict)

    def files(self) -> list[Path]:
        """The files that are changed."""
        found = [path for path in self.folder.rglob("*") if path.is_file() and path.stat().st_size < LARGEST_FILE]
        chosen = [path for path in found if path.suffix.lower() not in IMAGES]
        return sorted(found if self.images_too or not chosen else chosen)


def target_of(name: str, folder: Path) -> Target:
    """The target of this name whose seeds are in a folder; ``incell-of_a_friend`` is read as ``incell``."""
    kind = name.partition("-")[0]
    if kind in PIXELS:
        return Target(name, folder, _pixels, images_too=True)
    if kind == "output":
        from fuzzing.independent import good_though_wrong, picture_of

        target = Target(name, folder, _described, images_too=True)
        picture = picture_of(folder)
        target.read = lambda place: (_described(place), good_though_wrong(place, picture))
        return target
    if kind in ("handover", "job"):
        return Target(name, folder, {"handover": _handover, "job": _job}[kind])
    return Target(
        name, folder, _plan_of(kind, OPTIONS.get(name, {})), deeper=_conversion_of(kind, OPTIONS.get(name, {}))
    )


def _plan_of(name: str, options: dict[str, Any]) -> Callable[[Path], object]:
    from fractal_omezarr_converters.convert import plan

    return lambda folder: plan(next(folder.glob("*")), format=name, format_options=options)


def _conversion_of(name: str, options: dict[str, Any]) -> Callable[[Path], object]:
    """Convert and verify: what was written without an error must be good."""
    from fractal_omezarr_converters.convert import convert, plan, verify

    def deeper(folder: Path) -> None:
        source = next(folder.glob("*"))
        if plan(source, format=name, format_options=options).bytes > LARGEST_CONVERSION:
            return
        out = Path(tempfile.mkdtemp(prefix="out-", dir=folder.parent))
        try:
            convert(source, out, format=name, format_options=options, workers=1)
            verified = verify(out)
            if not verified.ok:
                raise WrongAnswer("what was converted without an error is not verified", f"{verified!r}")
        finally:
            shutil.rmtree(out)

    return deeper


def _pixels(folder: Path) -> object:
    from fractal_omezarr_converters.models.loaders import DefaultImageLoader

    loader = DefaultImageLoader(file_path=str(next(folder.glob("*"))))
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
    return generic_compute_task(zarr_url=(folder.parent / "url.txt").read_text(), init_args=arguments)


def _described(folder: Path) -> object:
    from fractal_omezarr_converters.ngff.summaries import info

    return info(next(folder.glob("*.zarr")), stats=True)
