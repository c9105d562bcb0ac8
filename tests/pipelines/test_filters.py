"""Filters on lists and tables of tiles."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from fractal_omezarr_converters.core.tile_table import TileTable
from fractal_omezarr_converters.errors import ConvertersToolsUserError, ConvertersToolsWarning
from fractal_omezarr_converters.models import ConverterOptions, DefaultImageLoader, SingleImage
from fractal_omezarr_converters.pipelines import (
    AcquisitionFilter,
    AttributeFilter,
    BoolValue,
    ChannelFilter,
    FilterModel,
    FloatValue,
    FovNameFilter,
    IntValue,
    IsNoneValue,
    IsNotNoneValue,
    RegexFilter,
    StringValue,
    TRangeFilter,
    WellFilter,
    ZRangeFilter,
    add_filter,
    apply_filter_pipeline,
    filter_tiles,
    tiles_aggregation_pipeline,
)


@pytest.fixture
def plate(make_tile):
    return [
        make_tile(f"F{field}", row=row, column=column, start_x=16.0 * field)
        for row in "ABC"
        for column in (1, 2, 12)
        for field in (1, 2)
    ]


def wells(tiles) -> list[str]:
    return sorted({tile.collection.well for tile in tiles})


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        (["A1"], ["A01"]),
        (["a01", " b12 "], ["A01", "B12"]),
        (["A01-B02"], ["A01", "A02", "B01", "B02"]),
        (["B02-A01"], ["A01", "A02", "B01", "B02"]),
        (["*01"], ["A01", "B01", "C01"]),
        (["b*"], ["B01", "B02", "B12"]),
        (["C?2"], ["C02", "C12"]),
    ],
)
def test_wells_by_name_range_and_pattern(plate, patterns, expected):
    for tiles in (plate, TileTable.from_tiles(plate)):
        assert wells(apply_filter_pipeline(tiles, filters_config=[WellFilter(wells=patterns)])) == expected
    left = apply_filter_pipeline(plate, filters_config=[WellFilter(wells=patterns, mode="Exclude")])
    assert wells(left) == sorted(set(wells(plate)) - set(expected))


@pytest.mark.parametrize("mode", ["Include", "Exclude"])
@pytest.mark.parametrize("name", ["H12", "D*", "D01-E02"])
def test_a_well_that_does_not_exist_is_an_error_in_both_modes(plate, name, mode):
    with pytest.raises(ConvertersToolsUserError, match=r"does not occur; the wells are A01, A02, A12"):
        apply_filter_pipeline(plate, filters_config=[WellFilter(wells=[name], mode=mode)])


def test_a_well_that_an_earlier_filter_removed_does_exist(plate):
    filters = [WellFilter(wells=["A*"]), WellFilter(wells=["B01", "A01"])]
    assert wells(apply_filter_pipeline(plate, filters_config=filters)) == ["A01"]


def test_nonsense_is_no_well(plate):
    with pytest.raises(ConvertersToolsUserError, match="neither a well"):
        apply_filter_pipeline(plate, filters_config=[WellFilter(wells=["well one"])])


def test_plate_filters_refuse_single_images(make_tile):
    tiles = [make_tile(collection=SingleImage(image_path="a"))]
    for one in (WellFilter(wells=["A01"]), AcquisitionFilter(acquisitions=[0])):
        with pytest.raises(ConvertersToolsUserError, match="works on plates only"):
            apply_filter_pipeline(tiles, filters_config=[one])


def test_fields_paths_acquisitions(plate, make_tile):
    kept = apply_filter_pipeline(plate, filters_config=[FovNameFilter(regex="2$")])
    assert {tile.fov_name for tile in kept} == {"F2"}
    kept = apply_filter_pipeline(plate, filters_config=[RegexFilter(regex="/A/", mode="Exclude")])
    assert "A01" not in wells(kept)
    tiles = [make_tile(acquisition=number) for number in (0, 1)]
    assert len(apply_filter_pipeline(tiles, filters_config=[AcquisitionFilter(acquisitions=[1])])) == 1
    with pytest.raises(
        ConvertersToolsUserError, match="acquisition 7, which does not occur; the acquisitions are 0, 1"
    ):
        apply_filter_pipeline(tiles, filters_config=[AcquisitionFilter(acquisitions=[7], mode="Exclude")])


def test_attributes_are_compared_by_kind(make_tile):
    tiles = [make_tile(attributes={"dose": [value]}) for value in (1, None, 3)]
    tiles.append(make_tile(attributes={"dose": ["1"]}))
    kept = apply_filter_pipeline(tiles, filters_config=[AttributeFilter(key="dose", values=[IntValue(value=1)])])
    assert [tile.attributes["dose"] for tile in kept] == [[1]]
    kept = apply_filter_pipeline(tiles, filters_config=[AttributeFilter(key="dose", values=[StringValue(value="1")])])
    assert [tile.attributes["dose"] for tile in kept] == [["1"]]
    kept = apply_filter_pipeline(
        tiles, filters_config=[AttributeFilter(key="dose", values=[IsNoneValue()], mode="Exclude")]
    )
    assert len(kept) == 3
    with pytest.raises(
        ConvertersToolsUserError, match="attribute 'drug', which not every tile has; the attributes are dose"
    ):
        apply_filter_pipeline(tiles, filters_config=[AttributeFilter(key="drug", values=[])])
    with pytest.warns(ConvertersToolsWarning, match="No tile has the value 9"):
        apply_filter_pipeline(tiles, filters_config=[AttributeFilter(key="dose", values=[IntValue(value=9)])])


@pytest.mark.parametrize(
    ("values", "mode", "kept"),
    [
        ([BoolValue(value=True)], "Include", [True]),
        ([IntValue(value=1)], "Include", [1, 1.0]),
        ([FloatValue(value=1.0)], "Include", [1, 1.0]),
        ([FloatValue(value=2.5), StringValue(value="1")], "Include", [2.5, "1"]),
        ([IsNoneValue()], "Include", [None, None]),
        ([IsNotNoneValue()], "Include", [True, 1, 1.0, 2.5, "1"]),
        ([IsNotNoneValue()], "Exclude", [None, None]),
        ([{"type": "Bool", "value": True}, {"type": "Is None"}], "Exclude", [1, 1.0, 2.5, "1"]),
    ],
)
def test_values_of_attributes_are_typed(make_tile, values, mode, kept):
    every = (True, 1, 1.0, 2.5, "1", None, float("nan"))
    tiles = [make_tile(attributes={"dose": [value]}) for value in every]
    chosen = AttributeFilter(key="dose", values=values, mode=mode)
    found = [tile.attributes["dose"][0] for tile in apply_filter_pipeline(tiles, filters_config=[chosen])]
    assert [(type(value), value) for value in found] == [(type(value), value) for value in kept]


def test_one_of_several_values_is_enough(make_tile):
    tiles = [make_tile(attributes={"dose": values}) for values in ([1, 2], [2, 3], [3])]
    kept = apply_filter_pipeline(
        tiles, filters_config=[AttributeFilter(key="dose", values=[IntValue(value=1), IntValue(value=2)])]
    )
    assert [tile.attributes["dose"] for tile in kept] == [[1, 2], [2, 3]]


def test_paths_are_searched_as_they_are_without_the_name_of_the_field(make_tile):
    tiles = [make_tile("F1", plate="P1"), make_tile("F2", plate="P2")]
    assert apply_filter_pipeline(tiles, filters_config=[RegexFilter(regex=r"P\d\.zarr/B/03/0$")]) == tiles
    assert apply_filter_pipeline(tiles, filters_config=[RegexFilter(regex=r"^P2")]) == tiles[1:]
    assert apply_filter_pipeline(tiles, filters_config=[RegexFilter(regex="F1")]) == []


def test_ranges_are_in_the_space_that_the_acquisition_states(make_tile, details):
    pixels = details.model_copy(update={"start_z_space": "pixel", "start_t_space": "pixel"})
    tiles = [make_tile(start_z=z, start_t=z, acquisition_details=pixels) for z in range(4)]
    kept = apply_filter_pipeline(tiles, filters_config=[ZRangeFilter(min_z=1), TRangeFilter(max_t=2)])
    assert [tile.start_z for tile in kept] == [1, 2]


def test_channels(make_tile, details):
    tiles = [make_tile(start_c=0), make_tile(start_c=1), make_tile(shape=(2, 1, 24, 32))]
    single = tiles[:2]
    kept = apply_filter_pipeline(single, filters_config=[ChannelFilter(channel_labels=["GFP"])])
    assert [tile.start_c for tile in kept] == [1]
    assert len(apply_filter_pipeline(tiles, filters_config=[ChannelFilter(channel_labels=["GFP", "DAPI"])])) == 3
    with pytest.raises(ConvertersToolsUserError, match="some, but not all channels"):
        apply_filter_pipeline(tiles, filters_config=[ChannelFilter(channel_labels=["GFP"])])
    with pytest.raises(ConvertersToolsUserError, match="channel Cy5, which does not occur; the channels are DAPI, GFP"):
        apply_filter_pipeline(tiles, filters_config=[ChannelFilter(channel_labels=["Cy5"])])
    nameless = make_tile(acquisition_details=details.model_copy(update={"channels": None}))
    with pytest.raises(ConvertersToolsUserError, match="needs the names of the channels"):
        apply_filter_pipeline([nameless], filters_config=[ChannelFilter(channel_labels=["GFP"])])


def test_ranges_include_both_ends(make_tile):
    tiles = [make_tile(start_z=z, start_t=t) for z in (0.0, 2.0, 4.0) for t in (0.0, 10.0)]
    kept = apply_filter_pipeline(tiles, filters_config=[ZRangeFilter(min_z=2.0, max_z=4.0), TRangeFilter(max_t=0.0)])
    assert [(tile.start_z, tile.start_t) for tile in kept] == [(2.0, 0.0), (4.0, 0.0)]
    with pytest.raises(ValueError, match="exchange them"):
        ZRangeFilter(min_z=3, max_z=1)


def test_counts_of_removed_tiles(plate):
    _, counts = filter_tiles(plate, filters_config=[WellFilter(wells=["A*"]), FovNameFilter(regex="F1")])
    assert [(count.name, count.before, count.after, count.removed) for count in counts] == [
        ("Well Filter", 18, 6, 12),
        ("FOV Name Filter", 6, 3, 3),
    ]


def test_older_filters_load(plate):
    kept = apply_filter_pipeline(
        plate,
        filters_config=[
            {"name": "Well Include Filter", "wells_to_include": ["A01", "A02"]},
            {"name": "Well Exclude Filter", "wells_to_remove": ["A02"]},
            {"name": "Path Regex Include Filter", "regex": "Plate"},
            {"name": "Path Regex Exclude Filter", "regex": "nothing"},
        ],
    )
    assert wells(kept) == ["A01"]


class SecondField(FilterModel):
    name: str = "second field"
    wanted: str = "F2"


def keep_second(tile, *, filter_params) -> bool:
    return tile.fov_name == filter_params.wanted


def test_own_filters_get_tile_and_model(plate):
    add_filter(function=keep_second, name="second field", overwrite=True)
    for tiles in (plate, TileTable.from_tiles(plate)):
        kept = apply_filter_pipeline(tiles, filters_config=[WellFilter(wells=["A01"]), SecondField()])
        assert [tile.fov_name for tile in kept] == ["F2"]
    kept = apply_filter_pipeline(plate, filters_config=[{"name": "second field", "wanted": "F1"}])
    assert {tile.fov_name for tile in kept} == {"F1"}
    with pytest.raises(ConvertersToolsUserError, match="no filter called 'third field'"):
        apply_filter_pipeline(plate, filters_config=[{"name": "third field"}])


def test_only_the_tiles_that_are_left_must_have_the_attribute(make_tile):
    tiles = [make_tile("F", row="A", attributes={"drug": ["x"]}), make_tile("F", row="B")]
    drug = AttributeFilter(key="drug", values=[StringValue(value="x")])
    assert wells(apply_filter_pipeline(tiles, filters_config=[WellFilter(wells=["A03"]), drug])) == ["A03"]
    with pytest.raises(
        ConvertersToolsUserError, match=r"not every tile has, for example not 'F' in Plate\.zarr/B/03/0"
    ):
        apply_filter_pipeline(tiles, filters_config=[drug])


def test_only_the_tiles_that_are_left_must_have_names_of_channels(make_tile, details):
    nameless = details.model_copy(update={"channels": None})
    tiles = [make_tile("F", row="A"), make_tile("F", row="B", acquisition_details=nameless)]
    dapi = ChannelFilter(channel_labels=["DAPI"])
    assert wells(apply_filter_pipeline(tiles, filters_config=[WellFilter(wells=["A03"]), dapi])) == ["A03"]
    with pytest.raises(ConvertersToolsUserError, match="needs the names of the channels"):
        apply_filter_pipeline(tiles, filters_config=[dapi])


def stacks(make_tile, folder, *names):
    for name in names:
        pixels = np.arange(4 * 24 * 32, dtype=np.uint16).reshape(4, 24, 32)
        tifffile.imwrite(folder / f"{name}.tif", pixels, ome=False, photometric="minisblack", metadata={"axes": "ZYX"})
    return lambda path, **more: make_tile(shape=(4, 24, 32), loader=DefaultImageLoader(file_path=path), **more)


def test_stacks_below_a_resource_are_cropped_too(make_tile, tmp_path):
    stack = stacks(make_tile, tmp_path, "a")
    [image] = tiles_aggregation_pipeline(
        [stack("a.tif")],
        converter_options=ConverterOptions(),
        filters=[ZRangeFilter(min_z=2.0, max_z=5.0)],
        resource=str(tmp_path),
    )
    assert image.shape() == (1, 1, 2, 24, 32)
    assert image.load_data(str(tmp_path))[0, 0, :, 0, 0].tolist() == [768, 2 * 768]


def test_a_plane_at_the_end_of_a_range_is_kept_whatever_floating_point_makes_of_its_height(
    make_tile, details, tmp_path
):
    """3 x 0.3 is a trifle less than 0.9: the whole stack was left out, and the plane of a file of its own."""
    details = details.model_copy(update={"z_spacing": 0.3})
    stack = stacks(make_tile, tmp_path, "a")
    planes = [make_tile(acquisition_details=details, start_z=number * 0.3) for number in range(4)]
    for tiles, resource in (([stack("a.tif", acquisition_details=details)], str(tmp_path)), (planes, None)):
        [image] = tiles_aggregation_pipeline(
            tiles,
            converter_options=ConverterOptions(),
            filters=[ZRangeFilter(min_z=0.9, max_z=5.0)],
            resource=resource,
        )
        assert image.shape() == (1, 1, 1, 24, 32)


@pytest.mark.parametrize(("low", "high", "kept"), [(0.0, 3.0, [0, 1]), (2.0, 4.0, [1, 2]), (6.0, None, [3])])
def test_stacks_of_pages_without_a_name_are_cropped_too(make_tile, tmp_path, low, high, kept):
    """A plain TIFF file does not say that its pages are planes: its stacks were kept whole, or left out."""
    pixels = np.arange(4 * 24 * 32, dtype=np.uint16).reshape(4, 24, 32)
    tifffile.imwrite(tmp_path / "plain.tif", pixels, photometric="minisblack", metadata=None)
    tile = make_tile(shape=(4, 24, 32), loader=DefaultImageLoader(file_path="plain.tif"))
    [image] = tiles_aggregation_pipeline(
        [tile],
        converter_options=ConverterOptions(),
        filters=[ZRangeFilter(min_z=low, max_z=high)],
        resource=str(tmp_path),
    )
    np.testing.assert_array_equal(image.load_data(str(tmp_path))[0, 0], pixels[kept])
    assert image.columns.start[0, 2] == 2.0 * kept[0]


def test_arrays_without_names_of_axes_are_cropped_by_both_ranges(make_tile, tmp_path):
    pixels = np.arange(3 * 4 * 24 * 32, dtype=np.uint16).reshape(3, 1, 4, 24, 32)
    np.save(tmp_path / "all.npy", pixels)
    tile = make_tile(shape=(3, 1, 4, 24, 32), loader=DefaultImageLoader(file_path="all.npy"))
    [image] = tiles_aggregation_pipeline(
        [tile],
        converter_options=ConverterOptions(),
        filters=[ZRangeFilter(min_z=2.0, max_z=5.0), TRangeFilter(min_t=10.0, max_t=10.0)],
        resource=str(tmp_path),
    )
    np.testing.assert_array_equal(image.load_data(str(tmp_path)), pixels[1:2, :, 1:3])


def test_movies_are_cropped_to_the_range_of_time(make_tile, tmp_path):
    movie = np.arange(5 * 24 * 32, dtype=np.uint16).reshape(5, 24, 32)
    tifffile.imwrite(tmp_path / "movie.tif", movie, imagej=True, metadata={"axes": "TYX"})
    tile = make_tile("A", shape=(5, 1, 1, 24, 32), start_t=100.0, loader=DefaultImageLoader(file_path="movie.tif"))
    [image] = tiles_aggregation_pipeline(
        [tile],
        converter_options=ConverterOptions(),
        filters=[TRangeFilter(min_t=110.0, max_t=131.0)],
        resource=str(tmp_path),
    )
    np.testing.assert_array_equal(image.load_data(str(tmp_path))[:, 0, 0], movie[1:4])
    assert image.columns.start[0, 0] == 110


def test_f27_a_range_does_not_hide_a_missing_stack(make_tile, tmp_path):
    """A stack that begins below the range and cannot be cropped must not vanish as if it lay outside."""
    stack = stacks(make_tile, tmp_path, "there")
    tiles = [stack(str(tmp_path / f"{name}.tif"), row=row) for name, row in (("there", "A"), ("gone", "B"))]
    with pytest.raises(ConvertersToolsUserError, match=r"gone\.tif"):
        tiles_aggregation_pipeline(tiles, converter_options=ConverterOptions(), filters=[ZRangeFilter(min_z=2.0)])
