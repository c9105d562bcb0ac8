"""From folders to images, through a format."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from tile_tables import one_well

from fractal_omezarr_converters.errors import ConvertersToolsUserError, ConvertersToolsWarning
from fractal_omezarr_converters.models import ConverterOptions, DefaultImageLoader, OverwriteMode
from fractal_omezarr_converters.pipelines import (
    AcquisitionOptions,
    AcquisitionRequest,
    ChannelFilter,
    PixelSizeModel,
    WellFilter,
    ZRangeFilter,
    filter_tiles,
    plan_image,
    read_acquisitions,
    setup_ome_zarr_collection,
    tiled_image_creation_pipeline,
    tiles_aggregation_pipeline,
)
from fractal_omezarr_converters.testing import write_cellvoyager, write_operetta

OPTIONS = ConverterOptions()


def test_options_filters_and_conditions_reach_the_images(folder, tmp_path):
    (tmp_path / "conditions.csv").write_text("well,dose\nA01,1\nB01,2\n")
    options = AcquisitionOptions(
        pixel_info=PixelSizeModel(z_spacing=3.0),
        condition_table_path=str(tmp_path / "conditions.csv"),
        filters=[WellFilter(wells=["A*"])],
    )
    images, report = read_acquisitions([AcquisitionRequest(str(folder), plate_name="P", options=options)], OPTIONS)
    [image] = images
    assert image.path == "P.zarr/A/01/0"
    assert image.z_spacing == 3.0
    assert image.attributes == {"drug": ["dA"], "dose": [1]}
    [[count]] = report.filter_counts
    assert (count.before, count.after) == (4, 2)


def test_two_requests_for_one_image_are_an_error(folder):
    requests = [AcquisitionRequest(str(folder)), AcquisitionRequest(str(folder))]
    with pytest.raises(
        ConvertersToolsUserError, match=r"both make the image .*; give them different acquisition numbers"
    ):
        read_acquisitions(requests, OPTIONS)
    requests[1] = AcquisitionRequest(str(folder), acquisition=1)
    images, _ = read_acquisitions(requests, OPTIONS)
    assert sorted(image.path[-6:] for image in images) == ["A/01/0", "A/01/1", "B/01/0", "B/01/1"]


def test_an_acquisition_in_two_folders_lasts_from_the_first_to_the_last(tmp_path):
    """It had the times of the folder that was given first."""
    requests, times = [], {}
    for well, day in (("B03", 7), ("C05", 5), ("D07", 6)):
        [source] = write_cellvoyager(tmp_path / well, planes=1, wells=(well,)).folders
        details = source / "MeasurementDetail.mrf"
        details.write_text(details.read_text().replace("2024-05-01T", f"2024-05-0{day}T"))
        requests.append(AcquisitionRequest(str(source), plate_name="P"))
        times[day] = read_acquisitions(requests[-1:], OPTIONS)[1].plate_facts["P", 0]
    _, report = read_acquisitions(requests, OPTIONS)
    facts = report.plate_facts["P", 0]
    assert (facts.start_time, facts.end_time) == (times[5].start_time, times[7].end_time)
    assert facts.start_time is not None and facts.end_time is not None


def test_one_folder_as_two_acquisitions_is_said(folder, tmp_path):
    """It became two cycles of the same images without a word."""
    (tmp_path / "link").symlink_to(folder)
    requests = [
        AcquisitionRequest(str(folder), plate_name="P"),
        AcquisitionRequest(f"{tmp_path}/link", "tile_table", "P", 1),
    ]
    with pytest.warns(
        ConvertersToolsWarning, match=r"source' is read twice, as the acquisitions 0 and 1 of plate 'P\.zarr'"
    ):
        read_acquisitions(requests, OPTIONS)
    one_well = AcquisitionOptions(filters=[WellFilter(wells=["A01"])])
    for other in (
        AcquisitionRequest(str(folder), plate_name="P", acquisition=1, options=one_well),
        AcquisitionRequest(str(folder), plate_name="Q"),
    ):
        _, report = read_acquisitions([requests[0], other], OPTIONS)
        assert not [text for text in report.warnings if "twice" in text]


def test_a_filter_that_is_wrong_for_one_of_several_acquisitions_names_it(folder, tmp_path):
    other = one_well(folder, tmp_path / "other", "A")
    options = AcquisitionOptions(filters=[WellFilter(wells=["B01"])])
    requests = [AcquisitionRequest(str(each), acquisition=n, options=options) for n, each in enumerate((folder, other))]
    with pytest.raises(ConvertersToolsUserError, match=r"other: The filter names the well 'B01'.*the wells are A01"):
        read_acquisitions(requests, OPTIONS)


def test_nothing_and_unknown_formats_are_refused(folder, tmp_path):
    with pytest.raises(ConvertersToolsUserError, match="no acquisition to convert"):
        read_acquisitions([], OPTIONS)
    with pytest.raises(ConvertersToolsUserError, match="'camera obscura'"):
        read_acquisitions([AcquisitionRequest(str(folder), format_name="camera obscura")], OPTIONS)
    with pytest.raises(ConvertersToolsUserError, match="channel Cy5"):
        read_acquisitions([AcquisitionRequest(str(folder), filters=[ChannelFilter(channel_labels=["Cy5"])])], OPTIONS)


def test_the_whole_way(folder, tmp_path):
    images, report = read_acquisitions([AcquisitionRequest(str(folder), plate_name="P")], OPTIONS)
    setup_ome_zarr_collection(tiled_images=images, zarr_dir=tmp_path, plate_facts=report.plate_facts)
    for image in images:
        made = tiled_image_creation_pipeline(
            zarr_url=f"{tmp_path}/{image.path}",
            tiled_image=image,
            registration_pipeline=None,
            converter_options=OPTIONS,
            overwrite_mode=OverwriteMode.NO_OVERWRITE,
        )
        pixels = made.get_image().get_array(mode="numpy")
        assert pixels.shape == (1, 1, 24, 64)
        first = ord(image.collection.row)
        assert set(pixels[..., :32].ravel()) == {first}
        assert set(pixels[..., 32:].ravel()) == {first + 10}


def test_a_stack_is_cropped_to_the_range(make_tile, tmp_path):
    import tifffile

    stack = np.arange(6 * 24 * 32, dtype=np.uint16).reshape(6, 24, 32)
    tifffile.imwrite(tmp_path / "stack.tif", stack, metadata={"axes": "ZYX"}, imagej=True)
    loader = DefaultImageLoader(file_path=str(tmp_path / "stack.tif"))
    tile = make_tile("A", shape=(6, 24, 32), start_z=10.0, loader=loader)
    assert loader.reads_parts()
    kept, [count] = filter_tiles([tile], filters_config=[ZRangeFilter(min_z=12.0, max_z=16.0)])
    assert count.cropped == 1
    [cropped] = kept
    assert (cropped.start_z, cropped.length_z) == (12.0, 3)
    from fractal_omezarr_converters.pipelines.tile_stream import ImageTiles

    [image] = tiles_aggregation_pipeline(kept, converter_options=OPTIONS)
    plan = plan_image(type(image).model_validate_json(image.model_dump_json()), converter_options=OPTIONS)
    np.testing.assert_array_equal(ImageTiles(plan.image, plan.placement).read(0)[0, 0], stack[1:4])


@pytest.mark.skipif(not hasattr(os, "posix_fadvise"), reason="this system has no way to ask for files")
def test_the_file_of_a_plane_is_asked_for_whole(tmp_path, monkeypatch):
    """Of each tile its own file, from begin to end, when it is not in the cache."""
    from fractal_omezarr_converters.pipelines.tile_stream import ImageTiles

    truth = write_operetta(tmp_path, wells=("B03",), layout=(2, 2), overlap=0, field_shape=(200, 344))
    images, _ = read_acquisitions([AcquisitionRequest(str(truth.folders[0]), plate_name="P")], OPTIONS)
    plan = plan_image(type(images[0]).model_validate_json(images[0].model_dump_json()), converter_options=OPTIONS)
    tiles = ImageTiles(plan.image, plan.placement)
    asked = []

    def not_cached(*_):
        raise BlockingIOError

    def advise(descriptor, begin, length, advice):
        assert advice == os.POSIX_FADV_WILLNEED
        asked.append((os.fstat(descriptor).st_ino, begin, length))

    monkeypatch.setattr(os, "preadv", not_cached)
    monkeypatch.setattr(os, "posix_fadvise", advise)
    loaders = plan.image.columns.loaders
    for index, row in enumerate(plan.placement.order):
        asked.clear()
        tiles.will_need(index, hold=True)
        (source,) = loaders.loader(int(row)).sources()
        file = Path(source.path).stat()
        assert {inode for inode, _, _ in asked} == {file.st_ino}
        assert [begin for _, begin, _ in asked] == [0, *np.cumsum([length for _, _, length in asked])[:-1]]
        assert sum(length for _, _, length in asked) >= file.st_size
    assert len(tiles.start) > 4


def test_a_filter_of_wells_for_several_acquisitions_may_name_wells_that_one_of_them_lacks(folder, tmp_path):
    """A second cycle without some of the wells: it could not be converted together with the first one."""
    second = one_well(folder, tmp_path / "second", "A")

    def wells_of(*filters: WellFilter) -> list[str]:
        requests = [
            AcquisitionRequest(str(path), plate_name="P", acquisition=number, options=AcquisitionOptions(filters=[one]))
            for number, (path, one) in enumerate(zip((folder, second), filters))
        ]
        return [image.path for image in read_acquisitions(requests, OPTIONS)[0]]

    named = WellFilter(wells=["A01", "B01"])
    assert wells_of(named, named) == ["P.zarr/A/01/0", "P.zarr/B/01/0", "P.zarr/A/01/1"]
    without = WellFilter(wells=["B01"], mode="Exclude")
    assert wells_of(without, without) == ["P.zarr/A/01/0", "P.zarr/A/01/1"]
    for filters in ([WellFilter(wells=["A01"]), named], [WellFilter(wells=["A01", "C01"])] * 2):
        with pytest.raises(
            ConvertersToolsUserError, match=r"second.*'B01', which does not|'C01', which does not occur"
        ):
            wells_of(*filters)
