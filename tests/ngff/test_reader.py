"""Images and plates of every version are opened, whoever wrote them."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from sample_images import PIXEL, VERSIONS, write_image, write_label, write_sample_plate

from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsUserError
from fractal_omezarr_converters.ngff.array_images import write_image as write_array
from fractal_omezarr_converters.ngff.groups import read_group, update_attributes
from fractal_omezarr_converters.ngff.plate_reader import open_plate
from fractal_omezarr_converters.ngff.reader import open_image, read_attributes, read_level
from fractal_omezarr_converters.ngff.stores import LocalStore
from fractal_omezarr_converters.ngff.summaries import info, info_text


@pytest.mark.parametrize("version", VERSIONS)
def test_image_is_read_back(tmp_path: Path, version: str) -> None:
    store = LocalStore(tmp_path)
    shards = version != "0.4"
    data = write_image(
        store, "i", version, axes="tczyx", shape=(2, 3, 1, 64, 96), origin={"y": 10.0, "x": -3.5}, shards=shards
    )
    image = open_image(tmp_path / "i")
    assert image.version == version
    assert image.axes.names == list("tczyx")
    assert image.pixel_size() == PIXEL
    assert image.pixel_size(2)["y"] == pytest.approx(4 * PIXEL["y"])
    assert image.translation()["x"] == -3.5
    assert image.translation(1)["y"] == pytest.approx(10 + PIXEL["y"] / 2)
    assert image.channel_labels == ["DAPI", "GFP", "Cy5"]
    assert [level.shape for level in image.levels] == [(2, 3, 1, 64, 96), (2, 3, 1, 32, 48), (2, 3, 1, 16, 24)]
    assert (image.levels[0].header.shards is not None) == shards
    np.testing.assert_array_equal(read_level(tmp_path / "i"), data)
    np.testing.assert_array_equal(image.read(0, c=1, y=slice(3, 9)), data[:, 1, :, 3:9])
    assert image.level(0).shape == data.shape
    with pytest.raises(ConvertersToolsUserError, match="no axis q"):
        image.read(0, q=1)
    with pytest.raises(ConvertersToolsUserError, match="0, 1, 2"):
        image.level("7")


@pytest.mark.parametrize("version", VERSIONS)
def test_labels_tables_plate_and_info(tmp_path: Path, version: str) -> None:
    store = LocalStore(tmp_path)
    write_sample_plate(store, version, path="P.zarr")
    plate = open_plate(tmp_path / "P.zarr")
    assert plate.name == "Plate 1"
    assert (len(plate.rows), len(plate.columns)) == (8, 12)
    assert plate.image_paths() == ["A/01/0", "A/01/1", "B/11/0", "H/12/0"]
    assert plate["A01"].image_paths(acquisition=1) == ["1"]
    assert plate["a1"].image(acquisition=1).path == "A/01/1"
    assert plate.well("B", "11").image().labels() == ["nuclei"]
    assert plate.well("B", 11).image().label("nuclei").axes.names == list("zyx")
    assert plate.well("B", 11).image().table("FOV_ROI_table")["FieldIndex"] == ["FOV_1", "FOV_2"]
    with pytest.raises(KeyError, match="B/11"):
        plate.well("C", 1)
    with pytest.raises(ConvertersToolsUserError, match="it has 0"):
        plate["H12"].image("5")
    described = info(tmp_path / "P.zarr", stats=True)
    level = described["wells"][0]["images"][0]["levels"][0]
    assert level["files"] == level["files_expected"] == 2 * 2 * 3 * 5
    assert json.loads(json.dumps(described)) == described
    text = info_text(described)
    assert "well H/12" in text
    assert "DAPI #0000FF" in text


def test_smallest_and_largest_pixel_are_those_of_the_coarsest_level(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    data = write_image(store, "image", "0.4", axes="zyx", shape=(3, 50, 70), levels=1)
    assert info(tmp_path / "image", stats=True)["stats"] == {"level": "0", "min": data.min(), "max": data.max()}
    header = tmp_path / "image/0/.zarray"
    document = json.loads(header.read_text())
    header.write_text(json.dumps(document | {"shape": [3, 1 << 20, 70], "chunks": [1, 16, 70]}))
    described = info(tmp_path / "image", stats=True)  # 196,608 chunks, of which hardly any is there
    assert "196608 files" in described["stats"]["problem"]
    assert described["levels"][0]["files"] < 100
    header.write_text(json.dumps(document | {"shape": [3, -50, 70]}))
    with pytest.raises(ConvertersToolsUserError, match=r"array '0' .* is damaged .*the shape is \(3, -50, 70\)"):
        info(tmp_path / "image", stats=True)


@pytest.mark.parametrize("value", [10**400, float("nan"), float("-inf"), "1.0", None])
def test_pixel_sizes_that_are_no_ordinary_numbers_are_refused(tmp_path: Path, value: object) -> None:
    write_image(LocalStore(tmp_path), "image", "0.4", axes="yx", shape=(32, 64), levels=1)
    described = tmp_path / "image/.zattrs"
    attributes = json.loads(described.read_text())
    attributes["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]["scale"][1] = value
    described.write_text(json.dumps(attributes))
    with pytest.raises(
        ConvertersToolsUserError, match=r"a scale has the values .*, which are not all ordinary numbers"
    ):
        open_image(tmp_path / "image")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"axes": ["x", "x"]}, "named twice"),
        ({"coordinateTransformations": True}, "True is no list of transformations"),
        ({"coordinateTransformations": ["scale"]}, "transformation of type 'scale' cannot be read"),
        (
            {"coordinateTransformations": [{"type": "sequence", "transformations": 7}]},
            "7 is no list of transformations",
        ),
    ],
)
def test_descriptions_that_contradict_the_specification_are_refused(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    write_image(LocalStore(tmp_path), "image", "0.4", axes="yx", shape=(32, 64), levels=1)
    described = tmp_path / "image/.zattrs"
    attributes = json.loads(described.read_text())
    attributes["multiscales"][0].update(changes)
    described.write_text(json.dumps(attributes))
    with pytest.raises(ConvertersToolsUserError, match=said):
        open_image(tmp_path / "image")


def test_images_of_other_programs(tmp_path: Path) -> None:
    """0.1: no axes, chunk keys with dots, no pixel sizes; 0.4 with other units and a transformation of the whole."""
    zarr.create_array(
        str(tmp_path / "old/0"),
        data=np.arange(24, dtype=">u2").reshape(1, 1, 2, 3, 4),
        zarr_format=2,
        chunk_key_encoding={"name": "v2", "separator": "."},
    )
    (tmp_path / "old/.zgroup").write_text('{"zarr_format": 2}')
    (tmp_path / "old/.zattrs").write_text(
        json.dumps({"multiscales": [{"version": "0.1", "datasets": [{"path": "0"}]}]})
    )
    old = open_image(tmp_path / "old")
    assert old.version == "0.1"
    assert old.axes.names == list("tczyx")
    assert old.pixel_size()["x"] == 1.0
    assert old.read().sum() == 276
    store = LocalStore(tmp_path)
    write_image(store, "new", "0.4", axes="yx", shape=(32, 64), levels=1)

    def foreign(attributes: dict) -> dict:
        multiscale = attributes["multiscales"][0]
        for axis in multiscale["axes"]:
            axis["unit"] = "nanometer"
        multiscale["coordinateTransformations"] = [{"type": "scale", "scale": [2.0, 3.0]}]
        del multiscale["version"]
        return attributes

    update_attributes(store, "new", foreign)
    image = open_image(store, "new")
    assert image.version == "0.4"
    assert image.pixel_size() == pytest.approx({"y": 2 * 0.65e-3, "x": 3 * 0.5e-3})


def test_what_is_no_image_is_named(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    write_sample_plate(store, "0.5", path="P")
    with pytest.raises(ConvertersToolsUserError, match="is a plate, not an image"):
        open_image(store, "P")
    with pytest.raises(ConvertersToolsUserError, match="no plate"):
        open_plate(store, "P/A/01/0")
    with pytest.raises(ConvertersToolsFileNotFoundError, match="no Zarr group"):
        open_image(tmp_path / "nowhere")
    store.delete("P/A/01/0/1")
    with pytest.raises(ConvertersToolsFileNotFoundError, match="incomplete"):
        open_image(store, "P/A/01/0")
    (tmp_path / "P/H/12/0/zarr.json").write_text('{"zarr_format": 3, "attr')
    with pytest.raises(ConvertersToolsUserError, match="not valid JSON"):
        open_image(store, "P/H/12/0")
    described = info_text(info(store, "P"))
    assert "incomplete" in described
    assert "damaged" in described
    assert "image 'P/B/11/0' (B/11 0)" in described


@pytest.mark.parametrize("version", VERSIONS)
def test_updates_reach_the_right_place_and_keep_the_rest(tmp_path: Path, version: str) -> None:
    store = LocalStore(tmp_path)
    write_image(store, "i", version)
    before = read_attributes(store, "i")
    update_attributes(store, "i", {"omero": {"rdefs": {"defaultZ": 1}}, "lab": {"a": 1}})
    update_attributes(store, "i", {"lab": {"b": 2}})
    group = read_group(store, "i")
    assert group is not None
    assert group.ome["omero"]["rdefs"] == {"defaultT": 0, "defaultZ": 1, "model": "color"}
    assert group.attributes["lab"] == {"a": 1, "b": 2}
    assert ("omero" in group.attributes) == (version == "0.4")
    update_attributes(store, "i", {"lab": None, "omero": {"rdefs": {"defaultZ": 0}}})
    assert read_attributes(store, "i") == before


def test_array_attributes_are_updated_without_harm(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    data = write_image(store, "i", "0.5")
    write_label(store, "i", "0.5")
    update_attributes(store, "i/0", {"checked": True})
    np.testing.assert_array_equal(open_image(store, "i").read(), data)


def test_remote_images_are_read(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    data = write_image(store, "i", "0.5", shape=(1, 1, 32, 32), levels=1)
    from fractal_omezarr_converters.ngff.stores import open_store

    remote = open_store("memory://reader")
    for key in store.list():
        remote.put(key, store.get(key) or b"")
    np.testing.assert_array_equal(open_image(remote, "i").read(), data)


@pytest.mark.parametrize(
    ("unit", "pixel"),
    [("nanometer", 0.0005), ("nm", 0.0005), ("um", 0.5), ("µm", 0.5), ("mm", 500.0), ("decimeter", 50_000.0)],
)  # fmt: skip
def test_pixel_sizes_are_in_micrometers_whatever_the_unit_of_the_document(
    tmp_path: Path, unit: str, pixel: float
) -> None:
    write_image(LocalStore(tmp_path), "i", "0.4", axes="yx", shape=(96, 96), levels=1)
    file = tmp_path / "i" / ".zattrs"
    document = json.loads(file.read_text())
    document["multiscales"][0]["axes"][1]["unit"] = unit
    file.write_text(json.dumps(document))
    assert open_image(tmp_path / "i").pixel_size() == pytest.approx({"y": PIXEL["y"], "x": pixel})


@pytest.mark.parametrize(
    ("fill", "stated", "said"),
    [
        ({0: math.nan, 1: math.inf}, {"min": 2.0, "max": 99.0}, "pixels of level 0: 2.0 to 99.0"),
        (dict.fromkeys(range(100), math.nan), {"problem": "no pixel of it is a finite number"}, "no pixel of it is"),
    ],
)
def test_smallest_and_largest_pixel_are_numbers_also_beside_nan(
    tmp_path: Path, fill: dict[int, float], stated: dict[str, Any], said: str
) -> None:
    data = np.arange(100, dtype="f4").reshape(10, 10)
    data.flat[list(fill)] = list(fill.values())
    write_array(tmp_path / "i.zarr", data, axes="yx", chunks=(5, 5))
    described = info(tmp_path / "i.zarr", stats=True)
    assert described["stats"] == {"level": "0", **stated}
    assert said in info_text(described)


def test_what_a_folder_is_when_it_is_no_image_is_told(tmp_path: Path) -> None:
    """A collection of bioformats2raw, an array, a list of labels."""
    zarr.open_group(tmp_path / "raw", mode="w", zarr_format=2).attrs["bioformats2raw.layout"] = 3
    write_array(tmp_path / "i.zarr", np.ones((9, 9), "u1"), axes="yx")
    write_image(LocalStore(tmp_path), "with", "0.5")
    write_label(LocalStore(tmp_path), "with", "0.5")
    for place, said in (
        ("raw", "a collection of images that bioformats2raw wrote (open one of its folders: 0, 1, ...), not an image"),
        ("i.zarr/0", "an array, not an image"),
        ("with/labels", "a list of labels, not an image"),
    ):
        for look in (open_image, info):
            with pytest.raises(ConvertersToolsUserError) as told:
                look(tmp_path / place)
            assert said in str(told.value)


def test_a_level_without_a_path_is_told(tmp_path: Path) -> None:
    write_image(LocalStore(tmp_path), "i", "0.4")
    file = tmp_path / "i" / ".zattrs"
    document = json.loads(file.read_text())
    del document["multiscales"][0]["datasets"][1]["path"]
    file.write_text(json.dumps(document))
    with pytest.raises(ConvertersToolsUserError, match="lists no levels, or one without a path"):
        open_image(tmp_path / "i")


def test_what_has_no_name_is_called_by_its_place_and_images_of_a_well_by_number(tmp_path: Path) -> None:
    """A plate as other programs write it, without names."""
    store = LocalStore(tmp_path)
    write_sample_plate(store, "0.4", path="p")
    for file in tmp_path.rglob(".zattrs"):
        document = json.loads(file.read_text())
        for each in (document.get("plate"), *document.get("multiscales", ())):
            if each is not None:
                each.pop("name", None)
        file.write_text(json.dumps(document))
    plate = open_plate(tmp_path / "p")
    assert "None" not in info_text(info(tmp_path / "p"))
    with pytest.raises(KeyError, match=r"Plate '\.' has no well"):
        plate["C03"]
    well = next(iter(plate))
    assert well.image(0).path == well.image("0").path
    with pytest.raises(ConvertersToolsUserError, match="has no image 'number -1'"):
        well.image(field=-1)
