from .conformance import check_format as check_format
from .synthetic_operetta import PlaneKey as PlaneKey
from .synthetic_operetta import SyntheticChannel as SyntheticChannel
from .synthetic_operetta import SyntheticOperetta as SyntheticOperetta
from .synthetic_operetta import write_operetta as write_operetta

__all__ = ["PlaneKey", "SyntheticChannel", "SyntheticOperetta", "check_format", "write_operetta"]
