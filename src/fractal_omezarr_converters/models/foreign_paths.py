"""Paths of this computer, and those of a Windows computer that were given to another one."""

from __future__ import annotations

from pathlib import Path

from fractal_omezarr_converters.errors import ConvertersToolsFileNotFoundError
from fractal_omezarr_converters.models.urls import existing_local_path, is_foreign_path, is_there


def path_of_this_computer(text: str, *, example: str) -> Path:
    """The path as it is on disk, in the Unicode form that exists.

    Raises:
        ConvertersToolsFileNotFoundError: it begins with a drive or share of Windows, and this computer has none.
    """
    path = existing_local_path(text)
    if is_foreign_path(text) and not is_there(path):
        raise ConvertersToolsFileNotFoundError(
            f"'{text}' is a path of a Windows computer; give the path under which the computer that converts sees this folder, "
            f"for example {example}."
        )
    return path
