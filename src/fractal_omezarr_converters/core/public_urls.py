"""Functions on paths and URLs that users of this package import from ``core``."""

from fractal_omezarr_converters.models.urls import find_url_type, join_url_paths, local_url_to_path

__all__ = ["find_url_type", "join_url_paths", "local_url_to_path"]
