"""A sample of the sweep of kills: `make crash` kills at every change of a file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SWEEP = Path(__file__).parents[2] / "dev" / "faults" / "crash_points.py"


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
