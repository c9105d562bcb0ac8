"""The converter task: ``convert_init`` reads the metadata, ``convert_compute`` writes one image."""

from fractal_omezarr_converters.tasks.cellvoyager.convert_init import convert_init
from fractal_omezarr_converters.tasks.convert_compute import convert_compute

__all__ = ["convert_compute", "convert_init"]
