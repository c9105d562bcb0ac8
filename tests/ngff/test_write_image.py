"""Arrays to images in one call."""

from __future__ import annotations

import json
import uuid

import numpy as np
import pandas
import pytest
import slow_writer
import zarr

from fractal_omezarr_converters.errors import ConvertersToolsOutputExistsError, ConvertersToolsUserError
from fractal_omezarr_converters.ngff.array_images import NamedChannel, write_image
from fractal_omezarr_converters.ngff.reader import open_image


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 4000, (3, 5, 61, 47)).astype("u2")


@pytest.mark.parametrize("version", ["0.4", "0.5", "0.6"])
@pytest.mark.parametrize("kind", ["numpy", "dask", "zarr"])
def test_arrays_of_every_kind_become_images(tmp_path, pixels, version, kind):
    data = pixels
    if kind == "dask":
        import dask.array

        data = dask.array.from_array(pixels, chunks=((1, 2), 2, (30, 31), 40))
    elif kind == "zarr":
        data = zarr.create_array(str(tmp_path / "source"), data=pixels, chunks=(1, 2, 20, 20))
    made = write_image(
        tmp_path / "image.zarr", data, axes="czyx", scale={"z": 2.0, "y": 0.5, "x": 0.25}, translation=(0, 1, 2, 3), levels=3,
        channels=["DAPI", "GFP", "Cy5"], chunks=(1, 2, 16, 16), version=version, threads=2,
    )  # fmt: skip
    assert made.report.pixels_without_source == 0
    for level, expected in zip(made.layout.levels, slow_writer.levels(pixels[None], made.layout)):
        found = zarr.open_array(str(tmp_path / "image.zarr" / level.path), mode="r")
        np.testing.assert_array_equal(found[...], expected[0])
    names = [".zattrs"] if version == "0.4" else ["zarr.json"]
    document = json.loads((tmp_path / "image.zarr" / names[0]).read_text())
    ome = document if version == "0.4" else document["attributes"]["ome"]
    assert [channel["label"] for channel in ome["omero"]["channels"]] == ["DAPI", "GFP", "Cy5"]
    assert ome["multiscales"][0]["type"] == "mean"
    assert ome["omero"]["channels"][0]["window"]["start"] == np.quantile(pixels[0], 0.001, method="inverted_cdf")


def test_dask_chunks_are_computed_once(tmp_path, pixels):
    import dask.array

    computed = []

    def note(block, block_info=None):
        computed.append(block_info[0]["chunk-location"])
        return block

    source = dask.array.from_array(pixels, chunks=(1, 5, 31, 47))
    data = dask.array.map_blocks(note, source, dtype="u2", meta=np.empty((0,) * 4, "u2"))
    write_image(tmp_path / "image.zarr", data, axes="czyx", chunks=(3, 2, 16, 16))
    assert len(computed) == len(set(computed)) == 6


def test_axes_are_moved_by_name(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 255, (40, 30, 3)).astype("u1")
    write_image(tmp_path / "rgb.zarr", rgb, axes="yxc", chunks=(16, 16, 1))
    np.testing.assert_array_equal(zarr.open_array(str(tmp_path / "rgb.zarr" / "0"))[...], rgb.transpose(2, 0, 1))


def test_an_image_is_written_to_an_object_store(pixels):
    url = f"memory://{uuid.uuid4().hex}/image.zarr"
    write_image(url, pixels, axes="czyx", chunks=(1, 5, 20, 20), shards=(1, 5, 40, 40))
    found = zarr.open_array(f"{url}/0", mode="r")
    np.testing.assert_array_equal(found[...], pixels)
    with pytest.raises(ConvertersToolsOutputExistsError):
        write_image(url, pixels, axes="czyx")
    write_image(url, pixels + 1, axes="czyx", overwrite=True)


def test_f60_the_callers_array_is_not_changed(tmp_path, pixels):
    before = pixels.copy()
    pixels.flags.writeable = False
    write_image(tmp_path / "image.zarr", pixels, axes="czyx", chunks=(3, 5, 61, 47))
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize("axes", ["zyx", "czyy", "abcd", "qzyx"])
def test_axes_that_do_not_name_the_array_are_refused(tmp_path, pixels, axes):
    with pytest.raises(ConvertersToolsUserError, match="Axes"):
        write_image(tmp_path / "image.zarr", pixels, axes=axes)
    assert not list(tmp_path.iterdir())


def test_blocks_of_another_shape_than_the_array_promises_are_refused(tmp_path, pixels):
    import dask.array

    source = dask.array.from_array(pixels[0, 0, :60, :40], chunks=(20, 40))
    turned = source.map_blocks(np.transpose, dtype="u2")  # as many pixels, in other places
    with pytest.raises(
        ConvertersToolsUserError, match=r"from y=0, x=0 on has the shape \(40, 20\).*promised \(20, 40\)"
    ):
        write_image(tmp_path / "image.zarr", turned, axes="yx")
    other = source.map_blocks(lambda block: block + 0.5, dtype="u2")
    with pytest.raises(ConvertersToolsUserError, match="The part of the array from y=0, x=0 on gave pixels of"):
        write_image(tmp_path / "image.zarr", other, axes="yx", threads=1)
    assert not list(tmp_path.iterdir())


def test_an_image_is_read_where_it_was_written(tmp_path, pixels, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    write_image("~/image.zarr", pixels, axes="czyx")
    np.testing.assert_array_equal(open_image("~/image.zarr").read(), pixels)


@pytest.mark.parametrize(
    ("units", "said"),
    [
        ({"x": "um"}, "'um' of the axis 'x' is none that OME-Zarr knows; write its name out, such as 'micrometer'"),
        ({"z": "µm"}, "'µm' of the axis 'z'"),
        ({"y": "pixel"}, "'pixel' of the axis 'y'"),
        ({"t": "second"}, "Axis 't' is given a value, but the array has the axes 'czyx'"),
    ],
)
def test_units_that_no_reader_understands_or_that_have_no_axis_are_refused(tmp_path, pixels, units, said):
    with pytest.raises(ConvertersToolsUserError, match=said):
        write_image(tmp_path / "image.zarr", pixels, axes="czyx", units=units)
    write_image(tmp_path / "image.zarr", pixels, axes="czyx", units={"x": "decimeter", "y": None})
    axes = open_image(tmp_path / "image.zarr").axes
    assert axes.units == [None, "micrometer", None, "decimeter"]


@pytest.mark.parametrize(
    ("levels", "said"),
    [
        (["full", "full"], "are in each other's way at 'full'"),
        (["0", "0/1"], "are in each other's way at '0'"),
        (["zarr.json"], "'zarr.json' is reserved"),
        (["0", "labels/1"], "'labels/1' is reserved"),
        ([".zattrs"], "'.zattrs' is reserved"),
        (["0", "../1"], "'../1' cannot be the path of a folder"),
        (["0", ""], "'' cannot be the path of a folder"),
        ("012", "Levels '012' are one text"),
    ],
)
def test_names_of_levels_that_are_in_each_others_way_are_refused(tmp_path, pixels, levels, said):
    with pytest.raises(ConvertersToolsUserError, match=said):
        write_image(tmp_path / "image.zarr", pixels, axes="czyx", levels=levels)
    assert not list(tmp_path.iterdir())


def test_levels_may_have_paths_for_names_and_factors_of_numpy(tmp_path, pixels):
    write_image(tmp_path / "image.zarr", pixels, axes="czyx", levels=["scale0/image", "scale1/image"])
    assert open_image(tmp_path / "image.zarr").read("scale1/image").shape == (3, 5, 31, 24)
    write_image(tmp_path / "other.zarr", pixels, axes="czyx", levels=list(2 ** np.arange(3)))
    assert [level.shape[2:] for level in open_image(tmp_path / "other.zarr").levels] == [(61, 47), (31, 24), (16, 12)]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"channels": ["DAPI", "GFP", "Cy5", "DIC"]}, "has 3 channels, but 4 are described"),
        ({"channels": [NamedChannel("DAPI", color="greenish")]}, "The colour 'greenish'"),
        ({"scale": {"x": -0.5}}, "has the pixel size -0.5"),
        ({"units": {"x": "um"}}, "The unit 'um'"),
    ],
)
def test_what_is_wrong_is_told_before_pixels_are_read(tmp_path, pixels, wrong, said):
    import dask.array

    read = []
    lazy = dask.array.from_array(pixels, chunks=(1, 5, 61, 47)).map_blocks(
        lambda block: read.append(1) or block, dtype="u2", meta=np.empty((0,) * 4, "u2")
    )
    with pytest.raises(ConvertersToolsUserError, match=said):
        write_image(tmp_path / "image.zarr", lazy, axes="czyx", **wrong)
    assert not read


@pytest.mark.parametrize("shards", [(0, 10), (-10, 10), (15, 10)])
def test_shards_that_hold_no_whole_chunks_are_refused(tmp_path, pixels, shards):
    with pytest.raises(ConvertersToolsUserError, match="not whole multiples of chunks"):
        write_image(tmp_path / "image.zarr", pixels[0, 0], axes="yx", chunks=(10, 10), shards=shards)


@pytest.mark.parametrize("chunks", [None, (20, 20)])
def test_shards_may_be_larger_than_the_image(tmp_path, pixels, chunks):
    write_image(tmp_path / "image.zarr", pixels[0, 0], axes="yx", chunks=chunks, shards=(4096, 50), levels=2)
    image = open_image(tmp_path / "image.zarr")
    np.testing.assert_array_equal(image.read(), pixels[0, 0])
    assert [path.name for path in (tmp_path / "image.zarr" / "0" / "c" / "0").iterdir()] == ["0"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"scale": 0.5}, "The pixel size 0.5 is not one number for each of the axes 'yx'"),
        ({"scale": (1, 0.5, 0.5)}, "is not one number for each of the axes 'yx'"),
        ({"scale": {"x": "half"}}, "The pixel size of the axis 'x' is 'half'; give a number."),
        ({"translation": {"x": None}}, "The position of the axis 'x' is None; give a number."),
        ({"chunks": 10}, "The chunk 10 is not one number for each"),
        ({"chunks": (10.5, 10)}, "The chunk of the axis 'y' is 10.5; give a whole number."),
    ],
)
def test_values_that_are_no_numbers_per_axis_are_told_in_one_sentence(tmp_path, pixels, wrong, said):
    with pytest.raises(ConvertersToolsUserError, match=said):
        write_image(tmp_path / "image.zarr", pixels[0, 0], axes="yx", **wrong)


def test_an_array_that_does_not_know_its_size_is_told_what_to_do(tmp_path, pixels):
    import dask.array

    lazy = dask.array.from_array(pixels[0, 0])
    with pytest.raises(ConvertersToolsUserError, match="compute_chunk_sizes"):
        write_image(tmp_path / "image.zarr", lazy[lazy[:, 0] > 2000], axes="yx")


def test_whatever_numpy_makes_an_array_of_is_written(tmp_path, pixels):
    for number, data in enumerate([pandas.DataFrame(pixels[0, 0]), pixels[0, 0].tolist()]):
        write_image(tmp_path / f"{number}.zarr", data, axes="yx")
        np.testing.assert_array_equal(open_image(tmp_path / f"{number}.zarr").read(), pixels[0, 0])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            {"compression": {"codec": "zstd", "clevel": 9}},
            "is not understood .clevel.; give a codec's name, or settings among",
        ),
        ({"compression": {"name": "gzip"}}, "is not understood .name."),
        ({"compression": 5}, "Compression 5 is not understood .int."),
        ({"channels": [{"label": "DAPI"}, "GFP", "Cy5"]}, "The channel {'label': 'DAPI'} has no name"),
        ({"channels": [None, "GFP", "Cy5"]}, "The channel None has no name"),
        ({"z_factor": 0}, "z_factor is 0; give a whole number"),
        ({"z_factor": 1.5}, "z_factor is 1.5; give a whole number"),
    ],
)
def test_settings_that_would_do_nothing_or_have_no_meaning_are_refused(tmp_path, pixels, wrong, said):
    with pytest.raises(ConvertersToolsUserError, match=said):
        write_image(tmp_path / "image.zarr", pixels, axes="czyx", **wrong)
    assert not list(tmp_path.iterdir())


def test_a_masked_array_is_refused_since_an_image_has_no_mask(tmp_path):
    masked = np.ma.masked_greater(np.arange(64, dtype=np.uint16).reshape(8, 8), 40)
    with pytest.raises(ConvertersToolsUserError, match=r"23 pixels of the array are masked.*\.filled\(0\)"):
        write_image(tmp_path / "image.zarr", masked, axes="yx")
    write_image(tmp_path / "image.zarr", masked.filled(0), axes="yx")
    assert open_image(tmp_path / "image.zarr").read(0).max() == 40
    write_image(tmp_path / "none.zarr", np.ma.array(masked.filled(0)), axes="yx")  # nothing of it is masked
