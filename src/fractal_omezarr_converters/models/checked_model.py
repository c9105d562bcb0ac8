"""The base of models whose values are checked when they are made and whenever one of them is changed."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class CheckedModel(BaseModel):
    """A model that checks what is assigned; a value that is refused leaves the object as it was.

    Raises:
        pydantic.ValidationError: On assignment, as on construction.
    """

    model_config = ConfigDict(validate_assignment=True)

    def __setattr__(self, name: str, value: Any) -> None:
        """Set a field, under its name or an older one."""
        # pydantic keeps a value that a rule across several fields refuses; it replaces this mapping and leaves it as it is
        before, stated = self.__dict__, set(self.__pydantic_fields_set__)
        try:
            older = getattr(type(self), name, None)
            if isinstance(older, property):  # which pydantic takes for a variable of the class
                older.__set__(self, value)
            else:
                super().__setattr__(name, value)
        except ValueError:
            object.__setattr__(self, "__dict__", before)
            object.__setattr__(self, "__pydantic_fields_set__", stated)
            raise
