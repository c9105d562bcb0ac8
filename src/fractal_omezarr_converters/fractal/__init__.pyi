from .acquisition_inputs import AcquisitionInput as AcquisitionInput
from .acquisition_inputs import AcquisitionOptions as AcquisitionOptions
from .acquisition_inputs import ChannelInfoUI as ChannelInfoUI
from .acquisition_inputs import PixelSizeModel as PixelSizeModel
from .compute import generic_compute_task as generic_compute_task
from .handover import dump_json_str as dump_json_str
from .handover import dump_to_json as dump_to_json
from .handover import remove_json as remove_json
from .handover import tiled_image_from_json as tiled_image_from_json
from .handover import tiled_image_from_json_str as tiled_image_from_json_str
from .image_list import ImageListUpdateDict as ImageListUpdateDict
from .init import build_parallelization_list as build_parallelization_list
from .init import init_acquisitions as init_acquisitions
from .init import setup_images_for_conversion as setup_images_for_conversion
from .job import ConvertParallelInitArgs as ConvertParallelInitArgs
from .models_list import converters_tools_models as converters_tools_models
from .run_folder import cleanup_if_exists as cleanup_if_exists
from .runners import DaskRunner as DaskRunner
from .runners import MultiprocessingRunner as MultiprocessingRunner
from .runners import RunnerType as RunnerType
from .runners import SequentialRunner as SequentialRunner
from .runners import ThreadedRunner as ThreadedRunner
from .runners import exec_compound_task as exec_compound_task

__all__ = [
    "AcquisitionInput",
    "AcquisitionOptions",
    "ChannelInfoUI",
    "ConvertParallelInitArgs",
    "DaskRunner",
    "ImageListUpdateDict",
    "MultiprocessingRunner",
    "PixelSizeModel",
    "RunnerType",
    "SequentialRunner",
    "ThreadedRunner",
    "build_parallelization_list",
    "cleanup_if_exists",
    "converters_tools_models",
    "dump_json_str",
    "dump_to_json",
    "exec_compound_task",
    "generic_compute_task",
    "init_acquisitions",
    "remove_json",
    "setup_images_for_conversion",
    "tiled_image_from_json",
    "tiled_image_from_json_str",
]
