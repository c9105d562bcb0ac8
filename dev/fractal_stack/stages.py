"""Measure the stages of a run and print them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class Stages:
    """What was done so far, with its seconds, and figures to report."""

    seconds: list[tuple[str, float]] = field(default_factory=list)
    figures: list[tuple[str, str]] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens inside; the time is noted also when it fails."""
        print(f"-- {name} ...", flush=True)
        begin = time.monotonic()
        try:
            yield
        finally:
            spent = time.monotonic() - begin
            self.seconds.append((name, spent))
            print(f"-- {name}: {spent:.1f} s", flush=True)

    def figure(self, name: str, value: str) -> None:
        """Note a figure for the summary."""
        self.figures.append((name, value))
        print(f"   {name}: {value}", flush=True)

    def summary(self) -> str:
        """Stages and figures as a small table."""
        rows = [(name, f"{spent:8.1f} s") for name, spent in self.seconds] + self.figures
        width = max((len(name) for name, _ in rows), default=0)
        return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)
