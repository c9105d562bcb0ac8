"""The texts below the fields of a class, read from its source when somebody asks for them.

Pydantic can read them when a class is made; that costs a millisecond or two per class in every process, also in those that
never show a form.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator
from functools import cache


def attribute_docs(cls: type) -> dict[str, str]:
    """Give the text below each annotated attribute of a class and of its bases.

    What counts is the last annotation: a class that annotates an attribute of its base anew, without a text, has none.
    """
    found: dict[str, str] = {}
    for kind in reversed(cls.__mro__):
        found |= _docs_of_module(kind.__module__).get(kind.__qualname__, {})
    return {name: text for name, text in found.items() if text}


@cache
def _docs_of_module(module: str) -> dict[str, dict[str, str]]:
    try:
        source = inspect.getsource(sys.modules[module])
    except (KeyError, OSError, TypeError):  # made at a prompt, compiled, or built in: there is no text
        return {}
    return dict(_docs_of_classes(ast.parse(source), ""))


def _docs_of_classes(node: ast.AST, prefix: str) -> Iterator[tuple[str, dict[str, str]]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield prefix + child.name, _docs_of_class(child)
            yield from _docs_of_classes(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _docs_of_classes(child, f"{prefix}{child.name}.<locals>.")
        elif isinstance(child, ast.stmt):
            yield from _docs_of_classes(child, prefix)


def _docs_of_class(node: ast.ClassDef) -> dict[str, str]:
    """Give the text below every annotated attribute, empty where there is none."""
    found: dict[str, str] = {}
    for field, below in zip(node.body, [*node.body[1:], ast.Pass()]):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            text = below.value.value if isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant) else None
            found[field.target.id] = inspect.cleandoc(text) if isinstance(text, str) else ""
    return found
