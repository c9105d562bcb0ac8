"""Every name that users of this family of converters import, from the place where they import it."""

from __future__ import annotations

import importlib
from importlib import metadata

import pytest

PACKAGE = "fractal_omezarr_converters"

NAMES = {
    "core": """
        Tile TileSlice TileFOVGroup TiledImage AttributeType hcs_images_from_dataframe single_images_from_dataframe
        tiled_image_from_tiles build_dummy_tile join_url_paths local_url_to_path find_url_type
    """,
    "models": """
        AcquisitionDetails ChannelInfo DataTypeEnum StageOrientation StageCorrections default_axes_builder
        CollectionInterface CollectionInterfaceType ImageInPlate SingleImage
        ImageLoaderInterface ImageLoaderInterfaceType DefaultImageLoader
        ConverterOptions OmeZarrOptions StagePositionCorrections AlignmentCorrections WriterMode OverwriteMode BackendType
        TilingMode Scalings Grouping MosaicGrouping PerFovGrouping TilingStrategy AutoTiling SnapToGridTiling
        SnapToCornersTiling InplaceTiling NoTiling ChunkingStrategy FovBasedChunking FixedSizeChunking ShardingStrategy
        NoSharding ChunkMultipleSharding PyramidLevels NumberOfLevels NamedLevels NgffVersions DefaultNgffVersion
        RuntimeSettings TempJsonOptions DaskScheduler ThreadScheduler ProcessScheduler SynchronousScheduler DefaultScheduler
        UserFacingModel
        UrlType find_url_type join_url_paths local_url_to_path parent_url basename_url is_absolute_url filesystem_for_url
        glob_url_paths
        ConvertersToolsError ConvertersToolsUserError ConvertersToolsOutputExistsError ConvertersToolsFileNotFoundError
        ConvertersToolsInternalError ConvertersToolsWarning
        canonical_axes CANONICAL_AXES_TYPE SPACE_TYPE
    """,
    "pipelines": """
        tiles_aggregation_pipeline tiled_image_creation_pipeline write_tiled_image_as_zarr
        build_default_registration_pipeline apply_registration_pipeline apply_filter_pipeline apply_validator_pipeline
        add_filter add_validator add_registration_func add_collection_handler setup_ome_zarr_collection setup_singleimage
        FilterModel ImplementedFilters ValidatorModel ValidatorStep ImplementedValidators RegistrationStep
        setup_plates RegexFilter WellFilter FovNameFilter AcquisitionFilter AttributeFilter ChannelFilter ZRangeFilter
        TRangeFilter ShapeDtypeProbeValidator NotAGridError NotTilableError
        FilterFunctionProtocol ValidatorFunctionProtocol RegistrationFunctionProtocol SetupCollectionFunction
    """,
    "fractal": """
        setup_images_for_conversion generic_compute_task build_parallelization_list exec_compound_task SequentialRunner
        ThreadedRunner MultiprocessingRunner RunnerType AcquisitionOptions ChannelInfoUI PixelSizeModel
        ConvertParallelInitArgs ImageListUpdateDict converters_tools_models dump_to_json dump_json_str tiled_image_from_json
        tiled_image_from_json_str remove_json cleanup_if_exists
    """,
    "testing": """
        run_converter_test build_snapshot compare_snapshots FingerprintModel RoiAssertionModel TableAssertionModel
        ImageAssertionModel PlateAssertionModel MultiPlateAssertionModel MultiSingleImageAssertionModel
    """,
}
FACE = ("core", "models", "pipelines", "fractal")
PAIRS = [(module, name) for module, names in NAMES.items() for name in names.split()]


@pytest.mark.parametrize(("module", "name"), PAIRS)
def test_name_imports_from_its_module(module: str, name: str) -> None:
    assert hasattr(importlib.import_module(f"{PACKAGE}.{module}"), name)


@pytest.mark.parametrize(("module", "name"), [pair for pair in PAIRS if pair[0] in FACE])
def test_name_imports_from_the_package(module: str, name: str) -> None:
    expected = getattr(importlib.import_module(f"{PACKAGE}.{module}"), name)
    assert getattr(importlib.import_module(PACKAGE), name) is expected


def test_package_lists_the_union_of_its_faces() -> None:
    listed = importlib.import_module(PACKAGE).__all__
    assert len(listed) == len(set(listed))
    union = {name for module in FACE for name in importlib.import_module(f"{PACKAGE}.{module}").__all__}
    assert set(listed) == union


def test_helpers_of_dummy_tiles_are_public() -> None:
    core = importlib.import_module(f"{PACKAGE}.core")
    assert core.StartPosition(x=1, y=2).z == 0
    assert core.TileShape().x == 256


def test_pytest_plugin_is_a_module() -> None:
    assert importlib.import_module(f"{PACKAGE}.testing.plugin")


def test_the_stage_corrections_of_generation_1_are_the_orientation() -> None:
    package = importlib.import_module(PACKAGE)
    details = package.AcquisitionDetails(stage_corrections=package.StageCorrections(flip_x=True, swap_xy=True))
    assert details.stage_orientation == package.StageOrientation(flip_x=True, swap_xy=True)


def test_the_package_states_its_version() -> None:
    assert importlib.import_module(PACKAGE).__version__ == metadata.version("fractal-omezarr-converters")
