"""The base of every model that a person fills in: in a web form, in a file, in Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict


def _title_of_field(name: str, _field: Any) -> str:
    """Words for a field that states no title of its own."""
    return name.replace("_", " ").title()


class UserFacingModel(BaseModel):
    """Refuses unknown keys; the text below a field is its description in the form.

    A subclass sets the title that a reader of the form sees: ``model_config = ConfigDict(title="Acquisition")``.
    """

    model_config = ConfigDict(
        extra="forbid",
        use_attribute_docstrings=True,
        defer_build=True,
        validate_default=False,
        field_title_generator=_title_of_field,
    )


def shown_default(model: type[BaseModel]) -> Callable[[dict[str, Any]], None]:
    """Show the default of a field that is a model (``default_factory=model``) in the form.

    The default is made when a schema is asked for, not when the module is imported.
    """

    def add_default(schema: dict[str, Any]) -> None:
        schema["default"] = model().model_dump(mode="json")

    return add_default
