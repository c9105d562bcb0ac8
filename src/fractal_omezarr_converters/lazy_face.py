"""The face of a folder: names that are imported from the folder itself, known from its stub, loaded when they are asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from typing import Any


def lazy_face(package: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Give ``__getattr__`` and ``__dir__`` for the ``__init__.py`` beside a stub.

    The stub is read when a name is asked for. A compute job imports modules and asks for none: importing a module by
    ``from package import module`` asks for its name first, so that modules are told apart without the stub. No name may be that
    of a module, too: once the module is imported, the folder has it under this name.
    """

    @cache
    def attached() -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
        import lazy_loader

        found: tuple[Callable[[str], Any], Callable[[], list[str]], list[str]] = lazy_loader.attach_stub(package, file)
        return found

    folder = os.path.dirname(file)  # noqa: PTH120  (pathlib is loaded later, if at all)

    def get(name: str) -> Any:
        if os.path.exists(f"{folder}/{name}.py"):  # noqa: PTH110
            raise AttributeError(f"module {package!r} has no attribute {name!r} before {package}.{name} is imported")
        return attached()[2] if name == "__all__" else attached()[0](name)

    def names() -> list[str]:
        return attached()[1]()

    return get, names
