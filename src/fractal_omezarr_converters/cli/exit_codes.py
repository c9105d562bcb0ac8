"""What the exit codes of every command mean, and the error that stands for wrong usage."""

from fractal_omezarr_converters.errors import ConvertersToolsUserError

DONE = 0
FAILED = 1
WRONG_USAGE = 2
SOME_IMAGES_FAILED = 3
INTERRUPTED = 130


class WrongUsageError(ConvertersToolsUserError):
    """The command line is incomplete or contradicts itself."""
