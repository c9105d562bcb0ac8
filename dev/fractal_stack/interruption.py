"""Kill the one process of a job that writes a given image, while it writes; nothing else is touched."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

from programs import StackError

COMPUTE = b"convert_compute.py"
LONGEST_WAIT = 120.0


def kill_while_writing(image: Path) -> None:
    """Wait until files of the image appear beside its place, then kill its process as a full node would."""
    if not Path("/proc/self/cmdline").exists():
        raise StackError("Processes can be told apart by what they write on Linux alone.")
    end = time.monotonic() + LONGEST_WAIT
    while time.monotonic() < end:
        if image.parent.is_dir() and any(
            path.name.startswith(f".{image.name}.writing") for path in image.parent.iterdir()
        ):
            process = process_of(image)
            if process is not None:
                os.kill(process, signal.SIGKILL)
                print(f"   killed the process that wrote {'/'.join(image.parts[-4:])}")
                return
        time.sleep(0.002)
    raise StackError(f"Nobody began to write {image} within {LONGEST_WAIT:.0f} s.")


def process_of(image: Path) -> int | None:
    """The process that was started to write an image: its arguments lie in a file that its command names."""
    for place in Path("/proc").iterdir():
        if not place.name.isdigit():
            continue
        try:
            words = (place / "cmdline").read_bytes().split(b"\0")
            if not any(word.endswith(COMPUTE) for word in words) or b"--args-json" not in words:
                continue
            arguments = json.loads(Path(os.fsdecode(words[words.index(b"--args-json") + 1])).read_text())
        except (OSError, ValueError, IndexError):  # it ended just now, or belongs to somebody else
            continue
        if arguments.get("zarr_url") == str(image):
            return int(place.name)
    return None
