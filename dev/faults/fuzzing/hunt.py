"""Change and read for some time; keep each case that is a fault.

A fault is an exception that is not one of ours, a wrong answer, more than ``LONGEST`` seconds, or more than ``MEMORY`` bytes.
"""

from __future__ import annotations

import hashlib
import json
import random
import resource
import shutil
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

from fractal_omezarr_converters.errors import ConvertersToolsError, ConvertersToolsInternalError
from fuzzing.changes import changed, every_change
from fuzzing.target import Target
from fuzzing.wrong_answer import WrongAnswer

MEMORY = 3 * 2**30
LONGEST = 20
"""Seconds of work after which a case counts as one that hangs; six times as many of waiting."""
OURS = "fractal_omezarr_converters"


class TooLong(BaseException):
    """A case took more than ``LONGEST`` seconds; nothing in between takes it for an error of a file."""


def limit() -> None:
    """Let this process have no more memory."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _too_long(*_: object) -> None:
    raise TooLong(f"more than {LONGEST} s")


def _watch(seconds: float) -> None:
    """Count time from now, that of the processor too: a computer that does much else beside is no fault. 0 stops it."""
    for timer, number, most in (
        (signal.ITIMER_PROF, signal.SIGPROF, seconds),
        (signal.ITIMER_REAL, signal.SIGALRM, 6 * seconds),
    ):
        signal.signal(number, _too_long)
        signal.setitimer(timer, most)


def fault_of(read: Callable[[Path], object], folder: Path) -> tuple[BaseException | None, bool]:
    """Read; give what is a fault, and whether anything could be read."""
    _watch(LONGEST)
    try:
        read(folder)
    except ConvertersToolsInternalError as error:
        return error, False
    except ConvertersToolsError as error:
        return next((each for each in _causes(error) if isinstance(each, MemoryError)), None), False
    except (Exception, TooLong) as error:  # every other one is what is looked for
        return error, False
    finally:
        _watch(0)
    return None, True


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def place_of(error: BaseException) -> str:
    """Where in our code it came from, by which findings are told apart."""
    if isinstance(error, WrongAnswer):
        return error.kind
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if OURS in frame.filename]
    last = frames[-1] if frames else None
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.name}" if last else type(error).__name__


def hunt(
    target: Target, *, seed: int, seconds: float, cases: int | None = None, keep: Path | None = None
) -> tuple[int, dict[str, str]]:
    """Change and read; give the number of cases, and what was found by its place.

    The seed alone decides which cases come; seconds and ``cases`` only how many.
    """
    chance = random.Random(f"{target.name}{seed}")
    originals = {path: path.read_bytes() for path in target.files()}
    found: dict[str, str] = {}
    end, count = time.monotonic() + seconds, 0
    while time.monotonic() < end and count != cases:
        touched = _change_folder(originals, chance)
        fault, was_read = fault_of(target.read, target.folder)
        if was_read and target.deeper is not None and count % 8 == 0:
            fault, _ = fault_of(target.deeper, target.folder)
        count += 1
        _note(target, fault, found, keep)
        for path in touched:
            path.write_bytes(originals[path])
    return count, found


def sweep(target: Target, *, keep: Path | None = None) -> tuple[int, dict[str, str]]:
    """Read with each value of XML, JSON and tables changed in each way; give what :func:`hunt` gives."""
    found: dict[str, str] = {}
    count = 0
    for path in target.files():
        original = path.read_bytes()
        for content in every_change(original):
            path.write_bytes(content)
            fault, _ = fault_of(target.read, target.folder)
            count += 1
            _note(target, fault, found, keep)
        path.write_bytes(original)
    return count, found


def _note(target: Target, fault: BaseException | None, found: dict[str, str], keep: Path | None) -> None:
    """Keep a fault that is the first of its place."""
    if fault is not None and place_of(fault) not in found:
        found[place_of(fault)] = f"{fault}"[:300]
        if keep is not None:
            keep_case(target, fault, keep)


def _change_folder(originals: dict[Path, bytes], chance: random.Random) -> list[Path]:
    """Change one file, or lose it, empty it, or exchange it with another; give the files that are not as they were."""
    path, other = chance.choice(list(originals)), chance.choice(list(originals))
    kind = chance.randrange(20) if len(originals) > 1 else 3
    if kind == 0:
        path.unlink()
    elif kind == 1:
        path.write_bytes(b"")
    elif kind == 2:
        path.write_bytes(originals[other])
        other.write_bytes(originals[path])
    else:
        path.write_bytes(changed(originals[path], chance))
    return [path, other]


def keep_case(target: Target, fault: BaseException | str, keep: Path) -> None:
    """Copy a case, with what is needed to read it again."""
    is_text = isinstance(fault, str)
    where = fault if is_text else place_of(fault)
    kept = keep / f"{target.name}-{hashlib.blake2b(where.encode(), digest_size=4).hexdigest()}"
    shutil.copytree(target.folder, kept / "case", dirs_exist_ok=True)
    (kept / "case.json").write_text(json.dumps({"target": target.name, "folder": str(target.folder), "fault": where}))
    (kept / "trace.txt").write_text(fault if is_text else "".join(traceback.format_exception(fault)))
