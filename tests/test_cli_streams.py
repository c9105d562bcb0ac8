"""The command line whose stdout or stderr leads nowhere: a reader that went away, a full disk, a closed stream, few letters."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fractal_omezarr_converters.testing.synthetic_operetta import SyntheticOperetta, write_operetta

pytestmark = pytest.mark.skipif(os.name != "posix", reason="streams of POSIX shells")


@pytest.fixture
def plate(tmp_path: Path) -> SyntheticOperetta:
    return write_operetta(tmp_path / "source", layout=(1, 2), field_shape=(24, 40), planes=1, overlap=4)


def in_a_shell(redirection: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command with its streams redirected; the exit code is that of the command, also before a pipe."""
    script = f'set -o pipefail; "$@" {redirection}'
    command = [sys.executable, "-m", "fractal_omezarr_converters.cli", *map(str, arguments)]
    return subprocess.run(
        ["bash", "-c", script, "bash", *command],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | environment,
    )


@pytest.mark.parametrize(
    ("redirection", "workers"), [("2>&1 >/dev/null | true", 1), ("2>/dev/full", 1), ("2>&-", 2), ("<&- >&- 2>&-", 1)]
)
def test_a_conversion_goes_on_when_nobody_can_read_how_far_it_is(
    plate: SyntheticOperetta, tmp_path: Path, redirection: str, workers: int
) -> None:
    done = in_a_shell(redirection, "convert", plate.folders[0], tmp_path / "out", "--workers", workers)
    assert done.returncode == 0, done.stderr
    assert {each.parent.name for each in tmp_path.glob("out/*/*/*/0")} == {"03", "05"}


@pytest.mark.parametrize("arguments", [["--help"], ["plan", "--help"], ["formats"], ["formats", "--json"]])
def test_a_reader_that_went_away_is_no_error(arguments: list[str]) -> None:
    done = in_a_shell("| true", *arguments)
    assert (done.returncode, done.stderr) == (0, "")


def test_an_answer_that_the_disk_does_not_take_is_one_sentence() -> None:
    done = in_a_shell(">/dev/full", "formats")
    assert done.returncode == 1
    assert done.stderr.startswith("error: The answer cannot be written to standard output (No space left on device)")
    assert "Traceback" not in done.stderr


def test_letters_that_a_terminal_does_not_know_are_shown_by_their_codes(plate: SyntheticOperetta) -> None:
    done = in_a_shell("", "inspect", plate.folders[0], PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "96 \\xb5Clear" in done.stdout
