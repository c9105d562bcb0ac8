from .conformance import check_format as check_format
from .operetta_truth import SyntheticOperetta as SyntheticOperetta
from .plan_snapshots import build_plan_snapshot as build_plan_snapshot
from .plan_snapshots import check_plan_snapshot as check_plan_snapshot
from .round_trip import convert_and_compare as convert_and_compare
from .round_trip import planes_that_differ as planes_that_differ
from .snapshot_models import FingerprintModel as FingerprintModel
from .snapshot_models import ImageAssertionModel as ImageAssertionModel
from .snapshot_models import MultiPlateAssertionModel as MultiPlateAssertionModel
from .snapshot_models import MultiSingleImageAssertionModel as MultiSingleImageAssertionModel
from .snapshot_models import PlateAssertionModel as PlateAssertionModel
from .snapshot_models import RoiAssertionModel as RoiAssertionModel
from .snapshot_models import TableAssertionModel as TableAssertionModel
from .snapshots import build_snapshot as build_snapshot
from .snapshots import compare_snapshots as compare_snapshots
from .snapshots import run_converter_test as run_converter_test
from .synthetic_cellvoyager import SyntheticCellvoyager as SyntheticCellvoyager
from .synthetic_cellvoyager import write_cellvoyager as write_cellvoyager
from .synthetic_incell import SyntheticIncell as SyntheticIncell
from .synthetic_incell import write_incell as write_incell
from .synthetic_named import SyntheticNamedImages as SyntheticNamedImages
from .synthetic_named import write_named_images as write_named_images
from .synthetic_ome_plate import SyntheticOmePlate as SyntheticOmePlate
from .synthetic_ome_plate import write_ome_plate as write_ome_plate
from .synthetic_operetta import write_operetta as write_operetta
from .synthetic_plate import PlaneKey as PlaneKey
from .synthetic_plate import SyntheticChannel as SyntheticChannel
from .synthetic_plate import SyntheticPlate as SyntheticPlate
from .synthetic_scanr import SyntheticScanr as SyntheticScanr
from .synthetic_scanr import write_scanr as write_scanr

__all__ = [
    "FingerprintModel",
    "ImageAssertionModel",
    "MultiPlateAssertionModel",
    "MultiSingleImageAssertionModel",
    "PlaneKey",
    "PlateAssertionModel",
    "RoiAssertionModel",
    "SyntheticCellvoyager",
    "SyntheticChannel",
    "SyntheticIncell",
    "SyntheticNamedImages",
    "SyntheticOmePlate",
    "SyntheticOperetta",
    "SyntheticPlate",
    "SyntheticScanr",
    "TableAssertionModel",
    "build_plan_snapshot",
    "build_snapshot",
    "check_format",
    "check_plan_snapshot",
    "compare_snapshots",
    "convert_and_compare",
    "planes_that_differ",
    "run_converter_test",
    "write_cellvoyager",
    "write_incell",
    "write_named_images",
    "write_ome_plate",
    "write_operetta",
    "write_scanr",
]
