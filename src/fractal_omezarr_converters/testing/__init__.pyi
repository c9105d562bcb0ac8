from .conformance import check_format as check_format
from .operetta_truth import PlaneKey as PlaneKey
from .operetta_truth import SyntheticChannel as SyntheticChannel
from .operetta_truth import SyntheticOperetta as SyntheticOperetta
from .plan_snapshots import build_plan_snapshot as build_plan_snapshot
from .plan_snapshots import check_plan_snapshot as check_plan_snapshot
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
from .synthetic_operetta import write_operetta as write_operetta

__all__ = [
    "FingerprintModel",
    "ImageAssertionModel",
    "MultiPlateAssertionModel",
    "MultiSingleImageAssertionModel",
    "PlaneKey",
    "PlateAssertionModel",
    "RoiAssertionModel",
    "SyntheticChannel",
    "SyntheticOperetta",
    "TableAssertionModel",
    "build_plan_snapshot",
    "build_snapshot",
    "check_format",
    "check_plan_snapshot",
    "compare_snapshots",
    "run_converter_test",
    "write_operetta",
]
