"""What the acceptance tests share: the command line in a process of its own, a judge of OME-Zarr, real measurements."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session")
def omezarr() -> Run:
    """Run the command line in a process of its own, with more environment if wanted."""

    def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "fractal_omezarr_converters.cli", *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, timeout=120, env={**os.environ, **environment}
        )

    return run


@pytest.fixture(scope="session")
def judge() -> Callable[..., None]:
    """Ask the program that OMEZARR_JUDGE names about an output (`PROGRAM PATH`, 0: nothing to object to).

    Of odd sizes the centre of mass moves a little from level to level, because the last block is the mean of the pixels
    it has: a warning of that kind alone is no objection there.
    """
    program = shlex.split(os.environ.get("OMEZARR_JUDGE", ""))

    def ask(path: Path, *, odd_sizes: bool = False) -> None:
        if program:
            asked = subprocess.run([*program, str(path)], capture_output=True, text=True, check=False, timeout=600)
            objections = [line for line in asked.stdout.splitlines() if line.startswith(("FAIL", "WARN"))]
            inherent = objections and all(line.startswith("WARN  registration") for line in objections)
            assert asked.returncode == 0 or (odd_sizes and inherent), asked.stdout + asked.stderr

    return ask


@pytest.fixture(scope="session")
def compose_plate(shared_data: Path) -> Path:
    """Two fields of a real Operetta CLS that overlap by about 7 px."""
    return shared_data / "operetta" / "operetta-compose-plate"


@pytest.fixture(scope="session")
def phenix_channels(shared_data: Path) -> Path:
    """One field of a real Phenix with six channels at different heights."""
    return shared_data / "operetta" / "pe2loaddata-Version1"


@pytest.fixture(scope="session")
def attributes() -> Callable[[Path], dict[str, Any]]:
    """Attributes of a group of any version, those of OME-Zarr and those of others side by side."""

    def read(group: Path) -> dict[str, Any]:
        if (group / ".zgroup").exists():
            file = group / ".zattrs"
            return dict(json.loads(file.read_text())) if file.exists() else {}
        found = json.loads((group / "zarr.json").read_text())["attributes"]
        return {**found, **found.get("ome", {})}

    return read
