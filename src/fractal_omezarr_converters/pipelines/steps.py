"""Named steps that users can add: filters, validators, registration steps and collection handlers share this registry.

A step is known by its name. The module that defines it is remembered, so that another process or machine can import the
module and thereby learn the step. Installed distributions can offer steps through Python entry points.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsUserError, ConvertersToolsWarning


class StepRegistry[Function: Callable[..., Any]]:
    """Functions of one kind by name."""

    def __init__(self, kind: str, entry_point_group: str) -> None:
        self.kind = kind
        self.entry_point_group = entry_point_group
        self._functions: dict[str, Function] = {}
        self._modules: dict[str, str] = {}
        self._entry_points_loaded = False

    def add(self, *, function: Function, name: str | None = None, overwrite: bool = False) -> None:
        """Register a function under a name (its own name when none is given).

        Raises:
            ConvertersToolsUserError: another function has this name and ``overwrite`` is False.
        """
        if not callable(function):
            raise ConvertersToolsUserError(
                f"A {self.kind} must be a function, not {function!r}; pass the function itself."
            )
        chosen = name if name is not None else str(getattr(function, "__name__", repr(function)))
        known = self._functions.get(chosen)
        if known is not None and not overwrite and not _same_function(known, function):
            raise ConvertersToolsUserError(
                f"The {self.kind} '{chosen}' exists already (from module {self._modules[chosen]}); "
                "choose another name or pass overwrite=True."
            )
        self._functions[chosen] = function
        self._modules[chosen] = str(getattr(function, "__module__", ""))

    def get(self, name: str, module: str | None = None) -> Function:
        """The function of this name; the defining module is imported when the name is not known yet.

        Raises:
            ConvertersToolsUserError: nobody registered such a name; the message lists the names that are known.
        """
        if name not in self._functions and module:
            self._import_module(name, module)
        if name not in self._functions:
            self._load_entry_points()
        if name not in self._functions:
            known = ", ".join(f"'{one}'" for one in sorted(self._functions)) or "none"
            raise ConvertersToolsUserError(f"There is no {self.kind} called '{name}'; known are: {known}.")
        return self._functions[name]

    def module_of(self, name: str) -> str:
        """The module that defines the function of this name."""
        self.get(name)
        return self._modules[name]

    def __contains__(self, name: object) -> bool:
        if name in self._functions:
            return True
        self._load_entry_points()
        return name in self._functions

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._functions))

    def _import_module(self, name: str, module: str) -> None:
        if module == "__main__":
            raise ConvertersToolsUserError(
                f"The {self.kind} '{name}' was defined in a script that ran as main program, which another process cannot "
                "import; move the function into a module that is installed on every machine."
            )
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise ConvertersToolsUserError(
                f"The {self.kind} '{name}' is defined in the module '{module}', which cannot be imported here ({error}); "
                "install it on this machine as well."
            ) from error

    def _load_entry_points(self) -> None:
        if self._entry_points_loaded:
            return
        self._entry_points_loaded = True
        from importlib.metadata import entry_points

        for entry in entry_points(group=self.entry_point_group):
            if entry.name in self._functions:
                continue
            try:
                function = entry.load()
            except Exception as error:  # code of others: it must not take away the steps that work
                owner = entry.dist.name if entry.dist is not None else "unknown"
                warnings.warn(
                    f"The {self.kind} '{entry.name}' of distribution '{owner}' cannot be imported ({error}); update or remove "
                    "that distribution.",
                    ConvertersToolsWarning,
                    stacklevel=2,
                )
                continue
            self.add(function=function, name=entry.name)


def _same_function(one: Callable[..., Any], other: Callable[..., Any]) -> bool:
    """Whether two functions are one definition, possibly imported twice."""
    if one is other:
        return True
    places = [(getattr(f, "__module__", None), getattr(f, "__qualname__", None)) for f in (one, other)]
    reloaded = places[0] == places[1] and None not in places[0] and "<locals>" not in str(places[0][1])
    return reloaded and places[0][1] != "<lambda>"
