"""Arrays that become labels of images which are there."""

from __future__ import annotations

import json

import ngio
import numpy as np
import pytest

from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.ngff.array_images import write_image
from fractal_omezarr_converters.ngff.reader import open_image


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 4000, (3, 5, 61, 47)).astype("u2")


@pytest.mark.parametrize("version", ["0.4", "0.5", "0.6"])
def test_a_label_below_its_image_is_found_by_readers(tmp_path, pixels, version):
    place = tmp_path / "image.zarr"
    write_image(
        place,
        pixels,
        axes="czyx",
        version=version,
        levels=3,
        scale=(1, 2.0, 0.5, 0.25),
        translation={"y": 7.0},
        units={"z": "meter"},
    )
    objects = np.repeat(np.arange(5, dtype="u4"), 61 * 47).reshape(5, 61, 47)
    for name in ("nuclei", "cells"):
        write_image(place / "labels" / name, objects, axes="zyx", version=version)
    write_image(place / "labels" / "cells", objects + 1, axes="zyx", version=version, method="mode", overwrite=True)
    image = open_image(place)
    assert image.labels() == ["nuclei", "cells"]
    label = image.label("cells")
    np.testing.assert_array_equal(label.read(), objects + 1)
    assert len(label.levels) == 3 and "omero" not in label.ome
    assert label.ome["image-label"]["source"] == {"image": "../../"}
    for what in ("scale", "translation"):
        assert getattr(label.levels[2].geometry, what) == getattr(image.levels[2].geometry, what)[1:]
    assert label.axes.units == ["meter", "micrometer", "micrometer"]
    if version != "0.6":
        assert ngio.open_ome_zarr_container(place).list_labels() == ["nuclei", "cells"]
        np.testing.assert_array_equal(
            ngio.open_ome_zarr_container(place).get_label("nuclei", path="0").get_as_numpy(), objects
        )
    write_image(place, pixels, axes="czyx", version=version, overwrite=True)
    assert not (place / "labels").exists()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"method": "mean"}, "cannot be made coarser by 'mean'"),
        ({"version": "0.4"}, "give version='0.5'"),
        ({"channels": ["nuclei"]}, "has no channels"),
        ({"data": np.zeros((5, 61, 47), "f4")}, "pixels of the type float32"),
        ({"data": np.zeros((5, 60, 47), "u4")}, "is 60 long along y, the image 61"),
    ],
)
def test_what_cannot_be_a_label_of_its_image_is_refused(tmp_path, pixels, wrong, said):
    write_image(tmp_path / "image.zarr", pixels, axes="czyx")
    given = {"data": np.zeros((5, 61, 47), "u4"), "method": "mode", **wrong}
    with pytest.raises(ConvertersToolsUserError, match=said):
        write_image(tmp_path / "image.zarr" / "labels" / "nuclei", axes="zyx", **given)
    assert not (tmp_path / "image.zarr" / "labels").exists()


@pytest.mark.parametrize(("unit", "written"), [("um", "micrometer"), ("pixel", None), (None, None)])
def test_an_image_with_units_that_no_specification_lists_gets_labels(tmp_path, pixels, unit, written):
    """They were refused in the name of a unit that nobody had given."""
    place = tmp_path / "image.zarr"
    write_image(place, pixels[0, 0], axes="yx", scale=(0.5, 0.5), version="0.4")
    attributes = json.loads((place / ".zattrs").read_text())
    for axis in attributes["multiscales"][0]["axes"]:
        axis |= {"unit": unit}
    (place / ".zattrs").write_text(json.dumps(attributes))
    write_image(place / "labels" / "nuclei", pixels[0, 0], axes="yx", method="mode", version="0.4")
    label = open_image(place / "labels" / "nuclei")
    assert label.axes.units == [written, written]
    assert label.pixel_size() == open_image(place).pixel_size() == {"y": 0.5, "x": 0.5}


@pytest.mark.parametrize("of_image", [{"levels": [1, 4, 16]}, {"levels": 3, "z_factor": 2}])
def test_levels_of_a_label_are_those_of_its_image(tmp_path, of_image):
    """They were as many, but of other sizes, where those of the image do not halve y and x alone."""
    pixels = np.random.default_rng(0).integers(0, 9, (4, 256, 200)).astype("u2")
    place = tmp_path / "image.zarr"
    write_image(place, pixels, axes="zyx", scale=(2, 0.5, 0.5), **of_image)
    write_image(place / "labels" / "nuclei", pixels, axes="zyx", method="mode")
    write_image(place / "labels" / "flat", pixels[:1], axes="zyx", method="mode")
    image, label, flat = (open_image(place / below) for below in ("", "labels/nuclei", "labels/flat"))
    assert [level.shape for level in label.levels] == [level.shape for level in image.levels]
    assert [level.shape[1:] for level in flat.levels] == [level.shape[1:] for level in image.levels]
