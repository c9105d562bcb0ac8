"""The command line of what reads one measurement: a small one goes first, so that what is loaded on demand is loaded."""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Callable


def measure_after_a_small_one(
    measured: Callable[[str, str, str], dict[str, float]], reader: str, description: str | None
) -> None:
    """Read the command line ``READER FOLDER OUT --warm SMALL`` and print the figures of FOLDER as JSON."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(reader)
    parser.add_argument("folder")
    parser.add_argument("out")
    parser.add_argument("--warm", required=True)
    given = parser.parse_args()
    by, warm = getattr(given, reader), f"{given.out}-warm"
    measured(by, given.warm, warm)
    shutil.rmtree(warm)
    print(json.dumps(measured(by, given.folder, given.out)))
