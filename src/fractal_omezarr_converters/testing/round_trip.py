"""Convert an artificial plate and look every plane up in the result: the test of a format from end to end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from fractal_omezarr_converters.testing.synthetic_plate import SyntheticPlate

INPLACE = {"grouping": {"mode": "Mosaic", "tiling_strategy": {"mode": "Inplace"}}}


def convert_and_compare(
    truth: SyntheticPlate, out: Path, *, format_name: str, sources: Sequence[Path] | None = None, **options: Any
) -> list[dict[str, Any]]:
    """Convert all acquisitions of an artificial plate, fields in place, and compare every pixel and position.

    ``verify`` is run as well. What is checked beside pixels: pixel sizes, number of images (one per well and acquisition
    that has a plane), labels of channels, and the place of every field in its mosaic.

    Args:
        truth: what the plate was made of.
        out: folder to write into.
        format_name: the format to read with.
        sources: what to convert, when it is not ``truth.folders``.
        **options: further options of :func:`fractal_omezarr_converters.convert.convert`.

    Returns:
        The image list.

    Raises:
        AssertionError: something differs; all differences are said.
    """
    from fractal_omezarr_converters.convert import convert, verify

    made = convert(
        sources or truth.folders, out, **{"format": format_name, "converter_options": INPLACE, "workers": 1, **options}
    )
    updates: list[dict[str, Any]] = [dict(each) for each in made.updates]
    verification = verify(out)
    problems = [] if verification.ok else [str(verification)]
    problems += [f"plane differs: {key}" for key in planes_that_differ(truth, updates)]
    problems += _wrong_places(truth, updates)
    there = {
        (key.well, key.acquisition)
        for acquisition in range(truth.acquisitions)
        for key in truth.listed(acquisition)
        if truth.is_there(key)
    }
    found = {(each["attributes"]["well"], each["attributes"]["acquisition"]) for each in updates}
    problems += [f"images of {sorted(there)} expected, found {sorted(found)}"] if there != found else []
    assert not problems, "\n".join(problems)
    return updates


def planes_that_differ(truth: SyntheticPlate, updates: Sequence[dict[str, Any]]) -> list[str]:
    """Look up every plane by its field of view in the image's ROI table and compare it with what the plate was made of.

    Unlike ``verify`` this trusts neither our reader of the metadata nor our placing. In a mosaic with overlap in place,
    fields show the same specimen there, so every field can be compared whole, as far as no plane beside it is missing.
    """
    from fractal_omezarr_converters.ngff.stores import open_store
    from fractal_omezarr_converters.ngff.zarr_arrays import open_array

    wrong: list[str] = []
    for update in updates:
        pixels = np.asarray(open_array(open_store(update["zarr_url"]), "0")[...])
        pixels = pixels.reshape((1,) * (5 - pixels.ndim) + pixels.shape)
        well, acquisition = update["attributes"]["well"], update["attributes"]["acquisition"]
        height, width = truth.field_shape
        places = field_corners(truth, update["zarr_url"])
        for key in truth.listed(acquisition):
            if key.well != well or key.field not in places or not truth.is_there(key):
                continue
            y, x = places[key.field]
            found = pixels[key.t, key.channel, key.z, y : y + height, x : x + width]
            if not np.array_equal(found, truth.pixels(key)):
                wrong.append(str(key))
    return wrong


def field_corners(truth: SyntheticPlate, zarr_url: str) -> dict[int, tuple[int, int]]:
    """Give the first pixel (y, x) of every field in its image, from the image's ROI table, by the field's number."""
    from fractal_omezarr_converters.ngff.stores import open_store
    from fractal_omezarr_converters.ngff.tables import read_table

    rois = read_table(open_store(zarr_url), "", "FOV_ROI_table")
    size = {"x": truth.pixel_size, "y": truth.pixel_size_y or truth.pixel_size}
    found = {}
    for row, name in enumerate(rois["FieldIndex"]):
        x, y = (round(float(rois[f"{axis}_micrometer"][row]) / size[axis]) for axis in "xy")
        found[number_in(name)] = (y, x)
    return found


def number_in(name: str) -> int:
    """The number of a field in its name."""
    return int("".join(letter for letter in name if letter.isdecimal()))


def _wrong_places(truth: SyntheticPlate, updates: Sequence[dict[str, Any]]) -> list[str]:
    """Fields that do not lie to each other as they were imaged."""
    wrong = []
    for update in updates:
        places = field_corners(truth, update["zarr_url"])
        expected = {number: truth.corner(number) for number in places}
        first = tuple(min(corner[axis] for corner in expected.values()) for axis in (0, 1))
        for number, (y, x) in places.items():
            should = expected[number][0] - first[0], expected[number][1] - first[1]
            if (y, x) != should:
                wrong.append(f"{update['zarr_url']}: field {number} lies at {(y, x)} (y, x), expected {should}")
    return wrong
