"""Python environments of server and client, kept in a cache folder; the wheel under test; sizes on disk."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from programs import StackError, run

ROOT = Path(__file__).resolve().parents[2]
PIP = ("-m", "pip", "--disable-pip-version-check", "-q")


def base_python() -> Path:
    """The interpreter itself, not that of the environment this runs in."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = Path(sys.base_prefix) / "bin" / version
    return found if found.exists() else Path(os.path.realpath(sys.executable))


def environment(cache: Path, name: str, *requirements: str) -> Path:
    """The ``bin`` folder of an environment with some packages; made when it is not in the cache, whole, yet."""
    folder = cache / name
    stamp, wanted = folder / "requirement", f"{' '.join(requirements)} on {base_python()}"
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(folder, ignore_errors=True)
        run([base_python(), "-m", "venv", folder])
        run([folder / "bin" / "python", *PIP, "install", "--cache-dir", cache / "pip", *requirements])
        stamp.write_text(wanted)
    return folder / "bin"


def build_wheel(python: Path, cache: Path, scratch: Path) -> Path:
    """Build the wheel of the checkout; a copy of nothing, exactly what would be published."""
    out = scratch / "wheel"
    run([python, *PIP, "wheel", "--no-deps", "--cache-dir", cache / "pip", "-w", out, ROOT])
    return _only_wheel(out)


def download_wheel(python: Path, cache: Path, scratch: Path, requirement: str) -> Path:
    """Fetch the newest wheel of a package that this Python can use."""
    out = scratch / "downloads" / requirement
    command: list[str | Path] = [
        "download",
        "--no-deps",
        "--only-binary",
        ":all:",
        "--cache-dir",
        cache / "pip",
        "-d",
        out,
        requirement,
    ]
    run([python, *PIP, *command])
    return _only_wheel(out)


def _only_wheel(folder: Path) -> Path:
    wheels = list(folder.glob("*.whl"))
    if len(wheels) != 1:
        raise StackError(f"One wheel was expected, there are {len(wheels)}: {[path.name for path in wheels]}.")
    return wheels[0]


def measure(folder: Path) -> tuple[float, int]:
    """Size of an environment in MB (10^6 bytes, each file once) and its number of packages without pip and setuptools."""
    seen: dict[tuple[int, int], int] = {}
    for base, _, names in os.walk(folder):
        for name in names:
            stat = os.lstat(os.path.join(base, name))  # noqa: PTH118  (tens of thousands of files)
            seen[stat.st_dev, stat.st_ino] = stat.st_size
    packages = {path.name.split("-")[0] for path in folder.glob("lib/python*/site-packages/*.dist-info")}
    return sum(seen.values()) / 1e6, len(packages - {"pip", "setuptools"})
