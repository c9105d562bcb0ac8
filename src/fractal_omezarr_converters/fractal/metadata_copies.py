"""Copies of the instrument's own metadata files inside the plate, so that nothing it said is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fractal_omezarr_converters.models.image_files import TIFF_SUFFIXES
from fractal_omezarr_converters.models.remote_calls import read_whole
from fractal_omezarr_converters.models.urls import filesystem_for_url, is_remote_url, join_url_paths

FOLDER = "metadata"


def copy_metadata_files(zarr_dir: str, files: Mapping[tuple[str, int], Sequence[str]]) -> list[str]:
    """Copy files to ``<plate>.zarr/metadata/<acquisition>/``; what is there under the same name is replaced.

    Of an image that holds metadata (OME-TIFF) only the OME-XML is copied, as ``<name>.ome.xml``; its pixels are in the plate.

    Args:
        zarr_dir: output folder or URL.
        files: absolute paths or URLs by plate's folder and acquisition.

    Returns:
        The keys that were written, relative to ``zarr_dir``.
    """
    from fractal_omezarr_converters.ngff.stores import open_store

    written = []
    for (plate, acquisition), paths in files.items():
        store = open_store(join_url_paths(zarr_dir, plate))
        for name, path in _named(paths):
            content = _content(path)
            if content is not None:
                key = f"{FOLDER}/{acquisition}/{name}"
                store.put(key, content)
                written.append(f"{plate}/{key}")
    return written


def _content(path: str) -> bytes | None:
    """What is kept of a file; None for an image that says nothing."""
    if _is_image(path):
        from fractal_omezarr_converters.formats.ome_xml import tiff_description
        from fractal_omezarr_converters.models.tiff_pool import headers_only

        with headers_only():
            found = tiff_description(path)
        return None if found is None else found[0]
    return read_whole(filesystem_for_url(path), path) if is_remote_url(path) else Path(path).read_bytes()


def _is_image(path: str) -> bool:
    return Path(path).suffix.lower() in TIFF_SUFFIXES


def _named(paths: Sequence[str]) -> list[tuple[str, str]]:
    """Name of each copy: that of the file, or of its OME-XML; files of one name are told apart by a number."""
    seen: dict[str, int] = {}
    named = []
    for path in paths:
        name = Path(path).name
        if _is_image(path):
            name = f"{name[: -len(Path(path).suffix)].removesuffix('.ome')}.ome.xml"
        seen[name] = seen.get(name, 0) + 1
        named.append((name if seen[name] == 1 else f"{seen[name]}_{name}", path))
    return named
