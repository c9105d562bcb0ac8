"""Write artificial plates as images whose names say where they belong, for patterns and for the presets."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fractal_omezarr_converters.testing.synthetic_plate import PlaneKey, SyntheticPlate

#: A pattern that fits what is written by default.
PATTERN = r"(?P<plate>[^/]+)/(?P<well>[A-Z]+\d+)_s(?P<field>\d+)_(?P<channel>[^/]+)_z(?P<z>\d+)_t(?P<t>\d+)\.tif$"


def default_name(truth: SyntheticPlate, key: PlaneKey) -> str:
    """Name that fits :data:`PATTERN`."""
    label = truth.channels[key.channel].name
    return f"{truth.plate_name}/{key.well}_s{key.field}_{label}_z{key.z}_t{key.t}.tif"


@dataclass(frozen=True)
class SyntheticNamedImages(SyntheticPlate):
    """What is in the artificial plate; ``name`` gives the path of a plane in the folder. Channels are sorted by name."""

    name: Callable[[SyntheticPlate, PlaneKey], str] = default_name


def write_named_images(
    folder: str | Path, *, absent: Collection[PlaneKey] = (), **settings: Any
) -> SyntheticNamedImages:
    """Write one or more plates below a folder, and give the truth about them.

    Args:
        folder: where the folders of the acquisitions are made.
        absent: planes without a file.
        settings: any further field of :class:`SyntheticNamedImages`.
    """
    import tifffile

    truth = SyntheticNamedImages(Path(folder), absent=frozenset(absent), **settings)
    for acquisition, place in enumerate(truth.folders):
        for key in truth.listed(acquisition):
            path = place / truth.name(truth, key)
            path.parent.mkdir(parents=True, exist_ok=True)
            tifffile.imwrite(path, truth.pixels(key), metadata=None)
    return truth
