"""What a command says while it works: to stderr, with colours and a bar on a terminal, in plain lines elsewhere."""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from fractal_omezarr_converters.cli.streams import say, write_text
from fractal_omezarr_converters.errors import ConvertersToolsWarning

_SAID: set[str] = set()


def write_json(document: Any) -> None:
    """Write one JSON document to stdout."""
    write_text(json.dumps(document, indent=2, ensure_ascii=False))


def set_up_messages(*, verbose: bool, quiet: bool) -> None:
    """Send log and warnings to stderr, as much as wanted; notes of libraries below us are left out."""
    level = logging.DEBUG if verbose else logging.ERROR if quiet else logging.WARNING
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s", force=True)
    logging.getLogger("fractal_omezarr_converters").setLevel(level)
    warnings.simplefilter("ignore")
    warnings.simplefilter("ignore" if quiet else "always", ConvertersToolsWarning)
    warnings.showwarning = _show_warning


@contextmanager
def warnings_held_back() -> Iterator[list[str]]:
    """Collect the warnings of a step, for a text that shows them itself."""
    texts: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        yield texts
    texts += [str(one.message) for one in caught if issubclass(one.category, ConvertersToolsWarning)]


def say_warnings(texts: Iterable[str]) -> None:
    """Say warnings that were held back, each once."""
    for text in texts:
        _show_warning(text)


def _show_warning(message: Warning | str, *_rest: Any, **_more: Any) -> None:
    """Say a text once, however often it is warned of."""
    text = str(message)
    if text not in _SAID:
        _SAID.add(text)
        say(f"warning: {text}")


class Progress:
    """Images done, MB/s and time left: a bar on a terminal, at most one line per tenth elsewhere, nothing when quiet."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.bar: Any = None
        self.task: Any = None
        self.told = 0
        self.start = time.monotonic()

    def __enter__(self) -> Progress:
        """Begin; the clock runs from here."""
        self.start = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was."""
        if self.bar is not None:
            self.bar.stop()

    def update(self, done: int, total: int, bytes_done: int) -> None:
        """Tell how far the work is."""
        if self.quiet or not total:
            return
        speed = bytes_done / 1e6 / max(time.monotonic() - self.start, 1e-6)
        if sys.stderr.isatty():
            self._bar(total).update(self.task, completed=done, total=total, speed=f"{speed:.0f} MB/s")
        elif 10 * done // total > self.told:
            self.told = 10 * done // total
            say(f"{done} of {total} images, {speed:.0f} MB/s")

    def _bar(self, total: int) -> Any:
        if self.bar is None:
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
            from rich.progress import Progress as Bar

            columns = (
                TextColumn("images"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[speed]}"),
                TimeRemainingColumn(),
            )
            self.bar = Bar(*columns, console=Console(stderr=True), transient=True)
            self.task = self.bar.add_task("images", total=total, speed="")
            self.bar.start()
        return self.bar
