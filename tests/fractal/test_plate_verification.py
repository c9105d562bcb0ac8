"""Verification of what lies around the pixels: wells in their places, wells that are listed, channels, rows of tables."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ngio
import numpy as np
import pytest

from fractal_omezarr_converters.convert import convert, verify
from fractal_omezarr_converters.testing.synthetic_operetta import write_operetta

PLATE = "Synthetic Plate.zarr"
DOCUMENT = {"0.4": ".zattrs", "0.5": "zarr.json"}


@pytest.fixture(params=DOCUMENT)
def plate(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Two wells in two rows, two channels, two acquisitions."""
    truth = write_operetta(
        tmp_path / "in", wells=("B03", "C05"), layout=(1, 2), planes=1, acquisitions=2, plate_name="Synthetic Plate"
    )
    convert(
        truth.folders,
        tmp_path / "out",
        converter_options={"omezarr_options": {"ngff_version": request.param}},
        workers=1,
    )
    assert verify(tmp_path / "out").ok
    return tmp_path / "out" / PLATE


def edited(group: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the OME-Zarr objects of a group."""
    file = next(group / name for name in DOCUMENT.values() if (group / name).exists())
    document = json.loads(file.read_text())
    change(document if file.name == ".zattrs" else document["attributes"]["ome"])
    file.write_text(json.dumps(document))


def exchanged(one: Path, other: Path) -> None:
    aside = one.parent / "aside"
    one.rename(aside)
    other.rename(one)
    aside.rename(other)


def test_images_of_exchanged_wells_are_told(plate: Path) -> None:
    exchanged(plate / "B/03/0", plate / "C/05/0")
    said = repr(verify(plate))
    assert "It is the image of the well 'C/05', acquisition 0, but lies in the well 'B/03'" in said
    assert "It is the image of the well 'B/03', acquisition 0, but lies in the well 'C/05'" in said
    assert "lies in the well 'B/03'" in repr(verify(plate / "B/03/0"))


def test_images_of_exchanged_acquisitions_are_told(plate: Path) -> None:
    exchanged(plate / "B/03/0", plate / "B/03/1")
    said = repr(verify(plate))
    assert "acquisition 1, but lies in the well 'B/03', listed for acquisition 0" in said
    assert "C/05" not in said


def test_a_plate_may_be_renamed_and_an_image_copied_elsewhere(plate: Path, tmp_path: Path) -> None:
    shutil.copytree(plate / "C/05/0", tmp_path / "alone.zarr")
    assert verify(tmp_path / "alone.zarr").ok
    assert verify(plate.rename(tmp_path / "other.zarr")).ok


def test_a_well_that_is_not_listed_is_told_also_when_it_is_the_only_one_of_its_row(plate: Path) -> None:
    edited(plate, lambda ome: ome["plate"]["wells"].pop())
    assert "The well 'C/05' is there, but its plate" in repr(verify(plate))


CHANNELS: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "lost": (lambda omero: omero["channels"].pop(), "omero.channels describes 1 channels of 2"),
    "exchanged": (lambda omero: omero["channels"].reverse(), "omero.channels[0].wavelength_id is"),
    "window turned round": (
        lambda omero: omero["channels"][1]["window"].update(start=9e9),
        "omero.channels[1].window is",
    ),
    "window lost": (lambda omero: omero["channels"][0].pop("window"), "omero.channels[0].window is null"),
}


def test_channels_that_are_lost_or_exchanged_and_windows_that_viewers_refuse_are_told(plate: Path) -> None:
    image = plate / "B/03/0"
    file = next(image / name for name in DOCUMENT.values() if (image / name).exists())
    for change, said in CHANNELS.values():
        content = file.read_text()
        edited(image, lambda ome, change=change: change(ome["omero"]))
        assert said in repr(verify(image))
        file.write_text(content)


def test_channels_may_get_other_names_colours_and_windows(plate: Path) -> None:
    def change(ome: dict[str, Any]) -> None:
        ome["omero"]["channels"][0].update(label="nuclei", color="123456", active=False)
        ome["omero"]["channels"][0]["window"].update(start=7, end=8)

    edited(plate / "B/03/0", change)
    assert verify(plate).ok


@pytest.mark.parametrize("version", DOCUMENT)
def test_channels_that_were_renamed_by_another_library_are_no_fault(tmp_path: Path, version: str) -> None:
    """It leaves out how levels were made, and shifts of nothing: verify asked for the image to be converted again."""
    np.save(tmp_path / "a.npy", np.arange(700 * 801, dtype=np.uint16).reshape(700, 801))
    (tmp_path / "tiles.csv").write_text("file_path,row,column,fov_name\na.npy,A,1,F0\n")
    (tmp_path / "acquisition_details.toml").write_text("xy_pixel_size = 0.5\n")
    convert(tmp_path, tmp_path / "out", plate_name="P", ngff_version=version, workers=1)
    image = tmp_path / "out/P.zarr/A/01/0"
    ngio.open_ome_zarr_container(image).set_channel_labels(["nuclei"])
    assert verify(image).ok, verify(image)
    edited(image, lambda ome: ome["multiscales"][0].update(type="gaussian"))
    assert "multiscales[0].type is" in repr(verify(image))
    edited(image, lambda ome: ome["multiscales"][0].pop("type"))
    edited(image, lambda ome: ome["multiscales"][0]["datasets"][1]["coordinateTransformations"].pop())
    assert "multiscales[0].datasets[1].coordinateTransformations is" in repr(verify(image))


def test_a_row_that_was_added_to_a_table_is_told(plate: Path) -> None:
    for name in ("FOV_ROI_table", "time_points"):
        file = plate / "B/03/0/tables" / name / "table.csv"
        lines = file.read_text().splitlines()
        file.write_text("\n".join([*lines, "another" + lines[-1][lines[-1].index(",") :]]) + "\n")
        assert f"'tables/{name}' has the row" in repr(verify(plate / "B/03/0"))
        file.write_text("\n".join(lines) + "\n")


def test_a_damaged_document_does_not_hide_what_is_wrong_elsewhere(plate: Path) -> None:
    name = next(name for name in DOCUMENT.values() if (plate / name).exists())
    (plate / "B/03/0" / name).write_text("{")
    (plate / "C/05" / name).write_text("[]")
    found = verify(plate.parent)
    assert len(found.images) == 1  # the other acquisition of B03
    assert f"'{PLATE}/B/03/0/{name}' is not valid JSON" in repr(found)
    assert f"'{PLATE}/C/05/{name}' holds no JSON object" in repr(found)
    assert not found.ok


def test_links_to_plates_are_verified_and_links_in_circles_are_not_followed(plate: Path, tmp_path: Path) -> None:
    gathered = tmp_path / "gathered"
    gathered.mkdir()
    (gathered / "linked.zarr").symlink_to(plate)
    (gathered / "circle").symlink_to(gathered)
    (gathered / "dead.zarr").symlink_to(tmp_path / "nowhere")
    checked = verify(gathered)
    assert checked.ok and [Path(image.url).relative_to(gathered).as_posix() for image in checked.images] == [
        f"linked.zarr/{well}/{number}" for well in ("B/03", "C/05") for number in (0, 1)
    ]


def test_images_that_a_later_step_added_to_a_well_are_named_and_not_compared(plate: Path) -> None:
    """As illumination correction does; a well's list by ngio states no acquisition for them."""
    image = ngio.open_ome_zarr_container(plate / "B/03/0")
    image.derive_image(plate / "B/03/0corrected")
    ngio.open_ome_zarr_well(plate / "B/03").add_image(image_path="0corrected")
    found = verify(plate)
    assert found.ok and len(found.images) == 4
    assert found.others == (f"{plate}/B/03/0corrected",) == tuple(found.to_json()["others"])
    assert "0corrected: not compared, because another program wrote it." in repr(found)
    shutil.rmtree(plate / "B/03/0corrected")
    assert not verify(plate).ok


def test_an_image_of_ours_that_lost_its_mark_is_told(plate: Path) -> None:
    file = next(plate / "B/03/0" / name for name in DOCUMENT.values() if (plate / "B/03/0" / name).exists())
    document = json.loads(file.read_text())
    attributes = document if file.name == ".zattrs" else document["attributes"]
    del attributes["fractal_omezarr_converters"]["conversion"]
    file.write_text(json.dumps(document))
    found = verify(plate)
    assert not found.ok and not found.others and "no completion mark" in repr(found)
