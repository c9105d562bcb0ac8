"""The base of every model that a person fills in: in a web form, in a file, in Python."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class UserFacingModel(BaseModel):
    """Refuses unknown keys; the text below a field is its description in the form.

    A subclass sets the title that a reader of the form sees: ``model_config = ConfigDict(title="Acquisition")``.
    """

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True, defer_build=True, validate_default=False)
