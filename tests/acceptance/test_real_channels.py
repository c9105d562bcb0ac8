"""Six channels of a real Phenix: one plane each at heights of their own, and the vendor's flat-field profiles."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import tifffile
import zarr

from fractal_omezarr_converters.convert import convert, inspect

Run = Callable[..., Any]
IMAGE = Path("BR00121482.zarr") / "A" / "01" / "0"
HEIGHTS = [-5.0, -3.0, -3.0, -4.0, -4.0, 0.0]


@pytest.fixture(scope="module")
def tiffs(phenix_channels: Path) -> np.ndarray:
    files = [phenix_channels / f"r01c01f01p01-ch{number}sk1fk1fl1.tiff" for number in range(1, 7)]
    return np.stack([tifffile.imread(file) for file in files])


@pytest.fixture(scope="module")
def plain(phenix_channels: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("plain")
    convert(phenix_channels, out, ngff_version="0.5", workers=1)
    return out / IMAGE


def test_channels_at_different_heights_are_one_plane(
    plain: Path, tiffs: np.ndarray, attributes: Callable[[Path], dict[str, Any]]
) -> None:
    array = zarr.open_array(plain / "0", mode="r")
    assert array.shape == (6, 1, 1080, 1080)
    np.testing.assert_array_equal(array[:, 0], tiffs)
    multiscale = attributes(plain)["multiscales"][0]
    assert [axis["name"] for axis in multiscale["axes"]] == ["c", "z", "y", "x"]
    assert multiscale["datasets"][0]["coordinateTransformations"][0]["scale"][1] == 1.0


def test_the_height_of_every_channel_is_kept_in_a_table(plain: Path, phenix_channels: Path) -> None:
    root = ElementTree.parse(phenix_channels / "Index.idx.xml").getroot()
    records = [each for each in root.iter() if each.tag.endswith("}Image") and each.find("{*}URL") is not None]
    stated = {each.findtext("{*}ChannelName"): float(each.findtext("{*}PositionZ", "")) * 1e6 for each in records}
    with (plain / "tables" / "channel_z_offsets" / "table.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["z_offset_micrometer"]) for row in rows] == HEIGHTS
    assert {row["channel_label"]: float(row["z_offset_micrometer"]) for row in rows} == pytest.approx(stated)
    assert [each["z_offset_um"] for each in inspect(phenix_channels).facts["channels"]] == HEIGHTS


def test_ngio_opens_the_table_of_heights(plain: Path) -> None:
    from ngio import open_ome_zarr_container

    container = open_ome_zarr_container(plain)
    assert "channel_z_offsets" in container.list_tables()
    frame = container.get_table("channel_z_offsets").dataframe
    assert list(frame["z_offset_micrometer"]) == HEIGHTS


def test_heights_stay_with_their_channels_when_the_user_renames_them(phenix_channels: Path, tmp_path: Path) -> None:
    names = ["A", "B", "C", "D", "E", "F"]
    renamed = {"channels": [{"channel_label": name} for name in names]}
    convert(phenix_channels, tmp_path, acquisition_options=renamed, workers=1)
    text = (tmp_path / IMAGE / "tables" / "channel_z_offsets" / "table.csv").read_text().splitlines()
    assert text[1:] == [f"{name},{height}" for name, height in zip(names, HEIGHTS)]


def profiles_of_the_vendor(folder: Path) -> list[np.ndarray | None]:
    """The foreground profile of every channel, read and evaluated anew; None where the vendor states no change.

    x = (column - Origin) * Scale, y likewise for rows; row n holds the terms of degree n, term j times x**(n-j) y**j.
    """
    root = ElementTree.parse(folder / "Index.idx.xml").getroot()
    found = []
    for text in (each.text or "" for each in root.iter() if each.tag.endswith("}FlatfieldProfile")):
        section = text.partition("Foreground:")[2] or text.partition("Background:")[2]
        if "Type: Polynomial" not in section:
            found.append(None)
            continue
        rows = re.findall(r"\[([^\[\]]*)\]", section.partition("Coefficients: [")[2].partition("]]")[0] + "]")
        origin, scale = (
            [float(part) for part in section.partition(f"{name}: [")[2].partition("]")[0].split(",")]
            for name in ("Origin", "Scale")
        )
        x = (np.arange(1080)[None, :] - origin[0]) * scale[0]
        y = (np.arange(1080)[:, None] - origin[1]) * scale[1]
        values = np.zeros((1080, 1080))
        for n, row in enumerate(rows):
            for j, term in enumerate(float(part) for part in row.split(",")):
                values += term * x ** (n - j) * y**j
        found.append(values)
    return found


def test_flat_field_changes_the_background_by_the_stated_polynomial(
    phenix_channels: Path, tiffs: np.ndarray, tmp_path: Path, omezarr: Run
) -> None:
    """Every corrected pixel is the source divided by the profile (of mean 1), and the option comes from the command line."""
    ran = omezarr("convert", phenix_channels, tmp_path, "--set", "flat_field=divide", "--verify", "--workers", 1)
    assert ran.returncode == 0, ran.stderr
    assert "verified: 1 of 1" in ran.stdout
    assert ran.stderr.count("Pixel values are changed by flat-field correction (divide)") == 1
    written = zarr.open_array(tmp_path / IMAGE / "0", mode="r")[:, 0]
    profiles = profiles_of_the_vendor(phenix_channels)
    assert len(profiles) == 6 and sum(each is None for each in profiles) == 1
    for source, found, profile in zip(tiffs, written, profiles, strict=True):
        if profile is None:
            np.testing.assert_array_equal(found, source)
            continue
        assert profile.max() / profile.min() > 1.5  # strong vignetting: the test would see a missing correction
        exact = np.clip(source / (profile / profile.mean()), 0, 65535)
        assert np.abs(found - exact).max() <= 0.5 + 1e-6
        blocks = [np.percentile(each.reshape(12, 90, 12, 90), 10, axis=(1, 3)) for each in (source, found)]
        np.testing.assert_allclose(
            blocks[0] / blocks[1], (profile / profile.mean()).reshape(12, 90, 12, 90).mean(axis=(1, 3)), rtol=0.2
        )


def test_flat_field_is_off_unless_asked_for_and_recorded_when_it_is(
    plain: Path, phenix_channels: Path, tmp_path: Path, attributes: Callable[[Path], dict[str, Any]]
) -> None:
    convert(phenix_channels, tmp_path, format_options={"flat_field": "divide"}, workers=1)
    steps = [
        [each["name"] for each in attributes(image)["fractal_omezarr_converters"]["registration"]]
        for image in (plain, tmp_path / IMAGE)
    ]
    assert "flat_field" not in steps[0] and steps[1][0] == "flat_field"


@pytest.mark.parametrize("version", ["0.4", "0.6"])
def test_judges_have_nothing_to_object_to(
    phenix_channels: Path, plain: Path, tmp_path: Path, version: str, judge: Callable[..., None]
) -> None:
    convert(phenix_channels, tmp_path, ngff_version=version, workers=1, verify=True)
    judge(tmp_path / IMAGE.parts[0])
    judge(plain.parents[2])
