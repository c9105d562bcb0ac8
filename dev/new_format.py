"""Lay out a new format: module, Fractal task, page of the documentation, and a test that runs the conformance rules.

    python dev/new_format.py acme --title "Acme Confocal" --maker "Acme Instruments"

What is laid out works: it reads a small XML file, and its tests pass. Replace the reading by that of the real
instrument; the tests keep saying whether the rules hold. Then run ``make manifest``.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import re
import sys
from pathlib import Path
from string import Template

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "fractal_omezarr_converters"
TEMPLATES = Path(__file__).resolve().parent / "new_format_templates"
PLACES = {
    "format.py.txt": "src/{package}/formats/{name}.py",
    "task_init.py.txt": "src/{package}/tasks/{name}/__init__.py",
    "convert_init.py.txt": "src/{package}/tasks/{name}/convert_init.py",
    "format_page.md.txt": "docs/formats/{name}.md",
    "task_page.md.txt": "docs/tasks/{name}.md",
    "test_format.py.txt": "tests/formats/test_{name}.py",
}
TASK = """    ConverterCompoundTask(
        name="Convert {title} to OME-Zarr",
        executable_init="tasks/{name}/convert_init.py",
        executable="tasks/convert_compute.py",
        meta_init={{"cpus_per_task": 1, "mem": 4000}},
        meta={{"cpus_per_task": 2, "mem": 4000}},
        category="Conversion",
        modality="HCS",
        tags={tags},
        docs_info="file:../../../docs/tasks/{name}.md",
    ),
]
"""


def why_not(name: str) -> str | None:
    """Say what speaks against a name, None when it is good."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        return f"'{name}' is not a name such as 'acme' or 'acme_confocal' (lower case, digits, single underscores)"
    if importlib.util.find_spec(name) is not None:
        return (
            f"'{name}' is also the name of an installed library; a task of this name would hide it when Fractal runs it:"
            " take the maker's name instead (nikon, not nd2)"
        )
    taken = [place for place in PLACES.values() if (ROOT / place.format(package=PACKAGE, name=name)).exists()]
    return f"there is already {taken[0].format(package=PACKAGE, name=name)}" if taken else None


def lay_out(name: str, title: str, maker: str) -> list[Path]:
    """Write all files of a new format and enter its task; give the paths."""
    words = {
        "name": name,
        "title": title,
        "maker": maker,
        "Class": "".join(part.capitalize() for part in name.split("_")),
        "package": PACKAGE,
        "tags": json.dumps(
            list(dict.fromkeys([title, maker, "plate"])), ensure_ascii=False
        ),  # the server wants each once
    }
    imports = [
        f"from {PACKAGE}.tasks.convert_compute import convert_compute",
        f"from {PACKAGE}.tasks.{name}.convert_init import convert_init",
    ]
    words["task_imports"] = "\n".join(sorted(imports))
    written = []
    for template, place in PLACES.items():
        path = ROOT / place.format(**words)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(Template((TEMPLATES / template).read_text("utf-8")).substitute(words), "utf-8")
        written.append(path)
    tasks = ROOT / "src" / PACKAGE / "dev" / "task_list.py"
    text = tasks.read_text("utf-8").rstrip()
    if not text.endswith("]"):
        raise SystemExit(
            f"'{tasks}' does not end with the list of tasks; enter the task by hand:\n{TASK.format(**words)}"
        )
    tasks.write_text(text[:-1] + TASK.format(**words), "utf-8")
    return [*written, tasks]


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and lay the format out."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("name", help="name in lower case, such as acme or acme_confocal")
    parser.add_argument("--title", help="what people call the instrument; default: made from the name")
    parser.add_argument("--maker", help="who makes it; default: made from the name")
    given = parser.parse_args(arguments)
    reason = why_not(given.name)
    if reason:
        print(f"No format was made: {reason}.", file=sys.stderr)
        return 2
    words = given.name.replace("_", " ").title()
    for path in lay_out(given.name, given.title or words, given.maker or words):
        print(path.relative_to(ROOT))
    print(f"Next: python -m pytest tests/formats/test_{given.name}.py, then make manifest.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
