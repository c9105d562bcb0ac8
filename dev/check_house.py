"""Rules of the house that no linter knows: file length, names of files, words that leak a machine.

python dev/check_house.py        exit 0: all kept, 1: each breach on a line of its own
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HARD_LIMIT = 400
NAMES_OF_NOTHING = re.compile(r"(^|/)_?(utils?|common|helpers?|base|misc)(\.py$|/)")
MACHINE_PATHS = re.compile(r"(?<![\w.])/(?:home/\w+|Users/\w+|root)/")


def tracked_files() -> list[Path]:
    """Files under version control, or all Python files when this is no checkout."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        return [path.relative_to(ROOT) for path in ROOT.glob("src/**/*.py")]
    return [Path(line) for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def breaches(path: Path) -> list[str]:
    """What is wrong with one file."""
    found = []
    text = (ROOT / path).read_text(encoding="utf-8", errors="replace") if path.suffix in {".py", ".md"} else ""
    if path.suffix == ".py" and path.parts[0] == "src":
        lines = text.count("\n")
        if lines > HARD_LIMIT:
            found.append(f"{path}: {lines} lines, more than {HARD_LIMIT}: split it")
        if NAMES_OF_NOTHING.search(path.as_posix()):
            found.append(f"{path}: named after nothing: a file is named after the thing in it")
        if not text.lstrip().startswith(('"""', "'''", 'r"""')) and text.strip():
            found.append(f"{path}: the first line does not say what the file is")
    for number, line in enumerate(text.splitlines(), 1):
        if MACHINE_PATHS.search(line):
            found.append(f"{path}:{number}: path of somebody's machine: {line.strip()[:80]}")
    return found


def main() -> int:
    """Check every tracked file; print each breach."""
    found = [breach for path in tracked_files() for breach in breaches(path)]
    for breach in found:
        sys.stdout.write(breach + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
