"""Build the snapshot of a conversion, compare two, and run a converter against a stored one.

Comparison is by meaning: numbers within rounding, slices by their numbers. What an expected snapshot does not mention
(a further table, levels) is no difference, so that snapshots of existing converters can be used as they are.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from fractal_omezarr_converters.ngff.plate_reader import open_plate
from fractal_omezarr_converters.ngff.reader import Multiscale, open_image
from fractal_omezarr_converters.testing.snapshot_models import (
    FingerprintModel,
    MultiPlateAssertionModel,
    MultiSingleImageAssertionModel,
    RoiAssertionModel,
)

OutputType = Literal["plate", "single_image"]
Snapshot = Mapping[str, Any] | MultiPlateAssertionModel | MultiSingleImageAssertionModel

RELATIVE, ABSOLUTE = 1e-6, 2e-6
_OPTIONAL = ("levels", "table_contents", "channel_labels", "wavelength_ids")
"""Parts that are compared only when the expected snapshot states them."""
_ROI_COLUMNS = {"x_micrometer", "y_micrometer", "len_x_micrometer", "len_y_micrometer"}
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")


def build_snapshot(
    *,
    zarr_dir: str | Path,
    image_list_updates: Sequence[Mapping[str, Any]],
    output_type: OutputType,
    levels: bool = False,
    table_contents: bool = False,
) -> dict[str, Any]:
    """Describe everything that a conversion wrote, as plain values.

    Args:
        zarr_dir: the folder that was written into.
        image_list_updates: what the compute steps returned, one entry with ``image_list_updates`` or the list itself.
        output_type: ``plate`` or ``single_image``.
        levels: also describe every level of the pyramids.
        table_contents: also record all columns of all tables.
    """
    root = Path(zarr_dir).absolute()
    entries = [each for update in image_list_updates for each in update.get("image_list_updates", [update])]
    images = {
        Path(entry["zarr_url"]).absolute().relative_to(root).as_posix(): _image(entry, levels, table_contents)
        for entry in entries
    }
    versions = _versions()
    if output_type == "single_image":
        return {"images": dict(sorted(images.items())), "versions": versions}
    plates: dict[str, dict[str, Any]] = {}
    for path, image in sorted(images.items()):
        name, _, inside = path.partition("/")
        if name not in plates:
            wells = sorted({well.path.removeprefix(name).strip("/") for well in open_plate(root / name)})
            plates[name] = {"wells": wells, "images": {}}
        plates[name]["images"][inside] = image
    return {"plates": plates, "versions": versions}


def _versions() -> dict[str, str]:
    try:
        return {"fractal-omezarr-converters": version("fractal-omezarr-converters")}
    except PackageNotFoundError:
        return {}


def _image(entry: Mapping[str, Any], levels: bool, table_contents: bool) -> dict[str, Any]:
    image = open_image(entry["zarr_url"])
    size = image.pixel_size()
    found: dict[str, Any] = {
        "axes": list(image.axes.names),
        "shape": list(image.shape),
        "pixelsize": [size.get(axis, 1.0) for axis in "tzyx"],
        "channel_labels": image.channel_labels,
        "wavelength_ids": [each.get("wavelength_id") or each.get("label") for each in image.channels],
        "types": dict(entry.get("types") or {}),
        "attributes": dict(entry.get("attributes") or {}),
        "tables": {name: _rois(image, image.table(name)) for name in sorted(image.tables())},
    }
    if levels:
        found["levels"] = [
            {
                "path": level.path,
                "shape": list(level.shape),
                "scale": list(level.geometry.scale),
                "translation": list(level.geometry.translation),
                "finger_print": FingerprintModel.from_array(image.read(number)).model_dump(),
            }
            for number, level in enumerate(image.levels)
        ]
    if table_contents:
        found["table_contents"] = {name: image.table(name) for name in sorted(image.tables())}
    return found


def _rois(image: Multiscale, table: Mapping[str, list[Any]]) -> dict[str, Any] | None:
    if not table.keys() >= _ROI_COLUMNS:
        return None
    names = next((table[key] for key in ("FieldIndex", "index") if key in table), None)
    rows = range(len(table["x_micrometer"]))
    return {"rois": {str(names[row] if names else row): _roi(image, table, row) for row in rows}}


def _roi(image: Multiscale, table: Mapping[str, list[Any]], row: int) -> dict[str, Any]:
    size = image.pixel_size()
    parts: dict[str, slice | int] = {}
    texts = []
    for axis, unit in (("x", "micrometer"), ("y", "micrometer"), ("z", "micrometer"), ("t", "second")):
        if f"{axis}_{unit}" not in table:
            continue
        start = float(table[f"{axis}_{unit}"][row]) / size.get(axis, 1.0)
        stop = start + float(table[f"len_{axis}_{unit}"][row]) / size.get(axis, 1.0)
        texts.append(f"{axis}: {round(start, 6)}->{round(stop, 6)}")
        if axis in image.axes.names:
            parts[axis] = slice(round(start), round(stop))
    origin = None
    if "y_micrometer_original" in table and "x_micrometer_original" in table:
        origin = [float(table[f"{axis}_micrometer_original"][row]) for axis in "yx"]
    model = RoiAssertionModel(
        slice_repr=f"[{', '.join(texts)}]",
        finger_print=FingerprintModel.from_array(image.read(0, **parts)),
        yx_origin=origin,
    )
    return model.model_dump()


def compare_snapshots(expected: Snapshot | str | Path, actual: Snapshot | str | Path) -> list[str]:
    """List all differences, each with the path to it; an empty list means that the snapshots agree."""
    return differences_between(_plain(expected), _plain(actual))


def differences_between(expected: Any, actual: Any) -> list[str]:
    """List the differences of two documents of plain values, each with the path to it; numbers are compared within rounding."""
    differences: list[str] = []
    _compare(expected, actual, "", differences)
    return differences


def _plain(snapshot: Snapshot | str | Path) -> dict[str, Any]:
    document: Mapping[str, Any]
    if isinstance(snapshot, str | Path):
        document = json.loads(Path(snapshot).read_text("utf-8"))
    else:
        document = snapshot.model_dump() if isinstance(snapshot, BaseModel) else snapshot
    model = MultiPlateAssertionModel if "plates" in document else MultiSingleImageAssertionModel
    found = model.model_validate(document).model_dump()
    found.pop("versions", None)
    return found


def _compare(expected: Any, actual: Any, place: str, differences: list[str]) -> None:
    if isinstance(expected, Mapping) and isinstance(actual, Mapping):
        # Further tables are additions, not differences; further images, wells or attributes are.
        missing = [key for key in expected if key not in actual]
        added = [key for key in actual if key not in expected and not place.endswith("/tables")]
        differences.extend(f"{place}/{key}: missing, expected {_short(expected[key])}" for key in missing)
        differences.extend(f"{place}/{key}: not expected, found {_short(actual[key])}" for key in added)
        for key in expected:
            if key in actual and not (key in _OPTIONAL and not expected[key]):
                _compare(expected[key], actual[key], f"{place}/{key}", differences)
    elif isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        if place.endswith("/wells"):
            expected, actual = sorted(expected), sorted(actual)
        for number, (one, other) in enumerate(zip(expected, actual, strict=True)):
            _compare(one, other, f"{place}/{number}", differences)
    elif not _equal(expected, actual, place.rpartition("/")[2]):
        differences.append(f"{place}: expected {_short(expected)}, found {_short(actual)}")


def _equal(expected: Any, actual: Any, key: str) -> bool:
    if key == "yx_origin" and expected is None:
        return True
    if isinstance(expected, bool) or isinstance(actual, bool):
        return bool(expected is actual)
    if isinstance(expected, int | float) and isinstance(actual, int | float):
        return math.isclose(expected, actual, rel_tol=RELATIVE, abs_tol=ABSOLUTE) or (
            math.isnan(expected) and math.isnan(actual)
        )
    if key == "slice_repr":
        one, other = ([float(number) for number in _NUMBER.findall(str(text))] for text in (expected, actual))
        letters = [re.findall("[a-z]:", str(text)) for text in (expected, actual)]
        return letters[0] == letters[1] and len(one) == len(other) and all(map(math.isclose, one, other))
    return bool(expected == actual)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 120 else f"{text[:117]}..."


def run_converter_test(
    *,
    tmp_path: str | Path,
    api_fn: Callable[..., Sequence[Mapping[str, Any]]],
    api_kwargs: Mapping[str, Any],
    snapshot_path: str | Path,
    update_snapshots: bool,
    converter_options: Any = None,
    output_type: OutputType = "plate",
) -> None:
    """Convert into a temporary folder and compare the result with a stored snapshot, or store it anew.

    Args:
        tmp_path: temporary folder of the test.
        api_fn: converts; called with ``zarr_dir``, ``api_kwargs`` and, if given, ``converter_options``; returns the
            image-list updates of all images.
        api_kwargs: arguments of the call.
        snapshot_path: JSON file of the expected snapshot.
        update_snapshots: write the file instead of comparing; the fixture of this name says so.
        converter_options: options to pass on.
        output_type: ``plate`` or ``single_image``.

    Raises:
        AssertionError: lists every difference with its path.
    """
    zarr_dir = Path(tmp_path) / "zarr"
    zarr_dir.mkdir(parents=True, exist_ok=True)
    keywords = dict(api_kwargs)
    if converter_options is not None:
        keywords["converter_options"] = converter_options
    updates = api_fn(zarr_dir=str(zarr_dir), **keywords)
    found = build_snapshot(zarr_dir=zarr_dir, image_list_updates=updates, output_type=output_type)
    stored = Path(snapshot_path)
    if update_snapshots:
        stored.parent.mkdir(parents=True, exist_ok=True)
        stored.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", "utf-8")
        return
    assert stored.is_file(), f"there is no snapshot '{stored}'; run pytest with --update-snapshots to write it"
    differences = compare_snapshots(stored, found)
    listed = "\n".join(f"  {each}" for each in differences)
    assert not differences, f"{len(differences)} differences from '{stored}':\n{listed}"
