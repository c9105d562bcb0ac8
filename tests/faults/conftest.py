"""A process that runs compute jobs and harms them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

Harmed = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def harmed() -> Iterator[Harmed]:
    """Run jobs at the same time in processes of their own: ``harmed(out, job, at=3, how="kill")``."""
    script = Path(__file__).with_name("faulty_jobs.py")
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None and process.stdout is not None

    def run(out: Path, *jobs: dict[str, Any], **how: Any) -> list[dict[str, Any]]:
        orders = [{"job": job, "below": str(out), **how} for job in jobs]
        process.stdin.write(json.dumps(orders) + "\n")
        process.stdin.flush()
        answers: list[dict[str, Any]] = json.loads(process.stdout.readline())
        return answers

    yield run
    process.stdin.close()
    process.wait(10)
