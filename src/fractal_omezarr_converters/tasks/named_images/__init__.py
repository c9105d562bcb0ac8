"""The converter task: ``convert_init`` reads the metadata, ``convert_compute`` writes one image."""

from fractal_omezarr_converters.tasks.convert_compute import convert_compute
from fractal_omezarr_converters.tasks.named_images.convert_init import convert_init

__all__ = ["convert_compute", "convert_init"]
