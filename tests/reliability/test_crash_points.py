"""A sample of the sweep of kills: `make crash` kills at every change of a file."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from small_plates import MODES, NO, OVER

SWEEP = Path(__file__).parents[2] / "dev" / "faults" / "crash_points.py"
sys.path.insert(0, str(SWEEP.parent))

from crash_points import SETTINGS, Sweep, any_complete  # noqa: E402  (no package)


def test_a_sample_of_kills_recovers_to_exact_pixels(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", str(SWEEP), "--every", "23", "--random", "8", "--tmp", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr[-2000:]
    last = ran.stdout.splitlines()[-1]
    kills = int(last.split()[0])
    assert kills >= 20 and f"{kills} recovered to exact pixels, 0 failures" in last


def notes(out: Path) -> tuple[bool, bool]:
    """Whether the plate names the run that overwrites it, and whether the folder beside it says that old and new are listed."""
    plates = [out / "Plate.zarr" / name for name in (".zattrs", "zarr.json")]
    said = "".join(path.read_text() for path in plates if path.exists())
    header = out / ".Plate.zarr.replacing" / "run.json"
    return '"replacing"' in said, header.exists() and json.loads(header.read_text())["merged"]


@pytest.mark.filterwarnings("ignore::fractal_omezarr_converters.errors.ConvertersToolsWarning")
@pytest.mark.parametrize("layout", SETTINGS)
def test_an_overwrite_that_dies_between_its_notes_is_finished_by_running_again(tmp_path: Path, layout: str) -> None:
    sweep, settings = Sweep(tmp_path, tmp_path / "in"), SETTINGS[layout]
    sweep.convert(tmp_path / "whole", NO, **settings)
    for at in range(1, 40):
        out = sweep.fresh()
        shutil.copytree(tmp_path / "whole", out)
        assert sweep.kill(out, at, lambda out=out: sweep.convert(out, OVER, **settings))
        if notes(out) == (True, False):
            break
        shutil.rmtree(out)
    assert notes(out) == (True, False)
    for mode in MODES[1:]:
        again = sweep.fresh()
        shutil.copytree(out, again)
        sweep.check(f"killed at change {at}", again, mode, **settings)
    assert sweep.outcomes == {"exact": 2} and not sweep.failures
    assert any_complete(out)  # which is why No Overwrite refuses, as it must
