"""The models of this package that a form can hold, with their true places, for manifest tools that ask for a list."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

from pydantic import BaseModel

PACKAGE = "fractal_omezarr_converters"
FOLDERS = ("models", "pipelines", "fractal", "formats", "tasks")


def converters_tools_models(base: str = PACKAGE) -> list[tuple[str, str, str]]:
    """(package, file, class) of every model of ours; ``base`` is the name of the package in the answer."""
    found: set[tuple[str, str, str]] = set()
    for folder in FOLDERS:
        package = importlib.import_module(f"{PACKAGE}.{folder}")
        for info in pkgutil.walk_packages(package.__path__, f"{PACKAGE}.{folder}."):
            module = importlib.import_module(info.name)
            file = info.name.removeprefix(f"{PACKAGE}.").replace(".", "/") + ("/__init__.py" if info.ispkg else ".py")
            for name, value in vars(module).items():
                if not (inspect.isclass(value) and issubclass(value, BaseModel)) or value.__module__ != info.name:
                    continue
                if value.__qualname__ == name:  # not an older name of another class
                    found.add((base, file, name))
    return sorted(found)
