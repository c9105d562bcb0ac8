from .aggregation import tiled_image_from_tiles as tiled_image_from_tiles
from .attributes import AttributeType as AttributeType
from .columns import LoaderColumns as LoaderColumns
from .columns import RegionColumns as RegionColumns
from .dummy_tiles import DummyLoader as DummyLoader
from .dummy_tiles import StartPosition as StartPosition
from .dummy_tiles import TileShape as TileShape
from .dummy_tiles import build_dummy_tile as build_dummy_tile
from .fov_group import TileFOVGroup as TileFOVGroup
from .placement import Placement as Placement
from .placement import place as place
from .public_urls import find_url_type as find_url_type
from .public_urls import join_url_paths as join_url_paths
from .public_urls import local_url_to_path as local_url_to_path
from .table_to_tiles import hcs_images_from_dataframe as hcs_images_from_dataframe
from .table_to_tiles import single_images_from_dataframe as single_images_from_dataframe
from .tile import Tile as Tile
from .tile_slice import TileSlice as TileSlice
from .tile_table import TileTable as TileTable
from .tile_table_builder import TileTableBuilder as TileTableBuilder
from .tiled_image import TiledImage as TiledImage

__all__ = [
    "AttributeType",
    "DummyLoader",
    "LoaderColumns",
    "Placement",
    "RegionColumns",
    "StartPosition",
    "Tile",
    "TileFOVGroup",
    "TileShape",
    "TileSlice",
    "TileTable",
    "TileTableBuilder",
    "TiledImage",
    "build_dummy_tile",
    "find_url_type",
    "hcs_images_from_dataframe",
    "join_url_paths",
    "local_url_to_path",
    "place",
    "single_images_from_dataframe",
    "tiled_image_from_tiles",
]
