"""Seeds of a folder of real data: metadata of every acquisition with a few of its small images, and single image files.

What is too large is left out, so that the metadata name images that are not there; plans are made without them.
"""

from __future__ import annotations

import contextlib
import shutil
import warnings
from functools import partial
from pathlib import Path

from fuzzing.seeds import Writer
from fuzzing.target import IMAGES, LARGEST_FILE

MOST_IMAGES = 6
"""Images of an acquisition that are copied."""
LARGEST_METADATA = 4 << 20
DEEPEST = 4
"""Folders below the data that an acquisition may lie in."""
NOTES = ("PROVENANCE.txt",)
KINDS = {".tif": "tiff", ".tiff": "tiff", ".flex": "tiff", ".png": "png", ".jpg": "jpeg"}


def real_seeds(data: Path) -> dict[str, Writer]:
    """Writers of seeds by the name of their target: ``format-dataset``, and ``tiff-dataset`` for one image of each."""
    found: dict[str, Writer] = {}
    for dataset in sorted(path for path in data.glob("*/*") if path.is_dir()):
        for place, name in _acquisitions(dataset):
            if not _seeds_of(place):
                continue
            below = "_".join(place.relative_to(dataset.parent).parts).replace(" ", "_")
            found[f"{name}-{below}"] = partial(_copied, place=place)
        files = sorted(path for path in dataset.rglob("*") if path.is_file() and path.stat().st_size < LARGEST_FILE)
        for kind in sorted(set(KINDS.values())):
            of_kind = [path for path in files if KINDS.get(path.suffix.lower()) == kind]
            if of_kind:
                smallest = min(of_kind, key=lambda path: path.stat().st_size)
                found[f"{kind}-{dataset.name}"] = partial(_one_image, image=smallest)
    return found


def _acquisitions(dataset: Path) -> list[tuple[Path, str]]:
    """The highest folders, and else files, that one format claims."""
    from fractal_omezarr_converters.errors import ConvertersToolsError
    from fractal_omezarr_converters.formats import registry

    found: list[tuple[Path, str]] = []
    waiting = [dataset]
    while waiting:
        place = waiting.pop()
        with contextlib.suppress(ConvertersToolsError), warnings.catch_warnings(action="ignore"):
            found.append((place, registry.detect(place).name))
            continue
        if place.is_dir() and len(place.relative_to(dataset).parts) < DEEPEST:
            waiting += [each for each in place.iterdir() if each.is_dir() or _is_metadata(each)]
    return sorted(found)


def _is_metadata(path: Path) -> bool:
    return path.suffix.lower() not in IMAGES and path.name not in NOTES


def _copied(folder: Path, *, place: Path) -> None:
    if place.is_file():
        shutil.copy(place, folder)
        return
    for path in _seeds_of(place):
        there = folder / place.name / path.relative_to(place)
        there.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, there)


def _seeds_of(place: Path) -> list[Path]:
    """The files of an acquisition that are copied: all metadata, and the first images that are small."""
    every = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    known = [(path, path.stat().st_size) for path in every if path.name not in NOTES]
    metadata = [path for path, size in known if _is_metadata(path) and size <= LARGEST_METADATA]
    images = [path for path, size in known if not _is_metadata(path) and size <= LARGEST_FILE]
    return metadata + images[:MOST_IMAGES]


def _one_image(folder: Path, *, image: Path) -> None:
    shutil.copy(image, folder)
