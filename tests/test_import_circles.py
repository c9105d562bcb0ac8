"""Imports go one way: no module needs, at any place in it, a module that needs it."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = "fractal_omezarr_converters"


def modules(source: Path) -> dict[str, Path]:
    return {
        ".".join([PACKAGE, *path.relative_to(source).with_suffix("").parts]): path
        for path in source.rglob("*.py")
        if path.name != "__init__.py"
    }


def imported(path: Path, known: dict[str, Path]) -> set[str]:
    """Every import of the file counts: at its top, inside functions, for types only."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
        elif isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
    return found & set(known)


def test_no_import_circle(project_root: Path) -> None:
    known = modules(project_root / "src" / PACKAGE)
    graph = {name: imported(path, known) for name, path in known.items()}
    assert sum(map(len, graph.values())) > 300
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"modules import each other in a circle: {' -> '.join(error.args[1])}")
