from .acquisition import AcquisitionDetails as AcquisitionDetails
from .acquisition import ChannelInfo as ChannelInfo
from .acquisition import DataTypeEnum as DataTypeEnum
from .acquisition import StageCorrections as StageCorrections
from .acquisition import StageOrientation as StageOrientation
from .acquisition import default_channels as default_channels
from .acquisition import rgb_channels as rgb_channels
from .axes import CANONICAL_AXES_TYPE as CANONICAL_AXES_TYPE
from .axes import SPACE_TYPE as SPACE_TYPE
from .axes import canonical_axes as canonical_axes
from .axes import default_axes_builder as default_axes_builder
from .chunking import ChunkingStrategy as ChunkingStrategy
from .chunking import ChunkMultipleSharding as ChunkMultipleSharding
from .chunking import FixedSizeChunking as FixedSizeChunking
from .chunking import FovBasedChunking as FovBasedChunking
from .chunking import NoSharding as NoSharding
from .chunking import Scalings as Scalings
from .chunking import ShardingStrategy as ShardingStrategy
from .chunking import SizedSharding as SizedSharding
from .collections import CollectionInterface as CollectionInterface
from .collections import CollectionInterfaceType as CollectionInterfaceType
from .collections import ImageInPlate as ImageInPlate
from .collections import SingleImage as SingleImage
from .collections import collection_type_name as collection_type_name
from .collections import resolve_collection_type as resolve_collection_type
from .colors import DefaultColors as DefaultColors
from .compression import CompressionOptions as CompressionOptions
from .form_options import ConverterFormOptions as ConverterFormOptions
from .grouping import AlignmentCorrections as AlignmentCorrections
from .grouping import AutoTiling as AutoTiling
from .grouping import Grouping as Grouping
from .grouping import InplaceTiling as InplaceTiling
from .grouping import MosaicGrouping as MosaicGrouping
from .grouping import NoTiling as NoTiling
from .grouping import PerFovGrouping as PerFovGrouping
from .grouping import SnapToCornersTiling as SnapToCornersTiling
from .grouping import SnapToGridTiling as SnapToGridTiling
from .grouping import StagePositionCorrections as StagePositionCorrections
from .grouping import StitchedTiling as StitchedTiling
from .grouping import TilingMode as TilingMode
from .grouping import TilingStrategy as TilingStrategy
from .image_files import load_npy as load_npy
from .image_files import load_png as load_png
from .image_files import load_tiff as load_tiff
from .levels import LevelFactors as LevelFactors
from .levels import NamedLevels as NamedLevels
from .levels import NumberOfLevels as NumberOfLevels
from .levels import PyramidLevels as PyramidLevels
from .loaders import DefaultImageLoader as DefaultImageLoader
from .loaders import ImageLoaderInterface as ImageLoaderInterface
from .loaders import ImageLoaderInterfaceType as ImageLoaderInterfaceType
from .loaders import loader_type_name as loader_type_name
from .loaders import resolve_loader_type as resolve_loader_type
from .options import BackendType as BackendType
from .options import ConverterOptions as ConverterOptions
from .options import DefaultNgffVersion as DefaultNgffVersion
from .options import NgffVersions as NgffVersions
from .options import OmeZarrOptions as OmeZarrOptions
from .options import OverwriteMode as OverwriteMode
from .options import WriterMode as WriterMode
from .plate_facts import PlateFacts as PlateFacts
from .public_errors import ConvertersToolsError as ConvertersToolsError
from .public_errors import ConvertersToolsFileNotFoundError as ConvertersToolsFileNotFoundError
from .public_errors import ConvertersToolsInternalError as ConvertersToolsInternalError
from .public_errors import ConvertersToolsOutputExistsError as ConvertersToolsOutputExistsError
from .public_errors import ConvertersToolsUserError as ConvertersToolsUserError
from .public_errors import ConvertersToolsWarning as ConvertersToolsWarning
from .runtime import DaskScheduler as DaskScheduler
from .runtime import DefaultScheduler as DefaultScheduler
from .runtime import ProcessScheduler as ProcessScheduler
from .runtime import RuntimeSettings as RuntimeSettings
from .runtime import SynchronousScheduler as SynchronousScheduler
from .runtime import TempJsonOptions as TempJsonOptions
from .runtime import ThreadScheduler as ThreadScheduler
from .source_files import SourceFile as SourceFile
from .urls import UrlType as UrlType
from .urls import basename_url as basename_url
from .urls import filesystem_for_url as filesystem_for_url
from .urls import find_url_type as find_url_type
from .urls import glob_url_paths as glob_url_paths
from .urls import is_absolute_url as is_absolute_url
from .urls import join_url_paths as join_url_paths
from .urls import local_url_to_path as local_url_to_path
from .urls import parent_url as parent_url
from .user_facing import UserFacingModel as UserFacingModel
from .well_names import PlateType as PlateType

__all__ = [
    "CANONICAL_AXES_TYPE",
    "SPACE_TYPE",
    "AcquisitionDetails",
    "AlignmentCorrections",
    "AutoTiling",
    "BackendType",
    "ChannelInfo",
    "ChunkMultipleSharding",
    "ChunkingStrategy",
    "CollectionInterface",
    "CollectionInterfaceType",
    "CompressionOptions",
    "ConverterFormOptions",
    "ConverterOptions",
    "ConvertersToolsError",
    "ConvertersToolsFileNotFoundError",
    "ConvertersToolsInternalError",
    "ConvertersToolsOutputExistsError",
    "ConvertersToolsUserError",
    "ConvertersToolsWarning",
    "DaskScheduler",
    "DataTypeEnum",
    "DefaultColors",
    "DefaultImageLoader",
    "DefaultNgffVersion",
    "DefaultScheduler",
    "FixedSizeChunking",
    "FovBasedChunking",
    "Grouping",
    "ImageInPlate",
    "ImageLoaderInterface",
    "ImageLoaderInterfaceType",
    "InplaceTiling",
    "LevelFactors",
    "MosaicGrouping",
    "NamedLevels",
    "NgffVersions",
    "NoSharding",
    "NoTiling",
    "NumberOfLevels",
    "OmeZarrOptions",
    "OverwriteMode",
    "PerFovGrouping",
    "PlateFacts",
    "PlateType",
    "ProcessScheduler",
    "PyramidLevels",
    "RuntimeSettings",
    "Scalings",
    "ShardingStrategy",
    "SingleImage",
    "SizedSharding",
    "SnapToCornersTiling",
    "SnapToGridTiling",
    "SourceFile",
    "StageCorrections",
    "StageOrientation",
    "StagePositionCorrections",
    "StitchedTiling",
    "SynchronousScheduler",
    "TempJsonOptions",
    "ThreadScheduler",
    "TilingMode",
    "TilingStrategy",
    "UrlType",
    "UserFacingModel",
    "WriterMode",
    "basename_url",
    "canonical_axes",
    "collection_type_name",
    "default_axes_builder",
    "default_channels",
    "filesystem_for_url",
    "find_url_type",
    "glob_url_paths",
    "is_absolute_url",
    "join_url_paths",
    "load_npy",
    "load_png",
    "load_tiff",
    "loader_type_name",
    "local_url_to_path",
    "parent_url",
    "resolve_collection_type",
    "resolve_loader_type",
    "rgb_channels",
]
