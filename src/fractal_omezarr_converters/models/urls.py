"""Paths and URLs: local paths of every operating system, ``s3://``, and whatever scheme fsspec knows."""

from __future__ import annotations

import glob
import os
import re
import stat
import unicodedata
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from fractal_omezarr_converters.errors import ConvertersToolsUserError

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")
_DRIVE = re.compile(r"[A-Za-z]:(?=[\\/]|$)")
_WILD = re.compile(r"[*?\[]")


class UrlType(StrEnum):
    """Where a URL points."""

    LOCAL = "local"
    S3 = "s3"
    NOT_SUPPORTED = "not_supported"


def clean_url(url: str | os.PathLike[str]) -> str:
    """Take away spaces and quotes around a path, as they come with copying; ``file://`` becomes a plain path."""
    text = os.fspath(url).strip()
    while len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    if text.lower().startswith("file:"):
        text = _path_of_file_url(unquote(text[5:]))
    return text


def _path_of_file_url(rest: str) -> str:
    """Give the path of what follows ``file:`` (RFC 8089); a host other than this computer is a Windows share."""
    host, path = "", rest
    if rest.startswith("//"):
        host, slash, path = rest[2:].partition("/")
        path = slash + path
    if host.lower() not in ("", "localhost"):
        return "\\\\" + host + path.replace("/", "\\")
    return path[1:] if re.match(r"/[A-Za-z]:", path) else path


def find_url_type(url: str | os.PathLike[str]) -> UrlType:
    """Say whether a URL is an absolute local path, an S3 address or something else."""
    text = clean_url(url)
    if text.startswith(("/", "~", "\\\\")) or _DRIVE.match(text):
        return UrlType.LOCAL
    return UrlType.S3 if text.lower().startswith("s3://") else UrlType.NOT_SUPPORTED


def is_absolute_url(url: str | os.PathLike[str]) -> bool:
    """Say whether a URL does not depend on the working directory."""
    text = clean_url(url)
    return find_url_type(text) is UrlType.LOCAL or _SCHEME.match(text) is not None


def is_foreign_path(url: str | os.PathLike[str]) -> bool:
    """Say whether a path begins with a drive or share of Windows, and this computer is none that has such."""
    return os.sep == "/" and _is_windows_root(_split(clean_url(url))[0])


def is_remote_url(url: str | os.PathLike[str]) -> bool:
    """Say whether a URL has a scheme, so that it is not a path of this computer."""
    return _SCHEME.match(clean_url(url)) is not None


def absolute_url(url: str | os.PathLike[str]) -> str:
    """Make a URL that does not depend on the working directory; ``~`` and ``..`` are resolved, nothing is touched."""
    text = clean_url(url)
    if not text:
        raise ConvertersToolsUserError("A path is empty; give the path of a folder or file.")
    if text.startswith("~"):
        text = str(Path(text).expanduser())
    return join_url_paths(text if is_absolute_url(text) else join_url_paths(Path.cwd().as_posix(), text))


def join_url_paths(base: str | os.PathLike[str], *paths: str | os.PathLike[str]) -> str:
    """Join with ``/``; ``.`` and ``..`` are resolved, slashes collapsed.

    Raises:
        ConvertersToolsUserError: ``..`` leaves the bucket or host.
    """
    text = clean_url(base)
    if text.startswith("~") and ".." in re.split(r"[\\/]+", "/".join([text, *(os.fspath(path) for path in paths)])):
        text = Path(text).expanduser().as_posix()  # only then can the folder above the home be named
    root, rest = _split(text)
    windows = _is_windows_root(root)
    segments: list[str] = []
    for part in (rest, *(os.fspath(path) for path in paths)):
        for segment in re.split(r"[\\/]+" if windows else "/+", part):
            if segment in ("", "."):
                continue
            if segment != "..":
                segments.append(segment)
            elif segments and segments[-1] != "..":
                segments.pop()
            elif not root:
                segments.append("..")
            elif _SCHEME.match(root):
                raise ConvertersToolsUserError(
                    f"'{'/'.join([str(base), *map(str, paths)])}' leaves '{root}' by '..'; give a path below it."
                )
    joined = "/".join(segments)
    if not root:
        return joined or "."
    return root if not joined else root + joined if root.endswith("/") else f"{root}/{joined}"


def _split(text: str) -> tuple[str, str]:
    """Give the part that cannot be left (``/``, ``C:/``, a share, a bucket, nothing) and the rest."""
    scheme = _SCHEME.match(text)
    if scheme:
        host, _, rest = text[scheme.end() :].partition("/")
        return f"{scheme.group(1).lower()}://{host}", rest
    if _DRIVE.match(text):
        return f"{text[:2]}/", text[2:]
    if text.startswith("\\\\"):
        server, share, below = [*re.split(r"[\\/]+", text.lstrip("\\"), maxsplit=2), "", ""][:3]
        return (f"\\\\{server}\\{share}" if share else f"\\\\{server}"), below
    return ("/", text[1:]) if text.startswith("/") else ("", text)


def _is_windows_root(root: str) -> bool:
    return root.startswith("\\\\") or _DRIVE.match(root) is not None


def parent_url(url: str | os.PathLike[str]) -> str:
    """Give the folder of a path.

    Raises:
        ConvertersToolsUserError: A root has no parent.
    """
    whole = join_url_paths(url)
    root, rest = _split(whole)
    if not rest.strip("/") or whole == ".":
        raise ConvertersToolsUserError(f"'{url}' is a root and has no parent folder; give a path below it.")
    parents = rest.strip("/").split("/")[:-1]
    return join_url_paths(root, *parents) if root else "/".join(parents)


def basename_url(url: str | os.PathLike[str]) -> str:
    """Give the last part of a path."""
    _, rest = _split(join_url_paths(url))
    return rest.rstrip("/").rpartition("/")[2]


def local_url_to_path(url: str | os.PathLike[str]) -> Path:
    """Give the absolute path of a local URL, ``~`` expanded; nothing is created or looked at.

    Raises:
        ConvertersToolsUserError: The URL is not local.
    """
    text = clean_url(url)
    if is_remote_url(text):
        raise ConvertersToolsUserError(f"'{text}' is not a path of this computer; give a local path here.")
    return Path(os.path.abspath(Path(text).expanduser()))  # noqa: PTH100  # Path.resolve would follow links


def is_there(path: str | os.PathLike[str]) -> bool:
    """Say whether a local file or folder exists; names that no disk can have do not."""
    return os.path.exists(path)  # noqa: PTH110  # Path.exists raises for names that are too long


def is_file_there(path: str | os.PathLike[str]) -> bool:
    """Say whether a local file exists; names that no disk can have do not."""
    return os.path.isfile(path)  # noqa: PTH113  # as is_there


def refuse_special_file(path: str | os.PathLike[str]) -> None:
    """Raise for a pipe, a device or a socket, which to open could block for ever; what is not there passes.

    Raises:
        ConvertersToolsUserError: The path leads to a special file.
    """
    try:
        kind = os.stat(path).st_mode  # noqa: PTH116  # as is_there: no exception for impossible names
    except (OSError, ValueError):
        return
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
        raise ConvertersToolsUserError(
            f"'{os.fspath(path)}' is not a regular file but a pipe, a device or a socket; put the image file itself there."
        )


def existing_local_path(url: str | os.PathLike[str]) -> Path:
    """Give the path of a file or folder as the disk spells it.

    Composed and decomposed accents (NFC, NFD) are the same name, and so are ``a\\b`` of a table written on Windows and
    ``a/b``. The path is given as it came when nothing of the sort exists.
    """
    path = local_url_to_path(url)
    if is_there(path):
        return path
    spelled = _spelled_by_disk(path)
    if spelled is None and os.sep == "/" and "\\" in str(path):
        spelled = _spelled_by_disk(Path(str(path).replace("\\", "/")))
    return path if spelled is None else spelled


def _spelled_by_disk(path: Path) -> Path | None:
    if str(path).isascii():
        return None  # accents are the only letters that are written in two ways
    found = Path(path.anchor)
    for part in path.parts[1:]:
        spellings = (part, unicodedata.normalize("NFC", part), unicodedata.normalize("NFD", part))
        spelled = next((name for name in spellings if is_there(found / name)), None)
        if spelled is None:
            return None
        found = found / spelled
    return found


def filesystem_for_url(url: str | os.PathLike[str], error_msg_prefix: str = "File handling") -> Any:
    """Give the fsspec file system of a URL.

    Raises:
        ConvertersToolsUserError: The scheme is not known, the package for it is not installed, or it is none for folders, such
            as that of archives (``zip://``).
    """
    text = clean_url(url)
    found = _SCHEME.match(text)
    scheme = found.group(1).lower() if found else "file"
    try:
        import fsspec

        from fractal_omezarr_converters.models.remote_calls import storage_options

        return fsspec.filesystem(scheme, **storage_options(text))
    except (ImportError, ValueError) as error:
        raise ConvertersToolsUserError(
            f"{error_msg_prefix} is not possible for '{text}': no file system for '{scheme}://' is installed ({error}); "
            "give a local path or install 'fractal-omezarr-converters[remote]'."
        ) from error
    except (TypeError, AttributeError, OSError) as error:  # what file systems raise that need more than a URL
        raise ConvertersToolsUserError(
            f"{error_msg_prefix} is not possible for '{text}': '{scheme}://' alone does not lead to a folder ({error}); unpack "
            "archives, and give a local path or the address of a folder in an object store, such as s3://bucket/folder."
        ) from error


def glob_url_paths(*, base_url: str | os.PathLike[str], pattern: str) -> list[str]:
    """Give what matches a pattern below a URL, sorted; a literal that does not exist gives an empty list."""
    base = clean_url(base_url)
    if not is_remote_url(base):
        folder = existing_local_path(base)
        names = sorted(glob.glob(pattern, root_dir=folder, recursive=True))  # noqa: PTH207  # the base holds no pattern
        if not names and not _WILD.search(pattern) and is_there(existing_local_path(folder / pattern)):
            names = [os.path.relpath(existing_local_path(folder / pattern), folder)]
        return [join_url_paths(folder, name) for name in names]
    files = filesystem_for_url(base, "Listing files")
    escaped = _WILD.sub(lambda wild: f"[{wild.group()}]", join_url_paths(base))
    return sorted(files.unstrip_protocol(name) for name in files.glob(f"{escaped}/{pattern.lstrip('/')}"))
