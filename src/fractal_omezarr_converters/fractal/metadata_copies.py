"""Copies of the instrument's own metadata files inside the plate, so that nothing it said is lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from fractal_omezarr_converters.models.remote_calls import read_whole
from fractal_omezarr_converters.models.urls import filesystem_for_url, is_remote_url, join_url_paths

FOLDER = "metadata"


def copy_metadata_files(zarr_dir: str, files: Mapping[tuple[str, int], Sequence[str]]) -> list[str]:
    """Copy files to ``<plate>.zarr/metadata/<acquisition>/``; what is there under the same name is replaced.

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
            key = f"{FOLDER}/{acquisition}/{name}"
            store.put(key, _content(path))
            written.append(f"{plate}/{key}")
    return written


def _content(path: str) -> bytes:
    return read_whole(filesystem_for_url(path), path) if is_remote_url(path) else Path(path).read_bytes()


def _named(paths: Sequence[str]) -> list[tuple[str, str]]:
    """Name of each copy: that of the file; files of one name are told apart by a number."""
    seen: dict[str, int] = {}
    named = []
    for path in paths:
        name = Path(path).name
        seen[name] = seen.get(name, 0) + 1
        named.append((name if seen[name] == 1 else f"{seen[name]}_{name}", path))
    return named
