"""Image files of the common kinds (TIFF, PNG, JPEG, BMP, NPY): which reader takes which file, and whole files as arrays."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError, ConvertersToolsWarning
from fractal_omezarr_converters.models.planes import Array, Part, Selection, choose, read
from fractal_omezarr_converters.models.urls import existing_local_path, is_remote_url, is_there, refuse_special_file

TIFF_SUFFIXES = frozenset({".tif", ".tiff", ".tf2", ".tf8", ".btf", ".stk"})
RASTER_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp"})
NPY_SUFFIXES = frozenset({".npy"})


@contextmanager
def chosen_part(path: str, selection: Selection) -> Iterator[Part]:
    """Lend the part of a file that a selection means; from headers alone, pixels are read later.

    Raises:
        ConvertersToolsFileNotFoundError: The file is not there.
        ConvertersToolsUserError: It is damaged, or has no such part.
    """
    if not is_remote_url(path) and not is_there(path):
        raise ConvertersToolsFileNotFoundError(
            f"File '{path}' does not exist; check the path, and that the disk is connected."
        )
    if not is_remote_url(path):
        refuse_special_file(path)
    suffix = _suffix(path)
    if suffix in NPY_SUFFIXES:
        from fractal_omezarr_converters.models.npy_files import npy_planes

        yield choose(npy_planes(path, f"File '{path}'"), selection)
    elif suffix in RASTER_SUFFIXES:
        from fractal_omezarr_converters.models.raster_files import raster_planes

        yield choose(raster_planes(path, f"File '{path}'", selection.palette), selection)
    else:
        from fractal_omezarr_converters.models.tiff_series import tiff_planes

        if suffix not in TIFF_SUFFIXES:
            warnings.warn(
                f"Files that end in '{suffix}' are not known; they are read as TIFF, for example '{path}'.",
                ConvertersToolsWarning,
                stacklevel=2,
            )
        with tiff_planes(path, selection) as planes:
            yield choose(planes, selection)


def is_plain_choice(path: str, selection: Selection) -> bool:
    """Say whether the only plane of a local TIFF file is meant, if it has only one."""
    some = (selection.series, selection.level, selection.channel, selection.z, selection.t, selection.plane)
    return (
        some == (None,) * 6
        and not selection.page
        and path.lower().endswith((".tif", ".tiff"))
        and not is_remote_url(path)
    )


def files_of(path: str, selection: Selection) -> list[str]:
    """List the files that the chosen part lies in."""
    if _suffix(path) in NPY_SUFFIXES | RASTER_SUFFIXES:
        return [path]
    from fractal_omezarr_converters.models.tiff_series import series_files

    return series_files(path, selection)


def reads_parts(path: str) -> bool:
    """Say whether a part of such a file costs less than the whole."""
    return _suffix(path) not in RASTER_SUFFIXES


def load_tiff(path: str | Path) -> Array:
    """Read a TIFF file; axes that are not 1 long in the order t, c, z, y, x."""
    from fractal_omezarr_converters.models.tiff_series import tiff_planes

    found = str(existing_local_path(path))
    refuse_special_file(found)
    with tiff_planes(found, Selection()) as planes:
        return read(choose(planes, Selection()))


def load_png(path: str | Path) -> Array:
    """Read a PNG, JPEG or BMP file: (y, x), or (c, y, x) for a colour image."""
    from fractal_omezarr_converters.models.raster_files import raster_planes

    found = str(existing_local_path(path))
    refuse_special_file(found)
    return read(choose(raster_planes(found, f"File '{found}'", "auto"), Selection()))


def load_npy(path: str | Path) -> Array:
    """Read an NPY file, as it is; files that hold objects are refused."""
    from fractal_omezarr_converters.models.npy_files import npy_planes

    found = str(existing_local_path(path))
    refuse_special_file(found)
    planes = npy_planes(found, f"File '{found}'")
    pixels = read(choose(planes, Selection()))
    return pixels if planes.unnamed_shape is None else pixels.reshape(planes.unnamed_shape)


def _suffix(path: str) -> str:
    return "." + path.rpartition(".")[2].lower() if "." in path.replace("\\", "/").rpartition("/")[2] else ""
