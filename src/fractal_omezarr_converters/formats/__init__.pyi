from .contract import Format as Format
from .contract import FormatOptions as FormatOptions
from .contract import PlaneStates as PlaneStates
from .contract import Scan as Scan
from .registry import detect as detect
from .registry import formats as formats
from .registry import get as get

__all__ = ["Format", "FormatOptions", "PlaneStates", "Scan", "detect", "formats", "get"]
