from .acquisition_options import AcquisitionOptions as AcquisitionOptions
from .acquisition_options import ChannelInfoUI as ChannelInfoUI
from .acquisition_options import ColorMenu as ColorMenu
from .acquisition_options import PixelSizeModel as PixelSizeModel
from .acquisition_requests import AcquisitionRequest as AcquisitionRequest
from .acquisitions import ReadReport as ReadReport
from .acquisitions import read_acquisitions as read_acquisitions
from .aggregation import check_images as check_images
from .aggregation import tiles_aggregation_pipeline as tiles_aggregation_pipeline
from .collections_setup import SetupCollectionFunction as SetupCollectionFunction
from .collections_setup import add_collection_handler as add_collection_handler
from .collections_setup import infer_collection_type as infer_collection_type
from .collections_setup import setup_ome_zarr_collection as setup_ome_zarr_collection
from .collections_setup import setup_plates as setup_plates
from .collections_setup import setup_singleimage as setup_singleimage
from .creation import is_finished as is_finished
from .creation import tiled_image_creation_pipeline as tiled_image_creation_pipeline
from .creation import write_plan as write_plan
from .creation import write_tiled_image_as_zarr as write_tiled_image_as_zarr
from .errors_of_tiling import NotAGridError as NotAGridError
from .errors_of_tiling import NotTilableError as NotTilableError
from .filter_models import AcquisitionFilter as AcquisitionFilter
from .filter_models import AttributeFilter as AttributeFilter
from .filter_models import AttributeValue as AttributeValue
from .filter_models import BoolValue as BoolValue
from .filter_models import ChannelFilter as ChannelFilter
from .filter_models import FilterModel as FilterModel
from .filter_models import FloatValue as FloatValue
from .filter_models import FovNameFilter as FovNameFilter
from .filter_models import ImplementedFilters as ImplementedFilters
from .filter_models import IntValue as IntValue
from .filter_models import IsNoneValue as IsNoneValue
from .filter_models import IsNotNoneValue as IsNotNoneValue
from .filter_models import RegexExcludeFilter as RegexExcludeFilter
from .filter_models import RegexFilter as RegexFilter
from .filter_models import RegexIncludeFilter as RegexIncludeFilter
from .filter_models import StringValue as StringValue
from .filter_models import TRangeFilter as TRangeFilter
from .filter_models import WellExcludeFilter as WellExcludeFilter
from .filter_models import WellFilter as WellFilter
from .filter_models import WellIncludeFilter as WellIncludeFilter
from .filter_models import ZRangeFilter as ZRangeFilter
from .filters import FilterCount as FilterCount
from .filters import FilterFunctionProtocol as FilterFunctionProtocol
from .filters import add_filter as add_filter
from .filters import apply_filter_pipeline as apply_filter_pipeline
from .filters import filter_tiles as filter_tiles
from .plan import ImagePlan as ImagePlan
from .plan import plan_image as plan_image
from .registration import RegistrationFunctionProtocol as RegistrationFunctionProtocol
from .registration import RegistrationStep as RegistrationStep
from .registration import add_registration_func as add_registration_func
from .registration import apply_registration_pipeline as apply_registration_pipeline
from .registration import build_default_registration_pipeline as build_default_registration_pipeline
from .registration import with_modules as with_modules
from .validators import ImplementedValidators as ImplementedValidators
from .validators import ShapeDtypeProbeValidator as ShapeDtypeProbeValidator
from .validators import ValidatorFunctionProtocol as ValidatorFunctionProtocol
from .validators import ValidatorModel as ValidatorModel
from .validators import ValidatorStep as ValidatorStep
from .validators import add_validator as add_validator
from .validators import apply_validator_pipeline as apply_validator_pipeline

__all__ = [
    "AcquisitionFilter",
    "AcquisitionOptions",
    "AcquisitionRequest",
    "AttributeFilter",
    "AttributeValue",
    "BoolValue",
    "ChannelFilter",
    "ChannelInfoUI",
    "ColorMenu",
    "FilterCount",
    "FilterFunctionProtocol",
    "FilterModel",
    "FloatValue",
    "FovNameFilter",
    "ImagePlan",
    "ImplementedFilters",
    "ImplementedValidators",
    "IntValue",
    "IsNoneValue",
    "IsNotNoneValue",
    "NotAGridError",
    "NotTilableError",
    "PixelSizeModel",
    "ReadReport",
    "RegexExcludeFilter",
    "RegexFilter",
    "RegexIncludeFilter",
    "RegistrationFunctionProtocol",
    "RegistrationStep",
    "SetupCollectionFunction",
    "ShapeDtypeProbeValidator",
    "StringValue",
    "TRangeFilter",
    "ValidatorFunctionProtocol",
    "ValidatorModel",
    "ValidatorStep",
    "WellExcludeFilter",
    "WellFilter",
    "WellIncludeFilter",
    "ZRangeFilter",
    "add_collection_handler",
    "add_filter",
    "add_registration_func",
    "add_validator",
    "apply_filter_pipeline",
    "apply_registration_pipeline",
    "apply_validator_pipeline",
    "build_default_registration_pipeline",
    "check_images",
    "filter_tiles",
    "infer_collection_type",
    "is_finished",
    "plan_image",
    "read_acquisitions",
    "setup_ome_zarr_collection",
    "setup_plates",
    "setup_singleimage",
    "tiled_image_creation_pipeline",
    "tiles_aggregation_pipeline",
    "with_modules",
    "write_plan",
    "write_tiled_image_as_zarr",
]
