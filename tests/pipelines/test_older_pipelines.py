"""Filters, validators, registration steps and handlers as scripts of both earlier generations call them."""

from __future__ import annotations

import json
from typing import Any, Literal

import numpy as np
import pytest

from fractal_omezarr_converters.core.aggregation import tiled_image_from_tiles
from fractal_omezarr_converters.core.placement import place
from fractal_omezarr_converters.errors import ConvertersToolsUserError
from fractal_omezarr_converters.models import (
    AlignmentCorrections,
    AutoTiling,
    ConverterOptions,
    InplaceTiling,
    OverwriteMode,
    SingleImage,
    SnapToGridTiling,
    StagePositionCorrections,
    TilingMode,
    WriterMode,
)
from fractal_omezarr_converters.pipelines import (
    AcquisitionOptions,
    FilterModel,
    RegexExcludeFilter,
    RegexIncludeFilter,
    RegistrationStep,
    ValidatorModel,
    ValidatorStep,
    WellExcludeFilter,
    WellFilter,
    WellIncludeFilter,
    add_collection_handler,
    add_filter,
    add_registration_func,
    add_validator,
    apply_filter_pipeline,
    apply_registration_pipeline,
    apply_validator_pipeline,
    build_default_registration_pipeline,
    setup_ome_zarr_collection,
    tiled_image_creation_pipeline,
    with_modules,
)


def second_generation(corrections: Any, strategy: Any) -> list[RegistrationStep]:
    """The default list as scripts of the second generation write it out: models as parameters."""
    return [
        RegistrationStep(name="offset_removal", params={"corrections": corrections}),
        RegistrationStep(name="align_to_pixel_grid", params={}),
        RegistrationStep(name="xy_jitter_correction", params={"corrections": corrections}),
        RegistrationStep(name="reindex_channels", params={"corrections": corrections}),
        RegistrationStep(name="tile_regions", params={"tiling_strategy": strategy}),
    ]


def first_generation(mode: Any, align_xy: bool = True) -> list[Any]:
    return [
        {"name": "remove_offsets", "params": {}},
        {"name": "align_to_pixel_grid", "params": {"mode": "round"}},
        {
            "name": "fov_alignment_corrections",
            "params": {"alignment_corrections": AlignmentCorrections(align_xy=align_xy, align_z=False, align_t=False)},
        },
        {"name": "tile_regions", "params": {"tiling_mode": mode, "tolerance": 0.0}},
    ]


@pytest.fixture
def image(make_tile):
    [made] = tiled_image_from_tiles(
        tiles=[make_tile("A", start_x=100.0, start_c=1), make_tile("B", start_x=115.0, start_c=1)]
    )
    return made


def starts(image) -> list[list[int]]:
    return place(image).start.tolist()


def test_steps_of_the_second_generation_are_the_default_ones(image) -> None:
    corrections = StagePositionCorrections()
    expected = apply_registration_pipeline(image, build_default_registration_pipeline(corrections, AutoTiling()))
    for given in (corrections, corrections.model_dump(), json.loads(corrections.model_dump_json())):
        made = apply_registration_pipeline(image, second_generation(given, AutoTiling()))
        assert starts(made) == starts(expected) == [[0, 0, 0, 0, 0], [0, 0, 0, 0, 32]]
        assert made.translation == expected.translation == [0.0, 0.0, 0.0, 0.0, 100.0]
        assert [channel.channel_label for channel in made.channels] == ["GFP"]


def test_steps_of_the_second_generation_are_switched_off_by_the_corrections(image) -> None:
    kept = StagePositionCorrections(remove_xy_offset="Keep", remove_xy_jitter=False, reindex_channels=False)
    made = apply_registration_pipeline(image, second_generation(kept, InplaceTiling()))
    assert starts(made) == [[0, 1, 0, 0, 200], [0, 1, 0, 0, 230]]
    assert len(made.channels) == 2


def test_an_image_made_with_steps_of_models_can_be_written(image, tmp_path) -> None:
    container = tiled_image_creation_pipeline(
        zarr_url=str(tmp_path / "a.zarr"),
        tiled_image=image,
        registration_pipeline=second_generation(StagePositionCorrections(), AutoTiling()),
        converter_options=ConverterOptions(),
        writer_mode=WriterMode.BY_FOV,
        overwrite_mode=OverwriteMode.NO_OVERWRITE,
    )
    steps = json.loads((tmp_path / "a.zarr/.zattrs").read_text())["fractal_omezarr_converters"]["registration"]
    assert steps[0]["name"] == "offset_removal"
    assert steps[0]["params"]["stage_position_corrections"]["remove_xy_offset"] == "Global"
    assert container.get_image().shape == (1, 1, 1, 24, 64)


@pytest.mark.parametrize("mode", ["Auto", TilingMode.SNAP_TO_GRID, TilingMode.SNAP_TO_CORNERS])
def test_steps_of_the_first_generation(image, mode) -> None:
    made = apply_registration_pipeline(image, first_generation(mode))
    assert starts(made) == [[0, 1, 0, 0, 0], [0, 1, 0, 0, 32]]
    stays = apply_registration_pipeline(image, first_generation(TilingMode.NO_TILING))
    assert starts(stays) == [[0, 1, 0, 0, 0], [0, 1, 0, 0, 30]]


def test_jitter_stays_where_the_first_generation_did_not_ask_for_its_removal(make_tile) -> None:
    [image] = tiled_image_from_tiles(tiles=[make_tile("A"), make_tile("A", start_x=1.0, start_c=1)])
    for wanted, expected in ((True, 0), (False, 2)):
        made = apply_registration_pipeline(image, first_generation("Inplace", align_xy=wanted))
        assert starts(made)[1][4] == expected


def test_the_builder_takes_calls_of_both_generations() -> None:
    newest = build_default_registration_pipeline(AlignmentCorrections(), SnapToGridTiling(tolerance=2))
    assert build_default_registration_pipeline(AlignmentCorrections(), TilingMode.SNAP_TO_GRID, 2.0) == newest
    assert (
        build_default_registration_pipeline(
            alignment_corrections=AlignmentCorrections(), tiling_mode="Snap to Grid", tolerance=2.0
        )
        == newest
    )
    assert json.loads(json.dumps(newest)) == newest
    with pytest.raises(ConvertersToolsUserError, match="does not know stage"):
        build_default_registration_pipeline(AlignmentCorrections(), stage=1)


def test_a_second_removal_of_offsets_keeps_the_place_on_the_stage(image) -> None:
    twice = apply_registration_pipeline(image, [{"name": "remove_offsets"}, {"name": "offset_removal", "params": {}}])
    assert twice.translation == [0.0, 0.0, 0.0, 0.0, 100.0]


def test_kept_offsets_in_time_and_z_stay_in_front(make_tile, details) -> None:
    uneven_z = [make_tile("A", start_z=z) for z in (14.0, 17.0, 20.0)]
    uneven_t = [make_tile("A", start_t=t) for t in (50.0, 60.0, 75.0)]
    keep = StagePositionCorrections(remove_z_offset="Keep", remove_t_offset="Keep")
    steps = build_default_registration_pipeline(keep, InplaceTiling())
    [image] = tiled_image_from_tiles(tiles=uneven_z)
    made = apply_registration_pipeline(image, steps)
    assert [row[2] for row in starts(made)] == [5, 6, 7]
    assert (made.z_spacing, made.translation) == (3.0, [0.0] * 5)
    [image] = tiled_image_from_tiles(tiles=uneven_t)
    assert [row[0] for row in starts(apply_registration_pipeline(image, steps))] == [4, 5, 6]


def test_true_times_are_counted_from_the_frame_that_they_are_of(make_tile, tmp_path) -> None:
    from fractal_omezarr_converters.ngff.stores import open_store
    from fractal_omezarr_converters.ngff.tables import read_table

    [image] = tiled_image_from_tiles(tiles=[make_tile("A", start_t=t) for t in (10.0, 20.0, 35.0)])
    keep = ConverterOptions(stage_position_corrections=StagePositionCorrections(remove_t_offset="Keep"))
    tiled_image_creation_pipeline(
        zarr_url=str(tmp_path / "a.zarr"),
        tiled_image=image,
        registration_pipeline=None,
        converter_options=keep,
    )
    table = read_table(open_store(tmp_path), "a.zarr", "time_points")
    assert {key: table[key] for key in ("t_index", "t_second")} == {"t_index": [1, 2, 3], "t_second": [0, 10, 25]}


def test_registration_functions_are_added_by_position_and_by_keyword(image) -> None:
    def moved(tiled_image, dx=1.0):
        for region in tiled_image.regions:
            slices = tuple(
                one.model_copy(update={"start": one.start + dx}) if one.axis_name == "x" else one
                for one in region.roi.slices
            )
            region.roi = region.roi.model_copy(update={"slices": slices})
        return tiled_image

    add_registration_func(moved, "moved_by_position")
    add_registration_func(function=moved, name="moved_by_keyword", overwrite=False)
    with pytest.raises(ConvertersToolsUserError, match="overwrite=True"):
        add_registration_func(lambda tiled_image: tiled_image, "moved_by_position", False)
    for name in ("moved_by_position", "moved_by_keyword"):
        made = apply_registration_pipeline(image, [{"name": name, "params": {"dx": 3.0}}])
        np.testing.assert_allclose(made.columns.start[:, 4], [103.0, 118.0])
    np.testing.assert_allclose(image.columns.start[:, 4], [100.0, 115.0])


def test_validator_steps_of_the_first_generation(image) -> None:
    seen: list[Any] = []

    def at_least(tiled_image, fields, message="no"):
        seen.append((fields, message))
        if len(tiled_image.group_by_fov()) < fields:
            raise ValueError(message)

    add_validator(at_least, "at least")
    step = ValidatorStep(name="at least", params={"fields": 2})
    assert step == {"name": "at least", "params": {"fields": 2}}
    assert apply_validator_pipeline([image], [step]) == [image]
    apply_validator_pipeline([image], validators_config=[{"name": "at least", "params": {"fields": 1, "message": "x"}}])
    assert seen == [(2, "no"), (1, "x")]
    with pytest.raises(ValueError, match="too few"):
        apply_validator_pipeline([image], [ValidatorStep(name="at least", params={"fields": 3, "message": "too few"})])


def test_validators_of_the_second_generation(image) -> None:
    seen: list[Any] = []

    class Fields(ValidatorModel):
        name: Literal["fields"] = "fields"
        least: int = 1

    def fields(tiled_image, validator_params, resource=None):
        seen.append((tiled_image.path, validator_params.least, resource))

    add_validator(function=fields, name="fields")
    apply_validator_pipeline([image], validators_config=[Fields(least=2)], resource="folder")
    assert seen == [(image.path, 2, "folder")]


def test_filters_of_both_generations(make_tile) -> None:
    tiles = [make_tile("F", row=row) for row in "ABC"]

    def left(*filters: Any) -> str:
        return "".join(tile.collection.row for tile in apply_filter_pipeline(tiles, filters_config=list(filters)))

    assert left(WellIncludeFilter(wells_to_include=["A03", "B03"])) == "AB"
    assert left(WellExcludeFilter(wells_to_remove=["A03"])) == "BC"
    assert left(RegexIncludeFilter(regex="/C/03")) == "C"
    assert left(RegexExcludeFilter(regex="/C/03")) == "AB"
    assert left(WellFilter(wells=["A03"], mode="Exclude")) == "BC"
    older = AcquisitionOptions(filters=[WellIncludeFilter(wells_to_include=["A03"])])
    assert older.filters == [WellFilter(wells=["A03"])]

    class Rows(FilterModel):
        name: Any = "rows"
        rows: str

    def rows(tile, filter_params):
        return tile.collection.row in filter_params.rows

    add_filter(function=rows)
    assert left(Rows(rows="AC")) == "AC"
    assert left({"name": "rows", "rows": "B"}) == "B"
    assert apply_filter_pipeline([], filters_config=[WellFilter(wells=["A03"])]) == []


def test_handlers_are_called_by_keyword(make_tile, tmp_path) -> None:
    """As both generations did: the order of a handler's parameters does not matter."""
    seen: list[Any] = []

    class Slide(SingleImage):
        """A collection of somebody else."""

    def handler(tiled_images, zarr_dir, overwrite_mode=OverwriteMode.NO_OVERWRITE, ngff_version="0.4"):
        seen.append(([image.path for image in tiled_images], zarr_dir, ngff_version, overwrite_mode))

    add_collection_handler(function=handler, collection_type="Slide")
    images = tiled_image_from_tiles(tiles=[make_tile(collection=Slide(image_path="s"))])
    setup_ome_zarr_collection(
        tiled_images=images,
        collection_type="Slide",
        zarr_dir=str(tmp_path),
        ngff_version="0.5",
        overwrite_mode=OverwriteMode.EXTEND,
    )
    assert seen == [(["s.zarr"], str(tmp_path), "0.5", OverwriteMode.EXTEND)]


def test_parameters_of_own_steps_arrive_as_they_are_and_are_noted_as_json(image, tmp_path) -> None:
    got: list[Any] = []

    def noted(tiled_image, model, shift, mode):
        got.append((model, shift, mode))
        return tiled_image

    add_registration_func(function=noted)
    params = {"model": AutoTiling(tolerance=3), "shift": np.float64(2.5), "mode": TilingMode.AUTO}
    made = apply_registration_pipeline(image, [{"name": "noted", "params": params}])
    assert got == [(AutoTiling(tolerance=3), 2.5, TilingMode.AUTO)]
    assert json.loads(json.dumps(made.provenance))[-1]["params"] == {
        "model": {"mode": "Auto", "tolerance": 3.0},
        "shift": 2.5,
        "mode": "Auto",
    }
    steps = with_modules(second_generation(StagePositionCorrections(), SnapToGridTiling()))
    assert json.loads(json.dumps(steps)) == steps
