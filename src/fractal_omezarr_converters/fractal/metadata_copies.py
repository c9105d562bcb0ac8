"""Copies of the instrument's own metadata files inside the plate, so that nothing it said is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path

from fractal_omezarr_converters.models.image_files import TIFF_SUFFIXES
from fractal_omezarr_converters.models.remote_calls import read_whole
from fractal_omezarr_converters.models.rights_to_read import refusals_to_read
from fractal_omezarr_converters.models.urls import filesystem_for_url, is_remote_url, join_url_paths

FOLDER = "metadata"


def copy_metadata_files(
    zarr_dir: str, files: Mapping[tuple[str, int], Sequence[str]], *, replace: bool = False
) -> list[str]:
    """Copy files to ``<plate>.zarr/metadata/<acquisition>/``; files of one name are told apart by a number (``2_<name>``).

    Of an image that holds metadata (OME-TIFF) only the OME-XML is copied, as ``<name>.ome.xml``; its pixels are in the plate.

    Args:
        zarr_dir: output folder or URL.
        files: absolute paths or URLs by plate's folder and acquisition.
        replace: the plate is made anew: what earlier runs copied under the same name goes. Otherwise it stays.

    Returns:
        The keys that were written, relative to ``zarr_dir``.
    """
    from fractal_omezarr_converters.ngff.stores import open_store

    written: list[str] = []
    for (plate, acquisition), paths in files.items():
        store = open_store(join_url_paths(zarr_dir, plate))
        for path in paths:
            with refusals_to_read():
                content = _content(path)
            if content is None:
                continue
            for number in count(1):
                key = f"{FOLDER}/{acquisition}/{'' if number == 1 else f'{number}_'}{_name(path)}"
                if f"{plate}/{key}" not in written and (replace or store.get(key) in (None, content)):
                    break
            store.put(key, content)
            written.append(f"{plate}/{key}")
    return written


def _content(path: str) -> bytes | None:
    """What is kept of a file; None for an image that says nothing."""
    if _is_image(path):
        from fractal_omezarr_converters.formats.ome_description import tiff_description
        from fractal_omezarr_converters.models.tiff_pool import headers_only

        with headers_only():
            found = tiff_description(path)
        return None if found is None else found[0]
    return read_whole(filesystem_for_url(path), path) if is_remote_url(path) else Path(path).read_bytes()


def _is_image(path: str) -> bool:
    return Path(path).suffix.lower() in TIFF_SUFFIXES


def _name(path: str) -> str:
    """Name of the copy: that of the file, or of its OME-XML."""
    name = Path(path).name
    return f"{name[: -len(Path(path).suffix)].removesuffix('.ome')}.ome.xml" if _is_image(path) else name
