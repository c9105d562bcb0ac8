"""Modules of formats stay short, and no two of them share logic."""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

MOST_LINES = 300
MEDIAN_BELOW = 180


@pytest.fixture
def modules(project_root: Path) -> list[Path]:
    """All modules of formats."""
    return sorted((project_root / "src" / "fractal_omezarr_converters" / "formats").glob("*.py"))


def test_modules_of_formats_are_short(modules: list[Path]) -> None:
    lines = {path.name: path.read_text("utf-8").count("\n") for path in modules if path.name != "__init__.py"}
    assert len(lines) > 50
    assert {name: count for name, count in lines.items() if count > MOST_LINES} == {}
    assert statistics.median(lines.values()) < MEDIAN_BELOW


@pytest.mark.skipif(importlib.util.find_spec("pylint") is None, reason="pylint is not installed")
def test_no_two_modules_of_formats_share_logic(modules: list[Path]) -> None:
    """The check for similar lines of pylint, with its defaults."""
    command = [sys.executable, "-m", "pylint", "--rcfile=/dev/null", "--disable=all", "--enable=duplicate-code"]
    done = subprocess.run([*command, *map(str, modules)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
