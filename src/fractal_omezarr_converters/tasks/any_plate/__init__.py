"""The converter task for any supported plate: ``convert_init`` finds out what wrote it, ``convert_compute`` writes one image."""

from fractal_omezarr_converters.tasks.any_plate.convert_init import convert_init
from fractal_omezarr_converters.tasks.convert_compute import convert_compute

__all__ = ["convert_compute", "convert_init"]
