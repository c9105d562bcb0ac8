from .core import *
from .fractal import *
from .models import *
from .pipelines import *

__version__: str
