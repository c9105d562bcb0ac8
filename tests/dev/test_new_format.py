"""The layout of a new format works as it is: a copy of the checkout gets one, and its tests pass."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what matters of the checkout."""
    root = Path(__file__).resolve().parents[2]
    copy = tmp_path_factory.mktemp("checkout")
    leave = shutil.ignore_patterns("__pycache__", ".*")
    for folder in ("src", "dev", "docs"):
        shutil.copytree(root / folder, copy / folder, ignore=leave, symlinks=True)
    (copy / "tests").mkdir()
    for file in ("pyproject.toml", "tests/conftest.py"):
        shutil.copy(root / file, copy / file)
    return copy


def _run(checkout: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, *command], cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("name", "reason"), [("Acme", "lower case"), ("numpy", "installed library"), ("operetta", "already")]
)
def test_names_that_cannot_be_are_refused(checkout: Path, name: str, reason: str) -> None:
    done = _run(checkout, "dev/new_format.py", name)
    assert done.returncode == 2 and reason in done.stderr


def test_a_format_called_like_its_maker_has_no_tag_twice(checkout: Path) -> None:
    assert _run(checkout, "dev/new_format.py", "initech").returncode == 0
    found = _run(
        checkout, "-c", "from fractal_omezarr_converters.dev.task_list import TASK_LIST; print(TASK_LIST[-1].tags)"
    )
    assert found.stdout.strip() == "['Initech', 'plate']"


def test_a_new_format_keeps_the_conformance_rules(checkout: Path) -> None:
    done = _run(checkout, "dev/new_format.py", "acme_confocal", "--title", "Acme Confocal", "--maker", "Acme")
    assert done.returncode == 0, done.stderr
    written = done.stdout.split("Next:", maxsplit=1)[0].split()
    assert len(written) == 7 and all((checkout / path).is_file() for path in written)
    tested = _run(checkout, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/formats/test_acme_confocal.py")
    assert "4 passed" in tested.stdout, tested.stdout + tested.stderr
    code = (
        "from fractal_omezarr_converters.tasks.acme_confocal import convert_init, convert_compute\n"
        "from fractal_omezarr_converters.dev.task_list import TASK_LIST\n"
        "import fractal_omezarr_converters\n"
        "print(fractal_omezarr_converters.__file__, TASK_LIST[-1].executable_init)"
    )
    found = _run(checkout, "-c", code)
    assert str(checkout) in found.stdout and "tasks/acme_confocal/convert_init.py" in found.stdout, found.stderr
