"""One image: regions as a list and as columns, copies, reading, JSON."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from made_sources import READS, MadeLoader, details, tile, well

from fractal_omezarr_converters.core.aggregation import tiled_image_from_tiles
from fractal_omezarr_converters.core.pixels import Source
from fractal_omezarr_converters.core.tile_slice import TileSlice
from fractal_omezarr_converters.core.tiled_image import TiledImage
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.acquisition import ChannelInfo, StageOrientation


def image(*tiles: object) -> TiledImage:
    (made,) = tiled_image_from_tiles(tiles=list(tiles))
    return made


def two_fields() -> TiledImage:
    return image(tile("a", value=100), tile("b", fov="F2", x=6, value=200))


class TestRegions:
    def test_reads_like_a_list(self) -> None:
        made = two_fields()
        assert len(made.regions) == 2
        assert [region.fov_name for region in made.regions] == ["F1", "F2"]
        assert made.regions[-1].image_loader.name == "b"
        assert [region.fov_name for region in made.regions[:1]] == ["F1"]

    def test_assigning_a_list_takes_effect(self) -> None:
        made = two_fields()
        made.regions = [region for region in made.regions if region.fov_name == "F2"]
        assert made.columns.start[:, 4].tolist() == [6]
        assert made.columns.fov_names == ["F2"]
        assert made.load_data()[0, 0, 0, 0, 0] == 200

    def test_assigning_a_roi_moves_the_region(self) -> None:
        made = two_fields()
        for region in made.regions:
            region.roi = region.roi.update_slice("x", (region.roi.get("x").start + 10, 6))
        assert made.columns.start[:, 4].tolist() == [10, 16]
        made.regions[0].roi = made.regions[0].roi.model_copy(update={"name": "other"})
        assert [group.fov_name for group in made.group_by_fov()] == ["other", "F2"]

    def test_views_stay_valid_when_tiles_are_added(self) -> None:
        made = two_fields()
        first = made.regions[0]
        made.add_tile(tile("c", fov="F3", x=12))
        made.regions.append(TileSlice.from_tile(tile("d", fov="F4", x=18)))
        assert len(made.columns) == 4
        first.roi = first.roi.update_slice("y", (5, 4))
        assert made.columns.start[:, 3].tolist() == [5, 0, 0, 0]

    def test_item_assignment_insert_and_delete(self) -> None:
        made = two_fields()
        made.regions[1] = TileSlice.from_tile(tile("c", fov="F3", x=30))
        made.regions.insert(0, TileSlice.from_tile(tile("d", fov="F0")))
        assert [region.fov_name for region in made.regions] == ["F0", "F1", "F3"]
        del made.regions[1]
        assert [region.image_loader.name for region in made.regions] == ["d", "c"]
        made.regions = [*made.regions, TileSlice.from_tile(tile("e", fov="F9"))]
        assert len(made.regions) == 3

    def test_a_loader_can_be_replaced(self) -> None:
        made = two_fields()
        made.regions[0].image_loader = MadeLoader(name="new", value=7)
        assert [loader.name for loader in made.columns.loaders] == ["new", "b"]

    def test_regions_of_pixels_are_refused_with_the_remedy(self) -> None:
        made = two_fields()
        with pytest.raises(ConvertersToolsUserError, match="to_world"):
            made.regions[0].roi = made.regions[0].roi.to_pixel(pixel_size=made.pixel_size)

    def test_something_else_in_the_list_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="TileSlice"):
            two_fields().regions = ["a"]


def test_f03_originals_are_the_raw_stage_position() -> None:
    orientation = {"flip_x": True, "swap_xy": True}
    made = tile(x=10.004, y=3, acquisition=details(stage_orientation=orientation, xy_pixel_size=1.0))
    roi = made.to_roi()
    assert (roi.x_micrometer_original, roi.y_micrometer_original) == (10.004, 3)
    assert (roi.get("x").start, roi.get("y").start) == (-9, 10)  # x: -(3 + 6); y: 10.004 settled on the grid


def test_f04_pixels_are_neither_turned_nor_mirrored() -> None:
    plain, turned = (
        image(tile(acquisition=details(stage_orientation=orientation))).load_data()
        for orientation in ({}, {"flip_x": True, "flip_y": True, "swap_xy": True})
    )
    assert np.array_equal(plain, turned)
    form = StageOrientation.model_json_schema()
    for text in (form["description"], *(field["description"] for field in form["properties"].values())):
        assert "pixels" in text.lower() and "stay as they are" in text


def test_f05_pixel_sizes_of_y_and_x_may_differ() -> None:
    acquisition = details(xy_pixel_size=0.5, y_pixel_size=2.0)
    made = image(tile("a", acquisition=acquisition), tile("b", fov="F2", y=8, acquisition=acquisition))
    assert made.shape() == (1, 1, 1, 8, 6)
    roi = made.roi()
    assert (roi.get("y").length, roi.get("x").length) == (16, 3)
    assert (made.pixel_size.y, made.pixel_size.x) == (2.0, 0.5)


def test_f06_l_shaped_group_keeps_every_plane() -> None:
    made = image(tile("c0z1", start_c=0, start_z=1, value=10), tile("c1z0", start_c=1, start_z=0, value=20))
    (group,) = made.group_by_fov()
    for data in (group.load_data(), group.load_data_dask().compute(), made.load_data()):
        assert data.shape == (1, 2, 2, 4, 6)
        assert data[0, :, :, 0, 0].tolist() == [[0, 10], [20, 0]]
    assert group.ref_slice().image_loader.name in ("c0z1", "c1z0")


def test_f07_image_that_ends_at_zero() -> None:
    made = image(tile("a", x=-12), tile("b", fov="F2", x=-6))
    assert made.shape() == (1, 1, 1, 4, 12)
    assert made.roi().get("x").start == -12
    assert made.roi().name == "Plate.zarr/A/01/0"
    assert made.copy_with(name="Well A1").roi().name == "Well A1"
    assert made.group_by_fov()[0].roi().name == "F1"
    assert made.load_data().shape == (1, 1, 1, 4, 12)


def test_f08_fields_off_the_grid_leave_no_gap() -> None:
    made = image(
        tile("a", x=0.4, value=50), tile("b", fov="F2", x=6.4, value=50), tile("c", fov="F3", x=12.4, value=50)
    )
    data = made.load_data()
    assert data.shape[-1] == 18
    assert (data > 0).all()


@pytest.mark.parametrize("way", ["load_data", "load_data_dask"])
def test_f21_each_source_is_read_once_and_not_before_it_is_needed(way: str) -> None:
    made = two_fields()
    READS.clear()
    loaded = getattr(made, way)()
    if way == "load_data_dask":
        assert READS == []
        loaded = loaded.compute(scheduler="synchronous")
    assert sorted(READS) == ["a", "b"]
    assert loaded[0, 0, 0, 0].tolist() == [*range(100, 106), *range(200, 206)]


def test_dask_chunks_are_the_callers_choice_and_the_graph_is_linear() -> None:
    tiles = [tile(f"{i}", fov=f"F{i}", x=6 * i, value=i) for i in range(40)]
    made = image(*tiles)
    lazy = made.load_data_dask(chunks=(1, 1, 1, 3, 7))
    assert lazy.chunks[-1][0] == 7
    assert np.array_equal(lazy.compute(scheduler="synchronous"), made.load_data())
    assert len(made.load_data_dask().dask) <= 2 * len(tiles) + 2


def test_f22_axes_are_placed_by_name() -> None:
    stack = tile("stack", shape=(3, 4, 6), axes="zyx", length_c=3, acquisition=details("cyx"))
    with pytest.raises(ConvertersToolsUserError, match=r"stack.*"):
        image(stack).load_data()
    turned = tile("turned", shape=(6, 4), axes="xy", acquisition=details("yx"))
    assert image(turned).load_data().tolist() == np.indices((4, 6)).sum(axis=0).tolist()


@pytest.mark.parametrize("shape", [(4, 7), (2, 4, 6), (1, 1, 1, 1, 4, 6)])
def test_f24_wrong_shape_names_file_and_both_shapes(shape: tuple[int, ...]) -> None:
    made = image(tile("wrong.tif", shape=shape))
    for load in (made.load_data, lambda: made.regions[0].load_data(axes=made.axes), made.group_by_fov()[0].load_data):
        with pytest.raises(ConvertersToolsUserError, match=r"wrong\.tif"):
            load()


def test_f28_what_reads_a_region_elsewhere_is_data_only() -> None:
    made = image(*[tile(f"{i}", fov=f"F{i}", x=6 * i) for i in range(200)])
    graph = dict(made.load_data_dask().dask)
    sizes = [len(pickle.dumps(task)) for task in graph.values()]
    assert max(sizes) < 3000
    source = pickle.loads(pickle.dumps(Source(made.regions[0].image_loader, "tczyx", (1, 1, 1, 4, 6), "F0")))
    assert source.read().shape == (1, 1, 1, 4, 6)


@pytest.mark.parametrize(
    "copied",
    [lambda made: made.model_copy(), lambda made: made.model_copy(deep=True), lambda made: made.copy_with(path="x")],
)
def test_f60_f62_copies_are_independent(copied: Callable[[Any], Any]) -> None:
    made = two_fields()
    before = made.model_dump_json()
    other = copied(made)
    other.columns.start[:] += 5
    other.regions[0].roi = other.regions[0].roi.model_copy(update={"name": "renamed"})
    other.regions[1].image_loader = MadeLoader(name="z")
    other.attributes["drug"] = ["A"]
    other.notes.append("note")
    other.add_tile(tile("c", fov="F3", x=40))
    assert made.model_dump_json() == before


def test_f62_update_of_a_copy_is_checked() -> None:
    made = two_fields()
    assert made.model_copy(update={"regions": [made.regions[1]]}).columns.fov_names == ["F2"]
    with pytest.raises(ValueError):
        made.model_copy(update={"xy_pixel_size": -1})


def test_f60_reading_changes_nothing() -> None:
    made = two_fields()
    before = made.model_dump_json()
    made.load_data(), made.load_data_dask().compute(), made.group_by_fov(), made.roi(), made.shape()
    assert made.model_dump_json() == before


class TestAddTile:
    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"axes": "czyx"}, "axes"),
            ({"xy_pixel_size": 2.0}, "x pixel size"),
            ({"y_pixel_size": 3.0}, "y pixel size"),
            ({"z_spacing": 3.0}, "z spacing"),
            ({"t_spacing": 3.0}, "t spacing"),
            ({"channels": [ChannelInfo(channel_label="GFP")]}, "channels"),
        ],
    )
    def test_other_settings_are_refused_with_both_names(self, fields: dict, words: str) -> None:
        fields = dict(fields)
        made = two_fields()
        with pytest.raises(ConvertersToolsUserError, match=rf"c\.tif.*F1.*{words}"):
            made.add_tile(tile("c.tif", acquisition=details(fields.pop("axes", "tczyx"), **fields)))
        assert len(made.regions) == 2

    def test_translation_is_the_smallest_corner(self) -> None:
        made = TiledImage(path="p", data_type="uint16", axes=list("tczyx"), collection=well())
        made.add_tile(tile("a", x=-5, y=7, start_z=3), add_translation=True)
        made.add_tile(tile("b", x=9, y=2, start_z=4), add_translation=True)
        assert made.translation == [0, 0, 3, 2, -5]

    def test_f30_attributes_are_joined(self) -> None:
        made = image(tile("a", attributes={"drug": ["A"]}))
        made.add_tile(tile("b", x=6, attributes={"drug": ["B"]}))
        assert made.attributes == {"drug": ["A", "B"]}


def test_output_shape_counts_from_zero_with_all_declared_channels() -> None:
    channels = [ChannelInfo(channel_label=name) for name in "abc"]
    made = image(tile("a", x=10, y=2, start_c=1, acquisition=details(channels=channels)))
    assert made.shape() == (1, 1, 1, 4, 6)
    assert made.output_shape() == (1, 3, 1, 6, 16)


def test_loaders_that_cannot_be_handed_over_still_work_here() -> None:
    class Local(MadeLoader):
        pass

    made = tile()
    made = made.model_copy(update={"image_loader": Local(name="local", value=3)})
    assert image(made).load_data()[0, 0, 0, 0, 0] == 3
    with pytest.raises(Exception, match="top of its module"):
        image(made).model_dump_json()


def test_no_warnings_from_pydantic_when_written() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        two_fields().model_dump_json()
        tile().model_dump_json()
