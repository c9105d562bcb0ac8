"""What to do when a disk refuses to write, in the words of users."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsUserError

REMEDIES = {
    errno.ENOSPC: "free space on the disk or choose another one",
    errno.EDQUOT: "free space in your quota or choose another disk",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f) or choose smaller chunks and shards",
    errno.EROFS: "choose a folder that can be written to",
    errno.EACCES: "ask for the right to write there",
    errno.EPERM: "ask for the right to write there",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENAMETOOLONG: "give the plate a shorter name, or choose a folder with a shorter path",
}
"""What to do when the disk refuses, by the number of the error."""


@contextmanager
def refusals_of_a_disk(place: str, *, unchanged: str = "") -> Iterator[None]:
    """Say of which output, and what to do, when a disk refuses.

    Raises:
        ConvertersToolsUserError: in the place of an error of the operating system.
    """
    try:
        yield
    except OSError as error:
        if isinstance(error, ConvertersToolsError):
            raise
        raise ConvertersToolsUserError(
            f"{place} could not be written: {_what_and_remedy(error)}, then run the conversion again.{unchanged}"
        ) from error


def _what_and_remedy(error: OSError) -> str:
    path = Path(str(error.filename or ""))
    in_the_way = no_folder_at(path / "inside" if isinstance(error, FileExistsError) else path)
    if in_the_way is not None:
        return f"{in_the_way}; move or remove it, or choose another output folder"
    where = f" at '{error.filename}'" if error.filename else ""
    remedy = REMEDIES.get(error.errno or 0, "check that the disk is connected and can be written to")
    return f"{error.strerror or error}{where}; {remedy}"


def no_folder_at(path: Path) -> str | None:
    """What stands where one of the folders above a path belongs, in words."""
    try:
        for each in path.parents:
            if each.is_symlink() and not each.exists():
                return f"'{each}' is a link that leads nowhere"
            if each.exists() and not each.is_dir():
                return f"'{each}' is no folder"
    except OSError:  # a name too long, or a folder that may not be looked into
        return None
    return None
