"""One tile and one region: defaults, attributes, names of earlier generations, reading, travelling."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from made_sources import READS, MadeLoader, details, tile, well
from pydantic import ValidationError

from fractal_omezarr_converters.core import Tile, TileFOVGroup, TileSlice
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models import ChannelInfo, DefaultImageLoader, ImageInPlate, SingleImage


def bare(**fields: Any) -> Tile:
    common = {"collection": well(), "image_loader": DefaultImageLoader(file_path="a.tif")}
    place = {"fov_name": "F", "start_x": 1, "start_y": 2, "length_x": 6, "length_y": 4}
    return Tile(**{**common, **place, "acquisition_details": details(), **fields})


def test_defaults() -> None:
    made = bare()
    found = {name: getattr(made, name) for name in Tile.model_fields if name.startswith(("start", "length", "attr"))}
    assert found == {
        **{"start_x": 1.0, "start_y": 2.0, "start_z": 0.0, "start_t": 0.0, "start_c": 0},
        **{"length_x": 6.0, "length_y": 4.0, "length_z": 1.0, "length_t": 1.0, "length_c": 1},
        "attributes": {},
    }


@pytest.mark.parametrize(
    "field",
    ["fov_name", "start_x", "start_y", "length_x", "length_y", "collection", "image_loader", "acquisition_details"],
)
def test_what_a_tile_must_state(field: str) -> None:
    fields = dict(bare())
    del fields[field]
    with pytest.raises(ValidationError, match=field):
        Tile(**fields)


@pytest.mark.parametrize("axis", "xyztc")
def test_lengths_are_greater_than_0(axis: str) -> None:
    with pytest.raises(ValidationError, match=f"length_{axis}"):
        bare(**{f"length_{axis}": 0})


def test_f42_channels_beyond_the_list_are_refused_with_the_remedy() -> None:
    two = details(channels=[ChannelInfo(channel_label=name) for name in ("DAPI", "GFP")])
    assert bare(acquisition_details=two, start_c=0, length_c=2).length_c == 2
    with pytest.raises(ValidationError, match=r"'F' has the channels 1 to 2, .* lists 2 channels \(0 to 1\): add"):
        bare(acquisition_details=two, start_c=1, length_c=2)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ([1, None], [1, None]),
        ([1, 2.5], [1.0, 2.5]),
        ([True, None], [True, None]),
        (["1", "a"], ["1", "a"]),
        ([np.int64(3)], [3]),
        (np.array([1, 2]), [1, 2]),
        ([np.float32(0.5), float("nan")], [0.5, None]),
        ([np.bool_(False), np.str_("x")][:1], [False]),
        ([None], [None]),
        ([], []),
    ],
)
def test_f34_attributes_keep_their_kind(given: Any, kept: list[Any]) -> None:
    found = bare(attributes={"key": given}).attributes["key"]
    assert [(type(value), value) for value in found] == [(type(value), value) for value in kept]


@pytest.mark.parametrize("given", [[1, "a"], [True, 1], ["a", 2.5], "a", 3, [float("inf")], [[1]], [{"a": 1}]])
def test_attributes_that_are_no_list_of_one_kind_are_refused(given: Any) -> None:
    with pytest.raises(ValidationError, match="attributes"):
        bare(attributes={"key": given})


def test_what_tiles_share_is_shared() -> None:
    collection, acquisition = well(), details()
    made = bare(collection=collection, acquisition_details=acquisition)
    assert made.collection is collection
    assert made.acquisition_details is acquisition


def test_types_may_be_stated() -> None:
    kind = Tile[ImageInPlate, DefaultImageLoader]
    assert kind.model_validate_json(bare().model_dump_json()).model_dump() == bare().model_dump()
    with pytest.raises(ValidationError, match="collection"):
        Tile[SingleImage, DefaultImageLoader](**dict(bare()))


def test_roi_is_on_the_axes_of_the_acquisition_and_in_world_units() -> None:
    from ngio import Roi

    acquisition = details("czyx", xy_pixel_size=0.5, z_spacing=2.0)
    roi = bare(acquisition_details=acquisition, start_z=3.0, length_z=2, start_c=2, length_c=3).to_roi()
    assert isinstance(roi, Roi)
    assert (roi.name, [(piece.axis_name, piece.start, piece.length) for piece in roi.slices]) == (
        "F",
        [("c", 2, 3), ("z", 3, 4), ("y", 2, 2), ("x", 1, 3)],
    )
    originals = (roi.x_micrometer_original, roi.y_micrometer_original, roi.z_micrometer_original)
    assert originals == (1, 2, 3)


# ------------------------------------------------------------------------------------------------------------- TileSlice


def test_a_region_may_be_made_of_a_roi() -> None:
    made = TileSlice(roi=bare().to_roi(), image_loader=bare().image_loader)
    assert made.roi == bare().to_roi()
    assert made.image_loader == bare().image_loader
    assert made == TileSlice.from_tile(bare())


def test_a_region_adds_leading_axes() -> None:
    data = TileSlice.from_tile(tile(value=5)).load_data(axes="tczyx")
    assert (data.shape, data[0, 0, 0, 0, 0]) == ((1, 1, 1, 4, 6), 5)
    assert TileSlice.from_tile(tile(acquisition=details("yx"))).load_data(axes=["y", "x"]).shape == (4, 6)


@pytest.mark.parametrize(("shape", "found"), [((4, 7), "x=7"), ((3, 6), "y=3"), ((2, 4, 6), "z=2")])
def test_f24_a_region_compares_every_length(shape: tuple[int, ...], found: str) -> None:
    with pytest.raises(ConvertersToolsUserError, match=rf"wrong\.tif.*'F1'.*{found}.*stated as .*y=4, x=6"):
        TileSlice.from_tile(tile("wrong.tif", shape=shape)).load_data(axes="tczyx")


def test_f24_more_axes_than_the_image_has() -> None:
    free = TileSlice(roi=tile().to_roi(), image_loader=MadeLoader(name="deep.tif", shape=(1, 1, 4, 6)))
    with pytest.raises(ConvertersToolsUserError, match=r"deep\.tif.*4 axes .*only 3 \(zyx\)"):
        free.load_data(axes="zyx")


def test_f28_regions_and_groups_travel_as_data() -> None:
    many = [TileSlice.from_tile(tile(f"{i}.tif", x=6 * i)) for i in range(50)]
    one = pickle.loads(pickle.dumps(many[3]))
    assert one == many[3]
    assert len(pickle.dumps(many[3])) < 1500
    group = TileFOVGroup(fov_name="F1", regions=many, axes="tczyx", pixel_size=np.ones(5))
    assert pickle.loads(pickle.dumps(group)).load_data().shape == (1, 1, 1, 4, 300)


# ---------------------------------------------------------------------------------------------------------- TileFOVGroup


def test_a_group_made_by_hand() -> None:
    from ngio import PixelSize

    regions = [TileSlice.from_tile(tile("c1", start_c=1, start_z=2, value=7)), TileSlice.from_tile(tile("c0", x=6))]
    made = TileFOVGroup(
        fov_name="Field 3", regions=regions, axes=list("czyx"), pixel_size=PixelSize(x=1, y=1, z=1), data_type="uint16"
    )
    assert (made.fov_name, made.axes, made.data_type, len(made.regions)) == ("Field 3", list("czyx"), "uint16", 2)
    assert made.shape() == (2, 3, 4, 12)
    assert made.roi().name == "Field 3"
    assert [(piece.start, piece.length) for piece in made.roi().slices] == [(0, 2), (0, 3), (0, 4), (0, 12)]
    assert made.ref_slice().image_loader.name == "c1"
    assert [piece.axis_name for piece in made.regions[0].roi.slices] == list("czyx")
    assert (made.pixel_size.x, made.pixel_size.z) == (1, 1)
    data = made.load_data()
    assert (data[1, 2, 0, 0], data[0, 0, 0, 6], int(data.sum())) == (7, 0, 24 * 7 + 2 * 96)


def test_f21_a_group_asks_one_header_for_a_type_nobody_stated() -> None:
    READS.clear()
    made = TileFOVGroup(
        fov_name="F", regions=[TileSlice.from_tile(tile(kind="int16"))], axes="yx", pixel_size=np.ones(5)
    )
    assert made.data_type == "int16"
    assert READS == []
