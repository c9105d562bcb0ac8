"""Every error this package raises, sorted by who can put it right.

    ConvertersToolsError                         base of all
    ├── ConvertersToolsUserError                 (ValueError) the person who runs the conversion can act
    │   ├── ConvertersToolsOutputExistsError     (FileExistsError) output is there and may not be replaced
    │   ├── ConvertersToolsFileNotFoundError     (FileNotFoundError) an input or hand-over file is missing
    │   ├── ConvertersToolsStoreError            (OSError) an object store refuses or does not answer
    │   ├── ConvertersToolsUsageError            an argument, an option or a configuration is wrong, whatever the data
    │   ├── NotAGridError                        tile positions do not form a regular grid
    │   └── NotTilableError                      tile sizes differ where equal ones are needed
    └── ConvertersToolsInternalError             (RuntimeError) a fault of ours, with a line where to report it

    ConvertersToolsWarning                       (UserWarning) worth reading, does not stop the run

A message is one sentence: what is wrong, where (file, element, value), what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self

REPORT_URL = "https://github.com/fractal-analytics-platform/fractal-omezarr-converters/issues"


class ConvertersToolsError(Exception):
    """Base of every error that this package raises on purpose."""


class ConvertersToolsUserError(ConvertersToolsError, ValueError):
    """Parameters, input data, environment or place of output are wrong; the user can put it right."""


class ConvertersToolsOutputExistsError(ConvertersToolsUserError, FileExistsError):
    """The output exists and the overwrite mode forbids replacing it."""

    def __new__(cls, *words: object) -> Self:
        """Make it as the error of the operating system that it also is: ``ValueError`` has no room for one."""
        return FileExistsError.__new__(cls, *words)


class ConvertersToolsFileNotFoundError(ConvertersToolsUserError, FileNotFoundError):
    """An input file or a hand-over file is missing."""

    def __new__(cls, *words: object) -> Self:
        """Make it as the error of the operating system that it also is: ``ValueError`` has no room for one."""
        return FileNotFoundError.__new__(cls, *words)


class ConvertersToolsStoreError(ConvertersToolsUserError, OSError):
    """An object store refuses what is asked, or does not answer: nothing is known about what it holds."""

    def __new__(cls, *words: object) -> Self:
        """Make it as the error of the operating system that it also is: ``ValueError`` has no room for one."""
        return OSError.__new__(cls, *words)


class ConvertersToolsUsageError(ConvertersToolsUserError):
    """An argument, an option or a configuration is wrong in itself, whatever the data are."""


class NotAGridError(ConvertersToolsUserError):
    """Tile positions do not form a regular grid."""


class NotTilableError(ConvertersToolsUserError):
    """Tile sizes differ where equal sizes are needed."""


class ConvertersToolsInternalError(ConvertersToolsError, RuntimeError):
    """A state that no correct converter can reach; the message ends with where to report it."""

    def __str__(self) -> str:
        """Give the message and where to report it; the suffix is no argument, so that it is there once in any process."""
        return f"{super().__str__()} This is a fault in the converter; please report it at {REPORT_URL}"


class ConvertersToolsWarning(UserWarning):
    """Something a user should read, which does not stop the run."""


def raise_together(problems: Sequence[str], heading: str, *, shown: int | None = None) -> None:
    """Raise one user error that lists all problems, or the first ``shown``, one per line; do nothing when there are none.

    Raises:
        ConvertersToolsUserError: ``heading`` followed by the number of problems and the problems.
    """
    if not problems:
        return
    if len(problems) == 1:
        raise ConvertersToolsUserError(problems[0])
    indented = (problem.replace("\n", "\n  ") for problem in problems[:shown])  # a problem may be such a list itself
    listed = "\n".join(f"  {number}. {problem}" for number, problem in enumerate(indented, 1))
    if shown is not None and len(problems) > shown:
        listed += f"\n  ... and {len(problems) - shown} more."
    raise ConvertersToolsUserError(f"{heading} ({len(problems)} problems):\n{listed}")


@contextmanager
def collecting(problems: list[str]) -> Iterator[None]:
    """Put a user error aside, so that the next file is looked at, too; :func:`raise_together` then says all of them."""
    try:
        yield
    except ConvertersToolsUserError as error:
        problems.append(str(error))
