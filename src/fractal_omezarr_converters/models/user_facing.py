"""The base of every model that a person fills in: in a web form, in a file, in Python."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler

from fractal_omezarr_converters.models.checked_model import CheckedModel

_OWN_PACKAGE = __name__.partition(".")[0]


def _title_of_field(name: str, _field: Any) -> str:
    """Words for a field that states no title of its own."""
    return name.replace("_", " ").title()


class UserFacingModel(CheckedModel):
    """Refuses unknown keys and wrong values, also on assignment; the text below a field is its description in the form.

    A subclass sets the title that a reader of the form sees: ``model_config = ConfigDict(title="Acquisition")``.
    """

    model_config = ConfigDict(
        extra="forbid",
        defer_build=True,
        validate_default=False,
        field_title_generator=_title_of_field,
    )

    @classmethod
    def __pydantic_init_subclass__(cls, **_keywords: Any) -> None:
        """Read the texts below the fields: at once for models of other packages, for ours when a form is made."""
        if cls.__module__.partition(".")[0] != _OWN_PACKAGE:
            cls._describe_fields()

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler, /) -> dict[str, Any]:
        """Add the texts below the fields to the schema."""
        cls._describe_fields()
        schema = handler(core_schema)
        properties = handler.resolve_ref_schema(schema).get("properties", {})
        for name, field in cls.model_fields.items():
            shown = properties.get(field.alias or name)
            if shown is None:
                continue
            if (
                field.title is not None
            ):  # taken away where the model has the same; tools then make one of the field's name
                shown.setdefault("title", field.title)
            if field.description is None:
                continue
            if handler.resolve_ref_schema(shown).get("description") != field.description:
                shown.setdefault("description", field.description)
        return schema

    @classmethod
    def _describe_fields(cls) -> None:
        from fractal_omezarr_converters.models.attribute_docs import attribute_docs

        texts = attribute_docs(cls)
        for name, field in cls.__pydantic_fields__.items():
            if field.description is None:
                field.description = texts.get(name)


def complete_inside_out(model: type[BaseModel]) -> None:
    """Complete a model and those that its defaults are made of, the innermost first.

    Models are completed when they are first used. pydantic builds upon those that are complete already; from the outside in
    it would work each one out twice.
    """
    for field in model.__pydantic_fields__.values():
        made = field.default_factory
        if isinstance(made, type) and issubclass(made, BaseModel):
            complete_inside_out(made)
    model.model_rebuild()


def shown_default(model: type[BaseModel]) -> Callable[[dict[str, Any]], None]:
    """Show the default of a field that is a model (``default_factory=model``) in the form.

    The default is made when a schema is asked for, not when the module is imported.
    """

    def add_default(schema: dict[str, Any]) -> None:
        schema["default"] = model().model_dump(mode="json")

    return add_default
