"""What lies below an address in an object store, and how it is laid out on this disk: metadata whole, images as placeholders."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from fractal_omezarr_converters.errors import (
    ConvertersToolsError,
    ConvertersToolsFileNotFoundError,
    ConvertersToolsStoreError,
    ConvertersToolsUserError,
)
from fractal_omezarr_converters.models.image_files import NPY_SUFFIXES, RASTER_SUFFIXES, TIFF_SUFFIXES
from fractal_omezarr_converters.models.placeholders import make_placeholder
from fractal_omezarr_converters.models.remote_calls import facts_in, facts_of, read_whole, refused, request
from fractal_omezarr_converters.models.urls import basename_url, join_url_paths, parent_url

MOST_FILES = 2_000_000
MOST_METADATA = 4 * 2**30
"""Bytes of metadata that are fetched of one folder."""
MOST_BESIDE = 16 * 2**20
"""Bytes of metadata that are fetched from beside the folder."""
_DOWNLOADS = 8
_LARGE = 64 * 2**20
#: Endings of files that hold no metadata of a plate: images, films, archives.
IMAGES = (
    TIFF_SUFFIXES
    | RASTER_SUFFIXES
    | NPY_SUFFIXES
    | set(".gif .jp2 .jxr .flex .c01 .dib .im .lif .czi .nd2 .vsi .ets .ims .oib .oif .lsm .sld .dv .h5 .hdf5".split())
    | set(".zip .gz .bz2 .xz .zst .7z .rar .tar .tgz .avi .mp4 .mov .mpg .wmv .pdf .exe".split())
)
#: Endings of metadata that instruments write beside the folder of their images.
_BESIDE = tuple(".xml .log .dat .htd .json .txt .csv .mes .mlf .mrf .jdce .toml .yaml".split())
#: Folders beside that of the images in which instruments keep metadata: flat-field profiles, descriptions of stacks.
_FOLDERS_BESIDE = ("FFC_Profile", "experiment_z_stack")
_NEVER = ("", ".", "..")


class Listed(NamedTuple):
    """An object: key without scheme (``bucket/folder/name``), size in bytes, time of change, and whether it is an image."""

    key: str
    size: int
    mtime_ns: int
    is_image: bool


def list_folder(filesystem: Any, url: str) -> list[Listed]:
    """List all objects below an address, or a file with all that lies around it, and metadata beside the folder.

    Raises:
        ConvertersToolsFileNotFoundError: there is nothing.
        ConvertersToolsStoreError: the store refuses.
        ConvertersToolsUserError: there are too many objects, too many metadata, or names that no disk can have.
    """
    found = _found_below(filesystem, url)
    own = url.partition("://")[2]
    if not found:
        raise ConvertersToolsFileNotFoundError(
            f"There is no file or folder '{url}' in the store; check the address, and that these credentials may list it."
        )
    if [each.key for each in found] == [own]:
        return list_folder(filesystem, parent_url(url))
    if len(found) > MOST_FILES:
        raise ConvertersToolsUserError(
            f"'{url}' holds {len(found)} objects, more than {MOST_FILES}; give the folder of one acquisition."
        )
    metadata = [each for each in found if not each.is_image]
    total = sum(each.size for each in metadata)
    if total > MOST_METADATA:
        largest = max(metadata, key=lambda each: each.size)
        raise ConvertersToolsUserError(
            f"'{url}' holds {_mb(total)} beside its images, more than {_mb(MOST_METADATA)} (the largest is"
            f" '{largest.key}' with {_mb(largest.size)}); move what does not belong to the acquisition elsewhere, or"
            " copy its folder to a disk."
        )
    return found + _beside(filesystem, url)


def one_file(filesystem: Any, url: str) -> Listed:
    """Give one file, to be fetched whatever it holds.

    Raises:
        ConvertersToolsFileNotFoundError: it is not there.
        ConvertersToolsStoreError: the store refuses.
    """
    return Listed(url.partition("://")[2], *facts_of(filesystem, url), is_image=False)


def _found_below(filesystem: Any, url: str) -> list[Listed]:
    try:
        listed = request(url, "listed", lambda: filesystem.find(url, detail=True))
    except FileNotFoundError as error:
        raise refused(url, "listed", error) from error
    except ConvertersToolsError:
        raise
    except (NotImplementedError, ValueError) as error:
        # a file system of fsspec that cannot list says the first, s3fs the second of an address without a bucket
        raise ConvertersToolsUserError(
            f"'{url}' cannot be listed ({error}); give the address of a folder in a bucket, such as s3://bucket/folder."
        ) from error
    return _objects(filesystem, url, list(listed.values()))


def _beside(filesystem: Any, url: str) -> list[Listed]:
    """Metadata beside a folder, where some instruments keep them; none when they are many, or may not be listed."""
    if "/" not in url.partition("://")[2]:
        return []
    parent = parent_url(url)
    entries = _entries(filesystem, parent)
    for name in _FOLDERS_BESIDE:
        is_there = any(facts["name"].rstrip("/").endswith(f"/{name}") for facts in entries)
        if is_there and name != basename_url(url):
            entries += _entries(filesystem, join_url_paths(parent, name))
    chosen = [each for each in _objects(filesystem, parent, entries) if each.key.lower().endswith(_BESIDE)]
    return chosen if sum(each.size for each in chosen) <= MOST_BESIDE else []


def _entries(filesystem: Any, url: str) -> list[dict[str, Any]]:
    """What lies directly in a folder; nothing where these credentials may not look."""
    try:
        return list(request(url, "listed", lambda: filesystem.ls(url, detail=True)))
    except FileNotFoundError:
        return []
    except ConvertersToolsStoreError as error:
        if isinstance(error.__cause__, PermissionError):
            return []
        raise


def _objects(filesystem: Any, url: str, entries: Sequence[dict[str, Any]]) -> list[Listed]:
    """The objects among what was listed below an address; not folders, which some stores list as empty objects."""
    own = url.partition("://")[2]
    base = str(filesystem._strip_protocol(url)).rstrip("/")  # names are listed in the words of the file system
    found = []
    for facts in entries:
        name = str(facts["name"])
        if facts.get("type") == "file" and not name.endswith("/"):
            key = own + name.removeprefix(base)
            found.append(Listed(key, *facts_in(facts), os.path.splitext(key)[1].lower() in IMAGES))  # noqa: PTH122
    return found


def lay_out(filesystem: Any, listing: Sequence[Listed], store: str, folder: Path) -> None:
    """Make the files of a listing below a folder.

    Of OME-Zarr that lies among them only the folder is made.

    Raises:
        ConvertersToolsUserError: a name leads out of the folder, or the disk has no room or takes no such name.
        ConvertersToolsStoreError: metadata cannot be fetched.
    """
    fetched: list[tuple[Listed, Path]] = []
    made: set[Path] = set()
    for each in listing:
        parts = each.key.split("/")
        if not _is_plain(parts):
            raise ConvertersToolsUserError(
                f"The store names the object '{store}{each.key}', which can be no file of a folder; rename or remove it."
            )
        zarr = next((at for at, part in enumerate(parts) if part.endswith(".zarr")), None)
        inside = folder.joinpath(*parts[: len(parts) - 1 if zarr is None else zarr + 1])
        with _naming(f"{store}{each.key}", folder):
            if inside not in made:
                inside.mkdir(parents=True, exist_ok=True)
                made.add(inside)
            if zarr is not None:
                continue
            path = inside / parts[-1]
            if each.is_image:
                make_placeholder(str(path), each.size, each.mtime_ns)
            else:
                path.touch(exist_ok=False)
                fetched.append((each, path))
    _fetch(filesystem, store, folder, fetched)


def _fetch(filesystem: Any, store: str, folder: Path, files: Sequence[tuple[Listed, Path]]) -> None:
    """Fetch metadata, several at the same time; large ones one after the other, because each is in memory for a while."""
    from concurrent.futures import ThreadPoolExecutor

    def fetch(file: tuple[Listed, Path]) -> None:
        each, path = file
        with _naming(f"{store}{each.key}", folder):
            if each.size:
                path.write_bytes(read_whole(filesystem, f"{store}{each.key}"))
            os.utime(path, ns=(each.mtime_ns, each.mtime_ns))

    with ThreadPoolExecutor(_DOWNLOADS) as threads:
        list(threads.map(fetch, [file for file in files if file[0].size <= _LARGE]))
    for file in files:
        if file[0].size > _LARGE:
            fetch(file)


def _is_plain(parts: Sequence[str]) -> bool:
    """Say whether the parts of a key are names of folders and a file."""
    return not any(part in _NEVER or "\0" in part or (os.sep != "/" and set(part) & set('\\:*?"<>|')) for part in parts)


@contextmanager
def _naming(url: str, folder: Path) -> Iterator[None]:
    """Say which object cannot be laid out."""
    try:
        yield
    except ConvertersToolsError:
        raise
    except (FileExistsError, NotADirectoryError) as error:
        raise ConvertersToolsUserError(
            f"'{url}' is in the store twice: as a file and as a folder, or in capitals and in small letters; remove one of them."
        ) from error
    except OSError as error:
        raise ConvertersToolsUserError(
            f"'{url}' cannot be laid out in '{folder.parent}' ({error.strerror}); make room there, or name another folder by the"
            " environment variable TMPDIR."
        ) from error


def _mb(size: int) -> str:
    return f"{size / 2**20:.0f} MB"
