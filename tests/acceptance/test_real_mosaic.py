"""A real plate of an Operetta CLS, from the vendor's folder to a plate of each version, compared with its TIFF files.

Everything expected here is read from the index and the TIFF files by this test, not by the package.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
import zarr

from fractal_omezarr_converters.convert import convert

Attributes = Callable[[Path], dict[str, Any]]
VERSIONS = ("0.4", "0.5", "0.6")
PIXEL = 1.1959521619135234
#: inv(M) applied to the nominal step of 1291.628 µm, in pixels (x, y).
CALIBRATED = (1073.06, 2.60)


@pytest.fixture(scope="module")
def index(compose_plate: Path) -> list[dict[str, str]]:
    """The records of the vendor's index, one mapping of tags per plane, each with the start of the measurement."""
    root = ElementTree.parse(compose_plate / "Images" / "Index.idx.xml").getroot()
    records = [each for each in root.iter() if each.tag.endswith("}Image") and each.find("{*}URL") is not None]
    start = next(each.text or "" for each in root.iter() if each.tag.endswith("}MeasurementStartTime"))
    parts = [{part.tag.rpartition("}")[2]: part.text or "" for part in each} for each in records]
    return [{**each, "MeasurementStartTime": start} for each in parts]


@pytest.fixture(scope="module")
def tiffs(compose_plate: Path, index: list[dict[str, str]]) -> list[np.ndarray]:
    return [tifffile.imread(compose_plate / "Images" / each["URL"]) for each in index]


@pytest.fixture(scope="module")
def mosaics(compose_plate: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The well's image in place, in every version."""
    options = {"grouping": {"tiling_strategy": {"mode": "Inplace"}}}
    found = {}
    for version in VERSIONS:
        out = tmp_path_factory.mktemp(f"mosaic-{version}")
        made = convert(compose_plate, out, converter_options=options, ngff_version=version, workers=1, verify=True)
        assert any("overlap in place" in text for text in made.plan.remarks)
        assert not any("overlap" in text for text in made.plan.warnings)
        assert made.verification is not None and made.verification.ok
        found[version] = out / "Test_Sample_BALL.zarr" / "C" / "03" / "0"
    return found


def table(image: Path, name: str) -> list[dict[str, str]]:
    with (image / "tables" / name / "table.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def whole(value: str) -> int:
    """A position in µm as whole pixels; it must be one."""
    number = float(value) / PIXEL
    assert number == pytest.approx(round(number), abs=1e-6)
    return round(number)


def corners(image: Path) -> list[tuple[int, int]]:
    """Where the fields of view were written, (y, x), from the table beside the pixels."""
    return [(whole(row["y_micrometer"]), whole(row["x_micrometer"])) for row in table(image, "FOV_ROI_table")]


def coarser(level: np.ndarray) -> np.ndarray:
    """The next level: mean of 2 x 2 pixels, at odd edges of those that are there, halves to even."""
    height, width = level.shape
    padded = np.full((height + height % 2, width + width % 2), np.nan)
    padded[:height, :width] = level
    blocks = padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2)
    return np.rint(np.nanmean(blocks, axis=(1, 3))).astype(level.dtype)


def ncc(first: np.ndarray, second: np.ndarray) -> float:
    first, second = first - first.mean(), second - second.mean()
    return float((first * second).sum() / np.sqrt((first**2).sum() * (second**2).sum()))


def seam(left: np.ndarray, right: np.ndarray, dy: int, dx: int) -> float:
    """Correlation of what both fields show when the right one lies (dy, dx) from the left one.

    Of logarithms: the illumination falls by a third towards the edges, and a few cells outshine all others.
    """
    height, width = left.shape
    one = left[max(dy, 0) : height + min(dy, 0), dx:]
    other = right[max(-dy, 0) : height - max(dy, 0), : width - dx]
    assert one.size > 1000
    return ncc(np.log(one), np.log(other))


@pytest.mark.parametrize("version", VERSIONS)
def test_every_level_is_the_source_at_the_written_positions(
    mosaics: dict[str, Path], tiffs: list[np.ndarray], version: str, attributes: Attributes
) -> None:
    image = mosaics[version]
    expected = np.zeros((1083, 2153), dtype=np.uint16)
    for (y, x), field in zip(corners(image), tiffs, strict=True):
        expected[y : y + 1080, x : x + 1080] = field
    assert corners(image) == [(0, 0), (3, 1073)]
    datasets = attributes(image)["multiscales"][0]["datasets"]
    assert len(datasets) > 3
    for dataset in datasets:
        array = zarr.open_array(image / dataset["path"], mode="r")
        assert array.shape == (1, 1, *expected.shape) and array.dtype == np.uint16
        np.testing.assert_array_equal(array[0, 0], expected)
        expected = coarser(expected)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_seam_of_the_fields_correlates_in_place(
    mosaics: dict[str, Path], tiffs: list[np.ndarray], version: str
) -> None:
    """Field 2 lies over field 1; the strip that it hides of field 1 shows the same cells, in no mirrored arrangement."""
    (y1, x1), (y2, x2) = corners(mosaics[version])
    dy, dx = y2 - y1, x2 - x1
    assert dx == pytest.approx(CALIBRATED[0], abs=0.6) and dy == pytest.approx(CALIBRATED[1], abs=0.6)
    array = zarr.open_array(mosaics[version] / "0", mode="r")
    written = array[0, 0, y2 : y2 + 1080, x2 : x2 + 1080]
    assert seam(tiffs[0], written, dy, dx) >= 0.9
    assert seam(tiffs[1], tiffs[0], dy, dx) < 0.3
    assert seam(tiffs[0], tiffs[1][::-1], dy, dx) < 0.3
    assert seam(tiffs[0], tiffs[1], -dy, dx) < 0.5


def scale_and_translation(image: dict[str, Any], level: int = 0) -> tuple[list[float], list[float]]:
    transforms = image["multiscales"][0]["datasets"][level]["coordinateTransformations"]
    steps = transforms[0].get("transformations", transforms) if transforms[0]["type"] == "sequence" else transforms
    return next(s["scale"] for s in steps if "scale" in s), next(s["translation"] for s in steps if "translation" in s)


@pytest.mark.parametrize("version", VERSIONS)
def test_one_image_per_field_keeps_the_positions_as_translations(
    compose_plate: Path, tiffs: list[np.ndarray], tmp_path: Path, version: str, attributes: Attributes
) -> None:
    convert(
        compose_plate,
        tmp_path,
        converter_options={"grouping": {"mode": "Per-FOV"}},
        ngff_version=version,
        executor="threads",
    )
    well = tmp_path / "Test_Sample_BALL.zarr" / "C" / "03"
    assert [each["path"] for each in attributes(well)["well"]["images"]] == ["0", "1"]
    translations = []
    for number, field in enumerate(tiffs):
        array = zarr.open_array(well / str(number) / "0", mode="r")
        np.testing.assert_array_equal(array[0, 0], field)
        scale, translation = scale_and_translation(attributes(well / str(number)))
        assert scale[-2:] == [pytest.approx(PIXEL, rel=1e-9)] * 2
        translations.append(translation[-2:])
        original = table(well / str(number), "FOV_ROI_table")[0]
        assert original["FieldIndex"] == f"FOV_{number + 1}"
        stated = [float(original[f"{axis}_micrometer_original"]) for axis in "yx"]
        assert translation[-2:] == [pytest.approx(value, abs=1e-6) for value in stated]
    dy, dx = (np.array(translations[1]) - np.array(translations[0])) / PIXEL
    assert (dx, dy) == (pytest.approx(CALIBRATED[0], abs=0.01), pytest.approx(CALIBRATED[1], abs=0.01))
    assert seam(*tiffs, round(dy), round(dx)) >= 0.9


@pytest.mark.parametrize("version", VERSIONS)
def test_positions_and_pixel_size_are_those_of_the_vendor(
    mosaics: dict[str, Path], index: list[dict[str, str]], version: str, attributes: Attributes
) -> None:
    """The centre of each field is inv(M) applied to PositionX and PositionY, y downwards; the pixel ImageResolutionX."""
    image = mosaics[version]
    scale, translation = scale_and_translation(attributes(image))
    size = float(index[0]["ImageResolutionX"]) * 1e6
    assert scale[-2:] == [pytest.approx(size, rel=1e-9)] * 2 and size == pytest.approx(1.19595, abs=1e-5)
    matrix = np.array(
        [[float(part) for part in row.split(",")] for row in index[0]["OrientationMatrix"].strip("[] ").split("],[")]
    )[:2, :2]
    rows = table(image, "FOV_ROI_table")
    for row, record in zip(rows, index, strict=True):
        centre = np.linalg.solve(matrix, [float(record["PositionX"]) * 1e6, float(record["PositionY"]) * 1e6])
        corner = centre - 540 * size
        assert float(row["x_micrometer_original"]) == pytest.approx(corner[0], abs=1e-3)
        assert float(row["y_micrometer_original"]) == pytest.approx(corner[1], abs=1e-3)
        assert float(row["len_x_micrometer"]) == pytest.approx(1080 * size)
    low = [min(float(row[f"{axis}_micrometer_original"]) for row in rows) for axis in "yx"]
    assert translation[-2:] == [pytest.approx(value, abs=1e-6) for value in low]
    for level, dataset in enumerate(attributes(image)["multiscales"][0]["datasets"]):
        assert dataset["path"] == str(level)
        finer, moved = scale_and_translation(attributes(image), level)
        assert finer[-1] == pytest.approx(size * 2**level)
        assert moved[-1] == pytest.approx(translation[-1] + size * (2**level - 1) / 2)


@pytest.mark.parametrize("version", VERSIONS)
def test_time_channel_colour_and_window_are_those_of_the_vendor(
    mosaics: dict[str, Path],
    index: list[dict[str, str]],
    tiffs: list[np.ndarray],
    version: str,
    attributes: Attributes,
) -> None:
    """MeasurementStartTime, the last AbsTime, ChannelName, MainEmissionWavelength, and the pixels for the window."""
    plate = attributes(mosaics[version].parents[2])["plate"]
    (acquisition,) = plate["acquisitions"]
    started = index[0]["MeasurementStartTime"]
    assert acquisition["starttime"] == int(datetime.fromisoformat(_shorter(started)).timestamp())
    last = max(datetime.fromisoformat(_shorter(each["AbsTime"])) for each in index)
    assert acquisition["endtime"] == int(last.timestamp())
    assert (len(plate["rows"]), len(plate["columns"])) == (16, 24)
    (channel,) = attributes(mosaics[version])["omero"]["channels"]
    assert channel["label"] == index[0]["ChannelName"] == "Fluorescein (FITC)"
    assert channel["wavelength_id"] == index[0]["MainEmissionWavelength"]
    red, green, blue = (int(channel["color"][place : place + 2], 16) for place in (0, 2, 4))
    assert green == 255 and red < 128 and blue <= 128  # 500 to 550 nm is green
    window = channel["window"]
    assert (window["min"], window["max"]) == (0, 65535)
    assert channel["active"] is True
    pixels = np.concatenate([field.ravel() for field in tiffs])
    assert pixels.min() <= window["start"] <= np.percentile(pixels, 5)
    assert np.percentile(pixels, 99) <= window["end"] <= pixels.max()


def _shorter(text: str) -> str:
    """Seven digits of a second, as the vendor writes them, are one too many for Python."""
    head, _, rest = text.partition(".")
    digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
    return f"{head}.{digits[:6]}{rest[len(digits) :]}"


@pytest.mark.parametrize("version", VERSIONS)
def test_judges_have_nothing_to_object_to(
    mosaics: dict[str, Path], compose_plate: Path, tmp_path: Path, version: str, judge: Callable[..., None]
) -> None:
    convert(compose_plate, tmp_path, ngff_version=version, workers=1, verify=True)
    judge(tmp_path / "Test_Sample_BALL.zarr")
    judge(mosaics[version].parents[2], odd_sizes=True)
