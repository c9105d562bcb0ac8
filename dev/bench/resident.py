"""Memory of this process, in MB."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

STATUS, RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Growth:
    """How far memory rises above what is resident when this is made."""

    def __init__(self) -> None:
        self._begins_anew = _forget_peak()
        self._before = _kilobytes("VmRSS") if self._begins_anew else _peak()

    def megabytes(self) -> float:
        """The rise up to now."""
        peak = _kilobytes("VmHWM") if self._begins_anew else _peak()
        return max(0.0, peak - self._before) * 1024 / 1e6


def _forget_peak() -> bool:
    """Let the kernel count the peak from now on; not every system can."""
    try:
        RESET.write_text("5")
    except OSError:
        return False
    return True


def _kilobytes(name: str) -> float:
    lines = STATUS.read_text().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def _peak() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024 if sys.platform == "darwin" else peak
