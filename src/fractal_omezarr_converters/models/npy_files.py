"""NPY files: numbers only, mapped into memory; files that would run code when opened are refused."""

from __future__ import annotations

import io
import math

import numpy as np

from fractal_omezarr_converters.models.placeholders import address_of
from fractal_omezarr_converters.models.planes import StoredPlanes, planes_of_array
from fractal_omezarr_converters.models.remote_calls import read_whole
from fractal_omezarr_converters.models.tiff_pool import naming
from fractal_omezarr_converters.models.urls import filesystem_for_url, is_remote_url


def npy_planes(path: str, source: str) -> StoredPlanes:
    """Describe an array file: two axes are y and x, a third one before them has no name, further ones are flat.

    Raises:
        ConvertersToolsUserError: The file is damaged, or holds objects, complex numbers or records.
    """
    with naming(source):
        address = address_of(path)
        url = path if address is None else address.url
        if is_remote_url(url):
            stream = io.BytesIO(read_whole(filesystem_for_url(url, "Reading an NPY file"), url))
            array = np.load(stream, allow_pickle=False)
        else:
            array = _mapped(path)
        if not isinstance(array, np.ndarray):
            raise ValueError("it holds several arrays; save one array per file")
        if array.dtype.kind not in "buif":
            raise ValueError(f"it holds {array.dtype}, not the numbers of an image")
        if array.ndim < 2:
            raise ValueError(f"its array has the shape {array.shape}; an image has at least y and x")
        axes = "yx" if array.ndim == 2 else "qyx"
        unnamed = array.shape if array.ndim > 3 else None
        if unnamed is not None:
            array = array.reshape((math.prod(unnamed[:-2]), *unnamed[-2:]))
        return planes_of_array(array, axes, source, unnamed_shape=unnamed)


def _mapped(path: str) -> object:
    import tokenize

    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except tokenize.TokenError as error:  # numpy takes a header apart that is no Python literal
        raise ValueError(f"its header is damaged: {error}") from error
