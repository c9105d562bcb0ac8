"""What must be true after a job: its status, its logs, the image list, and the written plates."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from client import JobResult
from programs import StackError, last_lines, run


def require(condition: bool, sentence: str) -> None:
    """Raise with a sentence unless the condition holds."""
    if not condition:
        raise StackError(sentence)


def require_done(job: JobResult) -> None:
    """The job succeeded."""
    require(job.status == "done", f"The job is '{job.status}':\n{last_lines(job.message)}")


def require_refused(job: JobResult, sentence: str) -> None:
    """The job failed, and what the user reads ends with the sentence, without a traceback of ours."""
    require(job.status == "failed", f"The job is '{job.status}' although it must be refused.")
    lines = [line for line in job.message.splitlines() if line.strip()]
    said = bool(lines) and sentence in lines[-1] and "Traceback (most recent call last)" not in job.message
    require(said, f"What the user reads does not end with '{sentence}' alone:\n{last_lines(job.message)}")
    print(f"   {lines[-1].partition('ERROR; ')[2]}")


def flagged_lines(logs: dict[str, str]) -> list[str]:
    """Lines for which Fractal's web page shows a triangle: those with the word "warning" in any case."""
    return [
        f"{name}: {line[:300]}"
        for name, text in logs.items()
        for line in text.splitlines()
        if re.search("warning", line, re.IGNORECASE)
    ]


def require_clean_logs(logs: dict[str, str]) -> None:
    """There are logs, and none of them marks the task with a triangle."""
    require(bool(logs), "The job left no log.")
    lines = flagged_lines(logs)
    require(not lines, "Fractal marks these lines of logs:\n" + "\n".join(lines[:20]))


def require_images(found: list[dict[str, Any]], expected: dict[Path, dict[str, Any]], *, is_3d: bool) -> None:
    """The image list holds exactly the expected images, with their attributes."""
    urls = {item["zarr_url"] for item in found}
    wanted = {str(path) for path in expected}
    require(urls == wanted, f"Images too many: {sorted(urls - wanted)}; images that lack: {sorted(wanted - urls)}.")
    for item in found:
        attributes, types = expected[Path(item["zarr_url"])], item["types"]
        require(
            item["attributes"] == attributes,
            f"{item['zarr_url']} has the attributes {item['attributes']} instead of {attributes}.",
        )
        require(types.get("is_3D") is is_3d, f"{item['zarr_url']} has the types {types}, is_3D must be {is_3d}.")


def require_verified(programs: Path, place: Path) -> str:
    """Every pixel below a place agrees with its source; give the sentence that says so."""
    return run([programs / "omezarr", "verify", place, "--quiet"]).strip()


def fingerprint(place: Path) -> dict[str, tuple[int, int]]:
    """Size and time of every file below a place."""
    return {
        path.relative_to(place).as_posix(): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in place.rglob("*")
        if path.is_file()
    }
