"""Images on disk: pixels, documents, tables, completion."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import zarr
from written_images import attributes, convert, level_zero

from fractal_omezarr_converters.errors import (
    ConvertersToolsOutputExistsError,
    ConvertersToolsUserError,
    ConvertersToolsWarning,
)
from fractal_omezarr_converters.models import (
    ConverterOptions,
    FixedSizeChunking,
    InplaceTiling,
    MosaicGrouping,
    OmeZarrOptions,
    OverwriteMode,
    PerFovGrouping,
    StagePositionCorrections,
    WriterMode,
)
from fractal_omezarr_converters.ngff import completion, open_store, read_table
from fractal_omezarr_converters.pipelines import (
    is_finished,
    plan_image,
    tiled_image_creation_pipeline,
    tiles_aggregation_pipeline,
    write_tiled_image_as_zarr,
)


@pytest.fixture
def mosaic(make_tile):
    """Three fields in a row of which the last lacks a plane, two channels, two planes, two frames."""
    return [
        make_tile(
            f"F{x}",
            file=f"F{x}_{c}{z}{t}",
            start_x=100 + 16.0 * x,
            start_y=-40.0,
            start_c=c,
            start_z=2.0 * z,
            start_t=10.0 * t,
        )
        for x in range(3)
        for c in range(2)
        for z in range(2)
        for t in range(2)
        if (x, c, z, t) != (2, 1, 1, 0)
    ]


@pytest.mark.parametrize("version", ["0.4", "0.5", "0.6"])
def test_every_plane_lies_in_its_place(mosaic, tmp_path, version):
    options = ConverterOptions(omezarr_options=OmeZarrOptions(ngff_version=version))
    with pytest.warns(
        ConvertersToolsWarning, match="1 plane of image .* was not acquired or has no file; the image is incomplete"
    ):
        _, [made] = convert(mosaic, tmp_path, options)
    pixels = level_zero(tmp_path / "Plate.zarr/B/03/0")
    expected = np.zeros((2, 2, 2, 24, 96), dtype=np.uint16)
    for tile in mosaic:
        x = round((tile.start_x - 100) / 0.5)
        expected[round(tile.start_t / 10), tile.start_c, round(tile.start_z / 2), :, x : x + 32] = (
            tile.image_loader.pixels()
        )
    np.testing.assert_array_equal(pixels, expected)
    assert pixels.dtype == np.uint16
    assert made.plan.missing_planes.count == 1
    assert "field of view 'F2', channel 'GFP', z 1, t 0" in made.plan.missing_planes.examples
    if version != "0.6":
        assert made.level_paths[0] == "0"
        assert made.get_image().pixel_size.x == 0.5
        assert made.get_table("FOV_ROI_table").rois()[1].name == "F1"


def test_f18_missing_planes_are_in_the_completion_mark(mosaic, tmp_path):
    with pytest.warns(ConvertersToolsWarning):
        convert(mosaic, tmp_path)
    mark = completion.read(open_store(tmp_path), "Plate.zarr/B/03/0")
    assert mark.missing_planes["count"] == 1


def test_f21_every_plane_is_read_once(mosaic, tmp_path, reads):
    reads.clear()
    with pytest.warns(ConvertersToolsWarning):
        convert(mosaic, tmp_path)
    assert set(reads.values()) == {1}
    assert len(reads) == len(mosaic)


def test_a_table_that_csv_would_change_is_named_with_its_image(make_tile, tmp_path):
    with pytest.warns(ConvertersToolsWarning, match=r"Table 'FOV_ROI_table' of 'Plate\.zarr/B/03/0' is stored as JSON"):
        convert([make_tile("001"), make_tile("002", start_x=16.0)], tmp_path)


def test_sources_that_name_no_file_need_no_fetching_ahead(make_tile, tmp_path, monkeypatch):
    failed = []
    monkeypatch.setattr(threading, "excepthook", failed.append)
    convert([make_tile(f"F{x}", file=f"F{x}", start_x=16.0 * x) for x in range(3)], tmp_path)
    assert failed == []


@pytest.mark.parametrize("writer", list(WriterMode))
def test_writer_modes_give_the_same_pixels_also_where_tiles_overlap(make_tile, tmp_path, writer):
    tiles = [make_tile("A", value=100), make_tile("B", start_x=14.0, start_y=3.0, value=200)]
    options = ConverterOptions(grouping=MosaicGrouping(tiling_strategy=InplaceTiling()))
    convert(tiles, tmp_path, options, writer=writer)
    own = attributes(tmp_path / "Plate.zarr/B/03/0")["fractal_omezarr_converters"]
    assert any("overlap in place" in note for note in own["notes"])
    pixels = level_zero(tmp_path / "Plate.zarr/B/03/0")[0, 0, 0]
    expected = np.zeros((30, 60), dtype=np.uint16)
    expected[:24, :32] = tiles[0].image_loader.pixels()
    expected[6:, 28:] = tiles[1].image_loader.pixels()
    np.testing.assert_array_equal(pixels, expected)


def test_the_same_field_is_shown_in_the_overlaps_of_all_planes(make_tile, tmp_path):
    """The first image of A is listed after that of B: B lay over A in the second channel, and A over B in the first."""
    fields = {"A": (0.0, 100), "B": (14.0, 200)}
    tiles = [
        make_tile(field, start_x=fields[field][0], start_c=c, value=fields[field][1] + 10 * c)
        for field, c in (("B", 0), ("A", 1), ("B", 1), ("A", 0))
    ]
    options = ConverterOptions(grouping=MosaicGrouping(tiling_strategy=InplaceTiling()))
    convert(tiles, tmp_path, options)
    written = tmp_path / "Plate.zarr/B/03/0"
    (said,) = attributes(written)["fractal_omezarr_converters"]["notes"]
    assert "'A' over 'B'" in said
    pixels = level_zero(written)
    for tile in tiles:
        shown = slice(0, 32) if tile.fov_name == "A" else slice(32, 60)
        expected = tile.image_loader.pixels()[:, -(shown.stop - shown.start) :]
        np.testing.assert_array_equal(pixels[0, tile.start_c, 0, :, shown], expected)


def test_the_plan_counts_pixels_that_later_fields_hide_once(make_tile):
    """Where four fields meet, three lie over the first, and over each other."""
    corners = [(x, y) for y in (0, 20, 39) for x in (0, 28, 50)]
    tiles = [make_tile(f"F{n}", start_x=x / 2, start_y=y / 2) for n, (x, y) in enumerate(corners)]
    options = ConverterOptions(grouping=MosaicGrouping(tiling_strategy=InplaceTiling()))
    (image,) = tiles_aggregation_pipeline(tiles, converter_options=options)
    layers = np.zeros((100, 100), dtype=int)
    for x, y in corners:
        layers[y : y + 24, x : x + 32] += 1
    hidden = int((layers - 1).clip(0).sum())
    made = plan_image(image, converter_options=options)
    assert made.overlaps == hidden
    (said,) = [text for text in (*made.warnings, *made.remarks) if "overlap in place" in text]
    assert f"{hidden} pixels of each plane are overwritten" in said


@pytest.mark.parametrize("planes", [[(1, 3)], [(0, 1), (1, 1), (2, 1)], [(2, 4)]])
def test_the_plan_counts_hidden_pixels_of_stacks_that_begin_within_others(make_tile, tmp_path, planes):
    """A stack of three planes, and beside it one that begins higher, or single planes: none of their pixels were counted."""
    tiles = [make_tile("A", shape=(3, 24, 32))] + [
        make_tile("B", start_x=14.0, start_z=2.0 * z, shape=(n, 24, 32) if n > 1 else (24, 32)) for z, n in planes
    ]
    options = ConverterOptions(grouping=MosaicGrouping(tiling_strategy=InplaceTiling()))
    _, [made] = convert(tiles, tmp_path, options)
    shared = sum(max(0, min(3, z + n) - z) for z, n in planes)
    assert made.plan.overlaps == made.report.overlapped_pixels == shared * 24 * 4


@pytest.mark.parametrize("shards", [False, True])
def test_writer_modes_and_schedulers_give_the_same_files(make_tile, tmp_path, shards):
    tiles = [
        make_tile(f"F{i}{j}", file=f"{i}{j}{c}", value=40 * i + j, start_x=13.0 * i, start_y=10.0 * j, start_c=c)
        for c in range(2)
        for i in range(4)
        for j in range(3)
    ]
    written = {"ngff_version": "0.5", "chunks": FixedSizeChunking(xy_chunk=16), "levels": 3}
    if shards:
        written["shards"] = {"mode": "Multiple of Chunks", "xy_factor": 2}
    made = []
    ways = [
        *((writer, {"mode": "Default"}) for writer in WriterMode),
        (WriterMode.BY_FOV_DASK, {"mode": "Threads", "num_workers": 3}),
        (WriterMode.IN_MEMORY, {"mode": "Synchronous"}),
    ]
    for number, (writer, scheduler) in enumerate(ways):
        options = ConverterOptions(
            grouping=MosaicGrouping(tiling_strategy=InplaceTiling()),
            omezarr_options=written,
            runtime_settings={"dask_scheduler": scheduler},
        )
        folder = tmp_path / str(number)
        folder.mkdir()
        convert(tiles, folder, options, writer=writer)
        image = folder / "Plate.zarr/B/03/0"
        made.append({path.relative_to(image): path.read_bytes() for path in image.rglob("*") if path.is_file()})
    assert len(made[0]) > 10
    assert all(files == made[0] for files in made)


def test_f05_f09_scale_and_translation_in_the_metadata(make_tile, details, tmp_path):
    oblong = details.model_copy(update={"y_pixel_size": 2.0, "axes": list("zyx")})
    convert([make_tile("A", start_x=100.0, start_y=-8.0, start_z=6.0, acquisition_details=oblong)], tmp_path)
    image = attributes(tmp_path / "Plate.zarr/B/03/0")["multiscales"][0]
    scale, translation = image["datasets"][0]["coordinateTransformations"]
    assert scale["scale"] == [2.0, 2.0, 0.5]
    assert translation["translation"] == [6.0, -8.0, 100.0]
    for name in ("FOV_ROI_table", "well_ROI_table"):
        table = read_table(open_store(tmp_path), "Plate.zarr/B/03/0", name)
        assert [table[f"len_{axis}_micrometer"] for axis in "xyz"] == [[16.0], [48.0], [2.0]]


def test_f57_chunks_are_as_large_as_the_largest_field(make_tile, tmp_path):
    tiles = [make_tile("small"), make_tile("large", start_x=16.0, shape=(48, 64)), make_tile("low", start_x=48.0)]
    with pytest.warns(ConvertersToolsWarning, match="Inplace"):
        convert(tiles, tmp_path)
    assert zarr.open_group(tmp_path / "Plate.zarr/B/03/0", mode="r")["0"].chunks[-2:] == (48, 64)


@pytest.mark.parametrize("levels", [{"level_names": ["full", "half"]}, {"num_levels": 2}, {"num_levels": 9}])
def test_f55_levels_are_called_and_counted_as_asked(make_tile, tmp_path, levels):
    convert([make_tile("A")], tmp_path, ConverterOptions(omezarr_options={"levels": levels}))
    image = attributes(tmp_path / "Plate.zarr/B/03/0")["multiscales"][0]
    paths = [dataset["path"] for dataset in image["datasets"]]
    assert paths == levels.get("level_names", ["0", "1"])
    group = zarr.open_group(tmp_path / "Plate.zarr/B/03/0", mode="r")
    assert [group[path].shape[-2:] for path in paths] == [(24, 32), (12, 16)]


@pytest.mark.parametrize(("codec", "level"), [("lz4", 3), ("zstd", 7), ("none", None)])
def test_f58_the_chosen_compression_is_written(make_tile, tmp_path, codec, level):
    options = ConverterOptions(omezarr_options={"compression": {"codec": codec, "level": level}})
    convert([make_tile("A")], tmp_path, options)
    stated = json.loads((tmp_path / "Plate.zarr/B/03/0/0/.zarray").read_text())["compressor"]
    assert (stated and (stated["cname"], stated["clevel"])) == (None if codec == "none" else (codec, level))


def test_f60_writing_leaves_the_image_as_it_was(make_tile, tmp_path):
    options = ConverterOptions()
    tiles = [make_tile("A", start_x=100.3, start_c=1), make_tile("B", start_x=114.0, start_c=1)]
    [image] = tiles_aggregation_pipeline(tiles, converter_options=options)
    before, columns = image.model_dump_json(), image.columns
    tiled_image_creation_pipeline(
        zarr_url=f"{tmp_path}/a.zarr", tiled_image=image, registration_pipeline=None, converter_options=options
    )
    write_tiled_image_as_zarr(
        zarr_url=f"{tmp_path}/b.zarr",
        tiled_image=plan_image(image, converter_options=options).image,
        converter_options=options,
    )
    assert image.model_dump_json() == before and image.columns is columns


def test_f16_kept_positions_far_from_zero_are_refused(make_tile, tmp_path):
    keep = ConverterOptions(stage_position_corrections=StagePositionCorrections(remove_xy_offset="Keep"))
    with pytest.raises(
        ConvertersToolsUserError,
        match=r"5032 px, 157.2 times what the tiles need, .* set the removal of offsets to Global",
    ):
        convert([make_tile("A", start_x=2500.0)], tmp_path, keep)
    assert not list(tmp_path.iterdir())
    with pytest.warns(ConvertersToolsWarning, match="2.0 times"):
        convert([make_tile("A", start_x=16.0)], tmp_path, keep)
    assert level_zero(tmp_path / "Plate.zarr/B/03/0").shape[-1] == 64
    asked = StagePositionCorrections(remove_xy_offset="Keep", largest_padding=10)
    with pytest.warns(ConvertersToolsWarning, match="9.0 times"):
        convert(
            [make_tile("B", row="C", start_x=128.0)],
            tmp_path / "asked",
            ConverterOptions(stage_position_corrections=asked),
        )
    assert level_zero(tmp_path / "asked/Plate.zarr/C/03/0").shape[-1] == 288


def test_a_field_at_the_end_of_the_world_is_named(make_tile, tmp_path):
    tiles = [make_tile(f"F{i}", start_x=16.0 * i) for i in range(3)] + [make_tile("lost", start_x=1e5, start_y=1e5)]
    options = ConverterOptions(grouping=MosaicGrouping(tiling_strategy=InplaceTiling()))
    with pytest.raises(
        ConvertersToolsUserError, match=r"'lost', at [yx] = 2[0-9]* in pixels, lies far from the others"
    ):
        convert(tiles, tmp_path, options)


def test_f24_wrong_shapes_are_found_before_anything_is_written(make_tile, tmp_path):
    tiles = [make_tile(f"F{i}", start_x=16.0 * i) for i in range(3)]
    for i in (1, 2):
        tiles[i].image_loader.stated_shape = (25, 32)
    with pytest.raises(ConvertersToolsUserError, match=r"2 problems(.|\n)*F1_2\.tif(.|\n)*F2_3\.tif"):
        convert(tiles, tmp_path)
    assert not list(tmp_path.iterdir())


def test_f59_a_failure_leaves_nothing_behind(make_tile, tmp_path):
    tile = make_tile("A")
    tile.image_loader.shape, tile.image_loader.stated_shape = (20, 32), (24, 32)
    with pytest.raises(ConvertersToolsUserError, match=r"A_1\.tif.*20.*24"):
        convert([tile], tmp_path)
    assert not [path for path in (tmp_path / "Plate.zarr/B/03").iterdir() if path.is_dir()]


def test_f53_extend_makes_unfinished_images_again_and_keeps_finished_ones(make_tile, tmp_path, reads):
    tiles = [make_tile("A")]
    convert(tiles, tmp_path)
    image = tmp_path / "Plate.zarr/B/03/0"
    reads.clear()
    convert(tiles, tmp_path, mode=OverwriteMode.EXTEND)
    assert not reads
    document = attributes(image)
    del document["fractal_omezarr_converters"]["conversion"]["fingerprint"]
    document["fractal_omezarr_converters"]["conversion"] = {"fingerprint": "half", "state": "writing"}
    (image / ".zattrs").write_text(json.dumps(document))
    _, [made] = convert(tiles, tmp_path, mode=OverwriteMode.EXTEND)
    assert sum(reads.values()) == 1
    assert is_finished(str(image), made.plan)


def test_extend_makes_an_image_again_when_its_plan_changed(make_tile, tmp_path):
    convert([make_tile("A", file="same", value=1)], tmp_path)
    convert([make_tile("A", file="same", value=2)], tmp_path, mode=OverwriteMode.EXTEND)
    assert level_zero(tmp_path / "Plate.zarr/B/03/0").min() == 2


def test_f54_overwrite_keeps_the_old_image_until_the_new_one_is_whole(make_tile, tmp_path):
    convert([make_tile("A", value=1)], tmp_path)
    bad = make_tile("A", value=2)
    bad.image_loader.shape, bad.image_loader.stated_shape = (20, 32), (24, 32)
    with pytest.raises(ConvertersToolsUserError):
        convert([bad], tmp_path, mode=OverwriteMode.OVERWRITE)
    assert level_zero(tmp_path / "Plate.zarr/B/03/0").min() == 1
    convert([make_tile("A", value=3)], tmp_path, mode=OverwriteMode.OVERWRITE)
    assert level_zero(tmp_path / "Plate.zarr/B/03/0").min() == 3


def test_no_overwrite_refuses_a_finished_image(make_tile, tmp_path):
    images, _ = convert([make_tile("A")], tmp_path)
    with pytest.raises(ConvertersToolsOutputExistsError, match="Overwrite"):
        tiled_image_creation_pipeline(
            zarr_url=f"{tmp_path}/{images[0].path}",
            tiled_image=images[0],
            registration_pipeline=None,
            converter_options=ConverterOptions(),
        )


def test_per_fov_images_carry_name_and_stage_position(make_tile, tmp_path):
    tiles = [make_tile(f"Site {i}", start_x=1000.0 + 500 * i) for i in range(2)]
    convert(tiles, tmp_path, ConverterOptions(grouping=PerFovGrouping()))
    for i in range(2):
        image = attributes(tmp_path / f"Plate.zarr/B/03/{i}")["multiscales"][0]
        assert image["name"] == f"Site {i}"
        assert image["datasets"][0]["coordinateTransformations"][1]["translation"][-1] == 1000.0 + 500 * i


def test_a_registered_image_is_written_as_it_is(make_tile, tmp_path):
    options = ConverterOptions()
    [image] = tiles_aggregation_pipeline([make_tile("A", start_x=100.0)], converter_options=options)
    registered = plan_image(image, converter_options=options).image
    container = write_tiled_image_as_zarr(
        zarr_url=f"{tmp_path}/x.zarr", tiled_image=registered, converter_options=options
    )
    from ngio import OmeZarrContainer

    assert isinstance(container, OmeZarrContainer)
    assert container.get_image().shape == (1, 1, 1, 24, 32)
    with pytest.raises(ConvertersToolsUserError, match="align_to_pixel_grid"):
        write_tiled_image_as_zarr(
            zarr_url=f"{tmp_path}/y.zarr",
            tiled_image=tiles_aggregation_pipeline([make_tile("A", start_x=0.1)], converter_options=options)[0],
            converter_options=options,
        )


def test_planning_is_pure(make_tile, reads):
    options = ConverterOptions()
    [image] = tiles_aggregation_pipeline([make_tile("A", start_x=100.0)], converter_options=options)
    reads.clear()
    plans = [plan_image(image, converter_options=options) for _ in range(2)]
    assert not reads
    assert plans[0].fingerprint == plans[1].fingerprint
    assert json.loads(json.dumps(plans[0].to_json()))["shape"] == [1, 1, 1, 24, 32]
    assert plans[0].bytes == sum(np.prod(level["shape"]) for level in plans[0].to_json()["levels"]) * 2
    assert plans[0].memory >= 24 * 32 * 2


def test_writing_imports_none_of_the_heavy_libraries(tmp_path):
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from fractal_omezarr_converters.core.dummy_tiles import StartPosition, TileShape, build_dummy_tile
from fractal_omezarr_converters.models import AcquisitionDetails, ConverterOptions, SingleImage
from fractal_omezarr_converters.pipelines import tiled_image_creation_pipeline, tiles_aggregation_pipeline
options = ConverterOptions()
details = AcquisitionDetails()
place = SingleImage(image_path="a")
tile = build_dummy_tile("F", StartPosition(), TileShape(32, 24), collection=place, acquisition_details=details)
[image] = tiles_aggregation_pipeline([tile], converter_options=options)
tiled_image_creation_pipeline(
    zarr_url={str(tmp_path / "a.zarr")!r}, tiled_image=image, registration_pipeline=None, converter_options=options
)
print([name for name in ("ngio", "zarr", "pandas", "dask", "anndata", "pyarrow", "fsspec") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_f43_the_window_comes_from_all_pixels(make_tile, tmp_path, pattern_loader):
    tiles = [
        make_tile("A", loader=pattern_loader(name="A", value=50)),
        make_tile("B", start_x=16.0, loader=pattern_loader(name="B", value=900)),
    ]
    convert(tiles, tmp_path)
    window = attributes(tmp_path / "Plate.zarr/B/03/0")["omero"]["channels"][0]["window"]
    assert (window["min"], window["max"]) == (0, 65535)
    assert (window["start"], window["end"]) == (50, 906)
