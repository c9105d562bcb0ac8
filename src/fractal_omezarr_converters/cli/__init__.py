"""The command line `omezarr`: data to stdout, everything else to stderr, exit codes 0, 1, 2, 3 and 130."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and leave with its exit code."""
    try:
        from fractal_omezarr_converters.cli.app import run

        code = run(sys.argv[1:] if arguments is None else list(arguments))
    except KeyboardInterrupt:  # before the command has begun, while its modules are loaded
        code = 130
    sys.exit(code)
