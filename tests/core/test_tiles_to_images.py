"""Tiles become images: paths, numbers of fields, data types, attributes, duplicates."""

from __future__ import annotations

import re
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_sources import READS, details, tile, well
from pydantic import ValidationError

from fractal_omezarr_converters.core.aggregation import tiled_image_from_tiles
from fractal_omezarr_converters.core.attributes import union_of_attributes
from fractal_omezarr_converters.core.dummy_tiles import StartPosition, TileShape, build_dummy_tile
from fractal_omezarr_converters.core.pixel_types import cast_exactly, holds, promoted
from fractal_omezarr_converters.core.placement import place
from fractal_omezarr_converters.core.tile_table import TileTable
from fractal_omezarr_converters.core.tile_table_builder import TileTableBuilder
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models.acquisition import ChannelInfo
from fractal_omezarr_converters.models.collections import ImageInPlate, SingleImage
from fractal_omezarr_converters.models.grouping import PerFovGrouping
from fractal_omezarr_converters.models.options import ConverterOptions


@pytest.mark.parametrize(("axes", "lost"), [("tzyx", "c"), ("czyx", "t"), ("tcyx", "z")])
def test_planes_that_lie_in_one_place_because_an_axis_lacks_are_told_so(axes: str, lost: str) -> None:
    """The message asked for different channels, which these tiles have."""
    acquisition = details(axes)
    tiles = [tile("a.tif", acquisition=acquisition), tile("b.tif", acquisition=acquisition, **{f"start_{lost}": 1})]
    why = rf"a\.tif and b\.tif .*state {lost}=0 and {lost}=1, but the image has the axes {axes}: add {lost} to them"
    with pytest.raises(ConvertersToolsUserError, match=why):
        tiled_image_from_tiles(tiles=tiles)


@pytest.mark.parametrize(("kind", "tells"), [("complex64", True), ("complex128", False), ("datetime64[s]", True)])
def test_numbers_that_no_image_can_have_are_one_sentence(kind: str, tells: bool) -> None:
    """A loader of somebody else ended in what pydantic says about a class of ours."""
    why = rf"image 'Plate.zarr/A/01/0' hold numbers of the type {re.escape(kind)}, which an image cannot have"
    with pytest.raises(ConvertersToolsUserError, match=why):
        tiled_image_from_tiles(tiles=[tile("a.abc", kind=kind, tells=tells)])


class TestPaths:
    def test_mosaic_path_is_the_number_of_the_acquisition(self) -> None:
        made = tiled_image_from_tiles(
            tiles=[
                tile("a", collection=well(3)),
                tile("b", fov="F2", x=6, collection=well(3)),
                tile("c", collection=well(0)),
            ]
        )
        assert [one.path for one in made] == ["Plate.zarr/A/01/3", "Plate.zarr/A/01/0"]
        assert [len(one.regions) for one in made] == [2, 1]

    def test_f44_fields_are_numbered_through_all_acquisitions_of_a_well(self) -> None:
        tiles = [
            tile("d", fov="FOV_10", collection=well(1)),
            tile("c", fov="FOV_2", collection=well(1)),
            tile("b", fov="FOV_2", collection=well(0)),
            tile("e", fov="FOV_1", collection=well(0, column=2)),
        ]
        made = tiled_image_from_tiles(tiles=tiles, split_per_fov=True)
        assert [(one.path, one.name) for one in made] == [
            ("Plate.zarr/A/01/2", "FOV_10"),
            ("Plate.zarr/A/01/1", "FOV_2"),
            ("Plate.zarr/A/01/0", "FOV_2"),
            ("Plate.zarr/A/02/0", "FOV_1"),
        ]

    def test_f45_collections_are_never_changed(self) -> None:
        shared, single = well(), SingleImage(image_path="folder/image")
        tiles = [tile("a", fov="F 1", collection=shared), tile("b", fov="F2", x=6, collection=shared)]
        tiles += [tile("c", fov="F 1", collection=single), tile("d", fov="F2", x=6, collection=single)]
        paths = [one.path for one in tiled_image_from_tiles(tiles=tiles, split_per_fov=True)]
        assert len(set(paths)) == 4
        assert paths[2:] == ["folder/image_F_1.zarr", "folder/image_F2.zarr"]
        assert (shared.path(), single.path()) == ("Plate.zarr/A/01/0", "folder/image.zarr")

    def test_a_field_is_translated_to_its_place_on_the_stage(self) -> None:
        made = tiled_image_from_tiles(tiles=[tile("a", x=-7, y=3, start_z=2)], split_per_fov=True)
        assert made[0].translation == [0, 0, 2, 3, -7]

    def test_grouping_may_come_from_converter_options(self) -> None:
        tiles = [tile("a"), tile("b", fov="F2", x=6)]
        options = ConverterOptions(grouping=PerFovGrouping())
        assert len(tiled_image_from_tiles(tiles=tiles, converter_options=options)) == 2

    def test_no_tiles_is_an_error(self) -> None:
        with pytest.raises(ConvertersToolsUserError, match="filters"):
            tiled_image_from_tiles(tiles=[])


class TestOneImage:
    def test_f19_mixed_types_promote_per_image_and_say_so(self) -> None:
        tiles = [
            tile("a", kind="uint8"),
            tile("b", fov="F2", x=6, kind="uint16", value=300),
            tile("c", kind="uint8", collection=well(1)),
        ]
        mixed, plain = tiled_image_from_tiles(tiles=tiles)
        assert (mixed.data_type, plain.data_type) == ("uint16", "uint8")
        assert "uint8, uint16" not in "".join(plain.notes)
        assert "uint16" in mixed.notes[0]
        assert mixed.load_data()[0, 0, 0, 0, 6] == 300

    def test_f19_types_come_from_headers(self) -> None:
        READS.clear()
        tiled_image_from_tiles(tiles=[tile(f"{i}", fov=f"F{i}", x=6 * i) for i in range(100)])
        assert READS == []

    def test_f19_without_headers_one_source_is_read(self) -> None:
        READS.clear()
        (made,) = tiled_image_from_tiles(tiles=[tile(f"{i}", fov=f"F{i}", x=6 * i, tells=False) for i in range(5)])
        assert (len(READS), made.data_type) == (1, "uint16")

    def test_f19_a_stated_type_that_cannot_hold_the_values_raises(self) -> None:
        (made,) = tiled_image_from_tiles(tiles=[tile("big.tif", value=300, acquisition=details(data_type="uint8"))])
        assert made.data_type == "uint8"
        with pytest.raises(ConvertersToolsUserError, match=r"big\.tif.*300.*uint8"):
            made.load_data()

    def test_f19_types_without_a_common_one_raise(self) -> None:
        tiles = [tile("a", kind="int64"), tile("b", fov="F2", x=6, kind="uint64")]
        with pytest.raises(ConvertersToolsUserError, match="int64, uint64"):
            tiled_image_from_tiles(tiles=tiles)

    def test_f30_attributes_of_all_tiles(self) -> None:
        tiles = [
            tile("a", attributes={"drug": ["A"], "dose": [1]}),
            tile("b", x=6, attributes={"drug": ["A"], "dose": [1]}),
            tile("c", x=12, attributes={"drug": ["B"], "dose": [2.5]}),
        ]
        (made,) = tiled_image_from_tiles(tiles=tiles)
        assert made.attributes == {"drug": ["A", "B"], "dose": [1.0, 2.5]}

    def test_an_attribute_without_values_leaves_the_others(self) -> None:
        (made,) = tiled_image_from_tiles(tiles=[tile("a", attributes={"drug": ["A", "B"], "dose": [1], "note": []})])
        assert made.attributes == {"drug": ["A", "B"], "dose": [1, 1], "note": [None, None]}
        (made,) = tiled_image_from_tiles(tiles=[tile("a", attributes={"drug": ["A"], "note": []})])
        assert made.attributes == {"drug": ["A"], "note": [None]}

    def test_tiles_that_do_not_belong_together_are_named(self) -> None:
        tiles = [tile("a.tif"), tile("b.tif", fov="F2", x=6, acquisition=details(xy_pixel_size=2))]
        with pytest.raises(ConvertersToolsUserError, match=r"b\.tif.*a\.tif.*pixel sizes"):
            tiled_image_from_tiles(tiles=tiles)

    def test_f11_two_sources_for_one_plane(self) -> None:
        with pytest.raises(ConvertersToolsUserError, match=r"a\.tif and b\.tif"):
            tiled_image_from_tiles(tiles=[tile("a.tif", start_z=1), tile("b.tif", start_z=1)])

    def test_f11_a_plane_inside_a_stack(self) -> None:
        stack = tile("stack.tif", length_z=5, shape=(5, 4, 6))
        with pytest.raises(ConvertersToolsUserError, match=r"stack\.tif and plane\.tif"):
            tiled_image_from_tiles(tiles=[stack, tile("plane.tif", start_z=3)])
        assert tiled_image_from_tiles(tiles=[stack, tile("plane.tif", start_z=5)])

    def test_f11_planes_along_an_axis_that_the_image_lacks(self) -> None:
        flat = details("cyx")
        with pytest.raises(ConvertersToolsUserError, match=r"a\.tif and b\.tif"):
            tiled_image_from_tiles(tiles=[tile("a.tif", acquisition=flat), tile("b.tif", start_z=1, acquisition=flat)])

    def test_the_same_source_twice_loses_nothing(self) -> None:
        assert tiled_image_from_tiles(tiles=[tile("a.tif"), tile("a.tif")])


class TestTypes:
    @pytest.mark.parametrize(
        ("kinds", "result"),
        [
            (["uint8", "int8"], "int16"),
            (["uint16", "float32"], "float32"),
            (["uint32", "float32"], "float64"),
            (["uint8"], "uint8"),
        ],
    )
    def test_f19_smallest_type_that_holds_all(self, kinds: list[str], result: str) -> None:
        assert promoted(kinds, "image") == result

    def test_f19_whole_numbers_beyond_a_floats_precision(self) -> None:
        assert not holds("float64", "int64")
        assert not holds("float32", "uint32")
        with pytest.raises(ConvertersToolsUserError):
            promoted(["int64", "float32"], "image")

    @given(
        st.lists(st.integers(-(2**40), 2**40), min_size=1, max_size=5),
        st.sampled_from(["uint8", "int16", "uint32", "float32", "float64"]),
    )
    def test_f19_a_cast_keeps_every_value_or_raises(self, values: list[int], kind: str) -> None:
        data = np.array(values)
        try:
            cast = cast_exactly(data, kind, "source")
        except ConvertersToolsUserError:
            assert any(int(np.array(value).astype(kind)) != value for value in values)
        else:
            assert cast.dtype == kind
            assert [int(value) for value in cast] == values

    @pytest.mark.parametrize("value", [0.5, float("nan"), float("inf"), -1.0, 256.0])
    def test_f19_floats_are_not_truncated(self, value: float) -> None:
        with pytest.raises(ConvertersToolsUserError, match="source"):
            cast_exactly(np.array([1.0, value]), "uint8", "source")


def test_f30_rows_that_fit_together_join() -> None:
    joined = union_of_attributes(
        [{"drug": ["A"]}, {}, {"drug": ["A"], "dose": [1]}, {"drug": ["A"], "dose": [2]}], "image"
    )
    assert joined == {"drug": ["A", "A"], "dose": [1, 2]}
    with pytest.raises(ConvertersToolsUserError, match="kinds of values"):
        union_of_attributes([{"drug": ["A"]}, {"drug": [1]}], "image")
    with pytest.raises(ConvertersToolsUserError, match="different numbers"):
        union_of_attributes([{"drug": ["A", "B"], "dose": [1, 2, 3]}], "image")


class TestTile:
    def test_f42_channel_beyond_the_list(self) -> None:
        acquisition = details(channels=[ChannelInfo(channel_label="DAPI")])
        assert tile(acquisition=acquisition)
        with pytest.raises(ValidationError, match="lists 1 channels"):
            tile(acquisition=acquisition, start_c=1)
        builder = TileTableBuilder()
        builder.add(
            fov="F",
            collection=well(),
            acquisition=acquisition,
            start=(0, 1, 0, 0, 0),
            length=(1, 1, 1, 4, 6),
            file="late.tif",
        )
        with pytest.raises(ConvertersToolsUserError, match=r"late\.tif.*channel"):
            builder.build()

    @pytest.mark.parametrize(
        "field", [{"length_x": 0}, {"x": float("nan")}, {"start_c": -1}, {"length_c": 0}, {"unknown": 1}]
    )
    def test_impossible_values(self, field: dict) -> None:
        with pytest.raises(ValidationError):
            tile(**field)

    def test_spaces_are_those_of_the_acquisition(self) -> None:
        acquisition = details(
            xy_pixel_size=0.5,
            y_pixel_size=0.25,
            z_spacing=2,
            start_x_space="pixel",
            start_z_space="pixel",
            length_y_space="world",
        )
        roi = tile(x=10, y=3, start_z=2, length_y=1, acquisition=acquisition).to_roi()
        assert [(roi.get(axis).start, roi.get(axis).length) for axis in "zyx"] == [(4, 2), (3, 1), (5, 3)]

    def test_f01_swap_uses_the_spacing_of_the_axis_that_was_measured(self) -> None:
        acquisition = details(
            xy_pixel_size=0.5,
            y_pixel_size=0.25,
            start_x_space="pixel",
            start_y_space="pixel",
            stage_orientation={"swap_xy": True},
        )
        roi = tile(x=10, y=100, acquisition=acquisition).to_roi()
        assert (roi.get("y").start, roi.get("x").start) == (5.0, 25.0)

    def test_f02_tiles_of_different_size_stay_neighbours_when_flipped(self) -> None:
        acquisition = details(stage_orientation={"flip_x": True})
        narrow = tile("narrow", value=1000, acquisition=acquisition)
        wide = tile("wide", fov="F2", x=6, length_x=12, shape=(4, 12), value=2000, acquisition=acquisition)
        (made,) = tiled_image_from_tiles(tiles=[narrow, wide])
        assert made.load_data()[0, 0, 0, 0].tolist() == [*range(2000, 2012), *range(1000, 1006)]

    def test_find_data_type(self) -> None:
        assert tile(kind="int8").find_data_type() == "int8"
        assert tile(kind="int8", acquisition=details(data_type="uint16")).find_data_type() == "uint16"

    def test_starts_within_a_hundredth_of_a_pixel_settle(self) -> None:
        roi = tile(x=12.009, y=12.02).to_roi()
        assert (roi.get("x").start, roi.get("y").start) == (12, 12.02)

    def test_length_along_an_axis_that_the_image_lacks(self) -> None:
        with pytest.raises(ConvertersToolsUserError, match="no axis z"):
            tile("stack.tif", length_z=3, acquisition=details("cyx")).to_roi()


class TestTable:
    def test_comes_back_as_the_same_tiles(self) -> None:
        tiles = [
            tile("a", attributes={"k": [1]}),
            tile("b", fov="F2", x=3.5, start_c=2, collection=well(2), acquisition=details("czyx")),
        ]
        table = TileTable.from_tiles(tiles)
        assert list(table) == tiles
        assert list(table.select([1])) == tiles[1:]
        assert list(table.select(np.array([True, False]))) == tiles[:1]
        assert list(TileTable.concat([table.select([1]), table])) == [tiles[1], *tiles]
        assert table.raw_xyz()[1].tolist() == [3.5, 0, 0]

    def test_equal_values_are_kept_once(self) -> None:
        table = TileTable.from_tiles([tile(f"{i}", fov=f"F{i}", x=6 * i, attributes={"k": [1]}) for i in range(5)])
        assert (len(table.collections), len(table.acquisitions), len(table.attribute_sets)) == (1, 1, 1)

    def test_files_and_loaders_mix(self) -> None:
        builder = TileTableBuilder()
        common = {"collection": well(), "acquisition": details(), "length": (1, 1, 1, 4, 6)}
        builder.add(fov="F1", start=(0, 0, 0, 0, 0), file="a.tif", page=3, **common)
        builder.add(fov="F2", start=(0, 0, 0, 0, 6), loader=tile("made").image_loader, **common)
        builder.add(fov="F3", start=(0, 0, 0, 0, 12), file="b.tif", **common)
        one, two, three = builder.build().loaders
        assert (one.file_path, one.page, two.name, three.file_path, three.page) == ("a.tif", 3, "made", "b.tif", None)

    def test_twelve_thousand_tiles_become_twelve_images(self) -> None:
        builder = TileTableBuilder()
        wells = [ImageInPlate(plate_name="P", row="A", column=column) for column in range(1, 13)]
        acquisition = details("czyx", data_type="uint16")
        for i in range(12_000):
            field, z = divmod(i // 12, 10)
            builder.add(
                fov=f"F{field}",
                collection=wells[i % 12],
                acquisition=acquisition,
                start=(0, 0, z, 0, 6 * field),
                length=(1, 1, 1, 4, 6),
                file=f"{i}.tif",
            )
        images = tiled_image_from_tiles(tiles=builder.build())
        assert [len(image.regions) for image in images] == [1000] * 12


class TestPlacement:
    def test_boxes_in_whole_pixels(self) -> None:
        (made,) = tiled_image_from_tiles(tiles=[tile("a", start_c=1), tile("b", fov="F2", x=6, y=4)])
        placed = place(made)
        assert placed.shape == (1, 2, 1, 8, 12)
        assert placed.start[:, 3:].tolist() == [[0, 0], [4, 6]]
        assert placed.length[:, 3:].tolist() == [[4, 6], [4, 6]]
        assert placed.order.tolist() == [0, 1]

    @pytest.mark.parametrize(("x", "words"), [(0.4, "beside the pixel grid"), (-6, "before 0")])
    def test_positions_that_are_not_registered_are_refused(self, x: float, words: str) -> None:
        (made,) = tiled_image_from_tiles(tiles=[tile("a", x=x)])
        with pytest.raises(ConvertersToolsUserError, match=words):
            place(made)

    def test_f11_a_field_that_another_covers_completely(self) -> None:
        (made,) = tiled_image_from_tiles(tiles=[tile("a.tif"), tile("b.tif", fov="F2")])
        with pytest.raises(ConvertersToolsUserError, match=r"a\.tif.*F1.*b\.tif.*F2"):
            place(made)

    def test_declared_channels_have_room(self) -> None:
        channels = [ChannelInfo(channel_label=name) for name in "abc"]
        (made,) = tiled_image_from_tiles(tiles=[tile("a", acquisition=details("cyx", channels=channels))])
        assert place(made).image_shape == (3, 4, 6)


def test_dummy_tiles_need_no_file_and_show_their_name() -> None:
    args = ("F1", StartPosition(x=3), TileShape(x=64, y=48, z=2), well(), details("czyx"))
    made = build_dummy_tile(*args)
    named = dict(zip(("fov_name", "start", "shape", "collection", "acquisition_details"), args))
    assert made == build_dummy_tile(**named)
    (image,) = tiled_image_from_tiles(tiles=[made])
    data = image.load_data()
    assert (data.shape, data.dtype) == ((1, 2, 48, 64), np.uint8)
    assert len(np.unique(data)) > 2
    other = build_dummy_tile("Another", *args[1:])
    assert not np.array_equal(other.image_loader.load_data(), made.image_loader.load_data())


def test_importing_core_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from fractal_omezarr_converters.core import Tile, TiledImage, TileTable, tiled_image_from_tiles, place\n"
        "print({'ngio', 'zarr', 'dask', 'pandas', 'polars', 'pyarrow', 'fsspec'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
