"""What a run of the bench is asked for, and the places it may use."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Asked:
    """The options of the command line."""

    scratch: Path
    rounds: int
    threads: Sequence[int]
    cases: Sequence[str]
    planes: Sequence[int]
    engine: str | None
    engine_planes: int
    arrays: str | None
    converters: str | None
    smoke: bool
    keep: bool

    def fresh(self, name: str) -> Path:
        """An empty folder below the scratch folder."""
        folder = self.scratch / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        return folder

    def made(self, name: str, script: str, *arguments: str) -> Path:
        """A folder of synthetic data, made by a script in a process of its own unless it is there from an earlier run."""
        folder = self.scratch / name
        if not (folder / "made").exists():
            shutil.rmtree(folder, ignore_errors=True)
            subprocess.run([sys.executable, str(HERE / script), str(folder), *arguments], check=True)
            (folder / "made").touch()
        return folder

    def remove(self, *folders: Path) -> None:
        """Remove synthetic data, unless it is to be kept for the next run."""
        for folder in folders if not self.keep else ():
            shutil.rmtree(folder, ignore_errors=True)


def script(name: str) -> str:
    """The path of a script of the bench."""
    return str(HERE / name)


def compute_task() -> str:
    """The file that Fractal runs for every image; finding it loads nothing of the package."""
    found = importlib.util.find_spec("fractal_omezarr_converters")
    if found is None or found.origin is None:
        sys.exit("fractal_omezarr_converters is not installed in this environment.")
    return str(Path(found.origin).parent / "tasks" / "convert_compute.py")
