"""Names by which hand-over files say which loader or collection they hold, and back from a name to the class.

Our own classes are named by their class name, all others ``package.module:QualName``; their module is imported on demand,
also in another process and on another machine.
"""

from __future__ import annotations

import importlib
from typing import Any

from fractal_omezarr_converters.errors import ConvertersToolsUserError

_OWN_PACKAGE = __name__.partition(".")[0]


def name_of_type(cls: type, own: dict[str, str]) -> str:
    """Give the name of a class.

    Args:
        cls: The class.
        own: Module of every class of ours that goes by its bare name.

    Raises:
        ConvertersToolsUserError: The class is defined inside a function, so that no other process can import it.
    """
    if own.get(cls.__name__) == cls.__module__:
        return cls.__name__
    if "<locals>" in cls.__qualname__:
        raise ConvertersToolsUserError(
            f"Class '{cls.__qualname__}' of module '{cls.__module__}' is defined inside a function, so that no other process "
            "can import it; move it to the top of its module."
        )
    return f"{cls.__module__}:{cls.__qualname__}"


def type_of_name(name: str, own: dict[str, str], kind: type[Any]) -> type[Any]:
    """Import the class of a name that :func:`name_of_type` gave.

    Raises:
        ConvertersToolsUserError: It cannot be imported, or is not a ``kind``.
    """
    module, _, qualified = name.partition(":") if ":" in name else (own.get(name, ""), "", name)
    if not module:
        raise ConvertersToolsUserError(
            f"'{name}' is not known; it is one of {', '.join(own)} or has the form 'package.module:Name'."
        )
    try:
        found: object = importlib.import_module(module)
        for part in qualified.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ConvertersToolsUserError(
            f"'{name}' cannot be imported here ({error}); install the package that has it in the environment of the task."
        ) from error
    if not (isinstance(found, type) and issubclass(found, kind)):
        raise ConvertersToolsUserError(f"'{name}' is not a {kind.__name__}; check the converter that wrote this name.")
    return found
