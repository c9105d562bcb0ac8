"""Checks before anything is written."""

from __future__ import annotations

import numpy as np
import pytest

from fractal_omezarr_converters.core.aggregation import tiled_image_from_tiles
from fractal_omezarr_converters.errors import ConvertersToolsUserError, ConvertersToolsWarning
from fractal_omezarr_converters.models import ConverterOptions, DataTypeEnum, DefaultImageLoader
from fractal_omezarr_converters.pipelines import (
    ShapeDtypeProbeValidator,
    TRangeFilter,
    ValidatorModel,
    WellFilter,
    ZRangeFilter,
    add_validator,
    apply_validator_pipeline,
    plan_image,
    tiles_aggregation_pipeline,
)


class AtLeast(ValidatorModel):
    name: str = "at least"
    tiles: int = 2


def at_least(tiled_image, *, validator_params, resource=None):
    if len(tiled_image.regions) < validator_params.tiles:
        raise ConvertersToolsUserError(f"{tiled_image.path} has too few tiles ({resource}).")


def test_own_validators_get_image_model_and_resource(make_tile):
    add_validator(function=at_least, name="at least", overwrite=True)
    images = tiled_image_from_tiles(tiles=[make_tile()])
    with pytest.raises(ConvertersToolsUserError, match=r"too few tiles \(here\)"):
        apply_validator_pipeline(images, validators_config=[AtLeast()], resource="here")
    assert apply_validator_pipeline(images, validators_config=[AtLeast(tiles=1)]) == images


def test_older_validators_get_their_parameters_as_keywords(make_tile):
    seen = []
    add_validator(lambda tiled_image, limit: seen.append((tiled_image.path, limit)), "older", overwrite=True)
    apply_validator_pipeline(tiled_image_from_tiles(tiles=[make_tile()]), [{"name": "older", "params": {"limit": 3}}])
    assert seen == [("Plate.zarr/B/03/0", 3)]


def test_an_unknown_validator_is_named(make_tile):
    with pytest.raises(
        ConvertersToolsUserError, match=r"no validator called 'nobody'; known are: .*Shape and Dtype Probe"
    ):
        apply_validator_pipeline(tiled_image_from_tiles(tiles=[make_tile()]), [{"name": "nobody"}])


def test_the_probe_loads_one_tile_and_compares_it(make_tile, reads):
    tiles = [make_tile("A", file="good"), make_tile("B", start_x=16.0)]
    reads.clear()
    apply_validator_pipeline(tiled_image_from_tiles(tiles=tiles), validators_config=[ShapeDtypeProbeValidator()])
    assert dict(reads) == {"good": 1}
    tiles[0].image_loader.shape, tiles[0].image_loader.stated_shape = (20, 32), (24, 32)
    with pytest.raises(ConvertersToolsUserError, match=r"good\.tif holds y=20, x=32"):
        apply_validator_pipeline(
            tiled_image_from_tiles(tiles=tiles), validators_config=[{"name": "Shape and Dtype Probe"}]
        )


def test_f27_all_missing_files_are_named_in_init(make_tile, tmp_path):
    np.save(tmp_path / "there.npy", np.zeros((24, 32), dtype=np.uint16))
    tiles = [
        make_tile(name, start_x=16.0 * i, loader=DefaultImageLoader(file_path=str(tmp_path / f"{name}.npy")))
        for i, name in enumerate(("there", "gone", "lost"))
    ]
    with pytest.raises(ConvertersToolsUserError, match=r"(?s)2 problems.*gone\.npy.*lost\.npy"):
        tiles_aggregation_pipeline(tiles, converter_options=ConverterOptions())


def test_a_changed_source_changes_the_fingerprint(make_tile, tmp_path):
    file = tmp_path / "a.npy"
    np.save(file, np.zeros((24, 32), dtype=np.uint16))
    options = ConverterOptions()
    [image] = tiles_aggregation_pipeline(
        [make_tile(loader=DefaultImageLoader(file_path=str(file)))], converter_options=options
    )
    before = plan_image(image, converter_options=options)
    assert [source.path for source in before.sources] == [str(file)]
    np.save(file, np.zeros((2, 24, 32), dtype=np.uint16))
    assert plan_image(image, converter_options=options).fingerprint != before.fingerprint


def test_a_stated_type_narrower_than_the_files_is_said(make_tile, details):
    narrow = details.model_copy(update={"data_type": DataTypeEnum.UINT8})
    with pytest.warns(ConvertersToolsWarning, match="written as uint8, but 1 of its sources hold uint16"):
        tiles_aggregation_pipeline([make_tile(acquisition_details=narrow)], converter_options=ConverterOptions())


def test_problems_of_all_images_come_together(make_tile):
    tiles = [make_tile("A", row=row, file=f"{row}{i}") for row in "AB" for i in range(2)]
    for i, tile in enumerate(tiles):
        tile.image_loader.stated_shape = (9, 9)
        tile.__dict__["start_c"] = i % 2
    with pytest.raises(ConvertersToolsUserError, match=r"(?s)4 problems.*A0\.tif.*B1\.tif"):
        tiles_aggregation_pipeline(tiles, converter_options=ConverterOptions())


def test_filters_that_leave_nothing_say_which(make_tile):
    tiles = [make_tile(row="A")]
    with pytest.raises(ConvertersToolsUserError, match=r"leave none of 1 tiles \('Well Filter' removed 1\)"):
        tiles_aggregation_pipeline(
            tiles, converter_options=ConverterOptions(), filters=[WellFilter(wells=["A03"], mode="Exclude")]
        )
    heights = [make_tile(row="A", start_z=z, start_t=t) for z, t in ((2762.1, 0.0), (2765.1, 30.0))]
    for one, said in (
        (ZRangeFilter(max_z=3.0), r"'Z Range Filter' removed 2; all begin at z 2762\.1 to 2765\.1"),
        (TRangeFilter(min_t=31.0), r"'Time Range Filter' removed 2; all begin at t 0 to 30"),
    ):
        with pytest.raises(ConvertersToolsUserError, match=rf"leave none of 2 tiles \({said}\)"):
            tiles_aggregation_pipeline(heights, converter_options=ConverterOptions(), filters=[one])
    with pytest.raises(ConvertersToolsUserError, match="no tiles to convert"):
        tiles_aggregation_pipeline([], converter_options=ConverterOptions())
