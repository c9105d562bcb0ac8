"""Whatever the layout of a plate: its plan has one image per well and acquisition, of the right size, each field in its place."""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from fractal_omezarr_converters.convert import plan
from fractal_omezarr_converters.testing import SyntheticPlate, write_cellvoyager, write_operetta, write_scanr

sys.path.insert(0, str(Path(__file__).parent))

from plate_layouts import PlateLayout, plate_layouts

VENDORS: dict[str, Callable[..., SyntheticPlate]] = {
    "cellvoyager": write_cellvoyager,
    "operetta": write_operetta,
    "scanr": partial(write_scanr, plate_size=(32, 48)),
}


@pytest.mark.filterwarnings("ignore::fractal_omezarr_converters.errors.ConvertersToolsWarning")
@pytest.mark.parametrize("vendor", VENDORS)
@settings(max_examples=12)
@given(layout=plate_layouts())
def test_a_plan_agrees_with_the_layout(vendor: str, layout: PlateLayout) -> None:
    with tempfile.TemporaryDirectory() as folder:
        truth = layout.written(VENDORS[vendor], Path(folder))
        made = plan(list(truth.folders), format=vendor, plate_name="Plate")
    images = {image.path: image for image in made}
    assert len(images) == len(made) == len(layout.wells) * layout.acquisitions
    for well in layout.wells:
        for acquisition in range(layout.acquisitions):
            image = images[f"Plate.zarr/{well[0]}/{well[1:]}/{acquisition}"]
            _check_image(image, layout, well, acquisition)
    assert made.missing_planes == len(layout.missing)


def _check_image(image: Any, layout: PlateLayout, well: str, acquisition: int) -> None:
    sizes = dict(zip(image.axes, image.shape))
    assert {axis: sizes.get(axis, 1) for axis in "tczyx"} == layout.shape
    missing = [key for key in layout.missing if (key.well, key.acquisition) == (well, acquisition)]
    assert image.missing_planes.count == len(missing)
    stated = image.to_json()["pixel_size"]
    assert stated["x"] == pytest.approx(layout.pixel_size) and stated["y"] == pytest.approx(layout.pixel_size)
    if layout.planes > 1:
        assert stated["z"] == pytest.approx(layout.z_step)
    starts, lengths = image.placement.start, image.placement.length
    places = Counter(
        (t + dt, c + dc, z + dz, y, x)
        for (t, c, z, y, x), (nt, nc, nz, *_) in zip(starts.tolist(), lengths.tolist())
        for dt in range(nt)
        for dc in range(nc)
        for dz in range(nz)
    )
    wanted = Counter(
        (t, c, z, *layout.corner(field))
        for t in range(layout.times)
        for c in range(layout.channels)
        for z in range(layout.planes)
        for field in range(layout.fields[0] * layout.fields[1])
    )
    wanted.subtract((key.t, key.channel, key.z, *layout.corner(key.field)) for key in missing)
    assert places == +wanted
