"""Files and folders that may not be read, in the words of users: the owner of the data can give the right."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsUserError


@contextmanager
def refusals_to_read() -> Iterator[None]:
    """Say which file or folder cannot be read, and what to do, where the system refuses.

    Raises:
        ConvertersToolsUserError: in the place of an error of the operating system.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, ConvertersToolsError) or error.filename is None:
            raise
        raise ConvertersToolsUserError(
            f"'{_culprit(error)}' cannot be read ({error.strerror or error}); {remedy(error)}."
        ) from error


def _culprit(error: OSError) -> str:
    """What may not be read: of a file in a folder that may not be entered, the folder, which may not even hold the file."""
    path = os.fsdecode(error.filename)
    if not isinstance(error, PermissionError):
        return path
    return next((str(each) for each in reversed(Path(path).parents) if not os.access(each, os.X_OK)), path)


def remedy(error: OSError) -> str:
    """What to do where the system refuses to read."""
    if isinstance(error, PermissionError):
        return "ask its owner for the right to read it"
    return "check that the disk or network is connected, and copy it again from the instrument if it is damaged"
